"""What a run does on a cluster: scripts, notebooks, wheels, jars. Each takes the step's arguments by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from zflow_constructs.core.values.errors import WorkflowError, did_you_mean, one_of, refuse_text
from zflow_constructs.core.values.templates import Template
from zflow_constructs.data.file_assets import StagedFile
from zflow_constructs.data.sources import SourceCode
from zflow_constructs.databricks.tasks.code import GitFile, WorkspaceFile, staged
from zflow_constructs.databricks.tasks.libraries import BoundLibrary, DatabricksLibrary
from zflow_constructs.databricks.tasks.wheels import Wheel
from zflow_constructs.steps.step import Step

Compute = Literal["cluster", "none"]
"""What a task needs to run on: a cluster, or serverless compute; or none of this step's."""


@dataclass(frozen=True)
class BoundTask:
    """A task as a request names it.

    Args:
        fields: The one field that says what is done, such as `spark_python_task`.
        library: The library that it brings itself. Default: none
        script: The script that the cluster reads in S3. Default: none
    """

    fields: Mapping[str, Template]
    library: BoundLibrary | None = None
    script: StagedFile | None = None


class RunTask(Protocol):
    """What a run can do."""

    @property
    def compute(self) -> Compute:
        """What it needs to run on."""

    @property
    def takes_arguments(self) -> bool:
        """Whether it can be handed anything."""

    @property
    def git_file(self) -> GitFile | None:
        """What it takes from the run's Git repository, if anything."""

    def values_of(self, key: str) -> Mapping[str, str]:
        """Name the small results that other steps read: for each, the key of the task that gives it.

        Args:
            key: Its own key.
        """

    def bind(self, step: Step, key: str, arguments: Mapping[str, Template]) -> BoundTask:
        """Render the task in a request; files of the workflow's own are deployed.

        Args:
            step: The step.
            key: The task's key, or `` for the only one.
            arguments: What it is handed: strings by name.
        """


@dataclass(frozen=True)
class SparkPythonTask:
    """A Python script, with Spark at hand. It gets its arguments as `--name value`.

    https://docs.databricks.com/api/workspace/jobs/submit (spark_python_task)

    Args:
        code: the script: of the workflow's own, of the step's Git repository, or of the workspace.

    Example:
        `SparkPythonTask(SourceCode.from_file("jobs/extract.py"))`
    """

    code: SourceCode | GitFile | WorkspaceFile
    compute: ClassVar[Compute] = "cluster"
    takes_arguments: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not isinstance(self.code, SourceCode | GitFile | WorkspaceFile):
            raise WorkflowError(
                f"SparkPythonTask: code is {self.code!r}. A script of yours is "
                'SourceCode.from_file("jobs/extract.py"), one of the step\'s Git repository '
                'GitFile("jobs/extract.py"), one of the workspace WorkspaceFile("/Shared/extract.py").'
            )

    @property
    def git_file(self) -> GitFile | None:
        """The script, if it is in the repository."""
        return self.code if isinstance(self.code, GitFile) else None

    def values_of(self, key: str) -> Mapping[str, str]:
        """None: what is large or small of its results goes to the step's outputs."""
        return {}

    def bind(self, step: Step, key: str, arguments: Mapping[str, Template]) -> BoundTask:
        """`{"spark_python_task": {"python_file": "s3://...", "parameters": ["--country", "de"]}}`."""
        match self.code:
            case SourceCode():
                script = staged(step, f"{key}Script", self.code)
                run = {"python_file": script.uri, **_words(arguments)}
                return BoundTask({"spark_python_task": run}, script=script)
            case GitFile(path) | WorkspaceFile(path):
                run = {"python_file": path, "source": self.code.source, **_words(arguments)}
                return BoundTask({"spark_python_task": run})


@dataclass(frozen=True)
class NotebookTask:
    """A notebook. It gets its arguments as widgets, and may give a small result by `dbutils.notebook.exit(...)`.

    https://docs.databricks.com/api/workspace/jobs/submit (notebook_task)

    Args:
        notebook: of the step's Git repository, or of the workspace.
        values: the fields of the JSON object that it exits with, which other steps read as `step.values[name]`:
            `dbutils.notebook.exit(json.dumps({"auc": auc}))`. Default: none
        warehouse_id: the SQL warehouse that runs it, if all its cells are SQL. Default: a cluster, or serverless

    Example:
        `NotebookTask(WorkspaceFile("/Shared/evaluate"), values=["auc"])`
    """

    notebook: GitFile | WorkspaceFile
    values: Sequence[str] = ()
    warehouse_id: str = ""
    takes_arguments: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not isinstance(self.notebook, GitFile | WorkspaceFile):
            raise WorkflowError(
                f"NotebookTask: notebook is {self.notebook!r}. One of the workspace is "
                'WorkspaceFile("/Shared/evaluate"), one of the step\'s Git repository GitFile("notebooks/evaluate").'
            )
        refuse_text("NotebookTask", "values", self.values)

    @property
    def compute(self) -> Compute:
        """A cluster, unless a warehouse runs it."""
        return "none" if self.warehouse_id else "cluster"

    @property
    def git_file(self) -> GitFile | None:
        """The notebook, if it is in the repository."""
        return self.notebook if isinstance(self.notebook, GitFile) else None

    def values_of(self, key: str) -> Mapping[str, str]:
        """The fields that it exits with: all of them its own."""
        return dict.fromkeys(self.values, key)

    def bind(self, step: Step, key: str, arguments: Mapping[str, Template]) -> BoundTask:
        """`{"notebook_task": {"notebook_path": "/Shared/evaluate", "base_parameters": {"country": "de"}}}`."""
        notebook: dict[str, Template] = {
            "notebook_path": self.notebook.path,
            "source": self.notebook.source,
            **({"base_parameters": dict(arguments)} if arguments else {}),
            **({"warehouse_id": self.warehouse_id} if self.warehouse_id else {}),
        }
        return BoundTask({"notebook_task": notebook})


