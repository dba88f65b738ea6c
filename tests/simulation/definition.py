"""A state machine, read once: what the simulator does not know, it refuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tests.core.machines import assigned_in, mapping, valued
from zflow_constructs.core.values.templates import Json

_COMMON = {"Type", "Comment", "Output", "Assign"}
_CALLS = _COMMON | {"Arguments", "Retry", "Catch", "Next", "End"}
KNOWN = {
    "Task": _CALLS | {"Resource", "TimeoutSeconds"},
    "Parallel": _CALLS | {"Branches"},
    "Map": _CALLS - {"Arguments"} | {"Items", "ItemSelector", "ItemProcessor", "MaxConcurrency"},
    "Pass": _COMMON | {"Next", "End"},
    "Wait": _COMMON | {"Seconds", "Next", "End"},
    "Choice": _COMMON | {"Choices", "Default"},
    "Succeed": _COMMON,
    "Fail": {"Type", "Comment", "Error", "Cause"},
}
"""The fields of each type of state that the simulator knows."""
UNCATCHABLE = {"States.Runtime", "States.DataLimitExceeded"}


class InvalidMachineError(Exception):
    """AWS would not create the machine."""


@dataclass(frozen=True)
class Template:
    """JSON with expressions in it; nothing is evaluated where there are none."""

    value: Json

    @cached_property
    def _constant(self) -> bool:
        return not _has_expression(self.value)

    def __call__(self, variables: Mapping[str, object]) -> Json:
        """Its value, given what the variables are."""
        return self.value if self._constant else valued(self.value, variables)


@dataclass(frozen=True)
class Way:
    """A way out of a state, with what is assigned and output on it. It ends the scope if it leads to no state."""

    next: str
    assign: Template
    output: Template | None

    @classmethod
    def of(cls, fields: Mapping[str, Json], target: str) -> "Way":
        output = Template(fields["Output"]) if "Output" in fields else None
        return cls(target, Template(fields.get("Assign", {})), output)


@dataclass(frozen=True)
class Handler:
    """A retrier or a catcher: what it does about some errors."""

    fields: Mapping[str, Json]

    def takes(self, error: str) -> bool:
        """Whether it is for this error."""
        names = items(self.fields["ErrorEquals"])
        wild = "States.ALL" in names or ("States.TaskFailed" in names and error != "States.Timeout")
        return error in names or (wild and error not in UNCATCHABLE)

    def number(self, name: str, default: float) -> float:
        """A number among its fields."""
        return float(str(self.fields.get(name, default)))

    def delay(self, retries: int) -> float:
        """How long to wait after so many retries; the jitter is left out."""
        seconds = self.number("IntervalSeconds", 1) * self.number("BackoffRate", 2) ** retries
        return min(seconds, self.number("MaxDelaySeconds", seconds))

    @property
    def way(self) -> Way:
        """Where a catcher leads."""
        return Way.of(self.fields, str(self.fields["Next"]))


@dataclass(frozen=True)
class State:
    """One state.

    Args:
        name: its name.
        fields: its definition.
        scopes: the branches of a Parallel, or the item processor of a Map.
    """

    name: str
    fields: Mapping[str, Json]
    scopes: tuple["Scope", ...]

    @cached_property
    def kind(self) -> str:
        return str(self.fields["Type"])

    @cached_property
    def way(self) -> Way:
        """Where it goes by itself: for a Choice, if no rule holds."""
        return Way.of(self.fields, str(self.fields.get("Next", self.fields.get("Default", ""))))

    @cached_property
    def rules(self) -> list[tuple[Template, Way]]:
        rules = [mapping(rule) for rule in items(self.fields["Choices"])]
        return [(Template(rule["Condition"]), Way.of(rule, str(rule["Next"]))) for rule in rules]

    @cached_property
    def retriers(self) -> list[Handler]:
        return [Handler(mapping(each)) for each in items(self.fields.get("Retry", []))]

    @cached_property
    def catchers(self) -> list[Handler]:
        return [Handler(mapping(each)) for each in items(self.fields.get("Catch", []))]

    @cached_property
    def _templates(self) -> dict[str, Template]:
        return {name: Template(value) for name, value in self.fields.items()}

    def value(self, field: str, variables: Mapping[str, object], default: Json) -> Json:
        """The value of one of its fields, if it has it."""
        template = self._templates.get(field)
        return default if template is None else template(variables)


@dataclass(frozen=True)
class Scope:
    """The top level, a branch or an item processor."""

    start: str
    states: Mapping[str, State]

    @classmethod
    def of(cls, definition: Mapping[str, Json], outer: frozenset[str] = frozenset()) -> "Scope":
        """Reads a scope.

        Args:
            definition: `StartAt` and `States`.
            outer: the variables that the scopes around it assign.

        Raises:
            InvalidMachineError: AWS refuses it: a variable of an outer scope is assigned, or a state isn't there.
        """
        fields = mapping(definition["States"])
        assigned = frozenset(assigned_in(fields)) | _caught(fields)
        if taken := assigned & outer:
            raise InvalidMachineError(f"{', '.join(sorted(taken))} is assigned in an outer scope too")
        states = {name: _state(name, mapping(state), outer | assigned) for name, state in fields.items()}
        if missing := {*_targets(states), str(definition["StartAt"])} - states.keys():
            raise InvalidMachineError(f"There is no state {', '.join(sorted(missing))}")
        return cls(str(definition["StartAt"]), states)


def items(value: Json) -> Sequence[Json]:
    """The value, which is an array."""
    assert isinstance(value, list | tuple), value
    return value


def _inner(state: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    processors = [state["ItemProcessor"]] if "ItemProcessor" in state else []
    return [mapping(each) for each in (*items(state.get("Branches", [])), *processors)]


def _state(name: str, fields: Mapping[str, Json], assigned: frozenset[str]) -> State:
    kind = str(fields["Type"])
    assert fields.keys() <= KNOWN[kind], f"{name}: {fields.keys() - KNOWN[kind]} of a {kind} is not simulated"
    assert kind in {"Choice", "Succeed", "Fail"} or ("Next" in fields) != ("End" in fields), f"{name}: Next or End"
    if kind == "Map":
        config = mapping(mapping(fields["ItemProcessor"]).get("ProcessorConfig", {}))
        assert config.get("Mode", "INLINE") == "INLINE", name
    return State(name, fields, tuple(Scope.of(inner, assigned) for inner in _inner(fields)))


def _caught(states: Mapping[str, Json]) -> frozenset[str]:
    """The variables that catchers and rules assign."""
    ways = [
        way for state in states.values() for key in ("Catch", "Choices") for way in items(mapping(state).get(key, []))
    ]
    return frozenset(name for way in ways for name in mapping(mapping(way).get("Assign", {})))


def _targets(states: Mapping[str, State]) -> list[str]:
    ways = [
        way
        for state in states.values()
        for way in (
            state.way,
            *(each.way for each in state.catchers),
            *((way for _, way in state.rules) if state.kind == "Choice" else ()),
        )
    ]
    return [way.next for way in ways if way.next]


def _has_expression(template: Json) -> bool:
    match template:
        case str():
            return template.startswith("{%") and template.endswith("%}")
        case Mapping():
            return any(_has_expression(value) for value in template.values())
        case list() | tuple():
            return any(_has_expression(value) for value in template)
        case _:
            return False
