"""A state machine as scopes of states: the top level, each branch of a Parallel, each Map's item processor.

A state's `Next` stays in its scope, and a variable lives in the scope that assigns it and in the scopes inside.
https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from zflow_constructs.core.values.templates import Json


def fields(value: Json) -> Mapping[str, Json]:
    """The value, if it is an object; else an empty one, since a schema check tells of it."""
    return value if isinstance(value, Mapping) else {}


def entries(value: Json) -> list[Json]:
    """The value, if it is an array; else an empty one."""
    return list(value) if isinstance(value, list | tuple) else []


def text(value: Json) -> str:
    """The value, if it is a string; else an empty one."""
    return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class Edge:
    """A transition to another state.

    Args:
        target: that state's name.
        assigned: the variables that this transition assigns.
        condition: the JSONata that holds if it is taken; empty if unknown.
    """

    target: str
    assigned: frozenset[str]
    condition: str


@dataclass(frozen=True)
class State:
    """A state of a scope, as the definition has it."""

    name: str
    definition: Mapping[str, Json]

    @property
    def type(self) -> str:
        """`Task`, `Choice`, ..."""
        return text(self.definition.get("Type", ""))

    @property
    def resource(self) -> str:
        """What a Task calls; empty for other states."""
        return text(self.definition.get("Resource", ""))

    @property
    def catchers(self) -> list[Mapping[str, Json]]:
        """Its `Catch`."""
        return [fields(catcher) for catcher in entries(self.definition.get("Catch"))]

    @property
    def choices(self) -> list[Mapping[str, Json]]:
        """A Choice's rules."""
        return [fields(choice) for choice in entries(self.definition.get("Choices"))]

    @property
    def assigned(self) -> frozenset[str]:
        """Every variable that it may assign, whichever way it goes."""
        assigning = [self.definition, *self.choices, *self.catchers]
        return frozenset(name for block in assigning for name in fields(block.get("Assign")))

    @property
    def edges(self) -> list[Edge]:
        """Its transitions. A Choice's own `Assign` is its default's."""
        onward = "Default" if self.type == "Choice" else "Next"
        edges = [_edge(self.definition, onward), *(_edge(catcher, "Next") for catcher in self.catchers)]
        edges += [_edge(choice, "Next", text(choice.get("Condition"))) for choice in self.choices]
        return [edge for edge in edges if edge.target]

    @property
    def inner(self) -> list[tuple[str, Mapping[str, Json]]]:
        """The state machines inside, each with its label."""
        branches = entries(self.definition.get("Branches"))
        inside = [(f"{self.name}, branch {index}", fields(branch)) for index, branch in enumerate(branches, 1)]
        processor = fields(self.definition.get("ItemProcessor", self.definition.get("Iterator")))
        return [*inside, (f"{self.name}, item", processor)] if processor else inside


@dataclass(frozen=True, eq=False)
class Scope:
    """The states among which a `Next` can move.

    Args:
        label: which scope it is, for messages; empty for the top level.
        start: the name of the state it starts with.
        states: its states by name.
        inner: for each state that holds scopes, those.
        isolated: whether outer variables can't be read: the item processor of a distributed Map.
    """

    label: str
    start: str
    states: Mapping[str, State]
    inner: Mapping[str, "list[Scope]"]
    isolated: bool

    @classmethod
    def of(cls, label: str, definition: Mapping[str, Json]) -> "Scope":
        """The scope that has this `StartAt` and these `States`."""
        states = {name: State(name, fields(state)) for name, state in fields(definition.get("States")).items()}
        inner = {state.name: [cls.of(*inside) for inside in state.inner] for state in states.values()}
        mode = fields(definition.get("ProcessorConfig")).get("Mode")
        return cls(label, text(definition.get("StartAt")), states, inner, isolated=mode == "DISTRIBUTED")

    @cached_property
    def assigned(self) -> frozenset[str]:
        """Every variable that a state of this scope, not one inside it, may assign."""
        return frozenset(name for state in self.states.values() for name in state.assigned)

    def all(self) -> "Iterator[Scope]":
        """This scope and every one inside it."""
        yield self
        for scopes in self.inner.values():
            for scope in scopes:
                yield from scope.all()


@dataclass(frozen=True)
class Machine:
    """A whole state machine."""

    definition: Mapping[str, Json]
    top: Scope

    @classmethod
    def of(cls, definition: Mapping[str, Json]) -> "Machine":
        """The machine that a definition describes."""
        return cls(definition, Scope.of("", definition))

    @cached_property
    def scopes(self) -> list[Scope]:
        """Every scope, from the outside in."""
        return list(self.top.all())

    @cached_property
    def states(self) -> list[State]:
        """Every state of every scope."""
        return [state for scope in self.scopes for state in scope.states.values()]


def _edge(block: Mapping[str, Json], onward: str, condition: str = "") -> Edge:
    return Edge(text(block.get(onward)), frozenset(fields(block.get("Assign"))), condition)
