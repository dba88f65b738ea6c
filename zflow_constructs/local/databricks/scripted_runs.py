"""The workspace's runs, where they follow scripts: what starts, cancels and repairs them."""

import itertools
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from zflow_constructs.local.databricks import endings
from zflow_constructs.local.databricks.clock import Clock
from zflow_constructs.local.databricks.conditions import ended
from zflow_constructs.local.databricks.errors import ApiError, invalid
from zflow_constructs.local.databricks.reading import Json
from zflow_constructs.local.databricks.repairs import RepairRequest
from zflow_constructs.local.databricks.requests import NO_JOBS, RunRequest
from zflow_constructs.local.databricks.scripted import (
    FIRST_REPAIR_ID,
    FIRST_RUN_ID,
    JOB_OF_SUBMITTED,
    Script,
    TaskScript,
    is_final,
)
from zflow_constructs.local.databricks.scripted_run import Moments, ScriptedRun, ScriptedTask, state_at
from zflow_constructs.local.databricks.shown import Output, has_run_id, repaired_keys

_FIRST_TASK_RUN_ID = FIRST_RUN_ID + 10_000_000


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
    if not script.keeps_limit or not request.timeout_seconds or is_final(state_at(moments, limit)):
        return moments
    return [*(moment for moment in moments if moment[0] < limit), (limit, ended(endings.TIMED_OUT))]