@dataclass(frozen=True)
class PythonWheelTask:
    """A function of a wheel. It gets its arguments as `--name=value`.

    https://docs.databricks.com/api/workspace/jobs/submit (python_wheel_task)

    Args:
        package: the package's name.
        entry_point: an entry point of its metadata, or a function of the package.
        wheel: where the package comes from.

    Example:
        `PythonWheelTask.from_file("dist/churn-1.0-py3-none-any.whl", entry_point="features")`
    """

    package: str
    entry_point: str
    wheel: DatabricksLibrary
    compute: ClassVar[Compute] = "cluster"
    takes_arguments: ClassVar[bool] = True
    git_file: ClassVar[GitFile | None] = None

    @classmethod
    def from_file(cls, path: str, *, entry_point: str) -> "PythonWheelTask":
        """A wheel of the workflow's own, deployed with it.

        Args:
            path: the wheel, relative to the working directory of `cdk synth`.
            entry_point: an entry point of its metadata, or a function of the package.

        Raises:
            WorkflowError: there is no such file, it is no wheel, or has no such entry point.
        """
        wheel = Wheel(Path(path))
        known = wheel.entry_points
        # Where the metadata don't name it, Databricks calls the function of that name in the package.
        if entry_point not in known and wheel.package.replace("-", "_") not in wheel.modules:
            raise WorkflowError(
                f'PythonWheelTask: {wheel.path.name} has no entry point "{entry_point}".'
                f"{did_you_mean(entry_point, known)} It has: {one_of(known) or 'none'}. Declare it in the package's "
                '[project.scripts], as features = "churn.features:main".'
            )
        return cls(wheel.package, entry_point, DatabricksLibrary.from_wheel(path))

    @classmethod
    def from_workspace(cls, file: WorkspaceFile, *, package: str, entry_point: str) -> "PythonWheelTask":
        """A wheel that is in the workspace, or in one of its volumes.

        Args:
            file: the wheel.
            package: the package's name.
            entry_point: an entry point of its metadata, or a function of the package.
        """
        return cls(package, entry_point, DatabricksLibrary.from_workspace(file))

    def values_of(self, key: str) -> Mapping[str, str]:
        """None: what is large or small of its results goes to the step's outputs."""
        return {}

    def bind(self, step: Step, key: str, arguments: Mapping[str, Template]) -> BoundTask:
        """`{"python_wheel_task": {"package_name": "churn", "entry_point": "features", "named_parameters": {...}}}`."""
        task: dict[str, Template] = {
            "package_name": self.package,
            "entry_point": self.entry_point,
            **({"named_parameters": dict(arguments)} if arguments else {}),
        }
        return BoundTask({"python_wheel_task": task}, self.wheel.bind(step, f"{key}Wheel"))


@dataclass(frozen=True)
class JarTask:
    """The main method of a class in a jar. It gets its arguments as `--name value`.

    https://docs.databricks.com/api/workspace/jobs/submit (spark_jar_task)

    Args:
        main_class: the class, such as `com.example.Features`.
        jar: where it comes from.

    Example:
        `JarTask("com.example.Features", DatabricksLibrary.from_jar("target/features.jar"))`
    """

    main_class: str
    jar: DatabricksLibrary
    compute: ClassVar[Compute] = "cluster"
    takes_arguments: ClassVar[bool] = True
    git_file: ClassVar[GitFile | None] = None

    def values_of(self, key: str) -> Mapping[str, str]:
        """None: what is large or small of its results goes to the step's outputs."""
        return {}

    def bind(self, step: Step, key: str, arguments: Mapping[str, Template]) -> BoundTask:
        """`{"spark_jar_task": {"main_class_name": "com.example.Features", "parameters": ["--country", "de"]}}`."""
        task = {"main_class_name": self.main_class, **_words(arguments)}
        return BoundTask({"spark_jar_task": task}, self.jar.bind(step, f"{key}Jar"))


def _words(arguments: Mapping[str, Template]) -> dict[str, Template]:
    """`{"parameters": ["--country", "de"]}`, or nothing."""
    words = [part for name, value in arguments.items() for part in (f"--{name}", value)]
    return {"parameters": words} if words else {}
