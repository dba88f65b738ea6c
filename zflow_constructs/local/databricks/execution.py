"""Runs the tasks of a run, each after those that it depends on."""

import logging
import threading
from collections.abc import Callable

from zflow_constructs.local.databricks import endings
from zflow_constructs.local.databricks.endings import Ending
from zflow_constructs.local.databricks.errors import ApiError
from zflow_constructs.local.databricks.runner import TaskOutcome, TaskRunner
from zflow_constructs.local.databricks.runs import Run, TaskRun
from zflow_constructs.local.databricks.tasks import RunJob

RunReporter = Callable[[str, str], None]
"""Receives the name of a run, or the id of a job's run, and one line of its output."""

JobStarter = Callable[[RunJob, Run, TaskRun], Run]
"""Starts the run of another job, for a task of a run."""

_log = logging.getLogger(__name__)


def ignore(run: str, line: str) -> None:
    """Drop a line: the reporter of those who don't listen."""


class Execution:
    """Takes runs from their first task to their end.

    Args:
        runner: Runs the tasks.
        on_line: Gets the run's name, or the id of a job's run, and each line that a task writes.
        run_job: Starts the run of another job.
    """

    def __init__(self, *, runner: TaskRunner, on_line: RunReporter, run_job: JobStarter) -> None:
        self._runner = runner
        self._on_line = on_line
        self._run_job = run_job

    def execute(self, run: Run) -> None:
        """Run the tasks that are due, and end the run."""
        deadline = _interrupt_after(run.accepted.timeout_seconds, run)
        threads = [threading.Thread(target=self._execute_task, args=(run, task), daemon=True) for task in run.due]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        deadline.cancel()
        run.end(_ending_of_run(run))

    def _execute_task(self, run: Run, task: TaskRun) -> None:
        upstream = [other for other in run.latest if other.key in task.task.depends_on]
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
            self._on_line(run.heard_as, line)

        task.folder.mkdir(parents=True)
        task.move_to("RUNNING")
        deadline = _interrupt_after(task.task.timeout_seconds, task)
        try:
            if isinstance(task.task.work, RunJob):
                outcome = self._run_other_job(run, task, task.task.work)
            else:
                outcome = self._runner.run(task.task, folder=task.folder, on_line=on_line, stopping=task.stopping)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong ends the task, never its thread alone
            _log.exception("task %s of run %s could not be run", task.name, run.name)
            outcome = TaskOutcome("FAILED", repr(error), code="INTERNAL_ERROR", type="INTERNAL_ERROR")
        deadline.cancel()
        task.error, task.error_trace = outcome.error, outcome.error_trace
        return _ending_of_task(task, outcome)

    def _run_other_job(self, run: Run, task: TaskRun, work: RunJob) -> TaskOutcome:
        try:
            other = self._run_job(work, run, task)
        except ApiError as error:
            return TaskOutcome("FAILED", error.message, code="INVALID_RUN_CONFIGURATION")
        task.job_run_id = other.run_id
        while not other.ended.wait(0.1):
            if task.stopping.is_set():
                other.interrupt(task.interruption)
        if other.ending.result_state in ("SUCCESS", "CANCELED"):
            return TaskOutcome("SUCCESS" if other.ending.result_state == "SUCCESS" else "CANCELED")
        return TaskOutcome("FAILED", f"Run {other.run_id} of job {work.job_id} failed: {other.ending.message}")


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
    failed = [task for task in run.latest if endings.is_failure(task.ending.result_state)]
    if not failed:
        return endings.SUCCESS
    if not any(leaf in failed for leaf in run.leaves()):
        return endings.SUCCESS_WITH_FAILURES
    if run.stopping.is_set():
        return run.interruption
    first = failed[0]
    message = f"Task {first.name} failed with message: {first.ending.message}."
    if len(run.latest) > 1:
        message += " This caused all downstream tasks to get skipped."
    return Ending("FAILED", first.ending.code, first.ending.type, message, "INTERNAL_ERROR")
