"""A step as the compiler takes it: the fragment of states that it is, and when it runs."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

from zflow_constructs.core.states.asl import (
    EXIT,
    Catcher,
    Choice,
    Evaluation,
    Fail,
    Map,
    Native,
    Pass,
    State,
    Task,
    Wait,
)
from zflow_constructs.core.states.legend import StateRole
from zflow_constructs.core.values.expressions import Condition
from zflow_constructs.core.values.references import RunLocation, StepOutput
from zflow_constructs.core.values.templates import Deferred, Json, Template, parts_of


@dataclass(frozen=True)
class Loop:
    """A `Map` state whose steps are not compiled yet.

    Args:
        name: the loop's name, which is the state's.
        items: the list.
        item: what its steps call the current item.
        steps: what is done for each item.
        outputs: what each iteration gives, by name.
        max_concurrency: how many items at once.
        distributed: whether each iteration is an execution of its own.
        most_items: how many items there are at most.
        tolerated_failure_percentage: so many items may fail; in distributed mode alone. Default: none
    """

    name: str
    items: Template
    item: str
    steps: tuple["StepNode", ...]
    outputs: Mapping[str, Template]
    max_concurrency: int
    distributed: bool
    most_items: int
    tolerated_failure_percentage: int = 0
    assign: Mapping[str, Template] = field(default_factory=dict)
    output: Template = None
    catch: tuple[Catcher, ...] = ()
    next: str = EXIT

    def templates(self) -> Iterator[Template]:
        """Every template in the loop and its steps."""
        yield from (self.items, self.assign, self.output, self.outputs)
        for step in self.steps:
            yield from step.templates()

    def mapped(self, processor: Mapping[str, Json], selector: Mapping[str, Template]) -> Map:
        """The state with its steps compiled.

        Args:
            processor: The states of one iteration.
            selector: What the first of them gets.
        """
        return Map(
            items=self.items,
            processor=processor,
            selector=selector,
            max_concurrency=self.max_concurrency,
            tolerated_failure_percentage=self.tolerated_failure_percentage,
            assign=self.assign,
            output=self.output,
            catch=self.catch,
            next=self.next,
        )


Part: TypeAlias = State | Loop
"""A state of a fragment."""
Assigning: TypeAlias = Task | Pass | Native | Map | Loop


@dataclass(frozen=True)
class Fragment:
    """The states of one step, in the order in which they are shown.

    Args:
        states: by name; the first is where the step starts. A state whose next is `EXIT` leaves the step.
        result: the variable that holds the step's result once it is left.
        roles: What the states are for, by name, that don't just do the step's work. Default: all of them do
    """

    states: Mapping[str, Part]
    result: str
    roles: Mapping[str, StateRole] = field(default_factory=dict)

    @property
    def start(self) -> str:
        """The name of the first state."""
        return next(iter(self.states))

    @property
    def loops(self) -> list[Loop]:
        """The loops among the states."""
        return [state for state in self.states.values() if isinstance(state, Loop)]

    def templates(self) -> Iterator[Template]:
        """Every template in the fragment."""
        for state in self.states.values():
            yield from _templates(state)

    def expressions(self) -> Iterator[Deferred]:
        """Every expression in the fragment, those inside others included."""
        for template in self.templates():
            yield from parts_of(template)

    @property
    def variables(self) -> set[str]:
        """The names of the variables that the fragment assigns."""
        return {variable for assigned in self._assignments() for variable in assigned}

    @property
    def result_fields(self) -> Collection[str] | None:
        """The names of the fields that its result may have. None: they are not known."""
        names: set[str] = set()
        for template in (assigned.get(self.result) for assigned in self._assignments()):
            match template:
                case Mapping():
                    names.update(template)
                case None:
                    pass
                case _:
                    return None
        return names

    def assigned(self, name: str) -> Mapping[str, Template]:
        """The variables that one state assigns."""
        state = self.states[name]
        return state.assign if isinstance(state, Assigning) else {}

    @property
    def last(self) -> str | None:
        """The name of the only state that leaves the fragment, if it can output something as it does."""
        exits = [(name, state) for name, state in self.states.items() for target in _targets(state) if target == EXIT]
        match exits:
            case [(name, Task() | Pass() | Native() | Map() | Loop() as state)] if state.next == EXIT:
                return name
        return None

    def outputting(self, name: str, output: Template) -> "Fragment":
        """The fragment with one state's output set."""
        state = self.states[name]
        if not isinstance(state, Assigning):
            raise TypeError(f"{name} can't output")
        return replace(self, states={**self.states, name: replace(state, output=output)})

    def leaving_to(self, target: str) -> dict[str, Part]:
        """The states, with `target` in the place of `EXIT`."""
        return {name: redirect(state, target) for name, state in self.states.items()}

    def caught(self, target: str) -> dict[str, Part]:
        """The states, with any error of theirs leading to `target`, which exists beside them."""
        return {name: _caught(state, target) for name, state in self.states.items()}

    def _assignments(self) -> list[Mapping[str, Template]]:
        """What its states assign, and their catchers."""
        catchers = [each for state in self.states.values() if isinstance(state, Task) for each in state.catch]
        return [*(self.assigned(name) for name in self.states), *(catcher.assign for catcher in catchers)]


