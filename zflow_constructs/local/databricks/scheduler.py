"""Takes each run through its life: queued, running task by task, ended."""

import itertools
import logging
import re
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

from zflow_constructs.local.databricks import endings
from zflow_constructs.local.databricks.endings import Ending
from zflow_constructs.local.databricks.errors import ApiError
from zflow_constructs.local.databricks.requests import SubmitRequest
from zflow_constructs.local.databricks.runner import TaskOutcome, TaskRunner
from zflow_constructs.local.databricks.runs import Run, TaskRun

RunReporter = Callable[[str, str], None]
"""Receives the name of a run and one line of its output."""

_log = logging.getLogger(__name__)


class Scheduler:
    """All runs of the workspace, and the threads that move them on.

    Args:
        runner: Runs the tasks.
        folder: Gets a folder for each run and, in it, one for each task.
        on_line: Gets the run's name and each line that a task writes.
        max_active_runs: How many run at once; the others are `QUEUED`.
    """

    def __init__(self, *, runner: TaskRunner, folder: Path, on_line: RunReporter, max_active_runs: int) -> None:
        self._runner = runner
        self._folder = folder
        self._on_line = on_line
        self._slots = threading.Semaphore(max_active_runs)
        # Ids beyond 2**53, as Databricks' may be: who handles them as floats finds out here.
        self._ids = itertools.count(2**53 + 1 + secrets.randbelow(2**52) * 1024)
        self._runs: dict[int, Run] = {}
        self._by_token: dict[str, Run] = {}
        self._lock = threading.Lock()
        self._stopped = False

    def submit(self, request: SubmitRequest) -> Run:
        """Start a run, or find the one that has the same idempotency token."""
        with self._lock:
            if self._stopped:
                raise ApiError(503, "TEMPORARILY_UNAVAILABLE", "The local Databricks workspace is shutting down.")
            token = request.idempotency_token
            if token and token in self._by_token:
                return self._by_token[token]
            run = self._create(request)
            self._runs[run.run_id] = run
            if token:
                self._by_token[token] = run
        threading.Thread(target=self._execute, args=(run,), name=f"run-{run.run_id}", daemon=True).start()
        return run

    def all_runs(self) -> list[Run]:
        """Every run, the latest first."""
        with self._lock:
            return list(reversed(self._runs.values()))

    def stop(self) -> None:
        """Cancel what is active and wait for its end. Nothing starts any more."""
        with self._lock:
            self._stopped = True
        for run in self.all_runs():
            run.interrupt(endings.CANCELED)
        for run in self.all_runs():
            run.ended.wait()

    def _create(self, request: SubmitRequest) -> Run:
        run_id = next(self._ids)
        # A workflow names its runs <machine>:<execution>:<step>.
        step = request.run_name.rpartition(":")[2]
        folder = self._folder / f"{re.sub(r'[^A-Za-z0-9.-]+', '_', step)[:80]}-{run_id}"
        tasks = [TaskRun(task, run_id=next(self._ids), folder=folder / task.key) for task in request.tasks]
        return Run(request, run_id=run_id, job_id=next(self._ids), folder=folder, tasks=tasks)

    def _execute(self, run: Run) -> None:
        if self._slots.acquire(blocking=False):
            self._execute_tasks_in_slot(run)
            return
        run.move_to("QUEUED")
        while not run.stopping.is_set():
            if self._slots.acquire(timeout=0.1):
                self._execute_tasks_in_slot(run)
                return
        self._execute_tasks(run)

    def _execute_tasks_in_slot(self, run: Run) -> None:
        run.move_to("RUNNING")
        self._execute_tasks(run)
        self._slots.release()

    def _execute_tasks(self, run: Run) -> None:
        deadline = _interrupt_after(run.request.timeout_seconds, run)
        threads = [threading.Thread(target=self._execute_task, args=(run, task), daemon=True) for task in run.tasks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        deadline.cancel()
        run.end(_ending_of_run(run))

    def _execute_task(self, run: Run, task: TaskRun) -> None:
        upstream = [other for other in run.tasks if other.name in task.task.depends_on]
        for other in upstream:
            other.ended.wait()
        if task.stopping.is_set():
            task.end(task.interruption)
            return
        results = [other.ending.result_state for other in upstream]
        if endings.may_run(task.task.run_if, results):
            task.end(self._run_task(run, task))
        else:
            task.end(endings.ending_of_skipped(results))

    def _run_task(self, run: Run, task: TaskRun) -> Ending:
        def on_line(line: str) -> None:
            task.log.append(line)
            self._on_line(run.name, line)

        task.folder.mkdir(parents=True)
        task.move_to("RUNNING")
        deadline = _interrupt_after(task.task.timeout_seconds, task)
        try:
            outcome = self._runner.run(task.task, folder=task.folder, on_line=on_line, stopping=task.stopping)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong ends the task, never its thread alone
            _log.exception("task %s of run %s could not be run", task.name, run.name)
            outcome = TaskOutcome("FAILED", repr(error), code="INTERNAL_ERROR", type="INTERNAL_ERROR")
        deadline.cancel()
        task.error, task.error_trace = outcome.error, outcome.error_trace
        return _ending_of_task(task, outcome)


def _interrupt_after(seconds: int, progress: Run | TaskRun) -> threading.Timer:
    timer = threading.Timer(seconds, progress.interrupt, args=(endings.TIMED_OUT,))
    timer.daemon = True
    if seconds:
        timer.start()
    return timer


def _ending_of_task(task: TaskRun, outcome: TaskOutcome) -> Ending:
    # A task that was done before the request to stop reached it has not been stopped.
    if outcome.state == "SUCCESS":
        return endings.SUCCESS
    if task.stopping.is_set():
        return task.interruption
    if outcome.state == "CANCELED":
        return endings.CANCELED
    if outcome.code == "RUN_EXECUTION_ERROR":
        return Ending("FAILED", outcome.code, outcome.type, "Workload failed, see run output for details")
    return Ending("FAILED", outcome.code, outcome.type, outcome.error, "INTERNAL_ERROR")


def _ending_of_run(run: Run) -> Ending:
    failed = [task for task in run.tasks if endings.is_failure(task.ending.result_state)]
    if not failed:
        return endings.SUCCESS
    if not any(leaf in failed for leaf in run.leaves()):
        return endings.SUCCESS_WITH_FAILURES
    if run.stopping.is_set():
        return run.interruption
    first = failed[0]
    message = f"Task {first.name} failed with message: {first.ending.message}."
    if len(run.tasks) > 1:
        message += " This caused all downstream tasks to get skipped."
    return Ending("FAILED", first.ending.code, first.ending.type, message, "INTERNAL_ERROR")
