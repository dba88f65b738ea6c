"""What the server shows of runs, whichever way they go: really run, or following a script."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from zflow_constructs.local.databricks.conditions import JsonObject
from zflow_constructs.local.databricks.errors import ApiError, invalid
from zflow_constructs.local.databricks.reading import Json
from zflow_constructs.local.databricks.repairs import RepairRequest
from zflow_constructs.local.databricks.requests import RunRequest


@dataclass(frozen=True)
class Output:
    """What a task run has left.

    Args:
        error: One line that says why it failed. Default: none.
        error_trace: The traceback. Default: none.
        logs: All that it wrote. Default: nothing.
        result: What a notebook exits with. Default: nothing.
        job_run_id: The run that a `run_job_task` started. Default: none.
        fields: What the answer has besides, or in place of what it would have. Default: nothing.
    """

    error: str = ""
    error_trace: str = ""
    logs: str = ""
    result: str | None = None
    job_run_id: int = 0
    fields: Json = field(default_factory=dict)


@dataclass(frozen=True)
class HistoryItem:
    """A run's first course, or one of its repairs.

    Args:
        repair_id: 0 for the first course.
        started_at: When it started.
        ended_at: When it ended; 0 is not yet.
        condition: Its `state` and `status`.
        task_run_ids: What ran in it.
    """

    repair_id: int
    started_at: float
    ended_at: float
    condition: JsonObject
    task_run_ids: Sequence[int]


class Shown(Protocol):
    """What runs and task runs have in common. Times are seconds since the epoch, 0 what has not come yet."""

    @property
    def run_id(self) -> int:
        """Unique over runs and task runs."""
        ...

    @property
    def page_url(self) -> str:
        """Where a person sees more."""
        ...

    @property
    def condition(self) -> JsonObject:
        """Its `state` and `status`, now."""
        ...

    @property
    def submitted_at(self) -> float:
        """When it was asked for."""
        ...

    @property
    def started_at(self) -> float:
        """When it began to run."""
        ...

    @property
    def ended_at(self) -> float:
        """When it ended."""
        ...


class ShownTask(Shown, Protocol):
    """One task run."""

    @property
    def key(self) -> str:
        """The task's key."""
        ...

    @property
    def body(self) -> Json:
        """The task as it was received."""
        ...

    @property
    def attempt(self) -> int:
        """0, 1, ..."""
        ...

    @property
    def output(self) -> Output:
        """What it has left so far."""
        ...


class ShownRun(Shown, Protocol):
    """One run."""

    @property
    def job_id(self) -> int:
        """The job; a one-time run has one of its own."""
        ...

    @property
    def accepted(self) -> RunRequest:
        """What was asked for."""
        ...

    @property
    def is_active(self) -> bool:
        """Whether it has not ended."""
        ...

    @property
    def tasks(self) -> Sequence[ShownTask]:
        """Its task runs, all attempts, the oldest first."""
        ...

    @property
    def history(self) -> Sequence[HistoryItem]:
        """Its first course and its repairs."""
        ...


class Runs(Protocol):
    """All runs of a workspace, and what can be done with them."""

    @property
    def jobs(self) -> Mapping[int, Json]:
        """The settings of the jobs that there are, by their ids, as `jobs/get` shows them."""
        ...

    def submit(self, request: RunRequest) -> ShownRun:
        """Start a run, or find the one that has the same idempotency token."""
        ...

    def find(self, run_id: int) -> ShownRun:
        """The run with this id, or that with this task run.

        Raises:
            ApiError: There is none.
        """
        ...

    def all_runs(self) -> Sequence[ShownRun]:
        """Every run, the latest first."""
        ...

    def cancel(self, run_id: int) -> None:
        """Ask a run to stop, if it is active."""
        ...

    def repair(self, request: RepairRequest) -> int:
        """Run a run's tasks again, and get the repair's id.

        Raises:
            ApiError: The run can't be repaired.
        """
        ...

    def stop(self) -> None:
        """Cancel what is active and wait for its end. Nothing starts any more."""
        ...


def has_run_id(run: ShownRun, run_id: int) -> bool:
    """Whether this id is the run's, or that of one of its task runs."""
    return run.run_id == run_id or any(task.run_id == run_id for task in run.tasks)


def repaired_keys(run: ShownRun, request: RepairRequest) -> set[str]:
    """The keys of the tasks that a repair runs again.

    Raises:
        ApiError: The run is active, another repair is the latest, or there is nothing to run again.
    """
    if run.is_active:
        message = f"Run {run.run_id} is active and cannot be repaired. Repair it once it has ended."
        raise ApiError(400, "INVALID_STATE", message)
    latest = run.history[-1].repair_id
    if latest and not request.latest_repair_id:
        raise invalid("The latest repair ID needs to be provided in order to create a new repair.")
    if request.latest_repair_id != latest:
        raise invalid(
            f"latest_repair_id is {request.latest_repair_id}. "
            f"The latest repair of run {run.run_id} is {latest or 'none'}."
        )
    results = {task.key: _result(task) for task in run.tasks}
    unknown = sorted(set(request.rerun_tasks) - set(results))
    if unknown:
        raise invalid(f"rerun_tasks names '{unknown[0]}'. The tasks of run {run.run_id} are: {', '.join(results)}.")
    failed = {key for key, result in results.items() if result != "SUCCESS"}
    keys = set(request.rerun_tasks) | (failed if request.rerun_all_failed_tasks else set())
    if not keys:
        raise invalid(f"Run {run.run_id} has no failed tasks, and rerun_tasks names none: nothing can be repaired.")
    return keys


def _result(task: ShownTask) -> str:
    state = task.condition.get("state")
    return str(state.get("result_state", "")) if isinstance(state, dict) else ""
