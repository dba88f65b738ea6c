"""A step of a run, and what became of it so far."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

Items = tuple[int, ...]
"""The indices of the items that a step in loops is done for, from the outside in; empty outside loops."""


class StepStatus(StrEnum):
    """Where a step is."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"
    SKIPPED = "skipped"
    NOT_RUN = "not run"


# Of several iterations, the first of these that one of them has is the step's.
_STRONGEST = (
    StepStatus.RUNNING,
    StepStatus.FAILED,
    StepStatus.ABORTED,
    StepStatus.SUCCEEDED,
    StepStatus.SKIPPED,
    StepStatus.WAITING,
    StepStatus.NOT_RUN,
)


@dataclass
class StateVisit:
    """One visit of a state.

    Args:
        name: The state.
        entered: When.
        exited: When; empty if it wasn't.
    """

    name: str
    entered: str
    exited: str = ""


@dataclass
class Iteration:
    """A step, done once: for the run, or for one item of its loop.

    Args:
        item: What the item is called; empty outside loops.
        optional: Whether it has failed, and the workflow went on. Default: no.
        items: How many items it has itself, if the step is a loop. Default: 0.
        done: How many of those are done. Default: 0.
    """

    item: str = ""
    items: int = 0
    done: int = 0
    status: StepStatus = StepStatus.WAITING
    started: datetime | None = None
    ended: datetime | None = None
    error: str = ""
    cause: str = ""
    optional: bool = False
    waits_for: str = ""


@dataclass
class Step:
    """A step of the workflow, and what became of it so far.

    Args:
        id: The step.
        loop: The loop that it is in. Default: none.
        depth: How many loops it is in. Default: 0.
        repeating: Whether that loop still runs. Default: no.
    """

    id: str
    loop: str = ""
    depth: int = 0
    repeating: bool = False
    last_line: str = ""
    jobs: list[str] = field(default_factory=list)
    visits: list[StateVisit] = field(default_factory=list)
    iterations: dict[Items, Iteration] = field(default_factory=dict)

    def iteration(self, items: Items) -> Iteration:
        """The iteration for some items; a new one if there is none.

        Args:
            items: The indices of the items.
        """
        return self.iterations.setdefault(items, Iteration())

    @property
    def status(self) -> StepStatus:
        """Where it is: failed if an iteration has; running as long as one is, or more may come."""
        statuses = {iteration.status for iteration in self.iterations.values()} or {StepStatus.WAITING}
        strongest = next(status for status in _STRONGEST if status in statuses)
        return StepStatus.RUNNING if self.repeating and self.started else strongest

    @property
    def items(self) -> int:
        """How many items it has, if it is a loop that has begun."""
        return sum(iteration.items for iteration in self.iterations.values())

    @property
    def done(self) -> int:
        """How many of its items are done."""
        return sum(iteration.done for iteration in self.iterations.values())

    @property
    def counts(self) -> Counter[StepStatus]:
        """How many iterations are where."""
        return Counter(iteration.status for iteration in self.iterations.values())

    @property
    def started(self) -> datetime | None:
        """When the first iteration started."""
        return min((iteration.started for iteration in self.iterations.values() if iteration.started), default=None)

    @property
    def ended(self) -> datetime | None:
        """When the last iteration ended; None while one runs."""
        if self.status in {StepStatus.RUNNING, StepStatus.WAITING}:
            return None
        return max((iteration.ended for iteration in self.iterations.values() if iteration.ended), default=None)

    @property
    def error(self) -> str:
        """The error of the iteration that failed first."""
        return self._failure.error

    @property
    def cause(self) -> str:
        """The cause of that error."""
        return self._failure.cause

    @property
    def optional(self) -> bool:
        """Whether the workflow went on wherever it has failed."""
        return all(
            iteration.optional for iteration in self.iterations.values() if iteration.status is StepStatus.FAILED
        )

    @property
    def waits_for(self) -> str:
        """The step of another branch that it waits for; empty if it doesn't."""
        return next((iteration.waits_for for iteration in self.iterations.values() if iteration.waits_for), "")

    @property
    def seconds(self) -> float:
        """How long it has run, in seconds."""
        if self.started is None:
            return 0.0
        return ((self.ended or datetime.now(tz=UTC)) - self.started).total_seconds()

    @property
    def _failure(self) -> Iteration:
        return next((iteration for iteration in self.iterations.values() if iteration.error), Iteration())
