"""Which step each state of a machine belongs to, by the names that the compiler gives.

A step's states are `Deploy` and those that begin with `Deploy: `; the machinery around it is named for what it does:
`Deploy waits for Report`, `Deploy reads Report`, `Deploy?`, `Report is done`, `Report wakes Deploy`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from zflow_constructs.local.aws.variables import branches

_MACHINERY = re.compile(r"(?P<step>.+?)(?: (?:waits for (?P<producer>.+)|reads .+|wakes .+|is done)|\?)")


class Role(Enum):
    """What a state is for its step."""

    WORK = auto()
    ITEM = auto()
    WAIT = auto()
    SKIP = auto()
    FAILURE = auto()
    MACHINERY = auto()


@dataclass(frozen=True)
class Place:
    """Where a state belongs.

    Args:
        step: The step; empty for what is between the steps.
        role: What the state is for it.
        scope: The scope of states that it is in: only within one do states follow each other.
        depth: How many Map states it is in.
        ends: Whether its scope ends with it.
        producer: The step that it waits for; empty if it doesn't.
    """

    step: str
    role: Role
    scope: str
    depth: int
    ends: bool
    producer: str = ""


@dataclass(frozen=True)
class Layout:
    """A machine, as its steps see it.

    Args:
        places: Each state's place.
        steps: The steps in their order; for each, the loop that it is in, or nothing.
        loops: The steps that are loops.
        distributed: Those whose items are executions of their own, some of which may fail.
    """

    places: Mapping[str, Place]
    steps: Mapping[str, str]
    loops: frozenset[str]
    distributed: frozenset[str]

    def around(self, step: str) -> list[str]:
        """The loops that a step is in, from the inside out.

        Args:
            step: The step.
        """
        loop = self.steps[step]
        return [loop, *self.around(loop)] if loop else []


@dataclass(frozen=True)
class _State:
    name: str
    definition: Mapping[str, object]
    scope: str
    maps: tuple[str, ...]

    @property
    def own(self) -> str:
        return self.name.split(": ", 1)[0]


def layout(definition: Mapping[str, object]) -> Layout:
    """The layout of a machine.

    Args:
        definition: The machine in the Amazon States Language.
    """
    states = list(_states(definition, "", ()))
    tasks = {state.own for state in states if state.definition["Type"] == "Task" and not _looks_back(state)}
    names = {state.own for state in states}
    steps = {task for task in tasks if not _is_machinery(task, names)}
    waking = {state.name for state in states if state.definition["Type"] == "Map" and _is_machinery(state.own, names)}
    steps -= {state.own for state in states if waking & set(state.maps)}
    holding = [state for state in states if state.own in steps]
    # A Map of a step's own states is a part of the step: a loop has other steps in it.
    loops = {held.split(": ", 1)[0] for state in holding for held in state.maps if held.split(": ", 1)[0] != state.own}
    order = dict.fromkeys(state.own for state in states if state.own in steps | loops)
    places = {state.name: _place(state, steps | loops, loops) for state in states}
    around = {state.own: _loop_of(state, loops) for state in reversed(states)}
    distributed = {state.own for state in states if state.own in loops and _is_distributed(state.definition)}
    return Layout(places, {step: around[step] for step in order}, frozenset(loops), frozenset(distributed))


def _states(definition: Mapping[str, object], scope: str, maps: tuple[str, ...]) -> Iterator[_State]:
    own = definition["States"]
    assert isinstance(own, Mapping)
    for name, state in own.items():
        yield _State(name, state, scope, maps)
        inner = (*maps, name) if state["Type"] == "Map" else maps
        for number, branch in enumerate(branches(state)):
            yield from _states(branch, f"{scope}/{name}/{number}", inner)


def _is_machinery(name: str, names: set[str]) -> bool:
    found = _MACHINERY.fullmatch(name)
    return found is not None and found["step"] in names


def _looks_back(state: _State) -> bool:
    """Whether it is what steps at the end of a run begin with: a look at how the run ended."""
    return state.name == "Outcome" and str(state.definition["Resource"]).endswith(":aws-sdk:sfn:describeExecution")


def _is_distributed(state: Mapping[str, object]) -> bool:
    match state:
        case {"ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED"}}}:
            return True
        case _:
            return False


def _place(state: _State, steps: set[str], loops: set[str]) -> Place:
    ends = bool(state.definition.get("End"))
    for name in (state.name, *state.maps):
        found = _MACHINERY.fullmatch(name)
        if found and found["step"] in steps and name not in steps:
            producer = found["producer"] or ""
            role = Role.WAIT if producer else Role.MACHINERY
            return Place(found["step"], role, state.scope, len(state.maps), ends, producer)
    if state.own in loops and state.own in {held.split(": ", 1)[0] for held in state.maps}:
        return Place(state.own, Role.ITEM, state.scope, len(state.maps), ends)
    if state.own not in steps:
        return Place("", Role.MACHINERY, state.scope, len(state.maps), ends)
    roles = {f"{state.own}: skipped": Role.SKIP, f"{state.own}: failed": Role.FAILURE}
    # The end of an item of a step's own Map is not the step's.
    ends = ends and state.own not in {held.split(": ", 1)[0] for held in state.maps}
    return Place(state.own, roles.get(state.name, Role.WORK), state.scope, len(state.maps), ends)


def _loop_of(state: _State, loops: set[str]) -> str:
    around = [held.split(": ", 1)[0] for held in state.maps]
    return next((loop for loop in reversed(around) if loop in loops and loop != state.own), "")
