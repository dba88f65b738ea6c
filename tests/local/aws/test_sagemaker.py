"""SageMaker's API over HTTP. Its containers are small programs here; the frameworks' have tests of their own."""

import json
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.local.aws.conftest import ROLE, Api, Run, api, create, ended, until
from zflow_constructs.local.aws.sagemaker import sagemaker
from zflow_constructs.local.aws.sagemaker_endpoints import Endpoints
from zflow_constructs.local.aws.sagemaker_jobs import Jobs
from zflow_constructs.local.aws.sagemaker_registry import ModelRegistry
from zflow_constructs.local.aws.sagemaker_tuning import TuningJobs
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.containers import InferenceResponse, JobOutcome
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


class EchoModel:
    """A model that answers with its containers' names, and starts only if none of them is called broken."""

    def __init__(self, containers: Sequence[Mapping[str, object]]) -> None:
        self._names = [str(container["ModelDataUrl"]) for container in containers]
        self.running = False

    def start(self) -> None:
        if "broken" in self._names:
            raise RuntimeError("no such model")
        self.running = True

    def invoke(self, body: bytes, *, content_type: str, accept: str) -> InferenceResponse:
        assert self.running
        if body == b"bad":
            return InferenceResponse(400, b"can't read that", "text/plain", "primary")
        answer = {"by": self._names, "body": body.decode(), "type": content_type, "accept": accept}
        return InferenceResponse(200, json.dumps(answer).encode(), "application/json", "primary")

    def stop(self) -> None:
        self.running = False


@pytest.fixture(scope="module")
def lines() -> list[tuple[str, str]]:
    return []


@pytest.fixture(scope="module")
def client(aws: AwsServer, lines: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    def hear(name: str, line: str) -> None:
        lines.append((name, line))

    with Processes() as processes:
        endpoints = Endpoints(
            region=aws.region,
            account=aws.account,
            folder=tmp_path_factory.mktemp("endpoints"),
            model=lambda containers, _folder, _on_line: EchoModel(containers),
            on_line=hear,
        )
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
        registry = ModelRegistry(region=aws.region, account=aws.account, exists=lambda _uri: True)
        aws.use([sagemaker(jobs=jobs, tuning=tuning, endpoints=endpoints, registry=registry)])
        yield api(aws, "sagemaker")
        jobs.stop()
        endpoints.stop()


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
    ended = run(train(training("too-long", "import time; time.sleep(60)"), TimeoutSeconds=1))
    assert ended.error == "States.Timeout"
    until(lambda: client.describe_training_job(TrainingJobName="too-long")["TrainingJobStatus"] == "Stopped")


def test_a_job_is_stopped_when_its_execution_is(aws: AwsServer, client: Api) -> None:
    states = train(training("aborted", "import time; time.sleep(60)"))
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


def make_config(client: Api, name: str, *containers: str) -> str:
    model = {"ModelName": name, "ExecutionRoleArn": ROLE}
    definitions = [{"Image": IMAGE, "ModelDataUrl": container} for container in containers]
    client.create_model(
        **model, **({"Containers": definitions} if definitions[1:] else {"PrimaryContainer": definitions[0]})
    )
    variant = {"VariantName": "All", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    return name


def wait_for(client: Api, endpoint: str, status: str) -> Mapping[str, object]:
    until(lambda: client.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == status)
    return dict(client.describe_endpoint(EndpointName=endpoint))


def predict(aws: AwsServer, endpoint: str, body: bytes = b"1,2") -> Mapping[str, object]:
    runtime = aws.clients.sagemaker_runtime
    answer = runtime.invoke_endpoint(EndpointName=endpoint, Body=body, ContentType="text/csv", Accept="text/plain")
    return dict(json.loads(answer["Body"].read()))


def test_an_endpoint_is_created_invoked_updated_and_deleted(aws: AwsServer, client: Api) -> None:
    first, second = make_config(client, "first", "preprocessor", "classifier"), make_config(client, "second", "newer")
    client.create_endpoint(EndpointName="scores", EndpointConfigName=first)
    assert wait_for(client, "scores", "InService")["EndpointConfigName"] == first
    answer = {"by": ["preprocessor", "classifier"], "body": "1,2", "type": "text/csv", "accept": "text/plain"}
    assert predict(aws, "scores") == answer

    client.update_endpoint(EndpointName="scores", EndpointConfigName=second)
    until(lambda: client.describe_endpoint(EndpointName="scores")["EndpointConfigName"] == second)
    assert predict(aws, "scores")["by"] == ["newer"]

    client.delete_endpoint(EndpointName="scores")
    with pytest.raises(ClientError, match="Could not find endpoint"):
        client.describe_endpoint(EndpointName="scores")


def test_an_endpoint_whose_model_doesn_t_start_has_failed_and_says_why(client: Api) -> None:
    client.create_endpoint(EndpointName="dead", EndpointConfigName=make_config(client, "dead", "broken"))
    assert "no such model" in str(wait_for(client, "dead", "Failed")["FailureReason"])


def test_an_update_that_doesn_t_start_is_rolled_back_while_the_old_model_serves(aws: AwsServer, client: Api) -> None:
    good, bad = make_config(client, "good", "works"), make_config(client, "bad", "broken")
    client.create_endpoint(EndpointName="rolled", EndpointConfigName=good)
    wait_for(client, "rolled", "InService")
    client.update_endpoint(EndpointName="rolled", EndpointConfigName=bad)
    described = wait_for(client, "rolled", "InService")
    assert described["EndpointConfigName"] == good
    assert predict(aws, "rolled")["by"] == ["works"]


def test_a_model_s_refusal_is_a_model_error(aws: AwsServer, client: Api) -> None:
    client.create_endpoint(EndpointName="strict", EndpointConfigName=make_config(client, "strict", "one"))
    wait_for(client, "strict", "InService")
    runtime = aws.clients.sagemaker_runtime
    with pytest.raises(
        runtime.exceptions.ModelError, match=r"client error \(400\) from primary with message .can't read that"
    ):
        predict(aws, "strict", b"bad")


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
