"""Without a script the XGBoost image trains and serves by its built-in algorithm."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import xgboost

from tests.local.containers.conftest import read_archive
from tests.waiting import LIMIT_SECONDS
from zflow_constructs.local.containers import InferenceModel, JobOutcome, TrainingContainer, TransformContainer
from zflow_constructs.local.objects import ObjectStore
from zflow_constructs.local.processes import Processes, ignore

XGBOOST = "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-xgboost:1.7-1"

Train = Callable[[Mapping[str, str], Mapping[str, str]], JobOutcome]
"""Trains by hyperparameters on channels, given by their content types."""


@pytest.fixture
def train(objects: ObjectStore, processes: Processes, tmp_path: Path) -> Train:
    def run(hyperparameters: Mapping[str, str], channels: Mapping[str, str]) -> JobOutcome:
        request = {
            "TrainingJobName": "train-1",
            "AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
            "HyperParameters": hyperparameters,
            "InputDataConfig": [
                {
                    "ChannelName": name,
                    "ContentType": content_type,
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://lake/{name}/"}},
                }
                for name, content_type in channels.items()
            ],
            "OutputDataConfig": {"S3OutputPath": "s3://lake/models"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": LIMIT_SECONDS},
        }
        return TrainingContainer(
            request, objects=objects, processes=processes, folder=tmp_path / "job", on_line=ignore
        ).run()

    return run


def test_it_trains_on_csv_and_serves_at_an_endpoint_and_in_a_batch(
    train: Train, objects: ObjectStore, processes: Processes, tmp_path: Path
) -> None:
    rows = np.random.default_rng(0).normal(size=(300, 3))
    labelled = np.column_stack([(rows.sum(axis=1) > 0).astype(int), rows])
    for name, part in (("train/a", labelled[:100]), ("train/b", labelled[100:200]), ("validation/a", labelled[200:])):
        objects.write(f"s3://lake/{name}.csv", "\n".join(",".join(map(str, row)) for row in part).encode())
    hyperparameters = {"num_round": "15", "objective": "binary:logistic", "eval_metric": "logloss", "eta": "0.3"}
    hyperparameters["_tuning_objective_metric"] = "validation:auc"
    outcome = train(hyperparameters, {"train": "text/csv", "validation": "text/csv"})
    assert (outcome.status, outcome.failure_reason) == ("Completed", "")
    assert sorted(outcome.metrics) == ["train:auc", "train:logloss", "validation:auc", "validation:logloss"]
    expected = xgboost.train(
        {"objective": "binary:logistic", "eta": 0.3},
        xgboost.DMatrix(labelled[:200, 1:], label=labelled[:200, 0]),
        num_boost_round=15,
    ).predict(xgboost.DMatrix(rows[200:]))
    assert "xgboost-model" in read_archive(objects, outcome.model_artifacts)

    container = {"Image": XGBOOST, "ModelDataUrl": outcome.model_artifacts}
    model = InferenceModel([container], objects=objects, processes=processes, folder=tmp_path / "model", on_line=ignore)
    model.start(LIMIT_SECONDS)
    body = "\n".join(",".join(map(str, row)) for row in rows[200:]).encode()
    row = model.invoke(body, content_type="text/csv")
    assert (row.content_type, row.error) == ("text/csv", "")
    assert [float(number) for number in row.body.split(b",")] == pytest.approx(expected, abs=1e-6)
    as_json = model.invoke(body, content_type="text/csv; charset=utf-8", accept="application/json")
    assert json.loads(as_json.body) == pytest.approx(expected, abs=1e-6)
    assert (
        "The rows have 4 features, the model was trained on 3."
        in model.invoke(b"1,2,3,4", content_type="text/csv").error
    )
    assert model.invoke(body, content_type="text/csv", accept="text/html").status == 406
    model.stop()

    objects.write("s3://lake/in/a.csv", body)
    request = {
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://lake/in/a.csv"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": "s3://lake/out", "Accept": "text/csv", "AssembleWith": "Line"},
    }
    batch = TransformContainer(
        request, [container], objects=objects, processes=processes, folder=tmp_path / "batch", on_line=ignore
    ).run()
    assert (batch.status, batch.failure_reason) == ("Completed", "")
    assert [float(line) for line in objects.read("s3://lake/out/a.csv.out").splitlines()] == pytest.approx(
        expected, abs=1e-6
    )


def test_it_trains_on_libsvm_and_stops_early(train: Train, objects: ObjectStore) -> None:
    lines = [f"{row % 2} 0:{row % 2 + row / 1000} 1:{row % 7}" for row in range(200)]
    objects.write("s3://lake/train/a", "\n".join(lines).encode())
    objects.write("s3://lake/validation/a", "\n".join(lines[:50]).encode())
    hyperparameters = {"num_round": "200", "objective": "binary:logistic", "early_stopping_rounds": "3", "eta": "1"}
    outcome = train(hyperparameters, {"train": "text/libsvm", "validation": "text/x-libsvm"})
    assert (outcome.status, outcome.failure_reason) == ("Completed", "")
    saved = read_archive(objects, outcome.model_artifacts)["xgboost-model"]
    assert xgboost.Booster(model_file=bytearray(saved)).num_boosted_rounds() < 200


@pytest.mark.parametrize(
    ("hyperparameters", "channels", "message"),
    [
        ({"max_depth": "3"}, {"train": "text/csv"}, "ClientError: Missing required hyperparameter: num_round"),
        (
            {"num_round": "3", "max_deepth": "3"},
            {"train": "text/csv"},
            "ClientError: Extraneous hyperparameter found: max_deepth; did you mean max_depth?",
        ),
        ({"num_round": "3"}, {"training": "text/csv"}, "ClientError: Missing required channel: train"),
        (
            {"num_round": "3"},
            {"train": "application/x-parquet"},
            "ClientError: application/x-parquet is not supported in a local run: use text/csv or text/libsvm.",
        ),
    ],
)
def test_what_it_cannot_train_on_fails_the_job(
    train: Train, objects: ObjectStore, hyperparameters: dict[str, str], channels: dict[str, str], message: str
) -> None:
    for channel in channels:
        objects.write(f"s3://lake/{channel}/a", b"1,2\n0,1\n")
    outcome = train(hyperparameters, channels)
    assert outcome.status == "Failed"
    assert message in outcome.failure_reason
