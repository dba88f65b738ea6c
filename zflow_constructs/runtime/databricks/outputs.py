"""What the tasks of a run left: fetched once the run has ended, and kept in the bucket for whoever is on call."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from client import JobsClient, TaskOutput
from databricks_run import DatabricksRun, TaskRun
from errors import DatabricksError, Throttled
from events import StepEvent
from logs import Log
from objects import Objects

MOST_TASKS = 100

MOST_BYTES = 8 << 20
"""What is fetched when the outputs so far are as large as this would not fit into the function's memory."""

RESERVE_SECONDS = 25
"""With less time than this left, no other output is fetched: what there is must be written."""

PATIENCE_SECONDS = 15
"""How long one output is tried for."""


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A task and its output.

    Args:
        task: The task.
        output: What it left; None if that wasn't read.
        problem: Why it wasn't.
        passing: Whether another invocation may read it.
    """

    task: TaskRun
    output: TaskOutput | None = None
    problem: str = ""
    passing: bool = False


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Fetches and keeps outputs.

    Args:
        client: The workspace's Jobs API; its patience is `PATIENCE_SECONDS`.
        objects: The workspace's bucket.
        time_left: Seconds for which this invocation may go on.
        log: Gets a line if the outputs couldn't be kept.
    """

    client: JobsClient
    objects: Objects
    time_left: Callable[[], float]
    log: Log

    def fetch(self, run: DatabricksRun, *, wanted: Sequence[str]) -> Mapping[str, Fetched]:
        """The outputs by the tasks' run ids: of the wanted tasks first, then of those that failed, then the others."""
        ranks = sorted(run.tasks, key=lambda task: (task.key not in wanted, not task.failed))
        fetched: dict[str, Fetched] = {}
        size = 0
        for task in ranks[:MOST_TASKS]:
            fetched[task.run_id] = self._fetch(task, size)
            output = fetched[task.run_id].output
            size += len(output.logs) + len(output.result or "") if output else 0
        return fetched

    def write(
        self, event: StepEvent, run: DatabricksRun, fetched: Mapping[str, Fetched], *, url: str, attempt: int
    ) -> str:
        """Write the outputs to the bucket, and tell where; nothing if that fails: the run itself is what counts."""
        place = "/".join(part for part in (event.step, event.item, run.run_id) if part)
        key = f"{event.execution.folder}output/{place}.json"
        kept = [fetched[task.run_id] for task in run.tasks if task.run_id in fetched]
        document = {
            "execution": event.execution.arn,
            "step": event.step,
            "item": event.item,
            "attempt": attempt,
            "run_id": run.run_id,
            "url": url,
            "state": asdict(run.state),
            "tasks": [_task(item) for item in kept],
            "tasks_left_out": len(run.tasks) - len(kept),
        }
        try:
            self.objects.write(key, document)
        except DatabricksError as error:
            self.log.warning("output not kept", {"run_id": run.run_id, "problem": str(error)})
            return ""
        return self.objects.uri(key)

    def _fetch(self, task: TaskRun, size: int) -> Fetched:
        if size >= MOST_BYTES:
            return Fetched(task=task, problem="not fetched: the outputs before it are large enough")
        if self.time_left() < RESERVE_SECONDS:
            return Fetched(task=task, problem="not fetched: the time of the invocation was short", passing=True)
        try:
            return Fetched(task=task, output=self.client.task_output(task.run_id))
        except DatabricksError as error:
            return Fetched(task=task, problem=str(error), passing=isinstance(error, Throttled))


def _task(fetched: Fetched) -> Mapping[str, object]:
    task, output = fetched.task, fetched.output
    head = {"task_key": task.key, "run_id": task.run_id, "attempt": task.attempt, "state": asdict(task.state)}
    if output is None:
        return {**head, "problem": fetched.problem}
    return {
        **head,
        "error": output.error,
        "error_trace": output.trace,
        "notebook_result": output.result,
        "notebook_result_truncated": output.result_truncated,
        "logs": output.logs,
        "logs_truncated": output.logs_truncated,
    }
