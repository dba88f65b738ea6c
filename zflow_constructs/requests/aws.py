"""AWS requests, checked against botocore's service models before they are emitted.

A state machine sends its requests as they were synthesized. What AWS would refuse at run time, in the night, is
refused here, in the constructor.

The service models are read as the JSON they are: importing botocore's own classes costs five times as much.
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Service.html
"""

import gzip
import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TypedDict

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.references import JobName
from zflow_constructs.core.values.templates import Template
from zflow_constructs.requests.shapes import Reference, Shape, problems


class _Operation(TypedDict):
    input: Reference


class _ServiceModel(TypedDict):
    metadata: Mapping[str, str]
    operations: Mapping[str, _Operation]
    shapes: Mapping[str, Shape]


def validate_request(step: str, service: str, operation: str, request: Mapping[str, Template]) -> None:
    """Checks a request against AWS's own description of the operation.

    Fields, required ones, types, bounds, allowed values and patterns are checked. CDK tokens and expressions are left
    aside: their values are not known yet.

    Args:
        step: the step's id, for the message.
        service: the service, as botocore names it.
        operation: the operation, as the API names it.
        request: the request.

    Raises:
        WorkflowError: The operation would refuse the request. The message lists every problem.

    Example:
        `validate_request("Train", "sagemaker", "CreateTrainingJob", {"TrainingJobName": "train", ...})`
    """
    model = _service_model(service)
    shape = model["operations"][operation]["input"]["shape"]
    found = list(problems(request, shape, "", model["shapes"]))
    if found:
        lines = "".join(f"\n  {problem}" for problem in found)
        page = _api_page(service, operation, model["metadata"])
        raise WorkflowError(
            f'Step "{step}": {operation} would refuse this request.{lines}\n'
            f"Put it right, or see {page} (update boto3 if AWS added it lately)."
        )


def merge_overrides(request: Mapping[str, Template], overrides: Mapping[str, Template]) -> dict[str, Template]:
    """The request with the overrides laid over it, as a JSON Merge Patch (RFC 7396).

    Objects are merged field by field, anything else is replaced, and `None` removes a field.

    Args:
        request: the request; it is not changed.
        overrides: what to change in it.

    Example:
        >>> merge_overrides({"A": {"B": 1, "C": 2}}, {"A": {"C": 3}})
        {'A': {'B': 1, 'C': 3}}
    """
    merged = dict(request)
    for field, value in overrides.items():
        if value is None:
            merged.pop(field, None)
        elif isinstance(value, Mapping):
            below = merged.get(field)
            merged[field] = merge_overrides(below if isinstance(below, Mapping) else {}, value)
        else:
            merged[field] = value
    return merged


def sagemaker_request(
    step: str,
    operation: str,
    request: Mapping[str, Template],
    overrides: Mapping[str, Template] | None,
    *,
    name_field: str,
) -> dict[str, Template]:
    """The request of a step with its `request_overrides`, checked.

    The name stays the step's own: a fixed one is taken at the second run, retry or redrive.

    Args:
        step: the step's id, for the message.
        operation: the operation, as the API names it.
        request: the request that the step's keywords make.
        overrides: what its user lays over it.
        name_field: the request's field that holds the name.

    Raises:
        WorkflowError: the name was overridden, or SageMaker would refuse the request.
    """
    merged = merge_overrides(request, overrides or {})
    name = merged.get(name_field)
    if not isinstance(name, JobName):
        raise WorkflowError(
            f'Step "{step}": request_overrides sets {name_field} to {name!r}. A fixed name is taken when the '
            "job is retried, redriven or run again; the step makes a new one each time. Remove it, and use the step's "
            "id for the readable part."
        )
    validate_request(step, "sagemaker", operation, merged)
    return merged


@cache
def _service_model(service: str) -> _ServiceModel:
    versions = (resources.files("botocore") / "data" / service).iterdir()
    newest = max(versions, key=lambda version: version.name)
    model: _ServiceModel = json.loads(gzip.decompress((newest / "service-2.json.gz").read_bytes()))
    return model


def _api_page(service: str, operation: str, metadata: Mapping[str, str]) -> str:
    if service == "sagemaker":
        return f"https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_{operation}.html"
    return f"https://docs.aws.amazon.com/goto/WebAPI/{metadata['uid']}/{operation}"
