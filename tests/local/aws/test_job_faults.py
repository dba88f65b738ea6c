"""What becomes of transform and processing steps when SageMaker throttles, has no machines, or their jobs go wrong."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

import pytest
from botocore.exceptions import ClientError

import zflow_constructs as zflow
from tests.local.aws.conftest import Api, Ended, api, create, ended
from tests.local.aws.endpoints import no_endpoints, no_versions
from tests.parts import OWN_IMAGE, bucket, data, model, stack
from tests.templates import Synthesized
from tests.waiting import LIMIT_SECONDS, until
from zflow_constructs.local.aws.errors import ApiError
from zflow_constructs.local.aws.sagemaker import sagemaker
from zflow_constructs.local.aws.sagemaker_jobs import Jobs
from zflow_constructs.local.aws.sagemaker_models import Models
from zflow_constructs.local.aws.sagemaker_tuning import TuningJobs
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.containers import JobOutcome

Kind = Literal["Transform", "Processing"]
# SageMaker's own description doesn't have this error, which it answers with all the same.
pytestmark = pytest.mark.filterwarnings("ignore:Exception.*ThrottlingException does not match:UserWarning")
KINDS: Sequence[Kind] = ("Transform", "Processing")
THROTTLED = ApiError("ThrottlingException", "Rate exceeded")
NO_MACHINES = ApiError("ResourceLimitExceeded", "no ml.m5.large is left")


class ScriptedJob:
    """A job that completes, fails, or waits until it is stopped."""

    def __init__(self, folder: Path, do: str) -> None:
        self._log = folder / "log.txt"
        self._do = do
        self._stopped = threading.Event()

    def run(self) -> JobOutcome:
        if self._do == "wait":
            assert self._stopped.wait(LIMIT_SECONDS)
            return JobOutcome("Stopped", "", "", {}, self._log)
        if self._do == "fail":
            return JobOutcome("Failed", "AlgorithmError: no rows", "", {}, self._log)
        return JobOutcome("Completed", "", "", {}, self._log)

    def stop(self) -> None:
        self._stopped.set()


@dataclass
class Service:
    """SageMaker, which answers calls with what is planned for them, and jobs that do what is planned for them."""

    aws: AwsServer
    faults: dict[str, list[ApiError]] = field(default_factory=dict)
    plan: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def client(self) -> Api:
        return api(self.aws, "sagemaker")

    def names(self, action: str, field: str) -> list[str]:
        """The names that an action was asked for, in this order."""
        return [name for asked, name in self.asked if asked == f"{action}:{field}"]

    def faulty(self, name: str, action: Callable[[Mapping[str, object]], Mapping[str, object]]) -> object:
        def call(request: Mapping[str, object]) -> Mapping[str, object]:
            with self.lock:
                self.asked += [(f"{name}:{key}", str(value)) for key, value in request.items()]
                planned = self.faults.get(name, [])
                if planned:
                    raise planned.pop(0)
            return action(request)

        return call

    def job(self, folder: Path) -> ScriptedJob:
        with self.lock:
            return ScriptedJob(folder, self.plan.pop(0) if self.plan else "complete")

    def jobs(self, kind: Kind) -> dict[str, str]:
        """The status of each job that came to be, by its name."""
        field = f"{kind}JobName"
        found = {}
        for name in self.names(f"Create{kind}Job", field):
            try:
                described = getattr(self.client, f"describe_{kind.lower()}_job")(**{field: name})
            except ClientError:
                continue
            found[name] = str(described[f"{kind}JobStatus"])
        return found

    def models(self) -> list[str]:
        """The models that are there."""
        return [name for name in dict.fromkeys(self.names("CreateModel", "ModelName")) if self._there(name)]

    def _there(self, name: str) -> bool:
        try:
            self.client.describe_model(ModelName=name)
        except ClientError:
            return False
        return True


@pytest.fixture(scope="module")
def running(aws: AwsServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(aws)

    def unheard(_name: str, _line: str) -> None:
        """Nobody listens."""

    models = Models(region=aws.region, account=aws.account)
    endpoints = no_endpoints(models, aws, tmp_path_factory.mktemp("endpoints"))
    jobs = Jobs(
        region=aws.region,
        account=aws.account,
        folder=tmp_path_factory.mktemp("jobs"),
        training=lambda _request, folder, _on_line: service.job(folder),
        transform=lambda _request, folder, _on_line: service.job(folder),
        processing=lambda _request, folder, _on_line: service.job(folder),
        on_line=unheard,
    )
    for actions in (jobs.actions, models.actions):
        wrapped = {name: service.faulty(name, action) for name, action in actions.items()}
        cast("dict[str, object]", actions).update(wrapped)
    tuning = TuningJobs(jobs, region=aws.region, account=aws.account)
    aws.use([sagemaker(jobs=jobs, tuning=tuning, models=models, endpoints=endpoints, registry=no_versions(aws))])
    yield service
    jobs.stop()


@pytest.fixture
def service(running: Service) -> Service:
    running.faults, running.plan, running.asked = {}, [], []
    return running


def definition(kind: Kind, retry: zflow.Retry, items: Sequence[str] = (), at_once: int = 40) -> dict[str, object]:
    """A workflow of one step, or of a loop that repeats it."""
    scope = stack()
    step: zflow.Step
    if kind == "Transform":
        own = zflow.ModelContainer(image=OWN_IMAGE, model_data=model(scope).model_data)
        step = zflow.BatchTransformStep(scope, "Work", containers=[own], data=data(scope))
    else:
        step = zflow.ProcessingStep(scope, "Work", image=OWN_IMAGE, inputs={"rows": data(scope)})
    loop = [zflow.ForEach(scope, "Each", items=list(items), steps=[step], max_concurrency=at_once)] if items else []
    zflow.MlWorkflow(scope, "Scoring", steps=loop or [step], bucket=bucket(scope), retry=retry)
    return dict(Synthesized.of(scope).definition)


@dataclass
class Workflow:
    """The workflow on the local AWS."""

    service: Service
    kind: Kind
    machine: str

    @classmethod
    def of(cls, service: Service, kind: Kind, definition: Mapping[str, object]) -> "Workflow":
        return cls(service, kind, create(service.aws, "faults", definition))

    def start(self) -> str:
        client = self.service.aws.clients.stepfunctions
        return client.start_execution(stateMachineArn=self.machine, input="{}")["executionArn"]

    def run(self) -> Ended:
        return ended(self.service.aws, self.start())

    def redrive(self, arn: str) -> Ended:
        self.service.aws.clients.stepfunctions.redrive_execution(executionArn=arn)
        return ended(self.service.aws, arn)

    @property
    def jobs(self) -> dict[str, str]:
        return self.service.jobs(self.kind)

    @property
    def asked(self) -> list[str]:
        """The names of all jobs that were asked for, whether they came to be or not."""
        return self.service.names(f"Create{self.kind}Job", f"{self.kind}JobName")


def workflow(
    service: Service, kind: Kind, retry: zflow.Retry | None = None, items: Sequence[str] = (), at_once: int = 40
) -> Workflow:
    return Workflow.of(service, kind, definition(kind, retry or zflow.Retry(), items, at_once))


@pytest.mark.parametrize("fault", [THROTTLED, NO_MACHINES], ids=["throttled", "no machines"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_passes_is_waited_out_and_one_job_runs(service: Service, kind: Kind, fault: ApiError) -> None:
    work = workflow(service, kind)
    service.faults = {f"Create{kind}Job": [fault, fault]}
    assert work.run().status == "SUCCEEDED"
    assert len(set(work.asked)) == len(work.asked) == 3
    assert work.jobs == {work.asked[-1]: "Completed"}
    assert service.models() == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [(THROTTLED, "SageMaker.AmazonSageMakerException"), (NO_MACHINES, "SageMaker.ResourceLimitExceededException")],
    ids=["throttled", "no machines"],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_lasts_fails_without_a_job_and_a_redrive_goes_on_from_there(
    service: Service, kind: Kind, fault: ApiError, error: str
) -> None:
    work = workflow(service, kind, zflow.Retry(job_failures=5, throttling_attempts=1, capacity_attempts=1))
    service.faults = {f"Create{kind}Job": [fault] * 2}
    failed = work.run()
    assert (failed.status, failed.error) == ("FAILED", error)
    assert (len(set(work.asked)), work.jobs) == (2, {})
    # The model waits for the redrive, which transforms with it, and deletes it.
    assert len(service.models()) == (1 if kind == "Transform" else 0)
    assert work.redrive(failed.arn).status == "SUCCEEDED"
    assert len(set(work.asked)) == 3
    assert work.jobs == {work.asked[-1]: "Completed"}
    assert service.models() == []
    assert len(service.names("CreateModel", "ModelName")) == (1 if kind == "Transform" else 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_job_is_started_anew_as_often_as_is_said_and_a_redrive_says_it_again(
    service: Service, kind: Kind
) -> None:
    work = workflow(service, kind, zflow.Retry(job_failures=1, interval_seconds=1))
    service.plan = ["fail"] * 3
    failed = work.run()
    assert (failed.status, failed.error) == ("FAILED", "States.TaskFailed")
    assert json.loads(failed.cause)["FailureReason"] == "AlgorithmError: no rows"
    assert list(work.jobs.values()) == ["Failed"] * 2
    assert work.redrive(failed.arn).status == "SUCCEEDED"
    assert list(work.jobs.values()) == ["Failed"] * 3 + ["Completed"]
    assert service.models() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_job_is_not_started_anew_by_default(service: Service, kind: Kind) -> None:
    work = workflow(service, kind)
    service.plan = ["fail"]
    assert work.run().error == "States.TaskFailed"
    assert list(work.jobs.values()) == ["Failed"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_that_somebody_stopped_fails_the_step(service: Service, kind: Kind) -> None:
    work = workflow(service, kind)
    service.plan = ["wait"]
    arn = work.start()
    until(lambda: list(work.jobs.values()) == ["InProgress"])
    getattr(service.client, f"stop_{kind.lower()}_job")(**{f"{kind}JobName": work.asked[0]})
    assert ended(service.aws, arn).status == "FAILED"
    assert work.jobs == {work.asked[0]: "Stopped"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_of_a_stopped_execution_is_stopped(service: Service, kind: Kind) -> None:
    work = workflow(service, kind)
    service.plan = ["wait"]
    arn = work.start()
    until(lambda: list(work.jobs.values()) == ["InProgress"])
    service.aws.clients.stepfunctions.stop_execution(executionArn=arn)
    assert ended(service.aws, arn).status == "ABORTED"
    until(lambda: work.jobs == {work.asked[0]: "Stopped"})


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_that_runs_out_of_time_is_stopped_and_never_started_anew(service: Service, kind: Kind) -> None:
    made = definition(kind, zflow.Retry(job_failures=3, interval_seconds=1))
    cast("dict[str, dict[str, object]]", made["States"])["Work"]["TimeoutSeconds"] = 1
    work = Workflow.of(service, kind, made)
    service.plan = ["wait"]
    failed = work.run()
    assert (failed.status, failed.error) == ("FAILED", "States.Timeout")
    until(lambda: work.jobs == {work.asked[0]: "Stopped"})


def test_a_throttled_model_is_made_once_and_deleted(service: Service) -> None:
    work = workflow(service, "Transform")
    service.faults = {"CreateModel": [THROTTLED], "DeleteModel": [THROTTLED]}
    assert work.run().status == "SUCCEEDED"
    assert len(set(service.names("CreateModel", "ModelName"))) == 2
    assert len(service.names("DeleteModel", "ModelName")) == 2
    assert service.models() == []
    assert list(work.jobs.values()) == ["Completed"]


@pytest.mark.parametrize("kind", KINDS)
def test_jobs_and_models_of_a_loop_have_names_of_their_own_over_turns_retries_and_redrives(
    service: Service, kind: Kind
) -> None:
    work = workflow(service, kind, zflow.Retry(job_failures=1, interval_seconds=1), items=["at", "de", "fr"], at_once=1)
    service.plan = ["complete", "fail", "fail"]
    failed = work.run()
    assert (failed.status, list(work.jobs.values())) == ("FAILED", ["Completed", "Failed", "Failed"])
    assert len(service.models()) == (1 if kind == "Transform" else 0)
    assert work.redrive(failed.arn).status == "SUCCEEDED"
    assert list(work.jobs.values()) == ["Completed", "Failed", "Failed", "Completed", "Completed"]
    assert len(set(work.asked)) == len(work.asked) == 5
    assert service.models() == []
    models = service.names("CreateModel", "ModelName")
    assert len(set(models)) == len(models) == (3 if kind == "Transform" else 0)


@pytest.mark.parametrize("kind", KINDS)
def test_each_turn_of_a_loop_starts_its_failed_job_anew(service: Service, kind: Kind) -> None:
    work = workflow(service, kind, zflow.Retry(job_failures=3, interval_seconds=1), items=["at", "de", "fr"])
    service.plan = ["fail"] * 3
    service.faults = {f"Create{kind}Job": [THROTTLED, NO_MACHINES]}
    assert work.run().status == "SUCCEEDED"
    assert sorted(work.jobs.values()) == ["Completed"] * 3 + ["Failed"] * 3
    assert len(set(work.asked)) == len(work.asked) == 8
    assert service.models() == []
