"""Everything around the executions: time, the services that they call, and what goes wrong with them."""

import json
from collections import ChainMap, Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from math import inf
from random import Random

from tests.core.machines import mapping, spelled
from tests.simulation.clock import Clock, Timer
from tests.simulation.definition import Scope
from tests.simulation.execution import Running, Status, Surroundings
from tests.simulation.table import Table
from tests.simulation.tasks import Answer, Attempt, Failure, ServiceError
from zflow_constructs.core.values.templates import Json

WORK = "arn:run"
UPDATE_ITEM = "arn:aws:states:::aws-sdk:dynamodb:updateItem"
GET_ITEM = "arn:aws:states:::aws-sdk:dynamodb:getItem"
SEND_TASK_SUCCESS = "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess"
STALE = ("Sfn.TaskTimedOutException", "Sfn.TaskDoesNotExistException", "Sfn.InvalidTokenException")
THROTTLED = {
    "dynamodb": ("DynamoDb.ThrottlingException", "DynamoDb.ProvisionedThroughputExceededException"),
    # Step Functions' API declares no throttling of its own.
    "sfn": ("Sfn.SfnException",),
}
LOST = {"dynamodb": "DynamoDb.SdkClientException", "sfn": "Sfn.SdkClientException"}


@dataclass(frozen=True)
class Faults:
    """How likely it is, of 1, that something goes wrong.

    Args:
        throttled: a service refuses a call.
        lost_response: a call is made, and the caller sees an error.
        unanswered: a call is made, and the caller hears nothing.
        lost_callback: a callback is accepted, and the waiter never hears of it.
        late: a call whose caller has been aborted is made nevertheless, some seconds later.
        in_a_row: so many calls of one state fail one after the other, at most.
    """

    throttled: float = 0
    lost_response: float = 0
    unanswered: float = 0
    lost_callback: float = 0
    late: float = 0
    in_a_row: int = 2


@dataclass(eq=False)
class Work:
    """One attempt of a piece of work.

    Args:
        outcome: `succeeded`, `failed` or `stopped`; `running` before it has ended.
    """

    execution: str
    step: str
    iteration: tuple[int, ...]
    arguments: Mapping[str, Json]
    began: float
    ended: float = inf
    outcome: str = "running"


@dataclass(frozen=True)
class Execution:
    """One execution of a machine."""

    id: str
    top: Running
    context: dict[str, Json]

    @property
    def status(self) -> Status:
        return self.top.status

    @property
    def redrives(self) -> int:
        return int(str(self.context.get("RedriveCount", 0)))

    def redrive(self) -> None:
        """Goes on where it failed."""
        assert self.status is Status.FAILED, self.status
        self.context["RedriveCount"] = self.redrives + 1
        self.top.resume()


