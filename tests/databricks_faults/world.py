"""Workflows on a scripted, misbehaving Databricks, in simulated time: synthesized templates, the Lambda's own code."""

import importlib
import itertools
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.stepfunctions.parser.asl.component.common.retry.jitter_strategy_decl import JitterStrategyDecl
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.environment import Environment

import zflow_constructs as zflow
from tests.databricks_faults.workflows import assembly
from tests.local.aws.conftest import ACCOUNT, REGION, Ended, ended
from tests.waiting import LIMIT_SECONDS
from zflow_constructs.assembly.cloud_assembly import load_stack
from zflow_constructs.local.aws.callers import Caller
from zflow_constructs.local.aws.events import Deliveries, events, send_status
from zflow_constructs.local.aws.hooks import all_replaced
from zflow_constructs.local.aws.lambda_ import Functions, lambda_functions
from zflow_constructs.local.aws.lambda_process import Answer
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.aws.stepfunctions import stepfunctions
from zflow_constructs.local.bootstrap import bootstrap, deploy, upload_assets
from zflow_constructs.local.databricks.clock import SimulatedClock
from zflow_constructs.local.databricks.scripted import Script
from zflow_constructs.local.databricks.scripted_workspace import Workspace

FOLDER = Path(zflow.__file__).parent / "runtime" / "databricks"
SECRET = {"client_id": "client-1", "client_secret": "client-secret-1"}
JOBS = {
    620: {
        "name": "Nightly",
        "tasks": [{"task_key": "write", "notebook_task": {"notebook_path": "/Shared/write"}}],
        "parameters": [{"name": "country", "default": "at"}],
    }
}
_EVENT_RETRY_SECONDS = (60, 120)
# As it is without the engine's own hook, which shortens the wait.
_jitter = JitterStrategyDecl._eval_body


class Function(Protocol):
    """What is called of `function.DatabricksFunction`, whose module is loaded by path."""

    def answer(
        self, event: Mapping[str, object], *, remaining_seconds: Callable[[], float]
    ) -> Mapping[str, object]: ...


class RunningClock(SimulatedClock):
    """This machine's time, ahead of it by all that was slept: no thread really sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._ahead: list[tuple[float, float]] = [(0.0, 0.0)]

    def now(self) -> float:
        return self.at(time.time())

    def at(self, moment: float) -> float:
        """What this clock showed at a moment of this machine's."""
        return moment + next(ahead for since, ahead in reversed(self._ahead) if since <= moment)

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._ahead.append((time.time(), self._ahead[-1][1] + seconds))


@cache
def runtime() -> tuple[ModuleType, ModuleType]:
    """The modules of the function and of its clients, imported as in a Lambda: from the root of its own folder."""
    sys.path.insert(0, str(FOLDER))
    try:
        return importlib.import_module("function"), importlib.import_module("aws")
    finally:
        sys.path.remove(str(FOLDER))


@dataclass
class InProcess:
    """The workspace's Lambda, in this process and in simulated time; each thread is a process of its own."""

    aws: AwsServer
    clock: RunningClock
    host: Callable[[], str]
    log: list[str] = field(default_factory=list)
    undelivered: list[str] = field(default_factory=list)
    before: Callable[[Mapping[str, object]], None] = lambda _: None
    after: Callable[[Mapping[str, object]], None] = lambda _: None
    _warm: threading.local = field(default_factory=threading.local)

    def invoke(self, function: LambdaFunction, event: str, _caller: Caller | None = None) -> Answer:
        """Run the handler's function on an event."""
        document = self._timed(json.loads(event))
        self.before(document)
        deadline = self.clock.now() + float(function.timeout)
        try:
            answer = self._function(function).answer(document, remaining_seconds=lambda: deadline - self.clock.now())
            self.after(document)
        except Exception as error:  # noqa: BLE001 - as Lambda does: whatever it is, it is the invocation's error
            failure = {"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": []}
            return Answer(json.dumps(failure), failed=True)
        return Answer(json.dumps(answer), failed=False)

    def invoke_event(self, arn: str, event: object) -> None:
        """Run it on an asynchronous event, with Lambda's two retries."""
        _, _, _, region, account, _, name = arn.split(":")[:7]
        function = lambda_backends[account][region].get_function(name)
        for delay in (*_EVENT_RETRY_SECONDS, 0):
            answer = self.invoke(function, json.dumps(event))
            if not answer.failed:
                return
            self.clock.sleep(delay)
        self.undelivered.append(answer.payload)

    def _timed(self, event: dict[str, object]) -> dict[str, object]:
        """The event with its times by the simulated clock: Step Functions tells them by this machine's."""
        if "started" in event:
            started = self.clock.at(datetime.fromisoformat(str(event["started"])).timestamp())
            event["started"] = datetime.fromtimestamp(started, UTC).isoformat()
        if "stopped" in event:
            event["stopped"] = int(self.clock.at(int(str(event["stopped"])) / 1000) * 1000)
        return event

    def _function(self, function: LambdaFunction) -> Function:
        if getattr(self._warm, "host", "") != self.host():
            module, aws = runtime()
            environment = {name: str(value) for name, value in function.environment_vars.items()}
            self._warm.host = self.host()
            self._warm.function = module.DatabricksFunction(
                settings=module.Settings.from_environment({**environment, "DATABRICKS_HOST": self.host()}),
                clients=aws.Clients(
                    s3=self.aws.clients.s3, secrets=lambda: self.aws.clients.secretsmanager, tokens=lambda: None
                ),
                clock=module.Clock(now=self.clock.now, sleep=self.clock.sleep),
                write=self.log.append,
            )
        return cast("Function", self._warm.function)


