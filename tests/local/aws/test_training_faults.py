"""A training step's states as they are emitted, run while SageMaker throttles, lacks machines, fails and hangs."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

import zflow_constructs as zflow
from tests.local.aws.conftest import Ended, create, ended
from tests.local.aws.endpoints import no_endpoints, no_versions
from tests.parts import OWN_IMAGE, data, stack
from tests.templates import Synthesized
from tests.waiting import LIMIT_SECONDS, until
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.aws.errors import ApiError
from zflow_constructs.local.aws.sagemaker import sagemaker
from zflow_constructs.local.aws.sagemaker_jobs import Jobs
from zflow_constructs.local.aws.sagemaker_models import Models
from zflow_constructs.local.aws.sagemaker_tuning import TuningJobs
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.containers import JobOutcome

# SageMaker throttles by this code, though its model has no such error; moto wonders.
pytestmark = pytest.mark.filterwarnings("ignore:Exception.ApiError. with code ThrottlingException")

REFUSALS = {
    "throttles": ApiError("ThrottlingException", "Rate exceeded"),
    "lacks machines": ApiError("ResourceLimitExceeded", "No instances of ml.m5.large are left."),
}


class PlannedJob:
    """A training job that ends as it is planned to, or goes on until it is stopped."""

    def __init__(self, plan: str, log: Path) -> None:
        self._plan = plan
        self._log = log
        self._stopped = threading.Event()

    def run(self) -> JobOutcome:
        if self._plan == "hangs":
            assert self._stopped.wait(LIMIT_SECONDS)
        match self._plan:
            case "works":
                return JobOutcome("Completed", "", "s3://lake/model.tar.gz", {}, self._log)
            case "fails":
                return JobOutcome("Failed", "AlgorithmError: no rows", "", {}, self._log)
        return JobOutcome("Stopped", "", "", {}, self._log)

    def stop(self) -> None:
        self._stopped.set()


@dataclass
class SageMaker:
    """What SageMaker is planned to do, one request after the other, and how its jobs ended."""

    aws: AwsServer
    folder: Path
    plans: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    jobs: dict[str, str] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        def job(request: Mapping[str, object], folder: Path, _on_line: object) -> PlannedJob:
            return PlannedJob(self.jobs[str(request["TrainingJobName"])], folder)

        self._jobs = Jobs(
            region=self.aws.region,
            account=self.aws.account,
            folder=self.folder,
            training=job,
            transform=job,
            processing=job,
            on_line=lambda _name, _line: None,
        )
        self._create = self._jobs.actions["CreateTrainingJob"]
        self._jobs.actions["CreateTrainingJob"] = self.create
        models = Models(region=self.aws.region, account=self.aws.account)
        endpoints = no_endpoints(models, self.aws, self.folder)
        tuning = TuningJobs(self._jobs, region=self.aws.region, account=self.aws.account)
        self.aws.use(
            [
                sagemaker(
                    jobs=self._jobs, tuning=tuning, models=models, endpoints=endpoints, registry=no_versions(self.aws)
                )
            ]
        )

    def plan(self, plans: Sequence[str]) -> None:
        """Forget what was, and do this from now on; the last again and again."""
        self.plans, self.asked, self.jobs, self.created = list(plans), [], {}, []

    def create(self, request: Mapping[str, object]) -> Mapping[str, object]:
        name = str(request["TrainingJobName"])
        self.asked.append(name)
        plan = self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]
        if plan in REFUSALS:
            raise REFUSALS[plan]
        self.jobs[name] = plan
        answer = self._create(request)
        self.created.append(name)
        return answer

    def status(self, job: str) -> str:
        return str(self._jobs.actions["DescribeTrainingJob"]({"TrainingJobName": job})["TrainingJobStatus"])

    @property
    def statuses(self) -> list[str]:
        """How the jobs stand, in the order in which they were created."""
        return [self.status(job) for job in self.created]


@pytest.fixture(scope="module")
def service(aws: AwsServer, tmp_path_factory: pytest.TempPathFactory) -> SageMaker:
    return SageMaker(aws, tmp_path_factory.mktemp("jobs"))


@cache
def definition(job_failures: int) -> Mapping[str, Json]:
    """The states of a workflow of one training step."""
    scope = stack()
    step = zflow.TrainingStep(
        scope,
        "Train",
        image=OWN_IMAGE,
        channels={"train": data(scope)},
        retry=zflow.Retry(job_failures=job_failures, interval_seconds=1),
    )
    zflow.MlWorkflow(scope, "Scoring", steps=[step], outputs={"job": step.job_name, "model": step.model_data.uri})
    return Synthesized.of(scope).definition


def start(aws: AwsServer, *, job_failures: int = 0, seconds: int | None = None) -> str:
    """Start the workflow, with the Task's own limit or a shorter one."""
    machine = json.loads(json.dumps(definition(job_failures)))
    if seconds is not None:
        machine["States"]["Train"]["TimeoutSeconds"] = seconds
    created = create(aws, "faults", machine)
    return aws.clients.stepfunctions.start_execution(stateMachineArn=created, input="{}")["executionArn"]


