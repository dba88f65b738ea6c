"""Rules about what stands between `{%` and `%}`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from zflow_constructs.core.values.errors import did_you_mean
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.lint.finding import Problem, Rule
from zflow_constructs.local.lint.jsonata import FUNCTIONS, Reading, read
from zflow_constructs.local.lint.machine import Machine, State

_NOT_EVALUATED = {"Comment", "Default", "Next", "QueryLanguage", "Resource", "Retry", "StartAt", "Type"}
_INNER = {"Branches", "ItemProcessor", "Iterator"}
_STATES_FIELDS = ("context", "errorOutput", "input", "result")
_WITH_RESULT = {"Map", "Parallel", "Task"}


@dataclass(frozen=True)
class Expression:
    """A `{% ... %}` of a state.

    Args:
        place: where it stands, for example `Arguments.HyperParameters.eta`.
        block: the part of the state it belongs to: a field's name, `Catch.Assign`, `Choices.Condition`, ...
        reading: what it reads.
    """

    place: str
    block: str
    reading: Reading


@dataclass(frozen=True)
class Text:
    """A string of a state, with its place."""

    place: str
    block: str
    value: str

    @property
    def is_expression(self) -> bool:
        """Whether it is evaluated: AWS wants the whole string in the marks, without a space around them."""
        return self.value.startswith("{%") and self.value.endswith("%}") and self.block not in _NOT_EVALUATED


def texts(state: State) -> Iterator[Text]:
    """Every string of a state, but for those of the states inside it."""
    for name, value in state.definition.items():
        if name in {"Choices", "Catch"} and isinstance(value, list):
            for index, item in enumerate(value):
                for key, below in item.items():
                    block = key if key in _NOT_EVALUATED else f"{name}.{key}"
                    yield from _texts(below, f"{name}[{index}].{key}", block)
        elif name not in _INNER:
            yield from _texts(value, name, name)


def expressions(state: State) -> Iterator[Expression]:
    """Every expression of a state, but for those of the states inside it."""
    for text in texts(state):
        if text.is_expression:
            yield Expression(text.place, text.block, read(text.value[2:-2]))


def _texts(value: Json, place: str, block: str) -> Iterator[Text]:
    if isinstance(value, str):
        yield Text(place, block, value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, f"{place}.{key}", block)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, f"{place}[{index}]", block)


def _literal_expression(machine: Machine) -> Iterator[Problem]:
    for state in machine.states:
        for text in texts(state):
            if not text.is_expression and "{%" in text.value and text.block != "Comment":
                yield Problem(
                    state.name,
                    f"{text.place} is taken literally: {text.value!r}.",
                    "Let the marks be the whole string of a field that is evaluated: {% 'text ' & $value %}.",
                )


def _syntax(machine: Machine) -> Iterator[Problem]:
    for state, expression in _all(machine):
        if expression.reading.error:
            yield Problem(state.name, f"{expression.place} is no JSONata: {expression.reading.error}.", "Correct it.")


def _unknown_function(machine: Machine) -> Iterator[Problem]:
    for state, expression in _all(machine):
        for name in sorted(expression.reading.functions - FUNCTIONS - {"eval"}):
            yield Problem(
                state.name,
                f"{expression.place} calls ${name}, which Step Functions doesn't know.{did_you_mean(name, FUNCTIONS)}",
                "Call a function of JSONata or Step Functions.",
            )


def _eval(machine: Machine) -> Iterator[Problem]:
    for state, expression in _all(machine):
        if "eval" in expression.reading.functions:
            yield Problem(state.name, f"{expression.place} calls $eval.", "Use $parse to read JSON.")


def _no_context(machine: Machine) -> Iterator[Problem]:
    for state, expression in _all(machine):
        for name in expression.reading.context:
            yield Problem(
                state.name,
                f"{expression.place} reads {name} where no value is in context.",
                "Begin with $states.input, or with a variable.",
            )


def _unknown_states_field(machine: Machine) -> Iterator[Problem]:
    for state, expression in _all(machine):
        for path in sorted(expression.reading.states):
            if path and path[0] not in _STATES_FIELDS:
                yield Problem(
                    state.name,
                    f"{expression.place} reads $states.{path[0]}, which does not exist."
                    f"{did_you_mean(path[0], _STATES_FIELDS)}",
                    f"$states has {', '.join(_STATES_FIELDS)}.",
                )


def _misplaced_result(machine: Machine) -> Iterator[Problem]:
    for state, expression in _all(machine):
        there = state.type in _WITH_RESULT and expression.block in {"Assign", "Output"}
        if not there and any(path[:1] == ("result",) for path in expression.reading.states):
            yield Problem(
                state.name,
                f"{expression.place} reads $states.result, which is not there.",
                "Only Assign and Output of a Task, Parallel or Map have it.",
            )


def _misplaced_error_output(machine: Machine) -> Iterator[Problem]:
    for state, expression in _all(machine):
        there = expression.block in {"Catch.Assign", "Catch.Output"}
        if not there and any(path[:1] == ("errorOutput",) for path in expression.reading.states):
            yield Problem(
                state.name,
                f"{expression.place} reads $states.errorOutput, which is not there.",
                "Only Assign and Output of a Catch have it: assign it there, and read the variable.",
            )


def _task_token(machine: Machine) -> Iterator[Problem]:
    for state in machine.states:
        reading = [
            expression.place
            for expression in expressions(state)
            if any(path[:2] == ("context", "Task") for path in expression.reading.states)
        ]
        waits = state.resource.endswith(".waitForTaskToken")
        if waits and not any(place.startswith("Arguments") for place in reading):
            yield Problem(
                state.name,
                "it waits for a task token that it gives to nobody.",
                "Send $states.context.Task.Token in its Arguments.",
            )
        if reading and not waits:
            yield Problem(
                state.name,
                f"{reading[0]} reads $states.context.Task, which is not there.",
                "Only a Task whose Resource ends in .waitForTaskToken has it.",
            )


def _flattened_result(machine: Machine) -> Iterator[Problem]:
    for state, expression in _all(machine):
        flattened = [path for path in expression.reading.loose_states if path[:1] == ("result",) and len(path) > 1]
        if state.type == "Map" and expression.block in {"Assign", "Output"} and flattened:
            path = ".".join(("$states", *flattened[0]))
            yield Problem(
                state.name,
                f"{expression.place} is {path}: over one item that is no array, and over none it is nothing.",
                f"Write [{path}].",
            )


def _all(machine: Machine) -> Iterator[tuple[State, Expression]]:
    for state in machine.states:
        yield from ((state, expression) for expression in expressions(state))


EXPRESSION_RULES: Mapping[str, Rule] = {
    "literal-expression": _literal_expression,
    "jsonata-syntax": _syntax,
    "unknown-function": _unknown_function,
    "eval": _eval,
    "no-context": _no_context,
    "unknown-states-field": _unknown_states_field,
    "misplaced-result": _misplaced_result,
    "misplaced-error-output": _misplaced_error_output,
    "task-token": _task_token,
    "flattened-result": _flattened_result,
}
"""What stands between the marks."""
