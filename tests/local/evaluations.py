"""What the local engine evaluates in a run, held against JSONata as its authors run it."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest

from tests.core.reference import reference_values
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.aws import jsonata

_VARIABLE = re.compile(r"\$(\w+)")
_OF_THE_MOMENT = re.compile(r"\$(uuid|now|millis|random|hash|partition|range)\(")
"""Functions of the moment, and those of Step Functions that the npm package lacks."""


@dataclass
class Evaluations:
    """What a run has evaluated: each expression, the variables that it names, and its value."""

    all: list[tuple[str, Mapping[str, Json], Json]] = field(default_factory=list)

    @property
    def repeatable(self) -> list[tuple[str, Mapping[str, Json], Json]]:
        """Those that have the same value at any time, each once."""
        known = {json.dumps(each): each for each in self.all if not _OF_THE_MOMENT.search(each[0])}
        return list(known.values())

    def differences(self) -> list[tuple[str, Json, Json]]:
        """The expressions of which the reference implementation makes another value: with both values."""
        evaluated = self.repeatable
        values = reference_values([(expression, variables) for expression, variables, _ in evaluated])
        pairs = zip(evaluated, values, strict=True)
        return [(expression, value, wanted) for (expression, _, value), wanted in pairs if not _alike(value, wanted)]


@contextmanager
def recorded() -> Iterator[Evaluations]:
    """Record what is evaluated in the block."""
    evaluations, evaluate = Evaluations(), jsonata.evaluate

    def recording(expression: str, bindings: Mapping[str, object]) -> object:
        value = evaluate(expression, bindings)
        named = {name: bindings[name] for name in _VARIABLE.findall(expression) if name in bindings}
        evaluations.all.append((expression, json.loads(json.dumps(named, default=str)), cast("Json", value)))
        return value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonata, "evaluate", recording)
        yield evaluations


def _alike(value: Json, wanted: Json) -> bool:
    """Whether two values are the same in JavaScript, which has one kind of number."""
    return json.dumps(_numbers(value), sort_keys=True) == json.dumps(_numbers(wanted), sort_keys=True)


def _numbers(value: Json) -> Json:
    match value:
        case bool() | str() | None:
            return value
        case int() | float():
            return float(value)
        case Mapping():
            return {name: _numbers(each) for name, each in value.items()}
        case _:
            return [_numbers(each) for each in value]