@dataclass
class World:
    """Time, DynamoDB, callbacks and work.

    Args:
        seed: decides everything that is left open.
        duration: how long a piece of work takes.
        result: what it answers, given its state's name and its arguments.
        faults: what goes wrong with calls of services.
        fails: whether an attempt of some work fails.
    """

    seed: int = 0
    duration: Callable[[Work], float] = lambda _: 1
    result: Callable[[str, Json], Json] = spelled
    faults: Faults = field(default_factory=Faults)
    fails: Callable[[Work], bool] = lambda _: False
    work: list[Work] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.clock = Clock(self.random)
        self.table = Table(self.random)
        self._waiting: dict[str, Attempt] = {}
        self._working: dict[Attempt, tuple[Work, Timer]] = {}
        self._faults_in_a_row: Counter[tuple[str, str, tuple[int, ...]]] = Counter()
        self._numbers = count(1)
        self._tokens: Iterator[str] = (f"token {number}" for number in count(1))

    def start(self, machine: Scope, given: Mapping[str, Json], *, name: str = "monday", redrives: int = 0) -> Execution:
        """Starts an execution, which runs as the clock does.

        Args:
            machine: the state machine.
            given: the input.
            name: the execution's name. Default: monday
            redrives: so often it is redriven if it fails, at once or a little later. Default: never
        """
        arn = f"arn:aws:states:eu-central-1:123456789012:execution:Machine{next(self._numbers)}:{name}"
        context: dict[str, Json] = {"Id": arn, "Name": name}
        around = Surroundings(self.clock, self._call, self._stopped, self._tokens, context)

        def ended() -> None:
            if execution.status is Status.FAILED and execution.redrives < redrives:
                self.clock.after(self.random.randint(0, 3), execution.redrive)

        execution = Execution(arn, Running(around, machine, ChainMap(), (), dict(given), ended), context)
        execution.top.resume()
        return execution

    def _call(self, attempt: Attempt) -> None:
        if attempt.waits:
            self._waiting[attempt.token] = attempt
        if attempt.resource == WORK:
            self._begin(attempt)
        else:
            self.clock.after(0, lambda: self._serve(attempt))

    def _stopped(self, attempt: Attempt) -> None:
        if attempt in self._working:
            self._record(attempt, "stopped")

    def _begin(self, attempt: Attempt) -> None:
        work = Work(attempt.execution, attempt.state, attempt.iteration, attempt.arguments, self.clock.now)
        self.work.append(work)
        bad = self.fails(work)
        answer = Failure("Work.Failed") if bad else self.result(attempt.state, dict(attempt.arguments))

        def end() -> None:
            self._record(attempt, "failed" if bad else "succeeded")
            attempt.answer(answer)

        self._working[attempt] = work, self.clock.after(self.duration(work), end)

    def _record(self, attempt: Attempt, outcome: str) -> None:
        work, timer = self._working.pop(attempt)
        timer.cancel()
        work.ended, work.outcome = self.clock.now, outcome

    def _serve(self, attempt: Attempt) -> None:
        """A call reaches its service; the answer comes a little later."""
        if not attempt.live:
            # Its caller has been aborted: the call may be on its way already.
            if self._happens(self.faults.late):
                self.clock.after(self.random.randint(0, 5), lambda: self._answer(attempt))
            return
        service = attempt.resource.split(":")[6]
        answer: Answer = {}
        caller = (attempt.execution, attempt.state, attempt.iteration)
        fault = self._fault() if self._faults_in_a_row[caller] < self.faults.in_a_row else ""
        self._faults_in_a_row[caller] = self._faults_in_a_row[caller] + 1 if fault else 0
        match fault:
            case "throttled":
                answer = Failure(self.random.choice(THROTTLED[service]))
            case "lost":
                self._answer(attempt)
                answer = Failure(LOST[service])
            case _:
                answer = self._answer(attempt)
        if fault != "unanswered" and (isinstance(answer, Failure) or not attempt.waits):
            self.clock.after(0, lambda: attempt.answer(answer))

    def _fault(self) -> str:
        faults = self.faults
        likelihoods = {"throttled": faults.throttled, "lost": faults.lost_response, "unanswered": faults.unanswered}
        return next((fault for fault, likelihood in likelihoods.items() if self._happens(likelihood)), "")

    def _happens(self, likelihood: float) -> bool:
        return self.random.random() < likelihood

    def _answer(self, attempt: Attempt) -> Answer:
        try:
            return self._served(attempt.resource.removesuffix(".waitForTaskToken"), attempt.arguments)
        except ServiceError as error:
            return error.failure

    def _served(self, resource: str, request: Mapping[str, Json]) -> Json:
        match resource:
            case _ if resource == UPDATE_ITEM:
                return self.table.update_item(request)
            case _ if resource == GET_ITEM:
                return self.table.get_item(request)
            case _ if resource == SEND_TASK_SUCCESS:
                return self._send_task_success(request)
            case _:
                raise AssertionError(f"{resource} is not simulated")

    def _send_task_success(self, request: Mapping[str, Json]) -> Json:
        token = str(request["TaskToken"])
        attempt = self._waiting.pop(token, None)
        if attempt is None or not attempt.live:
            raise ServiceError(self.random.choice(STALE), token)
        if not self._happens(self.faults.lost_callback):
            output = mapping(json.loads(str(request["Output"])))
            self.clock.after(0, lambda: attempt.answer(output))
        return {}
