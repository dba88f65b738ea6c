"""A run that follows a script, as the server shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from zflow_constructs.local.databricks.clock import Clock
from zflow_constructs.local.databricks.conditions import JsonObject
from zflow_constructs.local.databricks.reading import Json
from zflow_constructs.local.databricks.requests import RunRequest
from zflow_constructs.local.databricks.scripted import (
    CANCELED,
    JOB_OF_SUBMITTED,
    RUNNING,
    TERMINATING,
    Script,
    TaskScript,
    is_final,
)
from zflow_constructs.local.databricks.shown import HistoryItem, Output

Moments = list[tuple[float, JsonObject]]
"""Since when, by the clock, there is which state."""


def state_at(timeline: Moments, time: float) -> JsonObject:
    """The state that there is at a time."""
    return [document for since, document in timeline if since <= time][-1]


def _since(timeline: Moments, time: float, *, final: bool) -> float:
    """When it began to run, or ended; 0 if that has not come yet."""
    reached = [
        since
        for since, document in timeline
        if since <= time and (is_final(document) if final else document == RUNNING)
    ]
    return reached[-1] if reached else 0.0


@dataclass
class ScriptedRun:
    """A run that follows a script.

    Attributes:
        request: What was submitted.
        timeline: Since when there is which state; a test may change it.
    """

    run_id: int
    accepted: RunRequest
    script: Script
    clock: Clock
    page_url: str
    submitted_at: float
    timeline: Moments
    tasks: list["ScriptedTask"] = field(default_factory=list)
    past: list[HistoryItem] = field(default_factory=list)
    repair_id: int = 0
    repaired_at: float = 0.0

    @property
    def request(self) -> Json:
        """What was submitted."""
        return self.accepted.body

    @property
    def call(self) -> str:
        """What it was asked for by: `submit` or `run-now`."""
        return "run-now" if self.accepted.job_id else "submit"

    @property
    def repairs(self) -> list[tuple[int, float]]:
        """The id of each repair, and when it began."""
        return [(item.repair_id, item.started_at) for item in self.history[1:]]

    @property
    def job_id(self) -> int:
        """See `ShownRun`."""
        return self.accepted.job_id or JOB_OF_SUBMITTED

    @property
    def condition(self) -> JsonObject:
        """See `Shown`."""
        return self.at(self.clock.now())

    @property
    def is_active(self) -> bool:
        """See `ShownRun`."""
        return not self.is_final(self.clock.now())

    @property
    def started_at(self) -> float:
        """See `Shown`."""
        return _since(self.timeline, self.clock.now(), final=False)

    @property
    def ended_at(self) -> float:
        """See `Shown`."""
        return 0.0 if self.is_active else _since(self.timeline, self.clock.now(), final=True)

    @property
    def history(self) -> list[HistoryItem]:
        """See `ShownRun`."""
        before = {run_id for item in self.past for run_id in item.task_run_ids}
        return [
            *self.past,
            HistoryItem(
                repair_id=self.repair_id,
                started_at=self.repaired_at or self.submitted_at,
                ended_at=self.ended_at,
                condition=self.condition,
                task_run_ids=[task.run_id for task in self.tasks if task.run_id not in before],
            ),
        ]

    def at(self, time: float) -> JsonObject:
        """Its `state` and `status` at a time."""
        return state_at(self.timeline, time)

    def is_final(self, time: float) -> bool:
        """Whether it has ended by then."""
        return is_final(self.at(time))

    def is_forgotten(self, time: float) -> bool:
        """Whether nobody knows it any more by then."""
        return time >= self.submitted_at + self.script.forgotten_after

    def cancel(self, time: float) -> None:
        """Ask it to stop."""
        if not self.is_final(time) and self.at(time) is not TERMINATING:
            so_far = [(since, document) for since, document in self.timeline if since <= time]
            self.timeline = [*so_far, (time, TERMINATING), (time + self.script.cancel_seconds, CANCELED)]


@dataclass
class ScriptedTask:
    """A task run of such a run."""

    run_id: int
    key: str
    attempt: int
    body: Json
    script: TaskScript
    run: ScriptedRun
    outputs: Mapping[str, Output]
    timeline: Moments
    submitted_at: float

    @property
    def page_url(self) -> str:
        """See `Shown`."""
        return f"{self.run.page_url}/task/{self.run_id}"

    @property
    def output(self) -> Output:
        """See `ShownTask`."""
        return self.outputs.get(str(self.run_id), self.script.output)

    @property
    def condition(self) -> JsonObject:
        """See `Shown`: its own, as long as it doesn't outlive its run."""
        whole = self.run.condition
        own = state_at(self.timeline, self.run.clock.now()) if self.timeline else whole
        return whole if is_final(whole) and not is_final(own) else own

    @property
    def started_at(self) -> float:
        """See `Shown`."""
        since = _since(self.timeline or self.run.timeline, self.run.clock.now(), final=False)
        return since if since >= self.submitted_at else 0.0

    @property
    def ended_at(self) -> float:
        """See `Shown`."""
        if not is_final(self.condition):
            return 0.0
        return _since(self.timeline, self.run.clock.now(), final=True) or self.run.ended_at

    def settle(self) -> None:
        """Stay as it is, whatever becomes of its ended run."""
        own = [moment for moment in self.timeline or self.run.timeline if moment[0] <= self.run.ended_at]
        self.timeline = [*own, (self.ended_at, self.condition)]
