"""Takes each run through its life: queued, running task by task, ended."""

import itertools
import re
import secrets
import threading
from collections.abc import Mapping
from pathlib import Path

from zflow_constructs.local.databricks import endings
from zflow_constructs.local.databricks.errors import ApiError, invalid
from zflow_constructs.local.databricks.execution import Execution, RunReporter, ignore
from zflow_constructs.local.databricks.reading import Json
from zflow_constructs.local.databricks.repairs import RepairRequest
from zflow_constructs.local.databricks.requests import NO_JOBS, RunRequest, parse_run_now
from zflow_constructs.local.databricks.runner import TaskRunner
from zflow_constructs.local.databricks.runs import Run, TaskRun
from zflow_constructs.local.databricks.shown import has_run_id, repaired_keys
from zflow_constructs.local.databricks.tasks import RunJob, Task


class Scheduler:
    """All runs of the workspace, really run, and the threads that move them on.

    Args:
        runner: Runs the tasks.
        folder: Gets a folder for each run and, in it, one for each task.
        jobs: The settings of the jobs that there are, by their ids, as `jobs/get` shows them. Default: none.
        on_line: Gets the run's name, or the id of a job's run, and each line that a task writes. Default: nobody
            listens.
        max_active_runs: How many run at once; the others are `QUEUED`. Default: 2.
    """

    def __init__(
        self,
        *,
        runner: TaskRunner,
        folder: Path,
        jobs: Mapping[int, Json] = NO_JOBS,
        on_line: RunReporter = ignore,
        max_active_runs: int = 2,
    ) -> None:
        self._execution = Execution(runner=runner, on_line=on_line, run_job=self._run_job)
        self._folder = folder
        self.jobs = jobs
        self._slots = threading.Semaphore(max_active_runs)
        # Ids beyond 2**53, as Databricks' may be: who handles them as floats finds out here.
        self._ids = itertools.count(2**53 + 1 + secrets.randbelow(2**52) * 1024)
        self._runs: dict[int, Run] = {}
        self._by_token: dict[str, Run] = {}
        self._lock = threading.Lock()
        self._stopped = False

    def submit(self, request: RunRequest) -> Run:
        """Start a run, or find the one that has the same idempotency token."""
        run, is_new = self._register(request, folder=self._folder)
        if is_new:
            self._start(run)
        return run

    def find(self, run_id: int) -> Run:
        """See `Runs`."""
        for run in self.all_runs():
            if has_run_id(run, run_id):
                return run
        raise invalid(f"Run {run_id} does not exist.")

    def all_runs(self) -> list[Run]:
        """Every run, the latest first."""
        with self._lock:
            return list(reversed(self._runs.values()))

    def cancel(self, run_id: int) -> None:
        """See `Runs`."""
        self.find(run_id).interrupt(endings.CANCELED)

    def repair(self, request: RepairRequest) -> int:
        """See `Runs`."""
        run = self.find(request.run_id)
        with self._lock:
            self._check_open()
            keys = repaired_keys(run, request)
            repair_id = next(self._ids)
            again = [task for task in run.latest if task.key in keys]
            run.repair(repair_id, [self._task_run(run.folder, task.task, task.attempt + 1) for task in again])
        self._start(run)
        return repair_id

    def stop(self) -> None:
        """Cancel what is active and wait for its end. Nothing starts any more."""
        with self._lock:
            self._stopped = True
        for run in self.all_runs():
            run.interrupt(endings.CANCELED)
        for run in self.all_runs():
            run.ended.wait()

    def _check_open(self) -> None:
        if self._stopped:
            raise ApiError(503, "TEMPORARILY_UNAVAILABLE", "The local Databricks workspace is shutting down.")

    def _register(self, request: RunRequest, *, folder: Path, heard_as: str = "") -> tuple[Run, bool]:
        with self._lock:
            self._check_open()
            token = request.idempotency_token
            if token and token in self._by_token:
                return self._by_token[token], False
            run = self._create(request, folder, heard_as)
            self._runs[run.run_id] = run
            if token:
                self._by_token[token] = run
            return run, True

    def _create(self, request: RunRequest, parent: Path, heard_as: str) -> Run:
        run_id = next(self._ids)
        # A workflow names its runs <machine>:<execution>:<step>.
        step = request.run_name.rpartition(":")[2]
        folder = parent / f"{re.sub(r'[^A-Za-z0-9.-]+', '_', step)[:80]}-{run_id}"
        tasks = [self._task_run(folder, task, 0) for task in request.tasks]
        return Run(
            request,
            run_id=run_id,
            job_id=request.job_id or next(self._ids),
            folder=folder,
            tasks=tasks,
            heard_as=heard_as,
        )

    def _task_run(self, folder: Path, task: Task, attempt: int) -> TaskRun:
        name = f"{task.key}-{attempt}" if attempt else task.key
        return TaskRun(task, run_id=next(self._ids), folder=folder / name, attempt=attempt)

    def _start(self, run: Run) -> None:
        threading.Thread(target=self._execute, args=(run,), name=f"run-{run.run_id}", daemon=True).start()

    def _execute(self, run: Run) -> None:
        if not self._await_turn(run):
            for progress in (*run.due, run):
                progress.end(endings.TOO_MANY_RUNS)
            return
        if self._slots.acquire(blocking=False):
            self._execute_in_slot(run)
            return
        run.move_to("QUEUED")
        while not run.stopping.is_set():
            if self._slots.acquire(timeout=0.1):
                self._execute_in_slot(run)
                return
        self._execution.execute(run)

    def _await_turn(self, run: Run) -> bool:
        """Wait until the job may have another run; whether it may."""
        while self._is_beyond_limit(run) and not run.stopping.is_set():
            if not run.accepted.is_queued:
                return False
            run.move_to("QUEUED")
            run.stopping.wait(0.1)
        return True

    def _is_beyond_limit(self, run: Run) -> bool:
        limit = run.accepted.max_concurrent_runs
        with self._lock:
            earlier = [
                other
                for other in self._runs.values()
                if other.is_active and other.job_id == run.job_id and other.run_id < run.run_id
            ]
        return bool(limit) and len(earlier) >= limit

    def _execute_in_slot(self, run: Run) -> None:
        run.move_to("RUNNING")
        self._execution.execute(run)
        self._slots.release()

    def _run_job(self, work: RunJob, run: Run, task: TaskRun) -> Run:
        """Start the run of another job, in the slot and the task's folder of the run that asks for it."""
        request = parse_run_now(work.body, self.jobs)
        other, _ = self._register(request, folder=task.folder, heard_as=run.heard_as)
        other.move_to("RUNNING")
        threading.Thread(target=self._execution.execute, args=(other,), name=f"run-{other.run_id}", daemon=True).start()
        return other
