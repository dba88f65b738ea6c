"""A processing job runs its script in the folders that it finds on AWS, and ends as such a job ends."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Queue

import pytest

from tests.local.containers.conftest import Submit
from tests.local.process_ids import until_gone
from tests.waiting import LIMIT_SECONDS
from zflow_constructs.local.containers import JobOutcome, ProcessingContainer
from zflow_constructs.local.containers.errors import UnsupportedImageError, UnsupportedRequestError
from zflow_constructs.local.objects import ObjectStore
from zflow_constructs.local.processes import Processes

ECR = "492215442770.dkr.ecr.eu-central-1.amazonaws.com"
UNPACKING = (
    "cd /opt/ml/processing/input/code; tar -xzf *.gz; "
    "[ ! -f requirements.txt ] || python3 -m pip install -r requirements.txt; "
    'exec python3 "$0" "$@"'
)
SCRIPT = ("/bin/bash", "-ec", UNPACKING, "/opt/ml/processing/input/code/evaluate.py")

Job = Callable[[Mapping[str, object]], ProcessingContainer]


def read(name: str, uri: str, **more: object) -> dict[str, object]:
    source = {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/input/{name}", "S3DataType": "S3Prefix"}
    return {"InputName": name, "S3Input": {**source, "S3InputMode": "File", **more}}


def written(name: str, **more: object) -> dict[str, object]:
    target = {"S3Uri": f"s3://lake/run/{name}/", "LocalPath": f"/opt/ml/processing/output/{name}"}
    return {"OutputName": name, "S3Output": {**target, "S3UploadMode": "EndOfJob", **more}}


def request(
    source: str,
    *,
    image: str = "sagemaker-scikit-learn:1.2-1-cpu-py3",
    entrypoint: Sequence[str] = SCRIPT,
    arguments: Sequence[str] = (),
    inputs: Sequence[Mapping[str, object]] = (),
    outputs: Sequence[Mapping[str, object]] = (),
    environment: Mapping[str, str] | None = None,
    hosts: int = 1,
    seconds: int = LIMIT_SECONDS,
) -> dict[str, object]:
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": hosts, "VolumeSizeInGB": 30}
    return {
        "ProcessingJobName": "evaluate-1",
        "RoleArn": "arn:aws:iam::123456789012:role/processing",
        "AppSpecification": {
            "ImageUri": f"{ECR}/{image}",
            "ContainerEntrypoint": list(entrypoint),
            "ContainerArguments": list(arguments),
        },
        "ProcessingInputs": [read("code", source), *inputs],
        "ProcessingOutputConfig": {"Outputs": list(outputs)},
        "ProcessingResources": {"ClusterConfig": cluster},
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
        "Environment": environment or {},
    }


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def job(objects: ObjectStore, processes: Processes, tmp_path: Path, lines: list[str]) -> Job:
    return lambda request: ProcessingContainer(
        request, objects=objects, processes=processes, folder=tmp_path / "job", on_line=lines.append
    )


@pytest.fixture
def run(job: Job, submit: Submit) -> Callable[[str], JobOutcome]:
    return lambda text: job(request(submit({"evaluate.py": text}), outputs=[written("report")])).run()


def test_a_script_finds_its_data_where_it_is_on_aws_and_what_it_writes_there_is_uploaded(
    job: Job, objects: ObjectStore, submit: Submit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    objects.write("s3://lake/scores/de/part-0.csv", b"1\n2\n")
    source = submit(
        {
            "evaluate.py": "import json, os, sys\n"
            "from folders import OUTPUT\n"
            "with open('/opt/ml/processing/input/scores/de/part-0.csv') as file:\n"
            "    rows = file.read().split()\n"
            "with open(os.path.join('/opt/ml', 'config', 'resourceconfig.json')) as file:\n"
            "    hosts = json.load(file)['hosts']\n"
            "with open('/opt/ml/config/processingjobconfig.json') as file:\n"
            "    name = json.load(file)['ProcessingJobName']\n"
            "seen = {'rows': rows, 'hosts': hosts, 'name': name, 'argv': sys.argv[1:], 'cwd': os.getcwd(),\n"
            "        'models': os.environ['MODELS'], 'other': '/opt/mlflow', 'profile': os.getenv('AWS_PROFILE', '')}\n"
            "os.makedirs(f'{OUTPUT}/parts')\n"
            "with open(f'{OUTPUT}/parts/seen.json', 'w') as file:\n"
            "    json.dump(seen, file)\n"
            "with open('/opt/ml/output/message', 'w') as file:\n"
            "    file.write('2 rows')\n",
            "folders/__init__.py": "OUTPUT = '/opt/ml/processing/output/report'\n",
        }
    )
    outcome = job(
        request(
            source,
            arguments=["--from", "/opt/ml/processing/input/scores"],
            inputs=[read("scores", "s3://lake/scores/")],
            outputs=[written("report"), written("empty")],
            environment={"MODELS": "/opt/ml/processing/input/models:/opt/ml"},
        )
    ).run()
    assert (outcome.status, outcome.failure_reason, outcome.exit_message) == ("Completed", "", "2 rows")
    folder = tmp_path / "job"
    assert objects.list("s3://lake/run/") == ["s3://lake/run/report/parts/seen.json"]
    assert json.loads(objects.read("s3://lake/run/report/parts/seen.json")) == {
        "rows": ["1", "2"],
        "hosts": ["algo-1"],
        "name": "evaluate-1",
        "argv": ["--from", f"{folder}/processing/input/scores"],
        "cwd": f"{folder}/processing/input/code",
        "models": f"{folder}/processing/input/models:{folder}",
        "other": "/opt/mlflow",
        "profile": "",
    }


def test_a_script_that_is_an_object_of_its_own_runs_as_by_sagemaker_s_script_processor(
    job: Job, objects: ObjectStore
) -> None:
    objects.write("s3://lake/code/count.py", b"import sys; print('counted', *sys.argv[1:])")
    python = ["python3", "/opt/ml/processing/input/code/count.py"]
    outcome = job(request("s3://lake/code/count.py", entrypoint=python, arguments=["--all"])).run()
    assert (outcome.status, outcome.log.read_text()) == ("Completed", "counted --all\n")


def test_clients_in_the_script_reach_the_local_aws(run: Callable[[str], JobOutcome], objects: ObjectStore) -> None:
    outcome = run("import boto3; boto3.client('s3').put_object(Bucket='lake', Key='from-the-script', Body=b'1')")
    assert outcome.status == "Completed"
    assert objects.read("s3://lake/from-the-script") == b"1"


def test_a_failing_script_fails_the_job_with_its_traceback_and_uploads_nothing(
    run: Callable[[str], JobOutcome], objects: ObjectStore, lines: list[str]
) -> None:
    outcome = run(
        "open('/opt/ml/processing/output/report/half', 'w').close()\nraise ValueError('column amount is missing')"
    )
    assert outcome.status == "Failed"
    assert outcome.failure_reason.startswith("AlgorithmError: Traceback (most recent call last):\n")
    assert outcome.failure_reason.endswith("ValueError: column amount is missing, exit code: 1")
    assert outcome.log.read_text().splitlines() == lines
    assert objects.list("s3://lake/run/") == []


def test_what_is_uploaded_while_it_is_written_is_there_when_the_script_fails(
    job: Job, objects: ObjectStore, submit: Submit
) -> None:
    text = (
        "for name in ('report', 'log'):\n"
        "    open(f'/opt/ml/processing/output/{name}/half', 'w').close()\n"
        "raise ValueError('column amount is missing')"
    )
    outputs = [written("report"), written("log", S3UploadMode="Continuous")]
    assert job(request(submit({"evaluate.py": text}), outputs=outputs)).run().status == "Failed"
    assert objects.list("s3://lake/run/") == ["s3://lake/run/log/half"]


@pytest.mark.usefixtures("counted_from_the_first_line")
def test_what_is_uploaded_while_it_is_written_is_there_when_the_script_ran_too_long(
    job: Job, objects: ObjectStore, submit: Submit
) -> None:
    text = "import time\nopen('/opt/ml/processing/output/log/half', 'w').close()\nprint('written')\ntime.sleep(1000)"
    outputs = [written("log", S3UploadMode="Continuous")]
    assert job(request(submit({"evaluate.py": text}), outputs=outputs, seconds=1)).run().status == "Stopped"
    assert objects.list("s3://lake/run/") == ["s3://lake/run/log/half"]


def test_an_input_may_be_what_a_manifest_lists_and_one_machine_gets_all_that_is_shared_out(
    job: Job, objects: ObjectStore, submit: Submit, lines: list[str]
) -> None:
    for name in ("a.csv", "de/b.csv", "c.csv"):
        objects.write(f"s3://lake/scores/{name}", b"1")
    objects.write("s3://lake/today.json", b'[{"prefix": "s3://lake/scores/"}, "a.csv", "de/b.csv"]')
    text = "import os\nprint(sorted(os.listdir('/opt/ml/processing/input/scores')))"
    sharded = {"S3DataType": "ManifestFile", "S3DataDistributionType": "ShardedByS3Key"}
    inputs = [read("scores", "s3://lake/today.json", **sharded)]
    assert job(request(submit({"evaluate.py": text}), inputs=inputs)).run().status == "Completed"
    assert lines == ["['a.csv', 'de']"]


def test_a_script_may_say_itself_why_it_failed(run: Callable[[str], JobOutcome]) -> None:
    outcome = run("import sys\nopen('/opt/ml/output/message', 'w').write('no rows in scores')\nsys.exit(7)")
    assert (outcome.status, outcome.failure_reason, outcome.exit_message) == (
        "Failed",
        "AlgorithmError: no rows in scores, exit code: 7",
        "no rows in scores",
    )


def test_a_long_failure_reason_keeps_its_end(run: Callable[[str], JobOutcome]) -> None:
    outcome = run("raise ValueError('x' * 5000 + ' the end')")
    assert len(outcome.failure_reason) == 1024
    assert outcome.failure_reason.endswith("x the end, exit code: 1")


def test_a_hanging_script_is_stopped(
    objects: ObjectStore, processes: Processes, submit: Submit, tmp_path: Path
) -> None:
    lines: Queue[str] = Queue()
    hanging = ProcessingContainer(
        request(submit({"evaluate.py": "import os, time\nprint(os.getpid())\ntime.sleep(1000)"})),
        objects=objects,
        processes=processes,
        folder=tmp_path / "job",
        on_line=lines.put,
    )
    outcomes: list[JobOutcome] = []
    running = threading.Thread(target=lambda: outcomes.append(hanging.run()))
    running.start()
    pid = int(lines.get(timeout=LIMIT_SECONDS))
    hanging.stop()
    running.join(LIMIT_SECONDS)
    assert [(outcome.status, outcome.failure_reason) for outcome in outcomes] == [
        ("Stopped", "The processing job was stopped.")
    ]
    until_gone(pid)


def test_a_script_that_runs_too_long_is_stopped(job: Job, submit: Submit) -> None:
    outcome = job(request(submit({"evaluate.py": "import time; time.sleep(1000)"}), seconds=1)).run()
    assert (outcome.status, outcome.failure_reason) == (
        "Stopped",
        "MaxRuntimeExceeded: the script ran longer than 1 seconds.",
    )


def test_a_job_stopped_before_it_ran_starts_nothing(job: Job, submit: Submit, lines: list[str]) -> None:
    early = job(request(submit({"evaluate.py": "print('started')"})))
    early.stop()
    assert early.run().status == "Stopped"
    assert lines == []


def test_an_input_without_data_fails_the_job(job: Job, submit: Submit) -> None:
    outcome = job(request(submit({"evaluate.py": ""}), inputs=[read("scores", "s3://lake/nothing/")])).run()
    assert (outcome.status, outcome.failure_reason) == (
        "Failed",
        "ClientError: Data download failed: No S3 objects found under S3 URL 's3://lake/nothing/'",
    )


def test_requirements_and_more_hosts_are_mentioned_not_ignored(job: Job, submit: Submit, lines: list[str]) -> None:
    source = submit({"evaluate.py": "", "requirements.txt": "lightgbm"})
    assert job(request(source, hosts=2)).run().status == "Completed"
    assert lines == [
        "requirements.txt is not installed in a local run: the script imports what this Python has.",
        "A local run processes on one host instead of 2.",
    ]


REFUSED: Sequence[tuple[dict[str, object], str]] = [
    (
        request("s3://lake/a", inputs=[read("scores", "s3://lake/b", S3InputMode="Pipe")]),
        "ProcessingInputs[scores].S3InputMode is 'Pipe': a local run supports 'File' only.",
    ),
    (
        request("s3://lake/a", inputs=[read("scores", "s3://lake/b", S3DataType="Table")]),
        "ProcessingInputs[scores].S3DataType is 'Table': a local run supports 'S3Prefix' and 'ManifestFile' only.",
    ),
    (
        request("s3://lake/a", inputs=[read("scores", "s3://lake/b", LocalPath="/data")]),
        "ProcessingInputs[scores].LocalPath is '/data': a local run has folders below /opt/ml/processing/ only.",
    ),
    (
        request("s3://lake/a", inputs=[{"InputName": "table", "DatasetDefinition": {}}]),
        "A local run does not support DatasetDefinition: leave it out, or run this on AWS.",
    ),
    (
        request("s3://lake/a", outputs=[written("report", S3UploadMode="Hourly")]),
        (
            "ProcessingOutputConfig.Outputs[report].S3UploadMode is 'Hourly': a local run supports 'EndOfJob' and "
            "'Continuous' only."
        ),
    ),
    (
        request("s3://lake/a", outputs=[{"OutputName": "features", "FeatureStoreOutput": {}}]),
        "A local run does not support FeatureStoreOutput: leave it out, or run this on AWS.",
    ),
    (
        request("s3://lake/a", entrypoint=["/opt/program/score"]),
        (
            "AppSpecification.ContainerEntrypoint is ['/opt/program/score']: a local run runs the script of a "
            "ProcessingStep (code=...), or what begins with 'python3'."
        ),
    ),
]


@pytest.mark.parametrize(("refused", "message"), REFUSED, ids=[message.split(":")[0] for _, message in REFUSED])
def test_what_can_t_be_honoured_is_refused(job: Job, refused: Mapping[str, object], message: str) -> None:
    with pytest.raises(UnsupportedRequestError) as raised:
        job(refused)
    assert str(raised.value) == message


@pytest.mark.parametrize("image", ["scoring:1.0", "sagemaker-spark-processing:3.5-cpu"])
def test_an_image_that_needs_docker_is_refused(job: Job, image: str) -> None:
    with pytest.raises(UnsupportedImageError) as raised:
        job(request("s3://lake/a", image=image))
    assert str(raised.value) == (
        f"The image '{ECR}/{image}' can't be run without Docker. Local processing supports the framework images whose "
        "repository is one of: autogluon-training, huggingface-pytorch-training, pytorch-training, "
        "sagemaker-scikit-learn, sagemaker-xgboost, tensorflow-training."
    )
