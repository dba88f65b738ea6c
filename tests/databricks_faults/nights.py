"""Many executions at once, in virtual time: the emitted machines, the Lambda's own code, a scripted Databricks.

Here, other than in `world.py`, time passes for all alike, and what happens at the same moment happens in an order that
the seed decides. A call of the Lambda takes the time that it slept; it may begin late, when nobody waits for it.
"""

import json
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from random import Random
from typing import cast

from tests.databricks_faults.world import JOBS, Function, runtime
from tests.simulation.clock import Clock
from tests.simulation.definition import Scope
from tests.simulation.execution import Running, Status, Surroundings
from tests.simulation.tasks import Attempt, Failure
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.databricks.clock import SimulatedClock
from zflow_constructs.local.databricks.scripted_workspace import Workspace

LAMBDA, START = "arn:aws:states:::lambda:invoke", "arn:aws:states:::states:startExecution.sync:2"
LAMBDA_SECONDS = 110
_EVENT_RETRY_SECONDS = (60, 120)
_BEGAN = 1_790_000_000.0


@dataclass
class VirtualClock(SimulatedClock):
    """The time of the simulation, and within a call of the Lambda what the call has slept so far."""

    clock: Clock
    slept: float = 0.0

    def now(self) -> float:
        return _BEGAN + self.clock.now + self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


class DiedError(Exception):
    """The end of the Lambda's process."""


DiedError.__name__ = "Runtime.ExitError"


@dataclass(frozen=True)
class Interrupted:
    """A client of S3 before whose calls something may happen."""

    client: object
    meanwhile: Callable[[], None]

    def __getattr__(self, operation: str) -> object:
        self.meanwhile()
        return getattr(self.client, operation)


@dataclass(eq=False)
class Execution:
    """One execution, and how often it has called the Lambda."""

    arn: str
    top: Running
    context: dict[str, Json]
    calls: int = 0

    @property
    def status(self) -> Status:
        return self.top.status


