"""A training job runs its script as a framework container on AWS does, and ends as such a job ends."""

import json
import os
import py_compile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
import xgboost

from tests.local.containers.conftest import Submit, read_archive, script
from tests.local.process_ids import until_gone
from tests.waiting import LIMIT_SECONDS, until
from zflow_constructs.local.containers import JobOutcome, TrainingContainer
from zflow_constructs.local.containers.errors import UnsupportedImageError, UnsupportedRequestError
from zflow_constructs.local.objects import ObjectStore
from zflow_constructs.local.processes import Processes

SKLEARN = "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
XGBOOST = "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-xgboost:1.7-1"


class Job(Protocol):
    def __call__(self, request: Mapping[str, object], folder: str = "job") -> TrainingContainer: ...


def request(source: str, hyperparameters: Mapping[str, str] | None = None) -> dict[str, object]:
    return {
        "TrainingJobName": "train-1",
        "RoleArn": "arn:aws:iam::123456789012:role/training",
        "AlgorithmSpecification": {"TrainingImage": SKLEARN, "TrainingInputMode": "File"},
        "HyperParameters": {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": json.dumps(source),
            **(hyperparameters or {}),
        },
        "OutputDataConfig": {"S3OutputPath": "s3://lake/models/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": LIMIT_SECONDS},
    }


def channel(name: str, uri: str) -> dict[str, object]:
    return {
        "ChannelName": name,
        "ContentType": "text/csv",
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}},
    }


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def job(objects: ObjectStore, processes: Processes, tmp_path: Path, lines: list[str]) -> Job:
    def make(request: Mapping[str, object], folder: str = "job") -> TrainingContainer:
        return TrainingContainer(
            request, objects=objects, processes=processes, folder=tmp_path / folder, on_line=lines.append
        )

    return make


@pytest.fixture
def run(job: Job, submit: Submit) -> Callable[[str], JobOutcome]:
    return lambda text: job(request(submit({"train.py": text}))).run()


def test_a_classifier_is_trained_on_two_channels_and_its_metric_is_read(
    job: Job, objects: ObjectStore, submit: Submit
) -> None:
    rows = np.random.default_rng(0).normal(size=(300, 4))
    labelled = np.column_stack([(rows.sum(axis=1) > 0).astype(int), rows])
    for name, part in (("train", labelled[:200]), ("validation", labelled[200:])):
        text = "\n".join(",".join(map(str, row)) for row in part)
        objects.write(f"s3://lake/{name}/part-0.csv", text.encode())
    outcome = job(
        request(submit({"train.py": script("train_xgboost.py")}), {"max-depth": "2", "num-round": '"20"'})
        | {
            "AlgorithmSpecification": {
                "TrainingImage": XGBOOST,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "validation:auc", "Regex": r"validation-auc:([0-9.]+)"}],
            },
            "InputDataConfig": [
                channel("train", "s3://lake/train/"),
                channel("validation", "s3://lake/validation/part-0.csv"),
            ],
        }
    ).run()
    assert (outcome.status, outcome.failure_reason) == ("Completed", "")
    assert outcome.model_artifacts == "s3://lake/models/train-1/output/model.tar.gz"
    booster = xgboost.Booster(model_file=bytearray(read_archive(objects, outcome.model_artifacts)["model.json"]))
    assert booster.num_boosted_rounds() == 20
    scores = booster.predict(xgboost.DMatrix(rows[200:]))
    positive, negative = scores[labelled[200:, 0] == 1], scores[labelled[200:, 0] == 0]
    auc = np.mean(positive[:, None] > negative) + np.mean(positive[:, None] == negative) / 2
    assert outcome.metrics == {"validation:auc": pytest.approx(auc, abs=1e-5)}