@dataclass(frozen=True)
class StepNode:
    """What the compiler knows of a step.

    Args:
        key: its construct path, unique.
        name: its id: the name of its state.
        fragment: its states.
        after: the keys of the steps that come before it without giving it anything. Default: none
        when: it runs only if this holds. Default: always
        optional: its failure counts as a skip. Default: it fails the workflow
        kind: what a picture calls it: `SageMaker training`. Default: nothing
        looks: how often it looks at what it waits for, at most. Default: never
        unbounded: Whether its result may have any size, as what a function answers. Default: no
    """

    key: str
    name: str
    fragment: Fragment
    after: tuple[str, ...] = ()
    when: Condition | None = None
    optional: bool = False
    kind: str = ""
    looks: int = 0
    unbounded: bool = False

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """The keys of the steps whose outputs it uses, each once, in the order of use."""
        own = {self.key, *self.inside}
        parts = (part for template in self.templates() for part in parts_of(template))
        keys = (part.key for part in parts if isinstance(part, StepOutput | RunLocation))
        return tuple(dict.fromkeys(key for key in keys if key not in own))

    @cached_property
    def earlier(self) -> tuple[str, ...]:
        """The keys of all steps that come before it: those it uses, then those it only comes after."""
        after = (*self.after, *(key for step in self.repeated for key in step.earlier))
        return tuple(dict.fromkeys(key for key in (*self.needs, *after) if key not in self.inside))

    @property
    def repeated(self) -> tuple["StepNode", ...]:
        """The steps that it repeats, if it is a loop."""
        return tuple(step for loop in self.fragment.loops for step in loop.steps)

    @cached_property
    def inside(self) -> frozenset[str]:
        """The keys of the steps that it repeats, those of loops in loops included."""
        return frozenset(step.key for step in every_node(self.repeated))

    def templates(self) -> Iterator[Template]:
        """Every template in its states and conditions."""
        yield from self.fragment.templates()
        yield self.when

    @property
    def identifier(self) -> str:
        """Its name where only letters, digits and `_` may stand: the key of its result."""
        return identifier(self.name)


def identifier(name: str) -> str:
    """A step's name where only letters, digits and `_` may stand: `Fit_model`.

    Args:
        name: The name.
    """
    return re.sub(r"\W", "_", name)


def last_steps(steps: Sequence[StepNode]) -> list[str]:
    """List the keys of the steps that nothing comes after.

    Args:
        steps: The steps of one level.
    """
    needed = {key for step in steps for key in step.earlier}
    return [step.key for step in steps if step.key not in needed]


def every_node(steps: Iterable[StepNode]) -> Iterator[StepNode]:
    """Steps, and those of their loops.

    Args:
        steps: the steps.
    """
    for step in steps:
        yield step
        yield from every_node(step.repeated)


def redirect(state: Part, target: str) -> Part:
    """The state with `target` wherever it left its fragment."""
    return retarget(state, {EXIT: target})


def retarget(state: Part, names: Mapping[str, str]) -> Part:
    """The state, leading to other names.

    Args:
        state: The state.
        names: The new name of each state that has one.
    """
    match state:
        case Choice(rules, default):
            retargeted = tuple(replace(rule, next=names.get(rule.next, rule.next)) for rule in rules)
            return replace(state, rules=retargeted, default=names.get(default, default))
        case Task() | Native() | Map() | Loop() | Evaluation():
            caught = tuple(replace(catcher, next=names.get(catcher.next, catcher.next)) for catcher in state.catch)
            return replace(state, next=names.get(state.next, state.next), catch=caught)
        case Fail():
            return state
        case _:
            return replace(state, next=names.get(state.next, state.next))


def _caught(state: Part, target: str) -> Part:
    match state:
        case Task() | Native() | Map() | Loop() if not any("States.ALL" in each.errors for each in state.catch):
            return replace(state, catch=(*state.catch, Catcher(("States.ALL",), target)))
        case Fail():
            return Pass(next=target)
        case _:
            return state


def _targets(state: Part) -> list[str]:
    match state:
        case Choice(rules, default):
            return [*(rule.next for rule in rules), default]
        case Task() | Native() | Map() | Loop() | Evaluation():
            return [state.next, *(catcher.next for catcher in state.catch)]
        case Fail():
            return []
        case _:
            return [state.next]


def _templates(state: Part) -> Iterator[Template]:
    match state:
        case Task():
            yield from (state.arguments, state.timeout_seconds, state.assign, state.output)
            yield from (catcher.assign for catcher in state.catch)
        case Native():
            yield from (state.arguments, state.assign, state.output)
        case Pass():
            yield from (state.assign, state.output)
        case Map():
            yield from (state.items, state.selector, state.assign, state.output)
        case Evaluation():
            yield state.value
        case Wait():
            yield state.seconds
        case Choice():
            yield from (template for rule in state.rules for template in (rule.condition, rule.assign))
        case Fail():
            yield state.cause
        case Loop():
            yield from state.templates()
