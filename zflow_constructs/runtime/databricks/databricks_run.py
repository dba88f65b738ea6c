"""A run as Databricks tells it, and how its end is judged.

See https://docs.databricks.com/api/workspace/jobs/getrun
"""

from collections.abc import Sequence
from dataclasses import dataclass

from documents import Document, children, number, text
from errors import Canceled, DatabricksError, RunFailed, Skipped, TimedOut, TransientRunFailure
from run_state import RunState

CONSEQUENCES = {"CANCELED", "DISABLED", "EXCLUDED", "UPSTREAM_CANCELED", "UPSTREAM_FAILED"}
"""Results of tasks that did not fail by themselves."""


@dataclass(frozen=True, kw_only=True)
class TaskRun:
    """One attempt of one task of a run."""

    key: str
    run_id: str
    attempt: int
    started: int
    state: RunState

    @staticmethod
    def from_document(document: Document) -> "TaskRun":
        """Read one of the tasks of `runs/get`."""
        return TaskRun(
            key=text(document, "task_key"),
            run_id=text(document, "run_id"),
            attempt=number(document, "attempt_number"),
            started=number(document, "start_time"),
            state=RunState.from_document(document),
        )

    @property
    def failed(self) -> bool:
        """Whether this task itself failed, other than in consequence of another's failure."""
        return (
            self.state.final
            and not self.state.succeeded
            and self.state.life_cycle != "SKIPPED"
            and self.state.result not in CONSEQUENCES
        )


@dataclass(frozen=True, kw_only=True)
class Repair:
    """A repair of a run: its failed tasks ran again.

    Args:
        id: Names it in a request for the next one.
        started: Milliseconds since the epoch.
    """

    id: str
    started: int


@dataclass(frozen=True, kw_only=True)
class DatabricksRun:
    """A run as `runs/get` tells it.

    Args:
        run_id: The run's id.
        url: Its page.
        state: Where it is in its life.
        tasks: The latest attempt of each task.
        complete: Whether these are all tasks: a page holds 100 attempts.
        repair: The latest repair, if there was one and the history was asked for.
    """

    run_id: str
    url: str
    state: RunState
    tasks: Sequence[TaskRun]
    complete: bool
    repair: Repair | None

    @staticmethod
    def from_document(document: Document) -> "DatabricksRun":
        """Read a response of `runs/get`; its tasks are all attempts, those before a repair included."""
        attempts = [TaskRun.from_document(task) for task in children(document, "tasks")]
        latest = {task.key: task for task in sorted(attempts, key=lambda task: (task.started, task.attempt))}
        repairs = [
            Repair(id=text(item, "id"), started=number(item, "start_time"))
            for item in children(document, "repair_history")
            if text(item, "type") == "REPAIR"
        ]
        return DatabricksRun(
            run_id=text(document, "run_id"),
            url=text(document, "run_page_url"),
            state=RunState.from_document(document),
            tasks=[latest[key] for key in dict.fromkeys(task.key for task in attempts)],
            complete=not text(document, "next_page_token"),
            repair=max(repairs, key=lambda repair: repair.started, default=None),
        )

    def ended_well(self, *, allow_failures: bool) -> bool:
        """Whether the run is a success: with failed tasks only if they are allowed."""
        return self.state.succeeded or (allow_failures and self.state.succeeded_with_failures)

    @property
    def failed_tasks(self) -> Sequence[TaskRun]:
        """The tasks whose failure is the cause of the run's."""
        return [task for task in self.tasks if task.failed]

    @property
    def failure(self) -> type[DatabricksError]:
        """The class of error that a final run without success is."""
        state = self.state
        if self._transient:
            return TransientRunFailure
        if state.result == "TIMEDOUT":
            return TimedOut
        if state.result == "CANCELED" or state.code in {"CANCELED", "USER_CANCELED"}:
            return Canceled
        if state.life_cycle == "SKIPPED" or state.code == "SKIPPED":
            return Skipped
        return RunFailed

    @property
    def _transient(self) -> bool:
        # A run whose tasks failed says RUN_EXECUTION_ERROR; why they failed is in the tasks' own details.
        if self.state.transient or self.state.code not in {"", "RUN_EXECUTION_ERROR"}:
            return self.state.transient
        return bool(self.failed_tasks) and all(task.state.transient for task in self.failed_tasks)

    @property
    def may_fail_otherwise(self) -> bool:
        """Whether a job that failed by itself may do better the next time: no code says that it can't."""
        return not any(state.permanent for state in (self.state, *(task.state for task in self.failed_tasks)))