def test_the_script_finds_what_it_finds_on_aws(
    job: Job, objects: ObjectStore, submit: Submit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("SM_MODEL_DIR", "/elsewhere")
    objects.write("s3://lake/train/part-0.csv", b"1,2")
    code = """
        import json, os, pathlib, sys
        files = pathlib.Path(os.environ["SM_INPUT_CONFIG_DIR"]).iterdir()
        config = {file.name: json.loads(file.read_text()) for file in files}
        seen = {"argv": sys.argv[1:], "environ": dict(os.environ), "cwd": os.getcwd(), "config": config}
        pathlib.Path(os.environ["SM_MODEL_DIR"], "seen.json").write_text(json.dumps(seen))
    """
    hyperparameters = {"eta": "0.1", "k": "3", "flag": "true", "name": '"a b"', "sagemaker_region": '"eu-central-1"'}
    hyperparameters["_tuning_objective_metric"] = "auc"
    outcome = job(
        request(submit({"train.py": dedent(code)}), hyperparameters)
        | {"InputDataConfig": [channel("train", "s3://lake/train/")], "Environment": {"STAGE": "test"}}
    ).run()
    assert outcome.status == "Completed"
    seen = json.loads(read_archive(objects, outcome.model_artifacts)["seen.json"])
    folder = tmp_path / "job"
    assert seen["argv"] == ["--eta", "0.1", "--flag", "True", "-k", "3", "--name", "a b"]
    assert seen["cwd"] == str(folder / "code")
    environ = seen["environ"]
    assert json.loads(environ["SM_HPS"]) == {"eta": 0.1, "k": 3, "flag": True, "name": "a b"}
    assert (environ["SM_HP_ETA"], environ["SM_HP_FLAG"], environ["SM_HP_NAME"]) == ("0.1", "true", "a b")
    assert environ["SM_CHANNELS"] == '["train"]'
    assert Path(environ["SM_CHANNEL_TRAIN"], "part-0.csv").read_text() == "1,2"
    assert environ["SM_MODEL_DIR"] == str(folder / "model")
    assert environ["SM_OUTPUT_DATA_DIR"] == str(folder / "output" / "data")
    assert (environ["SM_HOSTS"], environ["SM_CURRENT_HOST"], environ["SM_NUM_GPUS"]) == ('["algo-1"]', "algo-1", "0")
    assert (environ["SM_USER_ENTRY_POINT"], environ["SM_MODULE_NAME"]) == ("train.py", "train")
    assert (environ["TRAINING_JOB_NAME"], environ["STAGE"]) == ("train-1", "test")
    assert "AWS_PROFILE" not in environ
    assert seen["config"]["hyperparameters.json"]["k"] == "3"
    assert seen["config"]["inputdataconfig.json"]["train"]["ContentType"] == "text/csv"
    assert seen["config"]["resourceconfig.json"]["hosts"] == ["algo-1"]


def dedent(code: str) -> str:
    return "\n".join(line[8:] for line in code.splitlines())


def test_an_isolated_script_is_in_a_channel(job: Job, objects: ObjectStore, submit: Submit) -> None:
    code = """
        import json, os, pathlib
        config = json.loads(pathlib.Path(os.environ["SM_INPUT_CONFIG_DIR"], "inputdataconfig.json").read_text())
        seen = {"channels": json.loads(os.environ["SM_CHANNELS"]), "config": config, "cwd": os.listdir()}
        pathlib.Path(os.environ["SM_MODEL_DIR"], "seen.json").write_text(json.dumps(seen))
    """
    objects.write("s3://lake/train/part-0.csv", b"1,2")
    archive = submit({"train.py": dedent(code)})
    train, script = channel("train", "s3://lake/train/"), channel("code", archive)
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://lake/train/", "S3DataDistributionType": "ShardedByS3Key"}
    outcome = job(
        request("/opt/ml/input/data/code/archive.tar.gz")
        | {
            "AlgorithmSpecification": {"TrainingImage": SKLEARN, "TrainingInputMode": "FastFile"},
            "EnableNetworkIsolation": True,
            "InputDataConfig": [train | {"DataSource": {"S3DataSource": source}}, script | {"InputMode": "File"}],
        }
    ).run()
    assert (outcome.status, outcome.failure_reason) == ("Completed", "")
    seen = json.loads(read_archive(objects, outcome.model_artifacts)["seen.json"])
    assert (seen["channels"], seen["cwd"]) == (["code", "train"], ["train.py"])
    told = {
        name: (each["TrainingInputMode"], each["S3DistributionType"]) for name, each in sorted(seen["config"].items())
    }
    assert told == {"code": ("File", "FullyReplicated"), "train": ("FastFile", "ShardedByS3Key")}


def test_a_script_that_its_channel_lacks_fails_the_job(job: Job, objects: ObjectStore) -> None:
    objects.write("s3://lake/other/archive.txt", b"")
    outcome = job(
        request("/opt/ml/input/data/code/archive.tar.gz")
        | {"InputDataConfig": [channel("code", "s3://lake/other/archive.txt")]}
    ).run()
    assert (outcome.status, outcome.failure_reason) == (
        "Failed",
        (
            "ClientError: Data download failed: /opt/ml/input/data/code/archive.tar.gz has no train.py; its Python "
            "files: none"
        ),
    )


def test_clients_in_the_script_reach_the_local_aws(run: Callable[[str], JobOutcome], objects: ObjectStore) -> None:
    outcome = run("import boto3; boto3.client('s3').put_object(Bucket='lake', Key='from-the-script', Body=b'1')")
    assert outcome.status == "Completed"
    assert objects.read("s3://lake/from-the-script") == b"1"


def test_what_the_script_writes_beside_the_model_becomes_output_tar_gz(
    run: Callable[[str], JobOutcome], objects: ObjectStore
) -> None:
    outcome = run("import os, pathlib; pathlib.Path(os.environ['SM_OUTPUT_DATA_DIR'], 'roc.csv').write_text('0,1')")
    assert (outcome.status, outcome.model_artifacts) == ("Completed", "")
    assert read_archive(objects, "s3://lake/models/train-1/output/output.tar.gz") == {"roc.csv": b"0,1"}


def test_a_failing_script_fails_the_job_with_its_traceback(
    run: Callable[[str], JobOutcome], objects: ObjectStore, lines: list[str]
) -> None:
    outcome = run("print('fitting')\nraise ValueError('column amount is missing')")
    assert outcome.status == "Failed"
    assert outcome.failure_reason.startswith(
        'AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage "Traceback (most recent call last):\n'
    )
    assert outcome.failure_reason.endswith(
        'ValueError: column amount is missing"\nCommand "python train.py", exit code: 1'
    )
    assert (lines[0], outcome.log.read_text().splitlines()) == ("fitting", lines)
    assert objects.list("s3://lake/models") == []


def test_a_long_failure_reason_keeps_its_end(run: Callable[[str], JobOutcome]) -> None:
    outcome = run("raise ValueError('x' * 5000 + ' the end')")
    assert len(outcome.failure_reason) == 1024
    assert 'the end"\nCommand' in outcome.failure_reason


def test_a_script_may_say_itself_why_it_failed(run: Callable[[str], JobOutcome]) -> None:
    outcome = run(
        "import os, pathlib, sys\n"
        "pathlib.Path(os.environ['SM_OUTPUT_DIR'], 'failure').write_text('no rows in channel train')\n"
        "sys.exit(7)"
    )
    assert (outcome.status, outcome.failure_reason) == ("Failed", "AlgorithmError: no rows in channel train")


def test_a_hanging_script_is_stopped_with_what_it_started(job: Job, submit: Submit, lines: list[str]) -> None:
    hanging = job(
        request(
            submit(
                {
                    "train.py": "import os, subprocess, sys, time\n"
                    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])\n"
                    "print(os.getpid(), child.pid)\n"
                    "time.sleep(1000)"
                }
            )
        )
    )
    outcomes: list[JobOutcome] = []
    running = threading.Thread(target=lambda: outcomes.append(hanging.run()))
    running.start()
    until(lambda: bool(lines))
    hanging.stop()
    running.join(LIMIT_SECONDS)
    assert [(outcome.status, outcome.failure_reason) for outcome in outcomes] == [
        ("Stopped", "The training job was stopped.")
    ]
    until_gone(*map(int, lines[0].split()))


