import importlib
import json
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Protocol

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.runtime.databricks.workspace import Json, SimulatedClock, Workspace, serve

FOLDER = Path(__file__).parents[3] / "zflow_constructs" / "runtime" / "databricks"
EXECUTION = "arn:aws:states:eu-central-1:111122223333:execution:RiskScoring:night-1"
LAMBDA_SECONDS = 120.0


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
    log: list[str]
    execution: str = EXECUTION
    step: str = "Extract"
    redrive: int = 0
    transitions: int = 0
    request: Json = field(default_factory=lambda: {"timeout_seconds": 3600, "tasks": [{"task_key": "main"}]})

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

    def submission(self, *, attempt: int = 0, item: str = "", max_attempts: int = 3) -> Json:
        return {
            "action": "submit",
            "execution": self.execution,
            "step": self.step,
            "item": item,
            "attempt": attempt,
            "redrive": self.redrive,
            "max_attempts": max_attempts,
            "request": self.request,
        }

    def look(self, run: object) -> Json:
        return {
            "action": "check",
            "execution": self.execution,
            "step": self.step,
            "redrive": self.redrive,
            "run": run,
        }

    def submitted(self, *, max_attempts: int = 3) -> Json:
        """A run that was just submitted."""
        run = self.invoke(self.submission(max_attempts=max_attempts))["run"]
        assert isinstance(run, dict)
        return run

    def result(self, *, max_attempts: int = 3) -> Json:
        """Run the step like its states do: submit, wait, check, until it is done or fails."""
        answer = self.invoke(self.submission(max_attempts=max_attempts))
        while answer["status"] != "DONE":
            assert isinstance(answer["wait_seconds"], int)
            self.clock.sleep(answer["wait_seconds"])
            if answer["status"] == "SUBMIT":
                assert isinstance(answer["attempt"], int)
                answer = self.invoke(self.submission(attempt=answer["attempt"], max_attempts=max_attempts))
            else:
                answer = self.invoke(self.look(answer["run"]))
            self.transitions += 1
            assert self.transitions < 3_000, "the step never ends"
        result = answer["result"]
        assert isinstance(result, dict)
        return result

    def failure(self, *, max_attempts: int = 3) -> Failure:
        with pytest.raises(Exception, match=r"\S") as error:
            self.result(max_attempts=max_attempts)
        return Failure(type(error.value).__name__, str(error.value))

    def lines(self) -> list[Json]:
        return [json.loads(line) for line in self.log]


class Secrets:
    """Secrets in moto's Secrets Manager, over HTTP."""

    def __init__(self, url: str) -> None:
        self.client = boto3.client(
            "secretsmanager",
            endpoint_url=url,
            region_name="eu-central-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def create(self, value: object) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        return self.client.create_secret(Name=f"databricks-{uuid.uuid4()}", SecretString=text)["ARN"]

    def rotate(self, arn: str, value: object) -> None:
        self.client.put_secret_value(SecretId=arn, SecretString=json.dumps(value))


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
    with serve(Workspace(clock)) as workspace:
        yield workspace


MakeStep = Callable[..., Step]


@pytest.fixture
def make_step(module: ModuleType, secrets: Secrets, clock: SimulatedClock, workspace: Workspace) -> MakeStep:
    def make(*, auth: str = "oauth-m2m", secret: object = None, arn: str = "", host: str = "") -> Step:
        value = secret or {"client_id": "client-1", "client_secret": "client-secret-1"}
        settings = module.Settings.from_environment(
            {
                "DATABRICKS_HOST": host or workspace.url,
                "DATABRICKS_AUTH": auth,
                "DATABRICKS_SECRET_ARN": arn or secrets.create(value),
            }
        )
        log: list[str] = []
        function = module.DatabricksFunction(
            settings=settings,
            secrets=secrets.client,
            clock=module.Clock(now=clock.now, sleep=clock.sleep),
            write=log.append,
        )
        return Step(function, clock, workspace, log)

    return make


@pytest.fixture
def step(make_step: MakeStep) -> Step:
    return make_step()
