"""A model's containers serve by their scripts over HTTP, alone and as a pipeline."""

import io
import json
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tests.local.containers.conftest import Submit, script
from tests.local.process_ids import until_gone
from tests.waiting import LIMIT_SECONDS
from zflow_constructs.local.containers import InferenceModel, ModelStartError
from zflow_constructs.local.containers.errors import UnsupportedImageError, UnsupportedRequestError
from zflow_constructs.local.objects import ObjectStore
from zflow_constructs.local.processes import Processes, ignore

SKLEARN = "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
XGBOOST = "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-xgboost:1.7-1"
SCRIPTS = "763104351884.dkr.ecr.eu-central-1.amazonaws.com/pytorch-inference:2.3.0-cpu-py311"

ModelOf = Callable[[Sequence[Mapping[str, object]]], InferenceModel]


def container(
    image: str, source: str, model: str = "", environment: Mapping[str, str] | None = None
) -> dict[str, object]:
    return {
        "Image": image,
        "Environment": {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": source,
            **(environment or {}),
        },
        **({"ModelDataUrl": model} if model else {}),
    }


@pytest.fixture
def model_of(objects: ObjectStore, processes: Processes, tmp_path: Path) -> Iterator[ModelOf]:
    models: list[InferenceModel] = []

    def make(containers: Sequence[Mapping[str, object]]) -> InferenceModel:
        folder = tmp_path / f"model-{len(models)}"
        models.append(InferenceModel(containers, objects=objects, processes=processes, folder=folder, on_line=ignore))
        return models[-1]

    yield make
    for model in models:
        model.stop()


@pytest.fixture
def serve(model_of: ModelOf) -> ModelOf:
    def start(containers: Sequence[Mapping[str, object]]) -> InferenceModel:
        model = model_of(containers)
        model.start(LIMIT_SECONDS)
        return model

    return start


ECHO = """
def model_fn(model_dir):
    return "echo"

def transform_fn(model, body, content_type, accept):
    return f"{type(body).__name__} {content_type} {accept}"
"""


def test_a_preprocessor_and_a_classifier_in_a_pipeline_score_as_they_do_in_one_process(
    serve: ModelOf, submit: Submit
) -> None:
    history = pd.DataFrame(
        {"amount": [1000.0, 2500.0, 400.0, 7000.0], "months": [12, 24, 6, 48], "purpose": ["car", "tv", "car", "home"]}
    )
    transformer = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["amount", "months"]),
            ("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["purpose"]),
        ]
    ).fit(history)
    features = pd.DataFrame(transformer.transform(history))
    booster = xgboost.train(
        {"objective": "binary:logistic", "min_child_weight": 0},
        xgboost.DMatrix(features.to_numpy(), label=[0, 1, 0, 1]),
        num_boost_round=3,
    )
    preprocessor = submit({"preprocessor.pickle": pickle.dumps(transformer)})
    classifier = submit({"model.json": bytes(booster.save_raw("json"))})
    model = serve(
        [
            container(SKLEARN, submit({"inference.py": script("preprocess.py")}), preprocessor),
            container(XGBOOST, submit({"inference.py": script("train_xgboost.py")}), classifier),
        ]
    )
    expected = booster.predict(xgboost.DMatrix(features.to_numpy()))
    rows = history.to_csv(header=False, index=False)
    csv = model.invoke(rows.encode(), content_type="text/csv", accept="text/csv")
    assert (csv.status, csv.content_type, csv.container, csv.error) == (200, "text/csv", "container-2", "")
    assert np.loadtxt(io.BytesIO(csv.body)) == pytest.approx(expected, abs=1e-6)
    one = model.invoke(rows.splitlines()[2].encode(), content_type="text/csv", accept="application/json")
    assert json.loads(one.body) == pytest.approx(expected[2:3], abs=1e-6)

    def ask(row: int) -> tuple[int, float]:
        answer = model.invoke(rows.splitlines()[row].encode(), content_type="text/csv", accept="text/csv")
        return row, float(answer.body)

    with ThreadPoolExecutor(8) as callers:
        for row, score in callers.map(ask, [0, 1, 2, 3] * 20):
            assert score == pytest.approx(expected[row], abs=1e-6)
    refused = model.invoke(b"{}", content_type="application/json", accept="text/csv")
    assert refused.error == (
        "Received server error (500) from container-1 with message "
        '"ValueError: application/json is not supported; send text/csv"'
    )