def test_a_job_stopped_before_it_ran_starts_nothing(job: Job, submit: Submit, lines: list[str]) -> None:
    early = job(request(submit({"train.py": "print('started')"})))
    early.stop()
    assert early.run().status == "Stopped"
    assert lines == []


@pytest.mark.usefixtures("counted_from_the_first_line")
def test_a_script_that_runs_too_long_is_stopped_and_its_model_is_kept(
    job: Job, objects: ObjectStore, submit: Submit
) -> None:
    slow = (
        "import os, pathlib, time\n"
        "pathlib.Path(os.environ['SM_MODEL_DIR'], 'best').write_text('1')\n"
        "print('saved')\n"
        "time.sleep(1000)"
    )
    outcome = job(request(submit({"train.py": slow})) | {"StoppingCondition": {"MaxRuntimeInSeconds": 1}}).run()
    assert (outcome.status, outcome.failure_reason) == (
        "Stopped",
        "MaxRuntimeExceeded: the script ran longer than 1 seconds.",
    )
    assert read_archive(objects, outcome.model_artifacts) == {"best": b"1"}


def test_a_job_goes_on_from_the_checkpoints_of_one_that_failed(job: Job, objects: ObjectStore, submit: Submit) -> None:
    code = """
        import os, pathlib, sys
        place = pathlib.Path("/opt/ml/checkpoints")
        assert sys.argv[1:] == ["--folder", str(place)] and os.environ["FOLDER"] == f"{place}/"
        epochs = len(list(place.iterdir()))
        (place / f"epoch-{epochs}").write_text("weights")
        sys.exit(0 if epochs else 1)
    """
    asked = request(submit({"train.py": dedent(code)}), {"folder": "/opt/ml/checkpoints"}) | {
        "CheckpointConfig": {"S3Uri": "s3://lake/checkpoints/"},
        "Environment": {"FOLDER": "/opt/ml/checkpoints/"},
    }
    jobs = [job(asked), job(asked, "retried")]
    assert [each.run().status for each in jobs] == ["Failed", "Completed"]
    assert objects.list("s3://lake/checkpoints/") == [
        "s3://lake/checkpoints/epoch-0",
        "s3://lake/checkpoints/epoch-1",
    ]


