"""The packages that a task finds installed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Template
from zflow_constructs.data.file_assets import StagedFile
from zflow_constructs.data.sources import SourceCode
from zflow_constructs.databricks.tasks.code import WorkspaceFile, staged, staged_wheel
from zflow_constructs.databricks.tasks.wheels import Wheel
from zflow_constructs.steps.step import Step


@dataclass(frozen=True)
class BoundLibrary:
    """A library as a request names it.

    Args:
        name: What messages call it.
        entry: An entry of the task's `libraries`.
        dependencies: How a serverless environment names it: lines of a requirements file. Default: it can't have it
        file: What the cluster reads in S3 for it. Default: nothing
    """

    name: str
    entry: Mapping[str, Template]
    dependencies: tuple[str, ...] = ()
    file: StagedFile | None = None


@dataclass(frozen=True)
class DatabricksLibrary:
    """A package that is installed before a task starts.

    https://docs.databricks.com/api/workspace/libraries/install

    Args:
        kind: What it is, as Databricks names it.
        name: Which: a requirement, coordinates, or a path in the workspace.
        repository: Where it is fetched from. Default: the cluster's own setting
        wheel: A wheel of the workflow's own. Default: none
        jar: A jar of the workflow's own. Default: none

    Example:
        `DatabricksLibrary.from_pypi("matplotlib==3.10.0")`
    """

    kind: Literal["jar", "maven", "pypi", "requirements", "whl"]
    name: str
    repository: str = ""
    wheel: Wheel | None = None
    jar: SourceCode | None = None

    @classmethod
    def from_pypi(cls, requirement: str, *, repository: str = "") -> "DatabricksLibrary":
        """A package from PyPI, such as `matplotlib==3.10.0`.

        Args:
            requirement: the package, with its version.
            repository: the index; on serverless compute, of all packages of the task. Default: as the compute says
        """
        return cls("pypi", requirement, repository)

    @classmethod
    def from_maven(cls, coordinates: str, *, repository: str = "") -> "DatabricksLibrary":
        """A package from Maven Central, such as `org.jsoup:jsoup:1.21.1`.

        Args:
            coordinates: group, artifact and version.
            repository: another repository. Default: Maven Central

        Raises:
            WorkflowError: the coordinates have another form.
        """
        if coordinates.count(":") < 2:
            raise WorkflowError(
                f'DatabricksLibrary "{coordinates}": Maven\'s coordinates are group:artifact:version, such as '
                '"org.jsoup:jsoup:1.21.1".'
            )
        return cls("maven", coordinates, repository)

    @classmethod
    def from_wheel(cls, path: str) -> "DatabricksLibrary":
        """A wheel of the workflow's own, deployed with it.

        Args:
            path: the wheel, relative to the working directory of `cdk synth`.

        Raises:
            WorkflowError: there is no such file, or it is no wheel.
        """
        return cls("whl", path, wheel=Wheel(Path(path)))

    @classmethod
    def from_jar(cls, path: str) -> "DatabricksLibrary":
        """A jar of the workflow's own, deployed with it.

        Args:
            path: the jar, relative to the working directory of `cdk synth`.

        Raises:
            WorkflowError: there is no such file.
        """
        return cls("jar", path, jar=SourceCode.from_file(path))

    @classmethod
    def from_workspace(cls, file: WorkspaceFile) -> "DatabricksLibrary":
        """A wheel, a jar, or a `requirements.txt` that is in the workspace already, or in one of its volumes.

        Args:
            file: the file.

        Raises:
            WorkflowError: the file is none of these.
        """
        for ending, kind in _KINDS.items():
            if file.path.endswith(ending):
                return cls(kind, file.path)
        raise WorkflowError(
            f'DatabricksLibrary "{file.path}": a library of the workspace is a .whl, a .jar, or a requirements.txt.'
        )

    def bind(self, step: Step, id: str) -> BoundLibrary:
        """Render the library in a request; a file of the workflow's own is deployed.

        Args:
            step: The step.
            id: The asset's id.
        """
        named = f'the {self.kind} "{self.name}"'
        if file := self._staged(step, id):
            return BoundLibrary(named, {self.kind: file.uri}, file=file)
        repository = {"repo": self.repository} if self.repository else {}
        match self.kind:
            case "pypi":
                index = [f"--index-url {self.repository}"] if self.repository else []
                return BoundLibrary(named, {"pypi": {"package": self.name, **repository}}, (*index, self.name))
            case "maven":
                return BoundLibrary(named, {"maven": {"coordinates": self.name, **repository}})
            case "requirements":
                return BoundLibrary(named, {"requirements": self.name}, (f"-r {self.name}",))
            case "whl":
                return BoundLibrary(named, {"whl": self.name}, (self.name,))
            case "jar":
                return BoundLibrary(named, {"jar": self.name})

    def _staged(self, step: Step, id: str) -> StagedFile | None:
        if self.wheel:
            return staged_wheel(step, id, self.wheel)
        return staged(step, id, self.jar) if self.jar else None


_KINDS: Mapping[str, Literal["jar", "requirements", "whl"]] = {
    ".whl": "whl",
    ".jar": "jar",
    "requirements.txt": "requirements",
}
