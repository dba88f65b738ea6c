"""Where a Databricks run is in its life, and how its end is judged.

See https://docs.databricks.com/api/workspace/jobs/getrun
"""

from collections.abc import Sequence
from dataclasses import dataclass

from documents import Document, child, children, number, text
from errors import Canceled, DatabricksError, RunFailed, Skipped, TimedOut, TransientRunFailure

FINAL_STATES = {"TERMINATED", "SKIPPED", "INTERNAL_ERROR"}
"""Every other life-cycle state, known or not, means that the run goes on."""

TRANSIENT_TYPES = {"CLOUD_FAILURE", "INTERNAL_ERROR"}

TRANSIENT_CODES = {
    "BREAKING_CHANGE",
    "CLUSTER_REQUEST_LIMIT_EXCEEDED",
    "MAX_CONCURRENT_RUNS_EXCEEDED",
    "MAX_JOB_QUEUE_SIZE_EXCEEDED",
    "REPOSITORY_CHECKOUT_FAILED",
    "WORKSPACE_RUN_LIMIT_EXCEEDED",
}

PERMANENT_CODES = {
    "BUDGET_POLICY_LIMIT_EXCEEDED",
    "FEATURE_DISABLED",
    "LIBRARY_INSTALLATION_ERROR",
    "RESOURCE_NOT_FOUND",
    "UNAUTHORIZED_ERROR",
    "USER_CANCELED",
}

CONSEQUENCES = {"CANCELED", "DISABLED", "EXCLUDED", "UPSTREAM_CANCELED", "UPSTREAM_FAILED"}
"""Results of tasks that did not fail by themselves."""


@dataclass(frozen=True, kw_only=True)
class RunState:
    """The state of a run, or of one task's run.

    The API tells it twice: in `state` (older, with the life cycle and the result) and in `status` (newer, with the
    termination's details). Both are read, so that either may be missing.
    """

    life_cycle: str
    result: str
    message: str
    code: str
    type: str

    @staticmethod
    def from_document(document: Document) -> "RunState":
        """Read `state` and `status`."""
        state, status = child(document, "state"), child(document, "status")
        details = child(status, "termination_details")
        return RunState(
            life_cycle=text(state, "life_cycle_state") or text(status, "state"),
            result=text(state, "result_state"),
            message=text(state, "state_message") or text(details, "message"),
            code=text(details, "code"),
            type=text(details, "type"),
        )

    @property
    def final(self) -> bool:
        """Whether the state will never change again."""
        return self.life_cycle in FINAL_STATES

    @property
    def succeeded(self) -> bool:
        """Whether the run ended in success: SUCCESS alone, not SUCCESS_WITH_FAILURES."""
        return self.life_cycle == "TERMINATED" and (self.result or self.code) == "SUCCESS"

    @property
    def transient(self) -> bool:
        """Whether the details of the failure say that a new attempt may succeed."""
        if self.code in PERMANENT_CODES or self.code.startswith("INVALID_"):
            return False
        return self.type in TRANSIENT_TYPES or self.code in TRANSIENT_CODES

    @property
    def verdict(self) -> str:
        """The most telling of the state's names."""
        names = (self.result or self.life_cycle, self.code)
        return " / ".join(dict.fromkeys(name for name in names if name))


@dataclass(frozen=True, kw_only=True)
class TaskRun:
    """One attempt of one task of a run."""

    key: str
    run_id: str
    attempt: int
    state: RunState

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
class DatabricksRun:
    """A run as `runs/get` tells it."""

    run_id: str
    url: str
    state: RunState
    tasks: Sequence[TaskRun]

    @staticmethod
    def from_document(document: Document) -> "DatabricksRun":
        """Read a response of `runs/get`; its tasks are all attempts, of which the latest of each task is kept."""
        attempts = [
            TaskRun(
                key=text(task, "task_key"),
                run_id=text(task, "run_id"),
                attempt=number(task, "attempt_number"),
                state=RunState.from_document(task),
            )
            for task in children(document, "tasks")
        ]
        latest = {task.key: task for task in sorted(attempts, key=lambda task: task.attempt)}
        return DatabricksRun(
            run_id=text(document, "run_id"),
            url=text(document, "run_page_url"),
            state=RunState.from_document(document),
            tasks=[latest[key] for key in dict.fromkeys(task.key for task in attempts)],
        )

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