def test_nothing_starts_when_the_run_is_stopping(job: Job, submit: Submit, processes: Processes) -> None:
    late = job(request(submit({"train.py": ""})))
    processes.stop()
    assert late.run().status == "Stopped"


def test_a_channel_without_data_fails_the_job(job: Job, submit: Submit) -> None:
    outcome = job(
        request(submit({"train.py": ""})) | {"InputDataConfig": [channel("train", "s3://lake/nothing/")]}
    ).run()
    assert (outcome.status, outcome.failure_reason) == (
        "Failed",
        "ClientError: Data download failed: No S3 objects found under S3 URL 's3://lake/nothing/'",
    )


def test_an_archive_without_the_script_names_what_it_has(job: Job, submit: Submit) -> None:
    source = submit({"jobs/fit.py": "", "README.md": ""})
    assert job(request(source)).run().failure_reason == (
        f"ClientError: Data download failed: {source} has no train.py; its Python files: jobs/fit.py"
    )


def test_a_stale_pyc_of_a_reproducible_archive_is_not_run(job: Job, submit: Submit, tmp_path: Path) -> None:
    (tmp_path / "answer.py").write_text("VALUE = 1")
    os.utime(tmp_path / "answer.py", (0, 0))
    compiled = Path(str(py_compile.compile(str(tmp_path / "answer.py"), doraise=True)))
    source = submit(
        {
            "train.py": "import answer, sys; sys.exit(answer.VALUE)",
            "answer.py": "VALUE = 0",
            f"__pycache__/{compiled.name}": compiled.read_bytes(),
        }
    )
    assert job(request(source)).run().status == "Completed"


