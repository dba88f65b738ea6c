"""Which step each state of a machine belongs to, and where the state stands.

What a state is for, the definition says itself (`Legend`). A machine that zflow_constructs didn't make has no legend:
each of its Tasks is shown as a step of its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from zflow_constructs.core.states.asl import states_in
from zflow_constructs.core.states.legend import Legend, StatePlace, StateRole
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.aws.variables import branches


@dataclass(frozen=True)
class Standing:
    """Where a state stands.

    Args:
        place: What it is for.
        scope: The scope of states that it is in: only within one do states follow each other.
        depth: How many Map states it is in.
        ends: Whether its step ends with it, where its scope does.
    """

    place: StatePlace
    scope: str = ""
    depth: int = 0
    ends: bool = False


BETWEEN_STEPS = Standing(StatePlace(StateRole.WORKFLOW))
"""What no state says of itself."""


@dataclass(frozen=True)
class Layout:
    """A machine, as its steps see it.

    Args:
        standings: Where each state stands, by name.
        steps: The steps in their order; for each, the loop that it is in.
        distributed: The loops whose items are executions of their own, some of which may fail.
    """

    standings: Mapping[str, Standing]
    steps: Mapping[str, str | None]
    distributed: frozenset[str]

    @property
    def loops(self) -> frozenset[str]:
        """The steps that are loops."""
        return frozenset(loop for loop in self.steps.values() if loop is not None)

    def around(self, step: str) -> list[str]:
        """The loops that a step is in, from the inside out.

        Args:
            step: The step.
        """
        loop = self.steps[step]
        return [] if loop is None else [loop, *self.around(loop)]


@dataclass(frozen=True)
class _State:
    """A state and what holds it: `holders` are the Parallel and Map states around it, from the outside in."""

    name: str
    definition: Mapping[str, object]
    scope: str
    holders: tuple["_State", ...]

    @property
    def depth(self) -> int:
        return sum(holder.definition["Type"] == "Map" for holder in self.holders)


def layout(definition: Mapping[str, Json]) -> Layout:
    """Read the layout of a machine.

    Args:
        definition: The machine in the Amazon States Language.
    """
    legend = Legend.read(definition) or _of_tasks(definition)
    states = list(_states(definition, "", ()))
    loops = frozenset(legend.loops.values())
    return Layout(
        standings={state.name: _standing(state, legend, loops) for state in states},
        steps={step: legend.loops.get(step) for step in legend.steps},
        distributed=frozenset(
            step
            for state in states
            if (step := legend.places[state.name].step) in loops and _is_distributed(state.definition)
        ),
    )


def _of_tasks(definition: Mapping[str, Json]) -> Legend:
    """The legend of a machine that has none."""
    places = {
        name: StatePlace(StateRole.WORK, name) if state.get("Type") == "Task" else BETWEEN_STEPS.place
        for name, state in states_in(definition)
    }
    return Legend("", places)


def _states(definition: Mapping[str, object], scope: str, holders: tuple[_State, ...]) -> Iterator[_State]:
    own = definition["States"]
    assert isinstance(own, Mapping)
    for name, definition_of_state in own.items():
        state = _State(name, definition_of_state, scope, holders)
        yield state
        for number, branch in enumerate(branches(definition_of_state)):
            yield from _states(branch, f"{scope}/{name}/{number}", (*holders, state))


def _standing(state: _State, legend: Legend, loops: frozenset[str]) -> Standing:
    place = legend.places[state.name]
    # The end of a branch, or of an item of a step's own Map, is not the step's.
    inside = place.step not in loops and any(legend.places[holder.name].step == place.step for holder in state.holders)
    return Standing(place, state.scope, state.depth, ends=bool(state.definition.get("End")) and not inside)


def _is_distributed(state: Mapping[str, object]) -> bool:
    match state:
        case {"ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED"}}}:
            return True
        case _:
            return False
