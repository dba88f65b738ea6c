"""SageMaker's API over HTTP. Its containers are small programs here; the frameworks' have tests of their own."""

import json
import sys
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.local.aws.conftest import ROLE, Api, Run, api, create, ended
from tests.local.aws.endpoints import no_endpoints, no_versions
from tests.waiting import until
from zflow_constructs.local.aws.sagemaker import sagemaker
from zflow_constructs.local.aws.sagemaker_jobs import Jobs
from zflow_constructs.local.aws.sagemaker_models import Models
from zflow_constructs.local.aws.sagemaker_tuning import TuningJobs
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.containers import JobOutcome
from zflow_constructs.local.processes import Processes, Reporter

IMAGE = "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


class ScriptContainer:
    """A job that runs the Python code of its `code` hyperparameter."""

    def __init__(self, request: Mapping[str, object], folder: Path, on_line: Reporter, processes: Processes) -> None:
        parameters = request["HyperParameters"]
        assert isinstance(parameters, Mapping)
        if "refuse" in parameters:
            raise ValueError("the image is no framework image")
        self._log = folder / "log.txt"
        self._stopped = threading.Event()
        code = str(parameters["code"])
        argv = [sys.executable, "-c", code]
        self._start = partial(processes.start, argv, env={}, cwd=folder, log=self._log, on_line=on_line)

    def run(self) -> JobOutcome:
        process = self._start()
        while not self._stopped.is_set():
            try:
                code = process.wait(0.05)
            except TimeoutError:
                continue
            reason = f"AlgorithmError: exit code {code}" if code else ""
            status = "Failed" if code else "Completed"
            return JobOutcome(status, reason, "s3://lake/model.tar.gz", {"auc": 0.75}, self._log, "said so")  # type: ignore[arg-type]
        process.stop()
        return JobOutcome("Stopped", "", "", {}, self._log)

    def stop(self) -> None:
        self._stopped.set()


@pytest.fixture(scope="module")
def lines() -> list[tuple[str, str]]:
    return []


@pytest.fixture(scope="module")
def client(aws: AwsServer, lines: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    models = Models(region=aws.region, account=aws.account)

    def hear(name: str, line: str) -> None:
        lines.append((name, line))

    with Processes() as processes:
        models = Models(region=aws.region, account=aws.account)
        jobs = Jobs(
            region=aws.region,
            account=aws.account,
            folder=tmp_path_factory.mktemp("jobs"),
            training=lambda request, folder, on_line: ScriptContainer(request, folder, on_line, processes),
            transform=lambda request, folder, on_line: ScriptContainer(
                {"HyperParameters": request["Environment"]}, folder, on_line, processes
            ),
            processing=lambda request, folder, on_line: ScriptContainer(
                {"HyperParameters": request["Environment"]}, folder, on_line, processes
            ),
            on_line=hear,
        )
        tuning = TuningJobs(jobs, region=aws.region, account=aws.account)
        endpoints = no_endpoints(models, aws, tmp_path_factory.mktemp("endpoints"))
        aws.use([sagemaker(jobs=jobs, tuning=tuning, models=models, endpoints=endpoints, registry=no_versions(aws))])
        yield api(aws, "sagemaker")
        jobs.stop()


def training(name: str, code: str, **parameters: str) -> Mapping[str, object]:
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://lake/models"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "HyperParameters": {"code": code, **parameters},
    }


def train(request: Mapping[str, object], **more: object) -> Mapping[str, object]:
    return {
        "Train": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync",
            "Arguments": request,
            "End": True,
            **more,
        }
    }


def test_a_sync_task_waits_for_its_job_and_has_its_description(
    client: Api, run: Run, lines: list[tuple[str, str]]
) -> None:
    ended = run(train(training("completes", "print('epoch 1')")))
    assert ended.status == "SUCCEEDED", ended.cause
    job = ended.output
    assert isinstance(job, dict)
    assert job["TrainingJobStatus"] == "Completed"
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": "s3://lake/model.tar.gz"}
    assert [(metric["MetricName"], metric["Value"]) for metric in job["FinalMetricDataList"]] == [("auc", 0.75)]
    assert job["HyperParameters"] == {"code": "print('epoch 1')"}
    assert isinstance(job["TrainingEndTime"], str)
    assert ("completes", "epoch 1") in lines
    assert client.describe_training_job(TrainingJobName="completes")["TrainingJobStatus"] == "Completed"


def process(name: str, code: str) -> Mapping[str, object]:
    return {
        "Evaluate": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sagemaker:createProcessingJob.sync",
            "Arguments": {
                "ProcessingJobName": name,
                "RoleArn": ROLE,
                "AppSpecification": {"ImageUri": IMAGE},
                "ProcessingResources": {
                    "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
                },
                "Environment": {"code": code},
            },
            "End": True,
        }
    }


