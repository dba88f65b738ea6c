"""The workspace's runs, where they follow scripts: what the server shows of them, and what cancels and repairs them."""

import itertools
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from zflow_constructs.local.databricks import endings
from zflow_constructs.local.databricks.clock import Clock
from zflow_constructs.local.databricks.conditions import JsonObject, ended
from zflow_constructs.local.databricks.errors import ApiError, invalid
from zflow_constructs.local.databricks.reading import Json
from zflow_constructs.local.databricks.repairs import RepairRequest
from zflow_constructs.local.databricks.requests import NO_JOBS, RunRequest
from zflow_constructs.local.databricks.scripted import (
    CANCELED,
    FIRST_REPAIR_ID,
    FIRST_RUN_ID,
    JOB_OF_SUBMITTED,
    RUNNING,
    TERMINATING,
    Script,
    TaskScript,
    is_final,
)
from zflow_constructs.local.databricks.shown import HistoryItem, Output, has_run_id, repaired_keys

_FIRST_TASK_RUN_ID = FIRST_RUN_ID + 10_000_000

Moments = list[tuple[float, JsonObject]]
"""Since when, by the clock, there is which state."""


def _at(timeline: Moments, time: float) -> JsonObject:
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
        return _at(self.timeline, time)

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
        own = _at(self.timeline, self.run.clock.now()) if self.timeline else whole
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


class ScriptedRuns:
    """All runs of the workspace, each following the next script.

    Args:
        clock: What the time is.
        jobs: The settings of the jobs that there are, by their ids. Default: none.

    Attributes:
        url: The workspace's host, for the pages of the runs.
        scripts: What happens to the next runs and repairs; when there are no more, they succeed after a minute.
        runs: The runs, by their ids.
        outputs: What task runs leave, by their ids as strings, in place of their scripts' outputs.
    """

    def __init__(self, clock: Clock, *, jobs: Mapping[int, Json] = NO_JOBS) -> None:
        self.jobs = jobs
        self.url = ""
        self.scripts: deque[Script] = deque()
        self.runs: dict[int, ScriptedRun] = {}
        self.outputs: dict[str, Output] = {}
        self._clock = clock
        self._lock = threading.Lock()
        self._ids = itertools.count(FIRST_RUN_ID)
        self._task_ids = itertools.count(_FIRST_TASK_RUN_ID)
        self._repair_ids = itertools.count(FIRST_REPAIR_ID)

    def submit(self, request: RunRequest) -> ScriptedRun:
        """See `Runs`."""
        with self._lock:
            for run in self.runs.values():
                if request.idempotency_token and run.accepted.idempotency_token == request.idempotency_token:
                    return run
            run = self._create(request)
            self.runs[run.run_id] = run
            return run

    def find(self, run_id: int) -> ScriptedRun:
        """See `Runs`."""
        for run in self.runs.values():
            if has_run_id(run, run_id):
                if run.is_forgotten(self._clock.now()) and run.script.forgotten_status == 404:
                    raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Run {run_id} does not exist.")
                if not run.is_forgotten(self._clock.now()):
                    return run
        raise invalid(f"Run {run_id} does not exist.")

    def all_runs(self) -> Sequence[ScriptedRun]:
        """See `Runs`."""
        now = self._clock.now()
        return [run for run in reversed(self.runs.values()) if not run.is_forgotten(now)]

    def cancel(self, run_id: int) -> None:
        """See `Runs`."""
        self.find(run_id).cancel(self._clock.now())

    def repair(self, request: RepairRequest) -> int:
        """See `Runs`."""
        run = self.find(request.run_id)
        keys = repaired_keys(run, request)
        now, script = self._clock.now(), self._next_script()
        run.past, run.script = run.history, script
        run.repair_id, run.repaired_at = next(self._repair_ids), now
        attempts = {task.key: task.attempt + 1 for task in run.tasks if task.key in keys}
        for task in run.tasks:
            task.settle()
        run.timeline = [moment for moment in run.timeline if moment[0] <= now] + _moments(script, now, run.accepted)
        run.tasks += self._tasks(run, script, attempts)
        return run.repair_id

    def stop(self) -> None:
        """See `Runs`. What follows a script needs no stopping."""

    def _create(self, request: RunRequest) -> ScriptedRun:
        script = self._next_script()
        run_id, now = next(self._ids), self._clock.now()
        page = f"{self.url}/?o=1#job/{request.job_id or JOB_OF_SUBMITTED}/run/{run_id}"
        run = ScriptedRun(run_id, request, script, self._clock, page, now, _moments(script, now, request))
        run.tasks = list(self._tasks(run, script, {task.key: 0 for task in request.tasks}))
        return run

    def _next_script(self) -> Script:
        return self.scripts.popleft() if self.scripts else Script()

    def _tasks(self, run: ScriptedRun, script: Script, attempts: dict[str, int]) -> Iterator[ScriptedTask]:
        bodies = {task.key: task.body for task in run.accepted.tasks}
        now = self._clock.now()
        scripts = script.tasks
        if scripts is None:
            scripts = [TaskScript(key, attempt=attempt) for key, attempt in attempts.items()]
        for task in scripts:
            yield ScriptedTask(
                run_id=task.run_id or next(self._task_ids),
                key=task.key,
                attempt=task.attempt,
                body=bodies.get(task.key, {"task_key": task.key}),
                script=task,
                run=run,
                outputs=self.outputs,
                timeline=[(now + since, document) for since, document in task.timeline],
                submitted_at=now,
            )


def _moments(script: Script, now: float, request: RunRequest) -> Moments:
    moments = [(now + since, document) for since, document in script.timeline]
    limit = now + request.timeout_seconds
    if not script.keeps_limit or not request.timeout_seconds or is_final(_at(moments, limit)):
        return moments
    return [*(moment for moment in moments if moment[0] < limit), (limit, ended(endings.TIMED_OUT))]
