"""What a task runs on: a cluster of its own, one that is there, or Databricks' serverless compute."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Template
from zflow_constructs.data.file_assets import StagedFile
from zflow_constructs.data.sources import SourceCode
from zflow_constructs.databricks.tasks.code import staged
from zflow_constructs.databricks.tasks.libraries import BoundLibrary
from zflow_constructs.requests.aws import merge_overrides
from zflow_constructs.steps.step import Step

AccessMode = Literal["DATA_SECURITY_MODE_AUTO", "DATA_SECURITY_MODE_DEDICATED", "DATA_SECURITY_MODE_STANDARD"]
"""Who may use a cluster, and whether it knows Unity Catalog, as Databricks names it."""


@dataclass(frozen=True)
class BoundCompute:
    """Compute as a request names it.

    Args:
        fields: The task's fields: `new_cluster`, `existing_cluster_id`, or `environment_key` and `libraries`.
        environment: The entry in the run's `environments` that the task has. Default: none
        files: What the cluster reads in S3 to start. Default: nothing
    """

    fields: Mapping[str, Template]
    environment: Mapping[str, Template] | None = None
    files: tuple[StagedFile, ...] = ()


class Compute(Protocol):
    """What a task can run on."""

    @property
    def role(self) -> iam.IRole | None:
        """Who it is to AWS, where that is known: who is granted the step's data."""

    def bind(self, step: Step, key: str, libraries: Sequence[BoundLibrary], *, notebook: bool) -> BoundCompute:
        """Render the compute in a request.

        Args:
            step: The step.
            key: The task's key.
            libraries: What the task finds installed.
            notebook: Whether the task is a notebook.
        """


@dataclass(frozen=True)
class JobCluster:
    """A cluster that is made for a task, and gone with it. Several tasks have one each.

    https://docs.databricks.com/api/workspace/clusters/create

    Args:
        spark_version: Databricks' runtime, such as `16.4.x-scala2.12`.
        node_type: the EC2 machine, such as `m5.xlarge`. Default: the pool's
        num_workers: machines besides the driver; 0 is a single-node cluster. Default: 0
        max_workers: up to so many it grows, from `num_workers`, at least 1, as there is work. Default: it doesn't grow
        pool_id: the instance pool that its machines come from. Default: none
        driver_node_type: the driver's machine. Default: as the workers'
        policy_id: the cluster policy that it keeps to. Default: none, which not everybody may
        access_mode: who may use it, such as `DATA_SECURITY_MODE_DEDICATED`. Default: as Databricks says
        instance_profile: what the cluster may do on AWS; its role, where known, is granted the step's code, inputs and
            outputs. Default: the workspace's own way to S3
        spark_conf: Spark's configuration. Default: none
        environment: environment variables of Spark's processes. Default: none
        init_scripts: run by each machine as it starts; read from S3 by the instance profile. Default: none
        tags: of its machines and disks, on AWS too. Default: none
        overrides: fields of `new_cluster` that have no keyword here. Default: none

    Raises:
        WorkflowError: Databricks would refuse the cluster.

    Example:
        `JobCluster("16.4.x-scala2.12", "m5.xlarge", num_workers=2, max_workers=8)`
    """

    spark_version: str
    node_type: str = ""
    num_workers: int = 0
    max_workers: int = 0
    pool_id: str = ""
    driver_node_type: str = ""
    policy_id: str = ""
    access_mode: AccessMode | Literal[""] = ""
    instance_profile: iam.IInstanceProfile | None = None
    spark_conf: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    init_scripts: Sequence[SourceCode] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, Template] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.num_workers < 0:
            raise WorkflowError(f"JobCluster: num_workers is {self.num_workers}. Give 0 (a single node) or more.")
        if self.max_workers and self.max_workers <= max(self.num_workers, 1):
            raise WorkflowError(
                f"JobCluster: max_workers is {self.max_workers}, and num_workers {self.num_workers}. Give more than "
                "num_workers, at least 2, or leave max_workers out."
            )
        if self.pool_id and (self.node_type or self.driver_node_type):
            raise WorkflowError(
                f'JobCluster: pool_id is "{self.pool_id}" and node_type "{self.node_type or self.driver_node_type}". '
                "The machines are the pool's own: leave node_type and driver_node_type out."
            )
        if not self.pool_id and not self.node_type and not self.policy_id:
            raise WorkflowError(
                'JobCluster: neither node_type nor pool_id is there. Give the machine, such as node_type="m5.xlarge", '
                "or the pool that it comes from, or a policy_id that says it."
            )

    @property
    def role(self) -> iam.IRole | None:
        """The role of the instance profile, if it is known."""
        return self.instance_profile.role if self.instance_profile else None

    def bind(self, step: Step, key: str, libraries: Sequence[BoundLibrary], *, notebook: bool) -> BoundCompute:
        """`{"new_cluster": {...}, "libraries": [...]}`."""
        scripts = [staged(step, f"{key}Init{n}", script) for n, script in enumerate(self.init_scripts)]
        started: dict[str, Template] = {
            "init_scripts": [{"s3": {"destination": script.uri, "region": Stack.of(step).region}} for script in scripts]
        }
        cluster = {**self.render(), **(started if scripts else {})}
        fields = {"new_cluster": merge_overrides(cluster, self.overrides), **_installed(libraries)}
        return BoundCompute(fields, files=tuple(scripts))

    def render(self) -> dict[str, Template]:
        """The request's `new_cluster`, without what is in S3 and what is laid over it."""
        single = not self.num_workers and not self.max_workers
        alone = {"spark.databricks.cluster.profile": "singleNode", "spark.master": "local[*]"} if single else {}
        conf = {**alone, **self.spark_conf}
        tags = {**({"ResourceClass": "SingleNode"} if single else {}), **self.tags}
        said: dict[str, Template] = {
            "node_type_id": self.node_type,
            "driver_node_type_id": self.driver_node_type,
            "instance_pool_id": self.pool_id,
            "policy_id": self.policy_id,
            "data_security_mode": self.access_mode,
            "spark_conf": conf,
            "spark_env_vars": dict(self.environment),
            "custom_tags": tags,
            "aws_attributes": (
                {"instance_profile_arn": self.instance_profile.instance_profile_arn} if self.instance_profile else {}
            ),
        }
        size: dict[str, Template] = (
            {"autoscale": {"min_workers": max(self.num_workers, 1), "max_workers": self.max_workers}}
            if self.max_workers
            else {"num_workers": self.num_workers}
        )
        return {"spark_version": self.spark_version, **size, **{name: value for name, value in said.items() if value}}