def test_a_processing_job_ends_with_what_it_says(client: Api, run: Run) -> None:
    done = run(process("processed", "pass")).output
    assert isinstance(done, dict)
    assert (done["ProcessingJobStatus"], done["ExitMessage"]) == ("Completed", "said so")
    assert str(done["ProcessingJobArn"]).endswith(":processing-job/processed")
    assert isinstance(done["ProcessingEndTime"], str)
    assert client.describe_processing_job(ProcessingJobName="processed")["ProcessingJobStatus"] == "Completed"


@pytest.mark.usefixtures("client")
def test_a_failed_processing_job_fails_its_task_with_its_description_as_the_cause(run: Run) -> None:
    ended = run(process("not-processed", "raise SystemExit(2)"))
    assert (ended.status, ended.error) == ("FAILED", "States.TaskFailed")
    said = json.loads(ended.cause)
    assert (said["FailureReason"], said["ExitMessage"]) == ("AlgorithmError: exit code 2", "said so")


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (training("fails", "raise SystemExit(2)"), "AlgorithmError: exit code 2"),
        (training("refused", "pass", refuse="it"), "the image is no framework image"),
    ],
)
@pytest.mark.usefixtures("client")
def test_a_failed_job_fails_its_task_with_its_description_as_the_cause(
    run: Run, request_: Mapping[str, object], reason: str
) -> None:
    ended = run(train(request_))
    assert (ended.status, ended.error) == ("FAILED", "States.TaskFailed")
    assert reason in json.loads(ended.cause)["FailureReason"]


def test_a_job_is_stopped_when_its_task_times_out(client: Api, run: Run) -> None:
    ended = run(train(training("too-long", "import time; time.sleep(1000)"), TimeoutSeconds=1))
    assert ended.error == "States.Timeout"
    until(lambda: client.describe_training_job(TrainingJobName="too-long")["TrainingJobStatus"] == "Stopped")


def test_a_job_is_stopped_when_its_execution_is(aws: AwsServer, client: Api) -> None:
    states = train(training("aborted", "import time; time.sleep(1000)"))
    definition = {"QueryLanguage": "JSONata", "StartAt": "Train", "States": states}
    stepfunctions = aws.clients.stepfunctions
    arn = stepfunctions.start_execution(stateMachineArn=create(aws, "aborted", definition))["executionArn"]
    until(lambda: _status(client, "aborted") == "InProgress")
    stepfunctions.stop_execution(executionArn=arn)
    assert ended(aws, arn).status == "ABORTED"
    until(lambda: _status(client, "aborted") == "Stopped")


def _status(client: Api, job: str) -> str:
    try:
        return str(client.describe_training_job(TrainingJobName=job)["TrainingJobStatus"])
    except ClientError:
        return ""


@pytest.mark.usefixtures("client")
def test_a_job_s_name_can_t_be_used_twice(run: Run) -> None:
    request = training("twice", "pass")
    assert run(train(request)).status == "SUCCEEDED"
    ended = run(train(request))
    assert ended.error == "SageMaker.ResourceInUseException"
    assert "must be unique within an AWS account" in ended.cause


@pytest.mark.usefixtures("client")
def test_an_invalid_request_is_an_exception_of_the_integration(run: Run) -> None:
    ended = run(train({**training("invalid", "pass"), "ResourceConfig": {"InstanceType": 5}}))
    assert ended.error == "SageMaker.AmazonSageMakerException"
    assert "ResourceConfig.InstanceType" in ended.cause


def test_what_the_engine_doesn_t_have_is_refused(client: Api) -> None:
    with pytest.raises(ClientError, match="The local engine doesn't have SageMaker's CreateAutoMLJob"):
        client.create_auto_ml_job(AutoMLJobName="auto", InputDataConfig=[], OutputDataConfig={}, RoleArn=ROLE)


@pytest.mark.usefixtures("client")
def test_a_missing_endpoint_is_an_sdk_exception_that_can_be_caught(run: Run) -> None:
    ended = run(
        {
            "Look": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:sagemaker:describeEndpoint",
                "Arguments": {"EndpointName": "nowhere"},
                "Catch": [{"ErrorEquals": ["SageMaker.SageMakerException"], "Next": "Missing"}],
                "End": True,
            },
            "Missing": {
                "Type": "Pass",
                "Output": "{% $contains($states.input.Cause, 'Could not find endpoint') %}",
                "End": True,
            },
        }
    )
    assert ended.output is True
