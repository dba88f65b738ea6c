"""What a run has done elsewhere: SQL by a warehouse, dbt, a pipeline's update, another job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from aws_cdk import Token

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Expression
from zflow_constructs.core.values.templates import Template
from zflow_constructs.databricks.tasks.cluster_tasks import BoundTask, Compute
from zflow_constructs.databricks.tasks.code import GitFile, WorkspaceFile
from zflow_constructs.steps.step import Step

ParameterKind = Literal[
    "job_parameters", "jar_params", "notebook_params", "python_named_params", "python_params", "sql_params"
]
"""How a job takes what it is handed, as Databricks names it; all but the first are of old."""
_LISTS = ("jar_params", "python_params")


@dataclass(frozen=True)
class SqlTask:
    """A query, or a file of SQL, run by a SQL warehouse. It gets its arguments as the query's parameters.

    https://docs.databricks.com/api/workspace/jobs/submit (sql_task)

    Args:
        warehouse_id: The warehouse.
        does: The request's `query` or `file`.
        git_file: The file, if it is in the Git repository. Default: none

    Example:
        `SqlTask.from_query("a1b2c3d4-...", warehouse_id="0123456789abcdef")`
    """

    warehouse_id: str
    does: Mapping[str, Template]
    git_file: GitFile | None = None
    compute: ClassVar[Compute] = "none"
    takes_arguments: ClassVar[bool] = True

    @classmethod
    def from_query(cls, query_id: str, *, warehouse_id: str) -> "SqlTask":
        """A query that is saved in the workspace."""
        return cls(warehouse_id, {"query": {"query_id": query_id}})

    @classmethod
    def from_file(cls, file: GitFile | WorkspaceFile, *, warehouse_id: str) -> "SqlTask":
        """A file of SQL statements."""
        git_file = file if isinstance(file, GitFile) else None
        return cls(warehouse_id, {"file": {"path": file.path, "source": file.source}}, git_file)

    def values_of(self, key: str) -> Mapping[str, str]:
        """None: its results are tables."""
        return {}

    def bind(self, step: Step, key: str, arguments: Mapping[str, Template]) -> BoundTask:
        """`{"sql_task": {"warehouse_id": "...", "query": {"query_id": "..."}, "parameters": {"country": "de"}}}`."""
        parameters = {"parameters": dict(arguments)} if arguments else {}
        return BoundTask({"sql_task": {"warehouse_id": self.warehouse_id, **self.does, **parameters}})


@dataclass(frozen=True)
class DbtTask:
    """Commands of dbt, run by its command line on the task's compute, their queries by a SQL warehouse.

    https://docs.databricks.com/api/workspace/jobs/submit (dbt_task)

    Args:
        commands: such as `dbt deps` and `dbt run`; expressions may stand in them, joined by `+`.
        warehouse_id: the warehouse. Default: the project's own profile says it
        project: the project's directory in the Git repository or the workspace. Default: the repository's root
        schema: where the tables go. Default: as the profile says
        catalog: and in which catalog. Default: as the profile says

    Raises:
        WorkflowError: there is no command, or one is not dbt's.

    Example:
        `DbtTask(["dbt deps", "dbt run --vars '{country: " + Parameter("country") + "}'"], warehouse_id="0123...")`
    """

    commands: Sequence[str | Expression]
    warehouse_id: str = ""
    project: GitFile | WorkspaceFile | None = None
    schema: str = ""
    catalog: str = ""
    compute: ClassVar[Compute] = "cluster"
    takes_arguments: ClassVar[bool] = False

    def __post_init__(self) -> None:
        wrong = [command for command in self.commands if isinstance(command, str) and not command.startswith("dbt ")]
        if wrong or not self.commands:
            raise WorkflowError(
                f'DbtTask: commands is {list(self.commands)!r}. Each is a whole command, such as "dbt run".'
            )

    @property
    def git_file(self) -> GitFile | None:
        """The project, if it is in the repository: without a `project`, its root."""
        project = self.project or GitFile("dbt_project.yml")
        return project if isinstance(project, GitFile) else None

    def values_of(self, key: str) -> Mapping[str, str]:
        """None: its results are tables."""
        return {}

    def bind(self, step: Step, key: str, arguments: Mapping[str, Template]) -> BoundTask:
        """`{"dbt_task": {"commands": ["dbt run"], "warehouse_id": "..."}}`."""
        project = {"project_directory": self.project.path, "source": self.project.source} if self.project else {}
        said = {"warehouse_id": self.warehouse_id, "schema": self.schema, "catalog": self.catalog}
        task: dict[str, Template] = {
            "commands": list(self.commands),
            **project,
            **{name: value for name, value in said.items() if value},
        }
        return BoundTask({"dbt_task": task})


@dataclass(frozen=True)
class PipelineTask:
    """An update of a pipeline, waited for.

    https://docs.databricks.com/api/workspace/jobs/submit (pipeline_task)

    Args:
        pipeline_id: the pipeline's id.
        full_refresh: whether all its tables are computed anew. Default: no

    Example:
        `PipelineTask("a1b2c3d4-...")`
    """

    pipeline_id: str
    full_refresh: bool = False
    compute: ClassVar[Compute] = "none"
    takes_arguments: ClassVar[bool] = False
    git_file: ClassVar[GitFile | None] = None

    def values_of(self, key: str) -> Mapping[str, str]:
        """None: its results are tables."""
        return {}

    def bind(self, step: Step, key: str, arguments: Mapping[str, Template]) -> BoundTask:
        """`{"pipeline_task": {"pipeline_id": "...", "full_refresh": true}}`."""
        refresh = {"full_refresh": True} if self.full_refresh else {}
        return BoundTask({"pipeline_task": {"pipeline_id": self.pipeline_id, **refresh}})


@dataclass(frozen=True)
class RunJobTask:
    """A job that is in the workspace already: a step's only task runs it as its own run (`run-now`).

    A redriven execution repairs that run: only what failed in it is run again.
    https://docs.databricks.com/api/workspace/jobs/runnow

    Args:
        job_id: the job's id, digits.
        values: for each small result that other steps read, the task of the job that gives it: a notebook that exits
            with a JSON object. Default: none
        parameters_as: how the job takes its arguments: by job parameters, which it must declare, or in one of the old
            ways. Default: job_parameters

    Raises:
        WorkflowError: the id is no number.

    Example:
        `RunJobTask("620158634281", values={"auc": "evaluate"})`
    """

    job_id: str
    values: Mapping[str, str] = field(default_factory=dict)
    parameters_as: ParameterKind = "job_parameters"
    compute: ClassVar[Compute] = "none"
    takes_arguments: ClassVar[bool] = True
    git_file: ClassVar[GitFile | None] = None

    def __post_init__(self) -> None:
        text = str(self.job_id)
        if self.job_id != text or not (text.isdecimal() or Token.is_unresolved(text)):
            raise WorkflowError(
                f"RunJobTask: job_id is {self.job_id!r}. Give the job's id as a text of digits, as its page shows it: "
                'RunJobTask("620158634281").'
            )

    def values_of(self, key: str) -> Mapping[str, str]:
        """Those of the job's tasks."""
        return self.values

    def render(self, arguments: Mapping[str, Template]) -> dict[str, Template]:
        """`{"job_id": "620158634281", "job_parameters": {"country": "de"}}`.

        Args:
            arguments: what the job is handed: strings by name.
        """
        handed: Template = dict(arguments)
        if self.parameters_as in _LISTS:
            handed = [part for name, value in arguments.items() for part in (f"--{name}", value)]
        return {"job_id": self.job_id, **({self.parameters_as: handed} if arguments else {})}

    def bind(self, step: Step, key: str, arguments: Mapping[str, Template]) -> BoundTask:
        """`{"run_job_task": {"job_id": "...", "job_parameters": {...}}}`: as one of several tasks."""
        return BoundTask({"run_job_task": self.render(arguments)})
