"""Files that a run uses: of the workflow (in S3), of a Git repository, of the workspace."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from aws_cdk import AssetStaging, FileAssetPackaging, Stack, Token
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Template
from zflow_constructs.data.file_assets import StagedFile
from zflow_constructs.data.sources import SourceCode
from zflow_constructs.data.storage import FixedPlace
from zflow_constructs.databricks.tasks.wheels import Wheel
from zflow_constructs.steps.step import Step

GitProvider = Literal[
    "awsCodeCommit",
    "azureDevOpsServices",
    "bitbucketCloud",
    "bitbucketServer",
    "gitHub",
    "gitHubEnterprise",
    "gitLab",
    "gitLabEnterpriseEdition",
]
"""Where a repository lives, as Databricks names it."""


@dataclass(frozen=True)
class GitSource:
    """A Git repository that Databricks checks out for a run; the workspace must have access to it.

    https://docs.databricks.com/api/workspace/jobs/submit (git_source)

    Args:
        url: `https://github.com/team/jobs`.
        provider: where it lives, such as `gitHub`.
        kind: `git_branch`, `git_tag` or `git_commit`.
        reference: the branch's or tag's name, or the commit's hash.

    Example:
        `GitSource.from_tag("https://github.com/team/jobs", "v1.4.0", provider="gitHub")`
    """

    url: str
    provider: GitProvider
    kind: Literal["git_branch", "git_commit", "git_tag"]
    reference: str

    @classmethod
    def from_branch(cls, url: str, branch: str, *, provider: GitProvider) -> "GitSource":
        """The newest commit of a branch, when the run starts."""
        return cls(url, provider, "git_branch", branch)

    @classmethod
    def from_tag(cls, url: str, tag: str, *, provider: GitProvider) -> "GitSource":
        """A tag."""
        return cls(url, provider, "git_tag", tag)

    @classmethod
    def from_commit(cls, url: str, commit: str, *, provider: GitProvider) -> "GitSource":
        """A commit: always the same code."""
        return cls(url, provider, "git_commit", commit)

    def render(self) -> dict[str, Template]:
        """The request's `git_source`."""
        return {"git_url": self.url, "git_provider": self.provider, self.kind: self.reference}


@dataclass(frozen=True)
class GitFile:
    """A file of the step's Git repository.

    Args:
        path: relative to the repository's root; a notebook's without its extension.

    Raises:
        WorkflowError: the path is absolute.

    Example:
        `SparkPythonTask(GitFile("jobs/extract.py"))`
    """

    path: str
    source = "GIT"

    def __post_init__(self) -> None:
        if self.path.startswith("/") or not self.path:
            raise WorkflowError(
                f'GitFile "{self.path}": a path in a repository is relative to its root, such as "jobs/extract.py".'
            )


@dataclass(frozen=True)
class WorkspaceFile:
    """A file, or a notebook, that is in the Databricks workspace already.

    Args:
        path: `/Workspace/...`, `/Repos/...`, `/Shared/...`, `/Users/...`, or `/Volumes/...` for libraries and scripts.

    Raises:
        WorkflowError: the path is not absolute.

    Example:
        `NotebookTask(WorkspaceFile("/Shared/features/clean"))`
    """

    path: str
    source = "WORKSPACE"

    def __post_init__(self) -> None:
        if not self.path.startswith("/") and not Token.is_unresolved(self.path):
            raise WorkflowError(
                f'WorkspaceFile "{self.path}": a path in the workspace begins with "/", such as "/Shared/extract.py". '
                'A script of the workflow\'s own is SourceCode.from_file("..."), one of a repository GitFile("...").'
            )


def staged(step: Step, id: str, code: SourceCode) -> StagedFile:
    """A script, or another file of its own, in S3.

    Args:
        step: the step.
        id: the asset's id.
        code: the file.

    Raises:
        WorkflowError: the code is a directory.
    """
    if code.root.is_dir():
        raise WorkflowError(
            f"{step.label}: {code.root} is a directory, and a Databricks task takes one file. Use "
            "SourceCode.from_file, or pack modules into a wheel: DatabricksLibrary.from_wheel, PythonWheelTask."
        )
    asset = s3_assets.Asset(step, id, path=str(code.root))
    return StagedFile(asset.s3_object_url, FixedPlace(asset.bucket, asset.s3_object_key))


def staged_wheel(step: Step, id: str, wheel: Wheel) -> StagedFile:
    """A wheel in S3, under a name that pip takes: an asset is named by its hash alone, which is no wheel's name.

    https://packaging.python.org/en/latest/specifications/binary-distribution-format/#file-name-convention

    Args:
        step: the step.
        id: the asset's id.
        wheel: the wheel.
    """
    staging = AssetStaging(step, id, source_path=str(wheel.path))
    stack = Stack.of(step)
    content = sha256(Path(wheel.path).read_bytes()).hexdigest()
    location = stack.synthesizer.add_file_asset(
        source_hash=wheel.built(content).removesuffix(".whl"),
        file_name=staging.relative_staged_path(stack),
        packaging=FileAssetPackaging.FILE,
    )
    bucket = s3.Bucket.from_bucket_name(step, f"{id}Bucket", location.bucket_name)
    return StagedFile(location.s3_object_url, FixedPlace(bucket, location.object_key))
