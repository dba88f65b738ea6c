"""An execution of a state machine: scopes that run, fail, abort each other and are redriven.

Where a scope is doesn't live on a stack but in its `Running`, so that a redrive finds it again.
https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
"""

from collections import ChainMap, Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from tests.core.machines import QueryEvaluationError, mapping
from tests.simulation.clock import Clock, Timer
from tests.simulation.definition import Scope, Way, items
from tests.simulation.tasks import NO_FAILURE, Answer, Attempt, Failure
from zflow_constructs.core.values.templates import Json

Variables = ChainMap[str, object]
INLINE_LIMIT = 40
"""So many iterations of an inline Map run at once, at most."""


class Status(Enum):
    """How far a scope is."""

    READY = "ready"
    RUNNING = "not ended"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"


@dataclass(frozen=True)
class Surroundings:
    """What all scopes of an execution share.

    Args:
        clock: the virtual time.
        call: has a service begin an attempt of a Task.
        stopped: tells it that nobody waits for the attempt any more.
        tokens: names for attempts that end by a callback.
        execution: the context object's `Execution`; a redrive changes it.
    """

    clock: Clock
    call: Callable[[Attempt], None]
    stopped: Callable[[Attempt], None]
    tokens: Iterator[str]
    execution: dict[str, Json]