@dataclass(frozen=True)
class ExistingCluster:
    """A cluster that is there already. It is shared, and costs more an hour than a job's own.

    Args:
        cluster_id: its id, such as `0923-164208-meows279`.
        role: the role of its instance profile, which is granted the step's code, inputs and outputs. Default: it has
            its own way to S3

    Example:
        `ExistingCluster("0923-164208-meows279")`
    """

    cluster_id: str
    role: iam.IRole | None = None

    def bind(self, step: Step, key: str, libraries: Sequence[BoundLibrary], *, notebook: bool) -> BoundCompute:
        """`{"existing_cluster_id": "...", "libraries": [...]}`."""
        return BoundCompute({"existing_cluster_id": self.cluster_id, **_installed(libraries)})


@dataclass(frozen=True)
class ServerlessCompute:
    """Databricks' serverless compute: no cluster to choose, no time to start. S3 is reached through Unity Catalog.

    https://docs.databricks.com/aws/en/jobs/run-serverless-jobs

    Args:
        environment_version: the version of the Python environment. Default: 4

    Example:
        `ServerlessCompute()`
    """

    environment_version: str = "4"

    @property
    def role(self) -> None:
        """None: access to S3 is Unity Catalog's."""

    def bind(self, step: Step, key: str, libraries: Sequence[BoundLibrary], *, notebook: bool) -> BoundCompute:
        """`{"environment_key": "<task>"}`, and the environment; a notebook without libraries has its own.

        Raises:
            WorkflowError: a library can't be had there.
        """
        for library in libraries:
            if not library.dependencies:
                raise WorkflowError(
                    f'{step.label}: task "{key}" is on serverless compute, which can\'t install {library.name}. It '
                    "takes packages from PyPI, and wheels of the workspace or its volumes: upload it there "
                    "(DatabricksLibrary.from_workspace), or use a JobCluster."
                )
        if notebook and not libraries:
            return BoundCompute({})
        # Each is a line of a requirements file: an index stands on a line of its own, once.
        lines = list(dict.fromkeys(line for library in libraries for line in library.dependencies))
        spec: dict[str, Template] = {
            "environment_version": self.environment_version,
            **({"dependencies": lines} if lines else {}),
        }
        return BoundCompute({"environment_key": key}, {"environment_key": key, "spec": spec})


def _installed(libraries: Sequence[BoundLibrary]) -> dict[str, Template]:
    return {"libraries": [library.entry for library in libraries]} if libraries else {}