def test_only_the_last_container_gets_the_accept_header_and_content_types_are_carried_over(
    serve: ModelOf, submit: Submit
) -> None:
    source = submit({"inference.py": ECHO})
    csv = {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv"}
    plain = serve([container(SCRIPTS, source), container(SCRIPTS, source, environment=csv), container(SCRIPTS, source)])
    answer = plain.invoke(b"", content_type="text/csv", accept="text/plain")
    assert (answer.body, answer.content_type) == (b"str text/csv text/plain", "text/plain")
    # The scikit-learn container's web server adds a charset, which a next container must expect.
    flask = serve([container(SKLEARN, source, environment=csv), container(SCRIPTS, source)])
    assert flask.invoke(b"", content_type="text/csv").body == b"bytes text/csv; charset=utf-8 application/json"


def test_the_scikit_learn_containers_defaults_read_and_write_csv_json_and_npy(serve: ModelOf, submit: Submit) -> None:
    regression = LinearRegression().fit([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [1.0, 3.0, 4.0])
    load = "import pathlib, pickle\ndef model_fn(d): return pickle.loads(pathlib.Path(d, 'model.pickle').read_bytes())"
    source, data = submit({"inference.py": load}), submit({"model.pickle": pickle.dumps(regression)})
    model = serve([container(SKLEARN, source, data)])
    json_answer = model.invoke(b"[[1, 1], [2, 2]]", content_type="application/json")
    assert json_answer.content_type == "application/json"
    assert json.loads(json_answer.body) == pytest.approx([6, 11])
    csv_answer = model.invoke(b"1,1\n2,2\n", content_type="text/csv", accept="text/csv")
    assert csv_answer.content_type == "text/csv; charset=utf-8"
    assert [float(line) for line in csv_answer.body.split()] == pytest.approx([6, 11])
    stream = io.BytesIO()
    np.save(stream, np.array([[1.0, 1.0]]))
    npy_answer = model.invoke(stream.getvalue(), content_type="application/x-npy", accept="application/x-npy")
    assert np.load(io.BytesIO(npy_answer.body)) == pytest.approx([6])
    # As on AWS, one CSV row is a vector, and a parameter makes a content type an unknown one.
    assert "Expected 2D array, got 1D array" in model.invoke(b"1,1", content_type="text/csv").error
    unknown = model.invoke(b"1,1\n2,2", content_type="text/csv; charset=utf-8")
    assert (unknown.status, unknown.error[:36]) == (415, "Received client error (415) from pri")
    assert model.invoke(b"[[1, 1]]", content_type="application/json", accept="text/html").status == 406


def test_the_xgboost_containers_defaults_read_csv_and_libsvm(serve: ModelOf, submit: Submit) -> None:
    rows = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]])
    booster = xgboost.train({"min_child_weight": 0}, xgboost.DMatrix(rows, label=[1.0, 2.0, 3.0]), num_boost_round=2)
    data = submit({"model.json": bytes(booster.save_raw("json"))})
    model = serve([container(XGBOOST, submit({"inference.py": script("train_xgboost.py")}), data)])
    expected = booster.predict(xgboost.DMatrix(rows))
    csv = model.invoke(b"0,1\n1,0\n2,2\n", content_type="text/csv; charset=utf-8", accept="text/csv")
    assert np.loadtxt(io.BytesIO(csv.body)) == pytest.approx(expected, abs=1e-6)
    missing = booster.predict(xgboost.DMatrix(np.array([[np.nan, 1.0]])))
    assert json.loads(model.invoke(b",1", content_type="text/csv").body) == pytest.approx(missing, abs=1e-6)
    libsvm = model.invoke(b"0 0:2 1:2\n", content_type="text/libsvm", accept="application/json")
    assert json.loads(libsvm.body) == pytest.approx(expected[2:], abs=1e-6)
    assert model.invoke(b"[]", content_type="application/json").status == 415


def test_functions_may_take_a_context_and_return_a_content_type(serve: ModelOf, submit: Submit) -> None:
    code = """
def model_fn(model_dir, context): return context.system_properties["model_dir"] == model_dir
def input_fn(body, content_type): return body
def predict_fn(body, model): return f"{model} {body}"
def output_fn(prediction, accept): return prediction.encode(), "text/plain"
"""
    answer = serve([container(SCRIPTS, submit({"inference.py": code}))]).invoke(b"[1]", content_type="application/json")
    assert (answer.body, answer.content_type) == (b"True [1]", "text/plain")


def test_code_inside_the_model_archive_is_served(serve: ModelOf, submit: Submit) -> None:
    data = submit({"code/inference.py": ECHO, "weights.bin": b"1"})
    model = serve([{"Image": SCRIPTS, "ModelDataUrl": data}])
    assert model.invoke(b"", content_type="text/csv").status == 200