@contextmanager
def simulated_waits(clock: SimulatedClock) -> Iterator[None]:
    """Let Wait states and retries pass simulated time, and none of ours."""

    def wait(_self: WaitFunction, env: Environment, wait_seconds: float) -> None:
        if env.is_running():
            clock.sleep(wait_seconds)

    def wait_before_retry(self: JitterStrategyDecl, env: Environment) -> None:
        _jitter(self, env)
        clock.sleep(env.stack.pop())
        env.stack.append(0)

    with all_replaced((WaitFunction, "_wait_interval", wait), (JitterStrategyDecl, "_eval_body", wait_before_retry)):
        yield


class World:
    """An account with the workflows of `workflows.py`, and a Databricks workspace whose runs follow scripts."""

    def __init__(self, folder: Path) -> None:
        self._closing = ExitStack()
        self._nights = itertools.count(1)
        self.clock = RunningClock()
        self.aws = self._closing.enter_context(
            AwsServer(account=ACCOUNT, region=REGION, time_scale=0.001, log=folder / "aws.log")
        )
        self.function = InProcess(self.aws, self.clock, host=lambda: self.workspace.url)
        self.deliveries = Deliveries({"lambda": self.function.invoke_event})
        functions = cast("Functions", self.function)
        self.aws.use(
            [
                simulated_waits(self.clock),
                lambda_functions(functions, send=self.deliveries.send),
                events(self.deliveries),
                stepfunctions(on_history=lambda _arn, _event: None, on_status=send_status),
            ]
        )
        self.aws.clients.secretsmanager.create_secret(Name="databricks", SecretString=json.dumps(SECRET))
        stack = load_stack(assembly(folder / "cdk.out"))
        bootstrap(self.aws, stack)
        upload_assets(self.aws, stack)
        self._machines = deploy(self.aws, stack)

    def close(self) -> None:
        """Stop it all."""
        self._closing.close()

    @contextmanager
    def databricks(self, *, requests_per_second: int = 0) -> Iterator[Workspace]:
        """Another workspace, as if there had been no other."""
        with Workspace(self.clock, jobs=JOBS, requests_per_second=requests_per_second) as workspace:
            self.workspace = workspace
            self.function.log.clear()
            self.function.undelivered.clear()
            self.function.before = self.function.after = lambda _: None
            yield workspace

    def execution(self, workflow: str) -> str:
        """The ARN of an execution of a workflow that has not started yet."""
        machine = self._machines[f"{workflow}Machine"]
        return f"{machine.replace(':stateMachine:', ':execution:')}:night-{next(self._nights)}"

    def run(self, workflow: str, *scripts: Script) -> Ended:
        """Runs a workflow whose runs follow these scripts, until it has ended and what follows from that is done."""
        return self.go(self.execution(workflow), *scripts)

    def go(self, execution: str, *scripts: Script) -> Ended:
        """Starts an execution whose runs follow these scripts, and waits for the end of it, and of what follows."""
        self.workspace.scripts.extend(scripts)
        machine, _, name = execution.replace(":execution:", ":stateMachine:").rpartition(":")
        self.aws.clients.stepfunctions.start_execution(stateMachineArn=machine, name=name)
        return self._end(execution)

    def _end(self, execution: str) -> Ended:
        end = ended(self.aws, execution)
        assert self.deliveries.wait(LIMIT_SECONDS)
        return end

    def stop(self, execution: str) -> None:
        """Stops an execution, as somebody does in the console."""
        self.aws.clients.stepfunctions.stop_execution(executionArn=execution)

    def stop_at(self, execution: str, number: int, *, call: str = "get") -> None:
        """Has an execution stopped when the workspace gets the nth request of a call."""
        calls = itertools.count(1)

        def hear(received: str) -> None:
            if received == call and next(calls) == number:
                self.stop(execution)

        self.workspace.on_call = hear

    def redrive(self, execution: str, *scripts: Script) -> Ended:
        """Lets an execution go on from where it failed, and waits for its end."""
        self.workspace.scripts.extend(scripts)
        self.aws.clients.stepfunctions.redrive_execution(executionArn=execution)
        return self._end(execution)

    def states(self) -> list[str]:
        """How the runs that exist have ended, or where they are, the first one first."""
        return [self.workspace.state_of(str(run)) for run in self.workspace.runs]