@dataclass(eq=False)
class Running:
    """A scope as it runs: the top level, a branch or an iteration."""

    around: Surroundings
    scope: Scope
    outer: Variables
    iteration: tuple[int, ...]
    given: Json
    ended: Callable[[], None]
    status: Status = Status.READY
    output: Json = None
    failure: Failure = NO_FAILURE
    children: "list[Running]" = field(default_factory=list)

    def __post_init__(self) -> None:
        self._state = self.scope.states[self.scope.start]
        self._own: dict[str, object] = {}
        self._variables = self.outer.new_child(self._own)
        self._retries: Counter[int] = Counter()
        self._timers: list[Timer] = []
        self._attempts: list[Attempt] = []
        self._limit = INLINE_LIMIT

    def resume(self) -> None:
        """Starts it, or goes on where it failed or was aborted: with the same variables, and the retries anew."""
        self.status = Status.RUNNING
        self._retries.clear()
        for child in self.children:
            if child.status is not Status.SUCCEEDED:
                child.status = Status.READY
        self._after(0, self._fill if self.children else self._enter)

    def abort(self) -> None:
        """Stops it, and all in it."""
        if self.status is Status.RUNNING:
            self.status = Status.ABORTED
            self._stop()

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        self._timers.append(self.around.clock.after(seconds, action))

    def _stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for attempt in self._attempts:
            if attempt.live:
                attempt.live = False
                self.around.stopped(attempt)
        self._attempts.clear()
        for child in self.children:
            child.abort()

    def _visible(self, found: Mapping[str, Json], **context: Json) -> Variables:
        here = {
            "Execution": self.around.execution,
            "State": {"Name": self._state.name, "RetryCount": self._retries.total()},
            **context,
        }
        return self._variables.new_child({"states": {"input": self.given, "context": here, **found}})

    def _enter(self) -> None:
        """Begins the state, for the first time or again."""
        self.children = []
        enter = {
            "Task": self._task,
            "Parallel": self._parallel,
            "Map": self._map,
            "Choice": self._choice,
            "Wait": self._wait,
            "Pass": self._passed,
            "Succeed": self._passed,
            "Fail": self._fail,
        }
        try:
            enter[self._state.kind]()
        except QueryEvaluationError as error:
            self._failed(_of_query(error))

    def _task(self) -> None:
        token = next(self.around.tokens)
        waits = str(self._state.fields["Resource"]).endswith(".waitForTaskToken")
        visible = self._visible({}, **({"Task": {"Token": token}} if waits else {}))
        attempt = Attempt(
            execution=str(self.around.execution["Id"]),
            state=self._state.name,
            iteration=self.iteration,
            resource=str(self._state.fields["Resource"]),
            arguments=mapping(self._state.value("Arguments", visible, {})),
            token=token,
            ended=self._answered,
        )
        self._attempts.append(attempt)
        seconds = float(str(self._state.value("TimeoutSeconds", visible, 99999999)))
        self._after(seconds, lambda: self._failed(Failure("States.Timeout", f"{seconds} s")))
        self.around.call(attempt)

    def _answered(self, answer: Answer) -> None:
        if isinstance(answer, Failure):
            self._failed(answer)
        else:
            self._succeeded(answer)

    def _parallel(self) -> None:
        given = self._state.value("Arguments", self._visible({}), self.given)
        self.children = [self._child(scope, self.iteration, given) for scope in self._state.scopes]
        self._limit = len(self.children)
        self._fill()

    def _map(self) -> None:
        visible = self._visible({})
        values = items(self._state.value("Items", visible, self.given))
        self._limit = min(int(str(self._state.value("MaxConcurrency", visible, 0))) or INLINE_LIMIT, INLINE_LIMIT)
        for index, value in enumerate(values):
            item: Json = {"Item": {"Index": index, "Value": value}}
            given = self._state.value("ItemSelector", self._visible({}, Map=item), value)
            self.children.append(self._child(self._state.scopes[0], (*self.iteration, index), given))
        self._fill()

    def _child(self, scope: Scope, iteration: tuple[int, ...], given: Json) -> "Running":
        child = Running(self.around, scope, self._variables, iteration, given, ended=lambda: self._child_ended(child))
        return child

    def _child_ended(self, child: "Running") -> None:
        self._after(0, self._fill if child.status is Status.SUCCEEDED else lambda: self._failed(child.failure))

    def _fill(self) -> None:
        """Lets as many children run as may, or joins them."""
        states = Counter(child.status for child in self.children)
        ready = [child for child in self.children if child.status is Status.READY]
        for child in ready[: self._limit - states[Status.RUNNING]]:
            child.resume()
        if states[Status.SUCCEEDED] == len(self.children):
            self._succeeded([child.output for child in self.children])

    def _choice(self) -> None:
        visible = self._visible({})
        for condition, way in self._state.rules:
            if condition(visible) is True:
                return self._leave(way, {}, self.given)
        if not self._state.way.next:
            return self._failed(Failure("States.NoChoiceMatched"))
        return self._leave(self._state.way, {}, self.given)

    def _wait(self) -> None:
        seconds = self._state.value("Seconds", self._visible({}), 0)
        self._after(float(str(seconds)), self._passed)

    def _fail(self) -> None:
        visible = self._visible({})
        error, cause = (str(self._state.value(name, visible, "")) for name in ("Error", "Cause"))
        self._failed(Failure(error, cause))

    def _passed(self) -> None:
        try:
            self._leave(self._state.way, {}, self.given)
        except QueryEvaluationError as error:
            self._failed(_of_query(error))

    def _succeeded(self, result: Json) -> None:
        try:
            self._leave(self._state.way, {"result": result}, result)
        except QueryEvaluationError as error:
            self._failed(_of_query(error))

    def _failed(self, failure: Failure) -> None:
        """Retries, catches, or fails the scope."""
        self._stop()
        for index, retrier in enumerate(self._state.retriers):
            if retrier.takes(failure.error):
                if self._retries[index] < retrier.number("MaxAttempts", 3):
                    delay = retrier.delay(self._retries[index])
                    self._retries[index] += 1
                    return self._after(delay, self._enter)
                break
        for catcher in self._state.catchers:
            if catcher.takes(failure.error):
                found: Json = {"Error": failure.error, "Cause": failure.cause}
                try:
                    return self._leave(catcher.way, {"errorOutput": found}, found)
                except QueryEvaluationError as error:
                    return self._end(Status.FAILED, failure=_of_query(error))
        return self._end(Status.FAILED, failure=failure)

    def _leave(self, way: Way, found: Mapping[str, Json], output: Json) -> None:
        """Goes on to the next state, or ends the scope. Assign and Output both see the variables as they were."""
        visible = self._visible(found)
        assigned = mapping(way.assign(visible))
        output = output if way.output is None else way.output(visible)
        self._stop()
        self._own |= assigned
        self.children = []
        if not way.next:
            return self._end(Status.SUCCEEDED, output=output)
        self.given = output
        self._state = self.scope.states[way.next]
        self._retries.clear()
        return self._after(0, self._enter)

    def _end(self, status: Status, *, output: Json = None, failure: Failure = NO_FAILURE) -> None:
        self.status, self.output, self.failure = status, output, failure
        self.ended()


def _of_query(error: QueryEvaluationError) -> Failure:
    return Failure("States.QueryEvaluationError", str(error))
