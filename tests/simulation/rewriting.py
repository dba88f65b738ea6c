"""A machine with its states changed, in all scopes."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from tests.core.machines import mapping
from tests.simulation.definition import items
from zflow_constructs.core.values.templates import Json

StateFields: TypeAlias = Mapping[str, Json]
States: TypeAlias = dict[str, StateFields]
"""The states of one scope."""


def rewritten(scope: Mapping[str, Json], change: Callable[[States], States]) -> dict[str, Json]:
    """A machine of which each scope's states have been changed, the innermost first.

    Args:
        scope: the machine, or a scope in it.
        change: what is made of the states of one scope, which starts with the first one of them.
    """
    assert scope["StartAt"] == next(iter(mapping(scope["States"]))), scope["StartAt"]
    states: States = {}
    for name, value in mapping(scope["States"]).items():
        inner: dict[str, Json] = {}
        state = mapping(value)
        if "Branches" in state:
            inner["Branches"] = [rewritten(mapping(branch), change) for branch in items(state["Branches"])]
        if "ItemProcessor" in state:
            inner["ItemProcessor"] = rewritten(mapping(state["ItemProcessor"]), change)
        states[name] = {**state, **inner}
    changed = change(states)
    return {**scope, "StartAt": next(iter(changed)), "States": changed}


def waits(state: StateFields) -> bool:
    """Whether it is where one step waits for another."""
    return str(state.get("Resource")).endswith(".waitForTaskToken")


def marks(state: StateFields) -> bool:
    """Whether it is where a step is marked as done."""
    return str(state.get("Resource")).endswith("dynamodb:updateItem")


def waiting_states(machine: Mapping[str, Json]) -> Iterator[str]:
    """The names of the states in which a step waits for another."""
    found: list[str] = []

    def look(states: States) -> States:
        found.extend(name for name, state in states.items() if waits(state))
        return states

    rewritten(machine, look)
    yield from found
