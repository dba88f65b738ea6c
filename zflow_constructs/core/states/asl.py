"""The states of a state machine as frozen values.

Every value may hold expressions; `render` turns a state into Amazon States Language once it is known what the names
mean where the state stands. https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from zflow_constructs.core.values.expressions import Condition, Expression
from zflow_constructs.core.values.templates import Json, Scope, Template, render_template

EXIT = "(exit)"
"""Where a state goes that leaves its fragment: the compiler puts the next step's first state there, or the end."""


@dataclass(frozen=True)
class Retrier:
    """Which errors are retried, and how patiently.

    Args:
        errors: names such as `SageMaker.ResourceLimitExceededException`.
        interval_seconds: before the first retry. Default: 1 second
        max_attempts: how many retries; 0 where none is. Default: 3
        backoff_rate: each wait is this many times the one before. Default: 2
        max_delay_seconds: the longest wait. Default: 120 seconds
        jitter: Whether waits are drawn at random up to these, so that parallel steps don't retry in step. Default: yes
    """

    errors: tuple[str, ...]
    interval_seconds: int = 1
    max_attempts: int = 3
    backoff_rate: float = 2
    max_delay_seconds: int = 120
    jitter: bool = True

    def render(self) -> dict[str, Json]:
        """This retrier in ASL.

        What AWS does by default is left out: retriers are the larger part of many a definition, whose size is bounded.
        """
        if self.max_attempts == 0:
            return {"ErrorEquals": list(self.errors), "MaxAttempts": 0}
        longest = self.interval_seconds * self.backoff_rate ** (self.max_attempts - 1)
        return {
            "ErrorEquals": list(self.errors),
            **({} if self.interval_seconds == 1 else {"IntervalSeconds": self.interval_seconds}),
            **({} if self.max_attempts == 3 else {"MaxAttempts": self.max_attempts}),
            **({} if self.backoff_rate == 2 else {"BackoffRate": self.backoff_rate}),
            **({} if longest <= self.max_delay_seconds else {"MaxDelaySeconds": self.max_delay_seconds}),
            **({"JitterStrategy": "FULL"} if self.jitter else {}),
        }


@dataclass(frozen=True)
class Catcher:
    """Where to go on when an error is not retried."""

    errors: tuple[str, ...]
    next: str
    assign: Mapping[str, Template] = field(default_factory=dict)

    def render(self, scope: Scope) -> dict[str, Json]:
        """This catcher in ASL."""
        return {"ErrorEquals": list(self.errors), **_assign(self.assign, scope), "Next": self.next}


@dataclass(frozen=True)
class Task:
    """One call of a service: `{"Type": "Task", "Resource": ..., "Arguments": ...}`."""

    resource: str
    arguments: Template
    timeout_seconds: int | Expression
    assign: Mapping[str, Template] = field(default_factory=dict)
    output: Template = None
    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()
    next: str = EXIT
    comment: str = ""

    def render(self, scope: Scope) -> dict[str, Json]:
        """This state in ASL."""
        return {
            "Type": "Task",
            **({"Comment": self.comment} if self.comment else {}),
            "Resource": self.resource,
            "Arguments": render_template(self.arguments, scope),
            "TimeoutSeconds": render_template(self.timeout_seconds, scope),
            **_assign(self.assign, scope),
            "Output": render_template(self.output if self.output is not None else {}, scope),
            **({"Retry": [retrier.render() for retrier in self.retry]} if self.retry else {}),
            **({"Catch": [catcher.render(scope) for catcher in self.catch]} if self.catch else {}),
            **_next(self.next),
        }


@dataclass(frozen=True)
class Pass:
    """A state that only assigns or outputs: `{"Type": "Pass", "Assign": ...}`."""

    assign: Mapping[str, Template] = field(default_factory=dict)
    output: Template = None
    next: str = EXIT

    def render(self, scope: Scope) -> dict[str, Json]:
        """This state in ASL."""
        output = self.output if self.output is not None else {}
        return {
            "Type": "Pass",
            **_assign(self.assign, scope),
            "Output": render_template(output, scope),
            **_next(self.next),
        }


@dataclass(frozen=True)
class Wait:
    """A pause: `{"Type": "Wait", "Seconds": ...}`."""

    seconds: int | Expression
    next: str = EXIT

    def render(self, scope: Scope) -> dict[str, Json]:
        """This state in ASL."""
        return {"Type": "Wait", "Seconds": render_template(self.seconds, scope), "Output": {}, **_next(self.next)}


@dataclass(frozen=True)
class Rule:
    """One way out of a `Choice`."""

    condition: Condition | Expression
    next: str
    assign: Mapping[str, Template] = field(default_factory=dict)

    def render(self, scope: Scope) -> dict[str, Json]:
        """This rule in ASL."""
        condition = render_template(self.condition, scope)
        return {"Condition": condition, **_assign(self.assign, scope), "Next": self.next}


@dataclass(frozen=True)
class Choice:
    """The first rule whose condition holds, or the default: `{"Type": "Choice", "Choices": [...], "Default": ...}`."""

    rules: tuple[Rule, ...]
    default: str

    def render(self, scope: Scope) -> dict[str, Json]:
        """This state in ASL."""
        return {
            "Type": "Choice",
            "Choices": [rule.render(scope) for rule in self.rules],
            "Default": self.default,
            "Output": {},
        }


