import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Protocol

import pytest
from moto.server import ThreadedMotoServer

from tests.runtime.databricks.cloud import AWS, ONE_TRY, Bucket, Cloud, Secrets, TokenService, serve_tokens
from zflow_constructs.local.databricks.clock import SimulatedClock
from zflow_constructs.local.databricks.scripted import SUCCESS, TaskScript
from zflow_constructs.local.databricks.scripted_workspace import Workspace

FOLDER = Path(__file__).parents[3] / "zflow_constructs" / "runtime" / "databricks"
EXECUTION = "arn:aws:states:eu-central-1:111122223333:execution:RiskScoring:night-1"
STARTED = "2023-11-14T22:13:19.000Z"  # A second before the clock's first.
LAMBDA_SECONDS = 120.0
JOB_ID = 1234567890123456789
TASK = {"task_key": "main", "notebook_task": {"notebook_path": "/jobs/extract"}}

Json = dict[str, object]


class Function(Protocol):
    """What the tests call of `function.DatabricksFunction`, whose module is loaded by path."""

    def answer(self, event: Mapping[str, object], *, remaining_seconds: Callable[[], float]) -> Json: ...


@dataclass(frozen=True)
class Failure:
    """An error as Step Functions gets it."""

    name: str
    cause: str


@dataclass
class Step:
    """A step's Databricks function and what the state machine does with it, in simulated time."""

    function: Function
    clock: SimulatedClock
    workspace: Workspace
    bucket: Bucket
    log: list[str]
    execution: str = EXECUTION
    started: str = STARTED
    step: str = "Extract"
    item: str = ""
    redrive: int = 0
    call: str = "submit"
    timeout_seconds: int = 3600
    retries: Json = field(default_factory=lambda: {"transient": 2, "failures": 0, "interval_seconds": 60})
    allow_failures: bool = False
    values: Json = field(default_factory=dict)
    transitions: int = 0
    request: Json = field(default_factory=lambda: {"tasks": [TASK]})

    def invoke(self, event: Mapping[str, object]) -> Json:
        """One invocation; what it is given and gives passes through JSON, as on AWS."""
        deadline = self.clock.now() + LAMBDA_SECONDS
        event = json.loads(json.dumps(event))
        answer: Json = json.loads(
            json.dumps(self.function.answer(event, remaining_seconds=lambda: deadline - self.clock.now()))
        )
        return answer

    def fails(self, event: Mapping[str, object]) -> Failure:
        with pytest.raises(Exception, match=r"\S") as error:
            self.invoke(event)
        assert error.value.__cause__ is None
        return Failure(type(error.value).__name__, str(error.value))

    def run_job(self, **request: object) -> None:
        """Let the step run an existing job."""
        self.call, self.request = "run-now", {"job_id": str(JOB_ID), **request}

    def redriven(self, *, after: float = 3600) -> None:
        """Redrive the execution, so many seconds after now."""
        self.clock.sleep(after)
        self.redrive += 1
        self.started = datetime.fromtimestamp(self.clock.now(), UTC).isoformat(timespec="milliseconds")

    def submission(self, *, attempt: int = 0, run: object = None) -> Json:
        return self._event("submit", attempt, run)

    def look(self, run: object) -> Json:
        return self._event("check", 0, run)

    def stop(self) -> Json:
        """The event of the rule: the execution has ended now."""
        return {"action": "stop", "execution": self.execution, "stopped": round(self.clock.now() * 1000)}

    def _event(self, action: str, attempt: int, run: object) -> Json:
        return {
            "action": action,
            "execution": self.execution,
            "started": self.started,
            "redrive": self.redrive,
            "step": self.step,
            "item": self.item,
            "attempt": attempt,
            "timeout_seconds": self.timeout_seconds,
            "retries": self.retries,
            "allow_failures": self.allow_failures,
            "values": self.values,
            "call": self.call,
            "request": self.request,
            "run": run,
        }

    def submitted(self) -> Json:
        """A run that was just submitted."""
        return run_of(self.invoke(self.submission()))

    def result(self, answer: Json | None = None) -> Json:
        """Run the step like its states do: submit, wait, check, until it is done or fails."""
        answer = answer or self.invoke(self.submission())
        while answer["status"] != "DONE":
            assert isinstance(answer["wait_seconds"], int)
            self.clock.sleep(answer["wait_seconds"])
            if answer["status"] == "SUBMIT":
                assert isinstance(answer["attempt"], int)
                answer = self.invoke(self.submission(attempt=answer["attempt"], run=answer["run"]))
            else:
                answer = self.invoke(self.look(answer["run"]))
            self.transitions += 1
            assert self.transitions < 3_000, "the step never ends"
        return run_of(answer)

    def failure(self, answer: Json | None = None) -> Failure:
        with pytest.raises(Exception, match=r"\S") as error:
            self.result(answer)
        return Failure(type(error.value).__name__, str(error.value))

    def lines(self) -> list[Json]:
        return [json.loads(line) for line in self.log]

    def told(self, message: str) -> list[Json]:
        """The lines of the log with this message."""
        return [line for line in self.lines() if line["message"] == message]


