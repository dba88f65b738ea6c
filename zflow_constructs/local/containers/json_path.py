"""The JSONPath of batch transform's filters, a small dialect of its own.

Follows https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html#data-processing-operators
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from zflow_constructs.local.containers.errors import UnsupportedRequestError

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

_STEP = re.compile(r"\.(?P<name>[\w-]+|\*)|\.?\[(?P<inside>[^\]]*)\]")
_NAMES = re.compile(r"\s*'[^']*'\s*(,\s*'[^']*'\s*)*")
_NUMBERS = re.compile(r"\s*(-?\d+|-?\d*\s*:\s*-?\d*)\s*(,\s*(-?\d+|-?\d*\s*:\s*-?\d*)\s*)*")


class FilterError(ValueError):
    """A record lacks what a filter selects."""


@dataclass(frozen=True)
class JsonPath:
    """A compiled filter, such as `$`, `$[1:]`, `$[0,5:]`, `$.features` or `$['id','SageMakerOutput']`.

    One name or number selects the value itself; several names select an object, several numbers or a slice an array.

    Args:
        text: The filter.

    Raises:
        UnsupportedRequestError: It is none of the dialect.
    """

    text: str

    def __post_init__(self) -> None:
        _compile(self.text)

    def select(self, record: Json) -> Json:
        """The part of a record that the filter selects.

        Args:
            record: A JSON value; a CSV row is an array of strings.

        Raises:
            FilterError: The record has no such part.
        """
        for step in _compile(self.text):
            try:
                record = step(record)
            except (IndexError, KeyError, TypeError, AttributeError) as error:
                raise FilterError(
                    f"the filter {self.text!r} selects what a record does not have: {record!r}"
                ) from error
        return record


_Step = Callable[[Json], Json]


def _compile(text: str) -> list[_Step]:
    if not text.startswith("$"):
        raise _unsupported(text)
    steps: list[_Step] = []
    position = 1
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise _unsupported(text)
        steps.append(_step(match, text))
        position = match.end()
    return steps


def _step(match: re.Match[str], text: str) -> _Step:
    name, inside = match["name"], match["inside"]
    if name == "*" or inside == "*":
        return _all
    if name is not None:
        return lambda record: _object(record)[name]
    if _NAMES.fullmatch(inside):
        names = [part.strip().strip("'") for part in inside.split(",")]
        return lambda record: _by_names(record, names)
    if _NUMBERS.fullmatch(inside):
        return lambda record: _by_numbers(record, [part.strip() for part in inside.split(",")])
    raise _unsupported(text)


def _all(record: Json) -> Json:
    return list(record.values()) if isinstance(record, dict) else _array(record)


def _by_names(record: Json, names: list[str]) -> Json:
    fields = _object(record)
    return fields[names[0]] if len(names) == 1 else {name: fields[name] for name in names}


def _by_numbers(record: Json, parts: list[str]) -> Json:
    array = _array(record)
    if len(parts) == 1 and ":" not in parts[0]:
        return array[int(parts[0])]
    selected: list[Json] = []
    for part in parts:
        start, colon, end = (text.strip() for text in part.partition(":"))
        if not colon:
            selected.append(array[int(start)])
            continue
        selected += array[int(start) if start else None : int(end) if end else None]
    return selected


def _object(record: Json) -> dict[str, Json]:
    if not isinstance(record, dict):
        raise TypeError
    return record


def _array(record: Json) -> list[Json]:
    if not isinstance(record, list):
        raise TypeError
    return record


def _unsupported(text: str) -> UnsupportedRequestError:
    return UnsupportedRequestError(
        f"The filter {text!r} is no JSONPath of batch transform: write '$', '$.name', "
        "\"$['a','b']\", '$[0,2]', '$[1:]' or a chain of them."
    )
