"""The states of a state machine as frozen values, and the fragment of them that one step is.

Every value may hold expressions; `render` turns a state into Amazon States Language once it is known what the names
mean where the state stands. https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from zflow_constructs.core.expressions import (
    Condition,
    Expression,
    Json,
    Scope,
    Template,
    parts_of,
    render_template,
)

EXIT = "(exit)"
"""Where a state goes that leaves its fragment: the compiler puts the next step's first state there, or the end."""


@dataclass(frozen=True)
class Retrier:
    """Which errors are retried, and how patiently.

    Args:
        errors: names such as `SageMaker.ResourceLimitExceededException`.
        interval_seconds: before the first retry.
        max_attempts: how many retries. Default: 3
        backoff_rate: each wait is this many times the one before. Default: 2
        max_delay_seconds: the longest wait. Default: 120 seconds
    """

    errors: tuple[str, ...]
    interval_seconds: int
    max_attempts: int = 3
    backoff_rate: float = 2
    max_delay_seconds: int = 120

    def render(self) -> dict[str, Json]:
        """This retrier in ASL, with full jitter so that parallel steps don't retry in step."""
        return {
            "ErrorEquals": list(self.errors),
            "IntervalSeconds": self.interval_seconds,
            "MaxAttempts": self.max_attempts,
            "BackoffRate": self.backoff_rate,
            "MaxDelaySeconds": self.max_delay_seconds,
            "JitterStrategy": "FULL",
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

    def render(self, scope: Scope) -> dict[str, Json]:
        """This rule in ASL."""
        return {"Condition": render_template(self.condition, scope), "Next": self.next}


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
    next: str = EXIT

    def render(self, scope: Scope) -> dict[str, Json]:
        """This state in ASL."""
        output = self.output if self.output is not None else {}
        return {
            **self.definition,
            "Arguments": render_template(self.arguments, scope),
            **_assign(self.assign, scope),
            "Output": render_template(output, scope),
            **_next(self.next),
        }


Assigning: TypeAlias = Task | Pass | Native
State: TypeAlias = Task | Pass | Wait | Choice | Fail | Native


@dataclass(frozen=True)
class Fragment:
    """The states of one step, in the order in which they are shown.

    Args:
        states: by name; the first is where the step starts. A state whose next is `EXIT` leaves the step.
        result: the variable that holds the step's result once it is left.
    """

    states: Mapping[str, State]
    result: str

    @property
    def start(self) -> str:
        """The name of the first state."""
        return next(iter(self.states))

    def expressions(self) -> Iterator[Expression]:
        """Every expression in the fragment."""
        for state in self.states.values():
            yield from _expressions(state)

    @property
    def variables(self) -> set[str]:
        """The names of the variables that the fragment assigns."""
        catchers = [each for state in self.states.values() if isinstance(state, Task) for each in state.catch]
        assigning = [*(self.assigned(name) for name in self.states), *(catcher.assign for catcher in catchers)]
        return {variable for assigned in assigning for variable in assigned}

    def assigned(self, name: str) -> Mapping[str, Template]:
        """The variables that one state assigns."""
        state = self.states[name]
        return state.assign if isinstance(state, Assigning) else {}

    @property
    def last(self) -> str | None:
        """The name of the only state that leaves the fragment, if it can output something as it does."""
        exits = [(name, state) for name, state in self.states.items() for target in _targets(state) if target == EXIT]
        match exits:
            case [(name, Task() | Pass() | Native() as state)] if state.next == EXIT:
                return name
        return None

    def outputting(self, name: str, output: Mapping[str, Template]) -> "Fragment":
        """The fragment with one state's output set."""
        state = self.states[name]
        if not isinstance(state, Assigning):
            raise TypeError(f"{name} can't output")
        return replace(self, states={**self.states, name: replace(state, output=output)})

    def leaving_to(self, target: str) -> Mapping[str, State]:
        """The states, with `target` in the place of `EXIT`."""
        return {name: redirect(state, target) for name, state in self.states.items()}


def redirect(state: State, target: str) -> State:
    """The state with `target` wherever it left its fragment."""
    match state:
        case Choice(rules, default):
            redirected = tuple(replace(rule, next=_target(rule.next, target)) for rule in rules)
            return Choice(redirected, _target(default, target))
        case Task():
            caught = tuple(replace(catcher, next=_target(catcher.next, target)) for catcher in state.catch)
            return replace(state, next=_target(state.next, target), catch=caught)
        case Fail():
            return state
        case _:
            return replace(state, next=_target(state.next, target))


def _targets(state: State) -> list[str]:
    match state:
        case Choice(rules, default):
            return [*(rule.next for rule in rules), default]
        case Task():
            return [state.next, *(catcher.next for catcher in state.catch)]
        case Fail():
            return []
        case _:
            return [state.next]


def _target(name: str, target: str) -> str:
    return target if name == EXIT else name


def _expressions(state: State) -> Iterator[Expression]:
    match state:
        case Task():
            yield from parts_of([state.arguments, state.timeout_seconds, state.assign, state.output])
            for catcher in state.catch:
                yield from parts_of(catcher.assign)
        case Native():
            yield from parts_of([state.arguments, state.assign, state.output])
        case Pass():
            yield from parts_of([state.assign, state.output])
        case Wait():
            yield from parts_of(state.seconds)
        case Choice():
            yield from parts_of([rule.condition for rule in state.rules])
        case Fail():
            yield from parts_of(state.cause)


def _assign(assign: Mapping[str, Template], scope: Scope) -> dict[str, Json]:
    return {"Assign": render_template(assign, scope)} if assign else {}


def _next(name: str) -> dict[str, Json]:
    return {"End": True} if name == EXIT else {"Next": name}