def test_the_second_container_s_rejection_names_it_and_the_first_one_s_answer_is_its_request(
    serve: ModelOf, submit: Submit
) -> None:
    picky = """
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept): raise ValueError(f"no use for {body!r}")
"""
    model = serve(
        [container(SCRIPTS, submit({"inference.py": ECHO})), container(SCRIPTS, submit({"inference.py": picky}))]
    )
    answer = model.invoke(b"1", content_type="text/csv", accept="text/csv")
    assert (answer.status, answer.container) == (500, "container-2")
    assert answer.error == (
        "Received server error (500) from container-2 with message "
        "\"ValueError: no use for 'str text/csv application/json'\""
    )
    # The answer may be here before the line that the process printed is in its log.
    deadline = time.monotonic() + LIMIT_SECONDS
    while "Traceback" not in (log := model.logs[1].read_text()):
        assert time.monotonic() < deadline, log
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (f"{ECHO}\ndef model_fn(d): raise OSError('no weights.bin')", "OSError: no weights.bin"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("def predict_fn(data, model): return data", "lacks model_fn, input_fn, output_fn: please provide"),
        (
            f"{ECHO}\ndef input_fn(body, content_type): pass",
            "has transform_fn and input_fn: keep the one or the others",
        ),
        ("def model_fn(a, b, c): pass\ndef transform_fn(m, b, c, a): pass", "model_fn takes 3 arguments"),
    ],
)
def test_a_model_that_cannot_be_loaded_says_why_and_leaves_nothing_running(
    model_of: ModelOf, submit: Submit, code: str, message: str
) -> None:
    good, bad = submit({"inference.py": ECHO}), submit({"inference.py": code})
    model = model_of([container(SCRIPTS, good), container(SCRIPTS, bad)])
    with pytest.raises(ModelStartError) as failure:
        model.start(LIMIT_SECONDS)
    assert "The container-2 container ended with exit code 1" in str(failure.value)
    assert message in str(failure.value)
    until_gone(*model.pids)


def test_a_model_that_loads_too_long_is_ended(model_of: ModelOf, submit: Submit) -> None:
    slow = submit({"inference.py": "import time\ntime.sleep(1000)"})
    model = model_of([container(SCRIPTS, slow)])
    with pytest.raises(
        ModelStartError, match="The primary container did not come up in time: it printed nothing; its log:"
    ):
        model.start(timeout=0.5)
    until_gone(*model.pids)


def test_model_data_that_is_not_there_is_named(model_of: ModelOf, submit: Submit) -> None:
    missing = container(SCRIPTS, submit({"inference.py": ECHO}), "s3://lake/missing/model.tar.gz")
    model = model_of([missing])
    with pytest.raises(ModelStartError, match=r"pytorch-inference: No S3 objects .*missing/model\.tar\.gz"):
        model.start()


def test_a_slow_answer_and_a_dead_container_are_answers_too(serve: ModelOf, submit: Submit) -> None:
    slow = f"{ECHO}\nimport time\nsleep = time.sleep\ndef transform_fn(m, body, c, a): sleep(float(body)); return body"
    model = serve([container(SCRIPTS, submit({"inference.py": slow}))])
    late = model.invoke(b"30", content_type="text/csv", timeout=0.2)
    assert (late.status, late.body[:36]) == (504, b"Your invocation timed out after 0.2 ")
    os.kill(model.pids[0], signal.SIGKILL)
    until_gone(*model.pids)
    gone = model.invoke(b"0", content_type="text/csv")
    assert (gone.status, gone.body[:32]) == (502, b"The container's server is gone (")


def test_stop_ends_all_containers_at_once(serve: ModelOf, submit: Submit) -> None:
    source = submit({"inference.py": ECHO})
    model = serve([container(SCRIPTS, source)] * 3)
    pids = model.pids
    assert all(Path(f"/proc/{pid}").exists() for pid in pids)
    before = time.monotonic()
    model.stop()
    model.stop()
    until_gone(*pids)
    assert time.monotonic() - before < LIMIT_SECONDS
    with pytest.raises(ModelStartError, match="the model was stopped"):
        model.start()


@pytest.mark.parametrize("count", [0, 16])
def test_a_model_has_1_to_15_containers(model_of: ModelOf, count: int) -> None:
    definition = container(SCRIPTS, "s3://lake/source.tar.gz")
    with pytest.raises(UnsupportedRequestError, match=f"^The model has {count} containers: give 1 to 15.$"):
        model_of([definition] * count)
    assert [len(model_of([definition] * allowed).logs) for allowed in (1, 15)] == [1, 15]


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        (
            {"Image": "123.dkr.ecr.eu-central-1.amazonaws.com/own@sha256:0"},
            (
                "The image '123.dkr.ecr.eu-central-1.amazonaws.com/own@sha256:0' can't be run without Docker. Local "
                "serving supports the framework images whose repository is one of: autogluon-inference, "
                "huggingface-pytorch-inference, pytorch-inference, sagemaker-scikit-learn, sagemaker-xgboost."
            ),
        ),
        (
            {"Image": SKLEARN},
            (
                "The container of image sagemaker-scikit-learn has no SAGEMAKER_PROGRAM in its Environment: it "
                "serves a script's functions."
            ),
        ),
        ({"Image": SKLEARN, "Mode": "MultiModel"}, "Mode is 'MultiModel': a local run supports 'SingleModel' only."),
        (
            {"ModelPackageName": "risk"},
            "A local run does not support ModelPackageName: leave it out, or run this on AWS.",
        ),
    ],
)
def test_what_a_local_run_cannot_serve_is_refused(
    model_of: ModelOf, definition: dict[str, object], message: str
) -> None:
    with pytest.raises((UnsupportedImageError, UnsupportedRequestError)) as refusal:
        model_of([definition])
    assert str(refusal.value) == message