def task(key: str, run_id: int, document: Json = SUCCESS, *, attempt: int = 0) -> TaskScript:
    """A task run that has ended so."""
    return TaskScript(key, ((0, document),), run_id=run_id, attempt=attempt)


def run_of(answer: Json) -> Json:
    """The run of an answer."""
    run = answer["run"]
    assert isinstance(run, dict)
    return run


@pytest.fixture(scope="session")
def module() -> Iterator[ModuleType]:
    """The function's module, imported as in a Lambda: from the root of its own folder."""
    before = set(sys.modules)
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module("function")
    finally:
        sys.path.remove(str(FOLDER))
        for name in set(sys.modules) - before:
            if getattr(sys.modules[name], "__file__", None) and str(FOLDER) in str(sys.modules[name].__file__):
                del sys.modules[name]


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    """The URL of moto's server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def secrets(aws: str) -> Secrets:
    return Secrets(aws)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def workspace(clock: SimulatedClock) -> Iterator[Workspace]:
    with Workspace(clock, jobs={JOB_ID: {"name": "A job of theirs", "tasks": [TASK]}}) as workspace:
        yield workspace


@pytest.fixture
def bucket(aws: str) -> Bucket:
    return Bucket(aws)


@pytest.fixture(scope="session")
def sts() -> Iterator[TokenService]:
    with serve_tokens(TokenService()) as service:
        yield service


@pytest.fixture
def tokens(sts: TokenService) -> Iterator[TokenService]:
    """The token service as it was before any test."""
    before = replace(sts)
    yield sts
    sts.url, sts.error, sts.asked = before.url, before.error, before.asked


@pytest.fixture
def cloud(secrets: Secrets, bucket: Bucket, tokens: TokenService) -> Cloud:
    return Cloud(secrets, bucket, tokens)


MakeStep = Callable[..., Step]


@pytest.fixture
def make_step(module: ModuleType, clock: SimulatedClock, workspace: Workspace, cloud: Cloud) -> MakeStep:
    def make(
        *, auth: str = "oauth-m2m", secret: object = None, arn: str = "", host: str = "", sts: object = None, **env: str
    ) -> Step:
        value = secret or {"client_id": "client-1", "client_secret": "client-secret-1"}
        settings = module.Settings.from_environment(
            {
                "DATABRICKS_HOST": host or workspace.url,
                "DATABRICKS_AUTH": auth,
                "DATABRICKS_SECRET_ARN": arn or cloud.secrets.create(value),
                "DATABRICKS_BUCKET": cloud.bucket.name,
                "DATABRICKS_WORKSPACE": "Risk",
                **env,
            }
        )
        log: list[str] = []
        function = module.DatabricksFunction(
            settings=settings,
            clients=module.Clients(
                s3=cloud.bucket.client,
                secrets=lambda: cloud.secrets.client,
                tokens=lambda: sts or AWS.client("sts", endpoint_url=cloud.tokens.url, config=ONE_TRY),
            ),
            clock=module.Clock(now=clock.now, sleep=clock.sleep),
            write=log.append,
        )
        return Step(function, clock, workspace, cloud.bucket, log)

    return make


@pytest.fixture
def step(make_step: MakeStep) -> Step:
    return make_step()
