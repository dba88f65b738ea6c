"""Conditions as people write them: `validation:auc >= 0.75 and not country in ("de", "at")`."""

import json

from zflow_constructs.core.states.availability import FirstOf
from zflow_constructs.core.states.outcome import Outcome
from zflow_constructs.core.values.expressions import (
    Combination,
    Comparison,
    Concatenation,
    Condition,
    Expression,
    Jsonata,
    Negation,
    Present,
)
from zflow_constructs.core.values.iterations import Bounded, Item
from zflow_constructs.core.values.references import Parameter, Ran, RunLocation, StepOutput
from zflow_constructs.core.values.templates import Template
from zflow_constructs.core.values.texts import AsText

_OPPOSITE = {">=": "<", ">": "<=", "<=": ">", "<": ">=", "=": "!=", "!=": "=", "in": "not in"}
_SIMPLE = Expression | str | int | float
_MOST_ITEMS = 4


def worded(condition: Condition) -> str:
    """Write a condition in words; a step is named where fields of several steps have the same name.

    Args:
        condition: The condition.

    Example:
        >>> worded(StepOutput("App/Train", "Train", ("metrics", "auc")) >= 0.75)
        'auc >= 0.75'
    """
    fields = {(part.key, _field(part)) for part in condition.parts() if isinstance(part, StepOutput)}
    names = [field for _, field in fields]
    shared = frozenset(field for field in names if names.count(field) > 1)
    return " ".join(_condition(condition, shared).split())


def listed(items: Template) -> str:
    """A list that a loop goes through, in words.

    Args:
        items: the list.

    Example:
        >>> listed(["de", "fr"]), listed(StepOutput("App/Extract", "Extract", ("countries",))), listed([{"a": 1}])
        ('"de", "fr"', 'countries', '1 item')
    """
    match items:
        case Expression():
            return _value(items, frozenset())
        case [*entries] if len(entries) <= _MOST_ITEMS and all(isinstance(each, _SIMPLE) for each in entries):
            return ", ".join(_value(each, frozenset()) for each in entries)
        case [*entries]:
            return f"{len(entries)} item{'s' * (len(entries) != 1)}"
        case _:
            return repr(items)


def with_signs(text: str) -> str:
    """Words with the signs of mathematics, for pictures; the template keeps to ASCII, as CloudFormation does.

    Example:
        >>> with_signs("auc >= 0.75")
        'auc ≥ 0.75'
    """
    return text.replace(">=", "≥").replace("<=", "≤").replace("!=", "≠")


def _condition(condition: Expression, shared: frozenset[str]) -> str:
    match condition:
        case Comparison(left, operator, right):
            text = f"{_value(left, shared)} {operator} {_value(right, shared)}"
        case Combination(operator, conditions):
            text = f" {operator} ".join(_operand(each, operator, shared) for each in conditions)
        case Negation(Comparison(left, operator, right)):
            text = f"{_value(left, shared)} {_OPPOSITE[operator]} {_value(right, shared)}"
        case Ran(step=step) | Present(StepOutput(step=step, path=())):
            text = f"{step} ran"
        case Negation(Ran(step=step) | Present(StepOutput(step=step, path=()))):
            text = f"{step} was skipped"
        case Present(value):
            text = f"{_value(value, shared)} is present"
        case Negation(Present(value)):
            text = f"{_value(value, shared)} is absent"
        case Negation(Combination() as inner):
            text = f"not ({_condition(inner, shared)})"
        case Negation(inner):
            text = f"not {_condition(inner, shared)}"
        case _:
            text = repr(condition)
    return text


def _operand(condition: Condition, operator: str, shared: frozenset[str]) -> str:
    """A condition beside an operator: in parentheses where it joins others by another one."""
    text = _condition(condition, shared)
    return f"({text})" if isinstance(condition, Combination) and condition.operator != operator else text


def _value(value: Template, shared: frozenset[str]) -> str:
    match value:
        case StepOutput(step=step):
            field = _field(value)
            text = f"{field} of {step}" if field in shared else field
        case Parameter(text) | Outcome(text) | RunLocation(path=text) | Jsonata(text):
            pass
        case Item(name, path):
            text = ".".join((name, *path))
        case FirstOf(options):
            text = f"first of ({', '.join(_value(option, shared) for option in options)})"
        case AsText(inner) | Bounded(inner):
            text = _value(inner, shared)
        case Concatenation(items):
            text = " + ".join(_value(item, shared) for item in items)
        case Condition():
            text = f"({_condition(value, shared)})"
        case Expression():
            text = repr(value)
        case tuple():
            text = f"({', '.join(_value(item, shared) for item in value)})"
        case _:
            text = json.dumps(value, ensure_ascii=False)
    return text


def _field(output: StepOutput) -> str:
    """What people call an output: its own name, or its step's."""
    return output.path[-1] if output.path else output.step
