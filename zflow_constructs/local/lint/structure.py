"""Rules about names, transitions and time limits."""

from collections import Counter
from collections.abc import Iterator, Mapping

from zflow_constructs.core.values.errors import did_you_mean
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.lint.finding import Problem, Rule
from zflow_constructs.local.lint.machine import Machine, Scope

_LONGEST_NAME = 80
_JSONPATH_FIELDS = {
    "CausePath": "Cause",
    "ErrorPath": "Error",
    "HeartbeatSecondsPath": "HeartbeatSeconds",
    "InputPath": "Arguments or Output",
    "ItemsPath": "Items",
    "MaxConcurrencyPath": "MaxConcurrency",
    "OutputPath": "Output",
    "Parameters": "Arguments",
    "ResultPath": "Output or Assign",
    "ResultSelector": "Output or Assign",
    "SecondsPath": "Seconds",
    "TimeoutSecondsPath": "TimeoutSeconds",
    "TimestampPath": "Timestamp",
    "ToleratedFailureCountPath": "ToleratedFailureCount",
    "ToleratedFailurePercentagePath": "ToleratedFailurePercentage",
    "Variable": "Condition",
}


def _query_language(machine: Machine) -> Iterator[Problem]:
    language = machine.definition.get("QueryLanguage", "JSONPath")
    if language != "JSONata":
        yield Problem("", f"its QueryLanguage is {language}.", 'Set "QueryLanguage": "JSONata" at its top.')
    for state in machine.states:
        language = state.definition.get("QueryLanguage", "JSONata")
        if language != "JSONata":
            yield Problem(
                state.name,
                f"its QueryLanguage is {language}, in a machine of JSONata.",
                "Write it in JSONata: a state can't go back to JSONPath.",
            )


def _no_machine_timeout(machine: Machine) -> Iterator[Problem]:
    if "TimeoutSeconds" not in machine.definition:
        yield Problem("", "it has no TimeoutSeconds.", "Set one: an execution may otherwise go on for a year.")


def _no_task_timeout(machine: Machine) -> Iterator[Problem]:
    for state in machine.states:
        if state.type == "Task" and "TimeoutSeconds" not in state.definition:
            yield Problem(
                state.name,
                "the task has no TimeoutSeconds.",
                "Set one: a job that is never heard of again keeps the execution waiting.",
            )


def _long_name(machine: Machine) -> Iterator[Problem]:
    for state in machine.states:
        if len(state.name) > _LONGEST_NAME:
            yield Problem(
                state.name, f"its name has {len(state.name)} characters.", f"Shorten it to {_LONGEST_NAME} at most."
            )


def _duplicate_name(machine: Machine) -> Iterator[Problem]:
    for name, count in Counter(state.name for state in machine.states).items():
        if count > 1:
            yield Problem(
                name, f"{count} states have this name.", "Rename them: a name is unique in the whole machine."
            )


def _missing_target(machine: Machine) -> Iterator[Problem]:
    names = {state.name for state in machine.states}
    for scope in machine.scopes:
        if scope.start not in scope.states:
            yield _lost("", f"StartAt{f' of {scope.label}' if scope.label else ''}", scope.start, scope, names)
        for state in scope.states.values():
            for edge in state.edges:
                if edge.target not in scope.states:
                    yield _lost(state.name, "its transition", edge.target, scope, names)


def _lost(state: str, what: str, target: str, scope: Scope, names: set[str]) -> Problem:
    if target in names:
        return Problem(
            state,
            f'{what} leads to "{target}", which is in another scope.',
            "Go to a state of the same scope: only the whole Parallel or Map leads outside.",
        )
    return Problem(
        state,
        f'{what} leads to "{target}", which does not exist.{did_you_mean(target, scope.states)}',
        "Name a state of the same scope.",
    )


def _unreachable(machine: Machine) -> Iterator[Problem]:
    for scope in machine.scopes:
        reached: set[str] = set()
        ahead = [scope.start]
        while ahead:
            name = ahead.pop()
            if name in scope.states and name not in reached:
                reached.add(name)
                ahead += [edge.target for edge in scope.states[name].edges]
        for name in scope.states:
            if name not in reached:
                yield Problem(name, "no state leads to it.", "Remove it, or let another state lead to it.")


def _jsonpath_field(machine: Machine) -> Iterator[Problem]:
    for state in machine.states:
        for field in _jsonpath_fields(state.definition):
            yield Problem(
                state.name, f"it has {field}, a field of JSONPath states.", f"Use {_JSONPATH_FIELDS[field]} instead."
            )
        for place, key in _jsonpath_keys(state.definition, ""):
            yield Problem(
                state.name,
                f'{place} has the key "{key}", which JSONata states take literally.',
                f'Write "{key[:-2]}": "{{% ... %}}".',
            )


def _jsonpath_fields(definition: Mapping[str, Json]) -> Iterator[str]:
    yield from (field for field in definition if field in _JSONPATH_FIELDS)
    for field in ("Choices", "Catch"):
        blocks = definition.get(field)
        for block in blocks if isinstance(blocks, list) else []:
            yield from (key for key in block if key in _JSONPATH_FIELDS)


def _jsonpath_keys(value: Json, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key.endswith(".$"):
                yield place, key
            if key not in {"Branches", "ItemProcessor", "Iterator"} or place:
                yield from _jsonpath_keys(item, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _jsonpath_keys(item, f"{place}[{index}]")


STRUCTURE_RULES: Mapping[str, Rule] = {
    "query-language": _query_language,
    "no-machine-timeout": _no_machine_timeout,
    "no-task-timeout": _no_task_timeout,
    "long-name": _long_name,
    "duplicate-name": _duplicate_name,
    "missing-target": _missing_target,
    "unreachable-state": _unreachable,
    "jsonpath-field": _jsonpath_field,
}
"""Names, transitions, time limits."""