def test_requirements_and_more_hosts_are_mentioned_not_ignored(job: Job, submit: Submit, lines: list[str]) -> None:
    source = submit({"train.py": "", "requirements.txt": "lightgbm"})
    two = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 30}
    assert job(request(source) | {"ResourceConfig": two}).run().status == "Completed"
    assert lines == [
        "requirements.txt is not installed in a local run: the script imports what this Python has.",
        "A local run trains on one host instead of 2.",
    ]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            {"ServerlessJobConfig": {"JobType": "FineTuning"}},
            "A local run does not support ServerlessJobConfig: leave it out, or run this on AWS.",
        ),
        (
            {"AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "Pipe"}},
            "TrainingInputMode is 'Pipe': a local run supports 'File' and 'FastFile' only.",
        ),
        (
            {"InputDataConfig": [channel("train", "s3://lake/train") | {"InputMode": "Pipe"}]},
            "InputDataConfig[train].InputMode is 'Pipe': a local run supports 'File' and 'FastFile' only.",
        ),
        (
            {"ResourceConfig": {"InstanceGroups": [], "VolumeSizeInGB": 30}},
            "A local run does not support InstanceGroups: leave it out, or run this on AWS.",
        ),
        (
            {"OutputDataConfig": {"S3OutputPath": "s3://lake/models/", "CompressionType": "NONE"}},
            "OutputDataConfig.CompressionType is 'NONE': a local run supports 'GZIP' only.",
        ),
        (
            {
                "InputDataConfig": [
                    channel("train", "s3://lake/train")
                    | {"DataSource": {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": "s3://lake/manifest"}}}
                ]
            },
            "InputDataConfig[train].S3DataType is 'ManifestFile': a local run supports 'S3Prefix' only.",
        ),
        (
            {"InputDataConfig": [channel("train", "") | {"DataSource": {"FileSystemDataSource": {}}}]},
            (
                "InputDataConfig[train] is in a file system, which this machine doesn't have: for a local run, give "
                "the channel a DataLocation in S3."
            ),
        ),
        (
            {"HyperParameters": {"sagemaker_program": "train.sh", "sagemaker_submit_directory": "s3://lake/a.tar.gz"}},
            "The program is 'train.sh': a local run supports Python scripts only.",
        ),
        (
            {"HyperParameters": {"sagemaker_program": "train.py", "sagemaker_submit_directory": "/opt/code"}},
            (
                "The submit directory of train.py is '/opt/code': give the S3 URI of a sourcedir.tar.gz that has the "
                "script, as SourceCode does."
            ),
        ),
    ],
)
def test_what_a_local_run_cannot_honour_is_refused(job: Job, override: dict[str, object], message: str) -> None:
    with pytest.raises(UnsupportedRequestError) as refusal:
        job(request("s3://lake/source.tar.gz") | override)
    assert str(refusal.value) == message


def test_an_image_that_is_no_framework_image_is_refused_with_those_that_are(job: Job) -> None:
    image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/risk-model:latest"
    with pytest.raises(UnsupportedImageError) as refusal:
        job(request("s3://lake/source.tar.gz") | {"AlgorithmSpecification": {"TrainingImage": image}})
    assert str(refusal.value) == (
        f"The image {image!r} can't be run without Docker. Local training supports the framework images whose "
        "repository is one of: autogluon-training, huggingface-pytorch-training, pytorch-training, "
        "sagemaker-scikit-learn, sagemaker-xgboost, tensorflow-training."
    )


def test_artifacts_that_cannot_be_uploaded_fail_the_job(job: Job, submit: Submit) -> None:
    save = "import os, pathlib; pathlib.Path(os.environ['SM_MODEL_DIR'], 'model').write_text('1')"
    outcome = job(
        request(submit({"train.py": save})) | {"OutputDataConfig": {"S3OutputPath": "s3://no-such-bucket/models"}}
    ).run()
    assert outcome.status == "Failed"
    assert outcome.failure_reason.startswith(
        "ClientError: Artifact upload failed: Can't write s3://no-such-bucket/models/train-1/output/model.tar.gz: "
    )
