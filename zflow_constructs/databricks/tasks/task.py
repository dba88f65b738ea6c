"""When and how one of several tasks of a run is run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from aws_cdk import Duration

from zflow_constructs.core.values.errors import WorkflowError, refuse_text
from zflow_constructs.core.values.templates import Template
from zflow_constructs.databricks.tasks.cluster_tasks import RunTask
from zflow_constructs.databricks.tasks.compute import Compute
from zflow_constructs.databricks.tasks.libraries import DatabricksLibrary
from zflow_constructs.steps.durations import whole_seconds

_LONGEST_SECONDS = 28 * 86_400

RunIf = Literal["ALL_DONE", "ALL_FAILED", "ALL_SUCCESS", "AT_LEAST_ONE_FAILED", "AT_LEAST_ONE_SUCCESS", "NONE_FAILED"]
"""After which outcomes of those before it a task runs, as Databricks names it."""


@dataclass(frozen=True)
class DatabricksTask:
    """One of several tasks of a run.

    https://docs.databricks.com/api/workspace/jobs/submit (tasks)

    Args:
        task: what it does.
        after: the keys of the tasks that come before. Default: none
        run_if: after which outcomes of those it runs. Default: ALL_SUCCESS
        cluster: on what it runs. Default: as the step says
        parameters: what it alone is handed. Default: none
        takes: the step's parameters, inputs and outputs that it is handed. Default: all of them
        libraries: what it finds installed, besides the step's. Default: none
        max_retries: how often Databricks itself runs it again if it fails, within the run. Default: 0
        timeout: Databricks ends it after this time. Default: none but the step's own
        overrides: the task's fields that have no keyword here. Default: none

    Raises:
        WorkflowError: a number is out of its bounds.

    Example:
        `DatabricksTask(NotebookTask(WorkspaceFile("/Shared/join")), after=["clean"])`
    """

    task: RunTask
    after: Sequence[str] = ()
    run_if: RunIf = "ALL_SUCCESS"
    cluster: Compute | None = None
    parameters: Mapping[str, Template] = field(default_factory=dict)
    takes: Sequence[str] | None = None
    libraries: Sequence[DatabricksLibrary] = ()
    max_retries: int = 0
    timeout: Duration | None = None
    overrides: Mapping[str, Template] = field(default_factory=dict)

    def __post_init__(self) -> None:
        refuse_text("DatabricksTask", "after", self.after)
        refuse_text("DatabricksTask", "takes", self.takes)
        if not 0 <= self.max_retries <= 100:
            raise WorkflowError(f"DatabricksTask: max_retries is {self.max_retries}. Give a number from 0 to 100.")
        if self.timeout:
            whole_seconds("DatabricksTask", "timeout", self.timeout, least=1, most=_LONGEST_SECONDS)

    def render(self) -> dict[str, Template]:
        """Its fields besides what it does and on what: `{"depends_on": [{"task_key": "clean"}], ...}`."""
        return {
            **({"depends_on": [{"task_key": key} for key in self.after]} if self.after else {}),
            **({"run_if": self.run_if} if self.run_if != "ALL_SUCCESS" else {}),
            **({"max_retries": self.max_retries} if self.max_retries else {}),
            **({"timeout_seconds": int(self.timeout.to_seconds())} if self.timeout else {}),
        }