@dataclass(frozen=True)
class Evaluation:
    """A value whose evaluation may fail, as its output.

    `{"Type": "Parallel", "Branches": [{... "Output": "{% ... %}" ...}], "Output": "{% $states.result[0] %}", ...}`: no
    other state that only evaluates can catch.

    Args:
        name: The name of the state that evaluates.
        value: The value.
        catch: Where to go on where it fails.
        next: The state that follows.
    """

    name: str
    value: Expression
    catch: tuple[Catcher, ...]
    next: str

    def render(self, scope: Scope) -> dict[str, Json]:
        """This state in ASL."""
        evaluated: Json = {"Type": "Pass", "Output": render_template(self.value, scope), "End": True}
        return {
            "Type": "Parallel",
            "Branches": [{"StartAt": self.name, "States": {self.name: evaluated}}],
            "Output": "{% $states.result[0] %}",
            "Catch": [catcher.render(scope) for catcher in self.catch],
            **_next(self.next),
        }


@dataclass(frozen=True)
class Fail:
    """The end, unsuccessful: `{"Type": "Fail", "Error": ..., "Cause": ...}`."""

    error: str
    cause: Template

    def render(self, scope: Scope) -> dict[str, Json]:
        """This state in ASL."""
        return {"Type": "Fail", "Error": self.error, "Cause": render_template(self.cause, scope)}


@dataclass(frozen=True)
class Native:
    """A state as it stands, rendered elsewhere: a CDK chain's own.

    Args:
        definition: the state in ASL, without `Next` and `End`.
        arguments: what it is given.
        assign: variables, from this state's result.
    """

    definition: Mapping[str, Json]
    arguments: Template
    assign: Mapping[str, Template] = field(default_factory=dict)
    output: Template = None
    catch: tuple[Catcher, ...] = ()
    next: str = EXIT

    def render(self, scope: Scope) -> dict[str, Json]:
        """This state in ASL."""
        output = self.output if self.output is not None else {}
        return {
            **self.definition,
            "Arguments": render_template(self.arguments, scope),
            **_assign(self.assign, scope),
            "Output": render_template(output, scope),
            **({"Catch": [catcher.render(scope) for catcher in self.catch]} if self.catch else {}),
            **_next(self.next),
        }


@dataclass(frozen=True)
class Map:
    """The same states for each item of a list: `{"Type": "Map", "Items": ..., "ItemProcessor": {...}}`.

    https://docs.aws.amazon.com/step-functions/latest/dg/state-map.html

    Args:
        items: the list.
        processor: the states of one item, rendered: `{"ProcessorConfig": ..., "StartAt": ..., "States": {...}}`.
        selector: what the first state of an item gets. Default: the item
        max_concurrency: how many items at once. Default: as many as AWS runs
        tolerated_failure_percentage: so many items may fail; in distributed mode alone. Default: none
    """

    items: Template
    processor: Mapping[str, Json]
    selector: Mapping[str, Template] = field(default_factory=dict)
    max_concurrency: int = 0
    tolerated_failure_percentage: int = 0
    assign: Mapping[str, Template] = field(default_factory=dict)
    output: Template = None
    catch: tuple[Catcher, ...] = ()
    next: str = EXIT

    def render(self, scope: Scope) -> dict[str, Json]:
        """This state in ASL."""
        tolerated = self.tolerated_failure_percentage
        return {
            "Type": "Map",
            "Items": render_template(self.items, scope),
            **({"ItemSelector": render_template(self.selector, scope)} if self.selector else {}),
            **({"MaxConcurrency": self.max_concurrency} if self.max_concurrency else {}),
            **({"ToleratedFailurePercentage": tolerated} if tolerated else {}),
            "ItemProcessor": self.processor,
            **_assign(self.assign, scope),
            "Output": render_template(self.output if self.output is not None else {}, scope),
            **({"Catch": [catcher.render(scope) for catcher in self.catch]} if self.catch else {}),
            **_next(self.next),
        }


State: TypeAlias = Task | Pass | Wait | Choice | Evaluation | Fail | Native | Map


def inline(states: Mapping[str, State]) -> Mapping[str, Json]:
    """The states of each item of an inline `Map`, as it is by default: `{"StartAt": ..., "States": {...}}`.

    Args:
        states: By name, the first one first. They read their item as `$states.input`, and what is around the loop.
    """
    return {
        "StartAt": next(iter(states)),
        "States": {name: state.render(Scope()) for name, state in states.items()},
    }


def _assign(assign: Mapping[str, Template], scope: Scope) -> dict[str, Json]:
    return {"Assign": render_template(assign, scope)} if assign else {}


def _next(name: str) -> dict[str, Json]:
    return {"End": True} if name == EXIT else {"Next": name}


def states_in(scope: Json) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """Every state of a rendered scope by name, those in branches and loops included.

    Args:
        scope: a machine, a branch or a loop's processor: `{"StartAt": ..., "States": {...}}`.
    """
    match scope:
        case {"States": Mapping() as states}:
            for name, state in states.items():
                if isinstance(state, Mapping):
                    yield name, state
                    yield from states_inside(state)


def states_inside(state: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """Every state in the branches or the loop of a rendered state, by name.

    Args:
        state: the state.
    """
    branches = state.get("Branches")
    # `Iterator` is what machines in JSONPath may call an `ItemProcessor`.
    held = (state.get(name) for name in ("ItemProcessor", "Iterator"))
    for scope in (*(branches if isinstance(branches, list) else ()), *held):
        yield from states_in(scope)
