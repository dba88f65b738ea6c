"""Requests held against a service's own description of them: fields, types, bounds, allowed values and patterns.

The description has the form of botocore's service models: shapes by name, of which a structure's members name others.
"""

import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NotRequired, TypedDict

from zflow_constructs.core.values.errors import did_you_mean, one_of
from zflow_constructs.core.values.expressions import Expression


class Reference(TypedDict):
    """The name of a shape."""

    shape: str


class Shape(TypedDict):
    """A shape of a service model, as far as a request can break it."""

    type: str
    members: NotRequired[Mapping[str, Reference]]
    required: NotRequired[Sequence[str]]
    union: NotRequired[bool]
    member: NotRequired[Reference]
    key: NotRequired[Reference]
    value: NotRequired[Reference]
    min: NotRequired[float]
    max: NotRequired[float]
    enum: NotRequired[Sequence[str]]
    pattern: NotRequired[str]
    sensitive: NotRequired[bool]


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


def problems(value: object, name: str, path: str, shapes: Mapping[str, Shape]) -> Iterator[str]:
    """What is wrong with a value, a line each. Expressions and CDK tokens are left aside: they are not known yet.

    Args:
        value: the value.
        name: the shape that it ought to have.
        path: where the value is in the request, for the lines. Empty: it is the request
        shapes: the service's shapes.
    """
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
                yield from problems(key, shape["key"]["shape"], f"{path}, its key", shapes)
                yield from problems(item, shape["value"]["shape"], f"{path}.{key}", shapes)
        case list() | tuple():
            yield from _size_problems(len(value), f"{len(value)} items", "items", shape, path)
            for index, item in enumerate(value):
                yield from problems(item, shape["member"]["shape"], f"{path}[{index}]", shapes)
        case str() if shape["type"] == "string":
            yield from _string_problems(value, shape, path)
        case int() | float():
            yield from _size_problems(value, _shown(value, shape), "", shape, path)


def _structure_problems(
    value: Mapping[str, object], shape: Shape, path: str, shapes: Mapping[str, Shape]
) -> Iterator[str]:
    members = shape["members"]
    below = f"{path}." if path else ""
    for field, item in value.items():
        if field in members:
            yield from problems(item, members[field]["shape"], f"{below}{field}", shapes)
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


def _string_problems(value: str, shape: Shape, path: str) -> Iterator[str]:
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


def _size_problems(size: float, received: str, unit: str, shape: Shape, path: str) -> Iterator[str]:
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

    The CDK encodes tokens in strings, lists and numbers, and takes for a token any object with a method `resolve`.
    `Token.is_unresolved` says the same, but it loads the CDK, and is a call to the jsii process: half a millisecond.
    https://docs.aws.amazon.com/cdk/v2/guide/tokens.html
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
        # A path has a method `resolve`, too.
        case Mapping() | Path() | None:
            return False
        case _:
            return callable(getattr(value, "resolve", None))


def _shown(value: object, shape: Shape) -> str:
    if shape.get("sensitive"):
        return "a value that is kept secret"
    try:
        shown = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        shown = repr(value)
    return shown if len(shown) <= _LONGEST_VALUE else f"{shown[:_LONGEST_VALUE]}..."


def _listed(values: Mapping[str, object] | Sequence[str], words: str, unit: str) -> str:
    return f"{words} {one_of(values) if len(values) <= _LONGEST_LIST else f'{len(values)} {unit}'}"
