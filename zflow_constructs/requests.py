"""AWS requests, checked against botocore's service models before they are emitted.

A state machine sends its requests as they were synthesized. What AWS would refuse at run time, in the night, is
refused here, in the constructor.

The service models are read as the JSON they are: importing botocore's own classes costs five times as much.
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Service.html
"""

import gzip
import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import NotRequired, TypedDict

from aws_cdk import Token

from zflow_constructs.core.errors import WorkflowError, did_you_mean, one_of
from zflow_constructs.core.expressions import Expression
from zflow_constructs.core.references import JobName
from zflow_constructs.core.templates import Template


class _Reference(TypedDict):
    shape: str


class _Shape(TypedDict):
    """A shape of a service model, as far as a request can break it."""

    type: str
    members: NotRequired[Mapping[str, _Reference]]
    required: NotRequired[Sequence[str]]
    union: NotRequired[bool]
    member: NotRequired[_Reference]
    key: NotRequired[_Reference]
    value: NotRequired[_Reference]
    min: NotRequired[float]
    max: NotRequired[float]
    enum: NotRequired[Sequence[str]]
    pattern: NotRequired[str]
    sensitive: NotRequired[bool]


class _Operation(TypedDict):
    input: _Reference


class _ServiceModel(TypedDict):
    metadata: Mapping[str, str]
    operations: Mapping[str, _Operation]
    shapes: Mapping[str, _Shape]


_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "structure": ((Mapping,), "an object"),
    "map": ((Mapping,), "an object"),
    "list": ((list, tuple), "a list"),
    "string": ((str,), "a string"),
    "blob": ((str,), "a Base64 string"),
    "integer": ((int,), "a whole number"),
    "long": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "double": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
    "timestamp": ((str, int, float), "a time as in ISO 8601"),
}
_LONGEST_LIST = 12
_LONGEST_VALUE = 120


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
    problems = list(_problems(request, shape, "", model["shapes"]))
    if problems:
        lines = "".join(f"\n  {problem}" for problem in problems)
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


def _problems(value: object, name: str, path: str, shapes: Mapping[str, _Shape]) -> Iterator[str]:
    """What is wrong with a value of the shape of that name, a line each."""
    shape = shapes[name]
    if _is_known_later(value):
        return
    types, type_name = _TYPES[shape["type"]]
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        yield f"{path}: received {_shown(value, shape)}, but it must be {type_name}."
        return
    match value:
        case Mapping() if shape["type"] == "structure":
            yield from _structure_problems(value, shape, path, shapes)
        case Mapping():
            yield from _size_problems(len(value), f"{len(value)} entries", "entries", shape, path)
            for key, item in value.items():
                yield from _problems(key, shape["key"]["shape"], f"{path}, its key", shapes)
                yield from _problems(item, shape["value"]["shape"], f"{path}.{key}", shapes)
        case list() | tuple():
            yield from _size_problems(len(value), f"{len(value)} items", "items", shape, path)
            for index, item in enumerate(value):
                yield from _problems(item, shape["member"]["shape"], f"{path}[{index}]", shapes)
        case str() if shape["type"] == "string":
            yield from _string_problems(value, shape, path)
        case int() | float():
            yield from _size_problems(value, _shown(value, shape), "", shape, path)


def _structure_problems(
    value: Mapping[str, object], shape: _Shape, path: str, shapes: Mapping[str, _Shape]
) -> Iterator[str]:
    members = shape["members"]
    below = f"{path}." if path else ""
    for field, item in value.items():
        if field in members:
            yield from _problems(item, members[field]["shape"], f"{below}{field}", shapes)
        else:
            there_are = _listed(members, "there are", "fields")
            yield (
                f"{below}{field}: received {_shown(item, shape)}, but there is no such field; {there_are}."
                f"{did_you_mean(field, members)}"
            )
    for field in shape.get("required", ()):
        if field not in value:
            yield f"{below}{field}: missing, but required."
    if shape.get("union") and len(value) != 1:
        yield f"{path}: received {len(value)} fields, but it must have exactly one of {one_of(members)}."


def _string_problems(value: str, shape: _Shape, path: str) -> Iterator[str]:
    shown = _shown(value, shape)
    too_long_or_short = list(
        _size_problems(len(value), f"{shown} ({len(value)} characters)", "characters", shape, path)
    )
    enum = shape.get("enum", [value])
    pattern = _compiled(shape.get("pattern", ""))
    if too_long_or_short:
        yield from too_long_or_short
    elif value not in enum:
        one_of_them = _listed(enum, "one of", "values")
        yield f"{path}: received {shown}, but it must be {one_of_them}.{did_you_mean(value, enum)}"
    elif pattern.pattern and not pattern.fullmatch(value):
        yield f"{path}: received {shown}, but it must match the pattern {pattern.pattern}"


def _size_problems(size: float, received: str, unit: str, shape: _Shape, path: str) -> Iterator[str]:
    least, most = shape.get("min", size), shape.get("max", size)
    if size < least:
        yield f"{path}: received {received}, but it must be at least {least} {unit}".rstrip() + "."
    if size > most:
        yield f"{path}: received {received}, but it must be at most {most} {unit}".rstrip() + "."


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, or the empty one where Python doesn't know the Java syntax that AWS uses."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # A set operation in Java, plain characters in Python.
            return re.compile(pattern, re.ASCII)
    except (re.error, FutureWarning):
        return re.compile("")


def _is_known_later(value: object) -> bool:
    """Whether the value is an expression or a CDK token.

    Strings, lists and numbers that hold a token are told by how the CDK encodes them, since each question to `Token`
    is a call to the jsii process: half a millisecond. https://docs.aws.amazon.com/cdk/v2/guide/tokens.html
    """
    match value:
        case Expression():
            return True
        case str():
            return "${Token[" in value
        case int() | float():
            return value < -1e280
        case list() | tuple():
            return len(value) == 1 and isinstance(value[0], str) and value[0].startswith("#{Token[")
        case Mapping() | None:
            return False
        case _:
            return Token.is_unresolved(value)


def _shown(value: object, shape: _Shape) -> str:
    if shape.get("sensitive"):
        return "a value that is kept secret"
    try:
        shown = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        shown = repr(value)
    return shown if len(shown) <= _LONGEST_VALUE else f"{shown[:_LONGEST_VALUE]}..."


def _listed(values: Mapping[str, object] | Sequence[str], words: str, unit: str) -> str:
    return f"{words} {one_of(values) if len(values) <= _LONGEST_LIST else f'{len(values)} {unit}'}"