@dataclass
class Night:
    """Executions, and all that they meet.

    Args:
        seed: decides everything that is left open.
        machines: the state machines, by their workflows' names and by their ARNs.
        bucket: the workspace's bucket.
        secret: the secret with its token.
        s3: the Lambda's client of S3.
        secrets: its client of Secrets Manager.
        late: how likely it is that a call of the Lambda begins some seconds late.
        died: how likely it is that the Lambda dies when it has done its work, or at a call of S3 before.
        raced: how likely it is, at each such call, that the execution is stopped just then.
    """

    seed: str
    machines: Mapping[str, Scope]
    bucket: str
    secret: str
    s3: object
    secrets: object
    late: float = 0.0
    died: float = 0.0
    raced: float = 0.0
    undelivered: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.clock = Clock(self.random)
        self.time = VirtualClock(self.clock)
        self.workspace = Workspace(self.time, jobs=JOBS)
        self.executions: dict[str, Execution] = {}
        self._tokens = (f"token {number}" for number in count(1))
        self._numbers = count(1)
        # The bucket is there for all nights.
        self._name = sha256(self.seed.encode()).hexdigest()[:16]
        self._watchers: dict[Attempt, Execution] = {}
        self._called_for: Execution | None = None
        self._function = self._make_function()

    def start(self, workflow: str) -> Execution:
        """Starts an execution of a workflow, which runs as the clock does."""
        return self._start(self.machines[workflow], {}, f"{workflow}:{self._name}-{next(self._numbers)}", self._over)

    def stop(self, execution: Execution) -> None:
        """Stops an execution, if it still runs."""
        if execution.status is Status.RUNNING:
            execution.top.abort()
            self._over(execution)

    def redrive(self, execution: Execution) -> None:
        """Lets an execution go on from where it failed, or was stopped."""
        execution.context["RedriveCount"] = int(str(execution.context.get("RedriveCount", 0))) + 1
        execution.context["RedriveTime"] = self._now()
        execution.top.resume()

    @property
    def watchers(self) -> list[Execution]:
        """The executions that watched runs for others."""
        return list(self._watchers.values())

    def run(self) -> None:
        """Lets everything happen, until nothing happens any more."""
        self.clock.run()

    def _start(
        self, machine: Scope, given: Mapping[str, Json], name: str, ended: Callable[[Execution], None]
    ) -> Execution:
        arn = f"arn:aws:states:eu-central-1:111122223333:execution:{name}"
        context: dict[str, Json] = {"Id": arn, "Name": name.rpartition(":")[2], "StartTime": self._now()}
        around = Surroundings(self.clock, self._call, self._stopped, self._tokens, context)
        top = Running(around, machine, ChainMap(), (), dict(given), lambda: ended(execution))
        execution = self.executions[arn] = Execution(arn, top, context)
        top.resume()
        return execution

    def _over(self, execution: Execution) -> None:
        """EventBridge tells the Lambda of an execution that has ended badly."""
        if execution.status is not Status.SUCCEEDED:
            event = self._stopping(execution)
            self.clock.after(self.random.uniform(0.2, 3), lambda: self._deliver(event, tries=0))

    def _deliver(self, event: Mapping[str, object], *, tries: int) -> None:
        answer, slept = self._invoke(event)

        def answered() -> None:
            if isinstance(answer, Failure) and tries < len(_EVENT_RETRY_SECONDS):
                self.clock.after(_EVENT_RETRY_SECONDS[tries], lambda: self._deliver(event, tries=tries + 1))
            elif isinstance(answer, Failure):
                self.undelivered.append(f"{answer.error}: {answer.cause}")

        self.clock.after(slept, answered)

    def _call(self, attempt: Attempt) -> None:
        if attempt.resource == START:
            self._watch(attempt)
        else:
            assert attempt.resource == LAMBDA
            self.executions[attempt.execution].calls += 1
            late = self.random.uniform(0, 8) if self.random.random() < self.late else 0.05
            self.clock.after(late, lambda: self._answer(attempt))

    def _answer(self, attempt: Attempt) -> None:
        """The Lambda does its work, whether somebody waits for it or not; its answer takes what it slept."""
        answer, slept = self._invoke(cast("Mapping[str, object]", attempt.arguments["Payload"]))
        if self.random.random() < self.died:
            answer = Failure("Runtime.ExitError", "signal: killed")
        result: Json | Failure = answer if isinstance(answer, Failure) else {"Payload": answer}
        self.clock.after(slept, lambda: attempt.answer(result))

    def _watch(self, attempt: Attempt) -> None:
        machine = self.machines[str(attempt.arguments["StateMachineArn"])]
        given = cast("Mapping[str, Json]", attempt.arguments["Input"])

        def ended(child: Execution) -> None:
            failed = child.status is Status.FAILED
            attempt.answer(Failure("States.TaskFailed") if failed else {"Output": child.top.output})

        self._watchers[attempt] = self._start(machine, given, f"Watcher:{self._name}-{next(self._numbers)}", ended)

    def _stopped(self, attempt: Attempt) -> None:
        if attempt in self._watchers:
            self._watchers[attempt].top.abort()

    def _invoke(self, event: Mapping[str, object]) -> "tuple[Json | Failure, float]":
        """What the Lambda answers, and how long it slept meanwhile."""
        deadline = self.time.now() + LAMBDA_SECONDS
        sent: Mapping[str, object] = json.loads(json.dumps(event))
        # What happens meanwhile happens to a step's call; a stop's is one of the things that do.
        self._called_for = self.executions[str(sent["execution"])] if sent["action"] != "stop" else None
        try:
            answer = self._function.answer(sent, remaining_seconds=lambda: deadline - self.time.now())
        except Exception as error:  # noqa: BLE001 - as Lambda does: whatever it is, it is the invocation's error
            failure = {"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": []}
            return Failure(type(error).__name__, json.dumps(failure)), self._awake()
        return cast("Json", json.loads(json.dumps(answer))), self._awake()

    def _meanwhile(self) -> None:
        """What may happen between two things that the Lambda does: it dies, or its execution is stopped."""
        execution, self._called_for = self._called_for, None
        if execution is None:
            return
        if self.random.random() < self.died:
            raise DiedError
        if self.random.random() < self.raced and execution.status is Status.RUNNING:
            slept = self._awake()
            execution.top.abort()
            self._deliver(self._stopping(execution), tries=0)
            self.time.slept = slept
        self._called_for = execution

    def _stopping(self, execution: Execution) -> dict[str, object]:
        return {"action": "stop", "execution": execution.arn, "stopped": int(self.time.now() * 1000)}

    def _awake(self) -> float:
        slept, self.time.slept = self.time.slept, 0.0
        return slept

    def _now(self) -> str:
        return datetime.fromtimestamp(self.time.now(), UTC).isoformat(timespec="milliseconds")

    def _make_function(self) -> Function:
        module, aws = runtime()
        function = module.DatabricksFunction(
            settings=module.Settings.from_environment(
                {
                    "DATABRICKS_HOST": self.workspace.url,
                    "DATABRICKS_AUTH": "token",
                    "DATABRICKS_SECRET_ARN": self.secret,
                    "DATABRICKS_BUCKET": self.bucket,
                    "DATABRICKS_WORKSPACE": "Team/Databricks",
                }
            ),
            clients=aws.Clients(
                s3=Interrupted(self.s3, self._meanwhile), secrets=lambda: self.secrets, tokens=lambda: None
            ),
            clock=module.Clock(now=self.time.now, sleep=self.time.sleep),
            write=lambda _line: None,
        )
        return cast("Function", function)
