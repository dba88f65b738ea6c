"""What the submitted requests ask of a workspace and of S3."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from zflow_constructs.assembly.json_document import fields, items
from zflow_constructs.core.values.templates import Json
from zflow_constructs.workspace_check.workspaces import Submission


class Kind(StrEnum):
    """What a request names in the workspace."""

    POLICY = "policy"
    RUNTIME = "runtime"
    NODE_TYPE = "node type"
    POOL = "instance pool"
    CLUSTER = "cluster"
    PROFILE = "instance profile"
    WAREHOUSE = "SQL warehouse"
    PIPELINE = "pipeline"
    JOB = "job"


_KINDS = {
    "policy_id": Kind.POLICY,
    "spark_version": Kind.RUNTIME,
    "node_type_id": Kind.NODE_TYPE,
    "driver_node_type_id": Kind.NODE_TYPE,
    "instance_pool_id": Kind.POOL,
    "driver_instance_pool_id": Kind.POOL,
    "existing_cluster_id": Kind.CLUSTER,
    "instance_profile_arn": Kind.PROFILE,
    "warehouse_id": Kind.WAREHOUSE,
    "pipeline_id": Kind.PIPELINE,
    "job_id": Kind.JOB,
}
# Their keys are the user's own, whatever they are called.
_FREE = {
    "base_parameters",
    "custom_tags",
    "job_parameters",
    "named_parameters",
    "notebook_params",
    "python_named_params",
    "spark_conf",
    "spark_env_vars",
    "sql_params",
}
_FILES = {"python_file", "whl", "jar", "requirements", "destination", "dependencies"}
_WRITTEN = "cluster_log_conf"
# `"s3://lake/runs/" & $name & "/Extract/history/"`: where a run writes, but for its name.
_LOCATION = re.compile(r'\{%\s*("s3://[^"]*"(?:\s*&\s*(?:"[^"]*"|\$[\w.]+))*)\s*%\}')
_PART = re.compile(r'"([^"]*)"|\$[\w.]+')
_ASSETS = re.compile(r"s3://cdk-[^/]*-assets-[^/]*/.+")


@dataclass(frozen=True)
class Need:
    """What a step names in the workspace.

    Args:
        kind: what it is.
        value: its id, as the template has it.
        step: the step's name.
        stack: the stack of its workflow.
    """

    kind: Kind
    value: Json
    step: str
    stack: str


@dataclass(frozen=True)
class Work:
    """A task of a request: what its cluster reads and writes.

    Args:
        step: the step's name.
        stack: the stack of its workflow.
        profile: the cluster's instance profile. None: it has none, or isn't a new one
        files: scripts, packages and the like: each perhaps a location in S3.
        parameters: what is handed to the script, among which may be locations in S3.
    """

    step: str
    stack: str
    profile: Json
    files: Sequence[Json]
    parameters: Sequence[Json]


def needs(submissions: Sequence[Submission]) -> Sequence[Need]:
    """What the requests name in the workspace, each as often as it is named.

    Args:
        submissions: the requests.
    """
    return [
        Need(_KINDS[key], value, submission.step, submission.stack)
        for submission in submissions
        for key, value in _pairs(submission.request)
        if key in _KINDS and value
    ]


def free_clusters(submissions: Sequence[Submission]) -> Sequence[str]:
    """The steps that ask for a new cluster that no policy governs.

    Args:
        submissions: the requests.
    """
    return [
        submission.step
        for submission in submissions
        for key, value in _pairs(submission.request)
        if key == "new_cluster" and not fields(value).get("policy_id")
    ]


def work(submissions: Sequence[Submission]) -> Sequence[Work]:
    """The tasks of the requests.

    Args:
        submissions: the requests.
    """
    return [
        Work(
            submission.step,
            submission.stack,
            next((value for key, value in _pairs(task) if key == "instance_profile_arn"), None),
            list(_files(task)),
            [each for key, value in _pairs(task) if key == "parameters" for each in items(value)],
        )
        for submission in submissions
        for task in [*map(fields, items(submission.request.get("tasks"))), _environments(submission)]
    ]


def written(step: str, parameter: str) -> str | None:
    """Where in S3 a parameter has the step write; None if it is no such place.

    Args:
        step: the step's name, which is part of the locations of its outputs.
        parameter: the parameter, its functions resolved.

    Example:
        >>> written("Extract", '{% "s3://lake/Risk/" & $name & "/Extract/history/" %}')
        's3://lake/Risk/zflow-check/Extract/history/'
    """
    match = _LOCATION.fullmatch(parameter)
    if not match:
        return None
    location = "".join(part[1] if part[0].startswith('"') else "zflow-check" for part in _PART.finditer(match[1]))
    return location if f"/{step}/" in location else None


def is_asset(parameter: str) -> bool:
    """Whether a parameter is a file that `cdk deploy` uploads.

    Args:
        parameter: the parameter, its functions resolved.
    """
    return _ASSETS.fullmatch(parameter) is not None


def _environments(submission: Submission) -> Mapping[str, Json]:
    """What is serverless reads its packages, too."""
    return {"environments": submission.request.get("environments")}


def _files(task: Mapping[str, Json]) -> Iterator[Json]:
    for key, value in _pairs(task):
        if key in _FILES:
            yield from items(value) or [value]


def _pairs(value: Json) -> Iterator[tuple[str, Json]]:
    """The fields of a request at any depth, but for what is the user's own."""
    for key, each in fields(value).items():
        if key not in _FREE | {_WRITTEN}:
            yield key, each
            if not (key == "parameters" and isinstance(each, Mapping)) and not _is_function(each):
                yield from _pairs(each)
    for each in items(value):
        yield from _pairs(each)


def _is_function(value: Json) -> bool:
    return any(key == "Ref" or key.startswith("Fn::") for key in fields(value))