@pytest.fixture(autouse=True)
def nothing_runs_on(service: SageMaker) -> Iterator[None]:
    yield
    until(lambda: {"InProgress", "Stopping"}.isdisjoint(service.statuses))


def run(aws: AwsServer, *, job_failures: int = 0, seconds: int | None = None) -> Ended:
    return ended(aws, start(aws, job_failures=job_failures, seconds=seconds))


def reason(execution: Ended) -> object:
    """Why the job failed."""
    return json.loads(execution.cause).get("FailureReason")


@pytest.mark.parametrize("fault", REFUSALS)
def test_what_passes_is_waited_for_and_one_job_runs(aws: AwsServer, service: SageMaker, fault: str) -> None:
    service.plan([fault, fault, "works"])
    execution = run(aws)
    assert execution.output == {"job": service.asked[-1], "model": "s3://lake/model.tar.gz"}, execution.cause
    assert (len(service.asked), len(set(service.asked))) == (3, 3)
    assert service.jobs == {service.asked[-1]: "works"}


def test_who_is_throttled_all_the_time_gives_up_without_a_job(aws: AwsServer, service: SageMaker) -> None:
    service.plan(["throttles"])
    execution = run(aws, job_failures=2)
    assert (execution.status, execution.error) == ("FAILED", "SageMaker.AmazonSageMakerException")
    assert execution.cause.startswith("Rate exceeded (Service: AmazonSageMaker;")
    # The first, and what THROTTLING allows: a refused request is no failed job.
    assert (len(service.asked), service.jobs) == (9, {})


def test_a_failed_job_is_not_run_again_unless_that_is_wanted(aws: AwsServer, service: SageMaker) -> None:
    service.plan(["fails"])
    execution = run(aws)
    assert (execution.status, execution.error, reason(execution)) == (
        "FAILED",
        "States.TaskFailed",
        "AlgorithmError: no rows",
    )
    assert service.statuses == ["Failed"]


def test_failed_jobs_are_run_again_under_new_names_until_one_works(aws: AwsServer, service: SageMaker) -> None:
    service.plan(["fails", "throttles", "fails", "works"])
    execution = run(aws, job_failures=2)
    assert (execution.cause, service.statuses) == ("", ["Failed", "Failed", "Completed"])
    assert len(set(service.asked)) == 4
    assert execution.output == {"job": service.asked[-1], "model": "s3://lake/model.tar.gz"}


def test_when_all_jobs_fail_so_does_the_step(aws: AwsServer, service: SageMaker) -> None:
    service.plan(["fails"])
    execution = run(aws, job_failures=2)
    assert (execution.error, reason(execution)) == ("States.TaskFailed", "AlgorithmError: no rows")
    assert service.statuses == ["Failed", "Failed", "Failed"]
    assert len(set(service.asked)) == 3


def test_a_job_that_somebody_stopped_is_no_success(aws: AwsServer, service: SageMaker) -> None:
    service.plan(["stops"])
    execution = run(aws)
    assert (execution.status, execution.error) == ("FAILED", "States.TaskFailed")
    assert json.loads(execution.cause)["TrainingJobStatus"] == "Stopped"
    assert service.statuses == ["Stopped"]


def test_a_job_that_takes_too_long_is_stopped_and_not_run_again(aws: AwsServer, service: SageMaker) -> None:
    service.plan(["hangs", "works"])
    execution = run(aws, job_failures=2, seconds=1)
    assert (execution.status, execution.error) == ("FAILED", "States.Timeout")
    assert len(service.asked) == 1
    until(lambda: service.statuses == ["Stopped"])


def test_a_stopped_execution_stops_its_job(aws: AwsServer, service: SageMaker) -> None:
    service.plan(["hangs"])
    arn = start(aws)
    until(lambda: service.statuses == ["InProgress"])
    aws.clients.stepfunctions.stop_execution(executionArn=arn)
    assert ended(aws, arn).status == "ABORTED"
    until(lambda: service.statuses == ["Stopped"])


def test_a_redrive_runs_the_failed_job_anew_under_a_new_name(aws: AwsServer, service: SageMaker) -> None:
    service.plan(["fails", "works"])
    failed = run(aws)
    assert failed.status == "FAILED"
    aws.clients.stepfunctions.redrive_execution(executionArn=failed.arn)
    assert ended(aws, failed.arn).status == "SUCCEEDED"
    assert service.statuses == ["Failed", "Completed"]
    assert len(set(service.asked)) == 2
