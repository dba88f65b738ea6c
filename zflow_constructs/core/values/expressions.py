"""Values that are known only when the workflow runs, and how they read in JSONata.

An output of a step, a run parameter or a condition is an `Expression`: it can be handed to other steps and compared,
but it has no value while Python runs. Using one as if it had (in `if`, in a loop, in an f-string) is an error, never a
silently wrong string.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import ClassVar, NoReturn

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.number_text import ValueKind
from zflow_constructs.core.values.templates import Deferred, Scalar, Scope, Template, deferred_in, render_operand


@dataclass(frozen=True, eq=False)
class Expression(Deferred):
    """A value that exists only when the workflow runs.

    Compare it to get a `Condition`, add strings to it with `+`, or hand it to a step.

    Example:
        `when=train.metric("validation:auc") >= 0.75`
    """

    textual: ClassVar[bool] = False
    """Whether it always is a text."""

    def kind(self, scope: Scope) -> ValueKind:
        """What is known of its type."""
        return "string" if self.textual else ""

    def part_of_text(self, scope: Scope) -> str:
        """This value as JSONata where `&` joins it to others."""
        return self.operand(scope)

    def render(self, scope: Scope) -> str:
        """This value as JSONata, without the surrounding `{% %}`."""
        self._misused(f"rendered in {scope}")

    def __ge__(self, other: "Expression | float") -> "Condition":
        return Comparison(self, ">=", other)

    def __gt__(self, other: "Expression | float") -> "Condition":
        return Comparison(self, ">", other)

    def __le__(self, other: "Expression | float") -> "Condition":
        return Comparison(self, "<=", other)

    def __lt__(self, other: "Expression | float") -> "Condition":
        return Comparison(self, "<", other)

    # An expression's == is a condition of the workflow, as in SQLAlchemy: object's signature can't say so.
    def __eq__(self, other: "Expression | Scalar") -> "Condition":  # type: ignore[override]
        return Comparison(self, "=", other)

    def __ne__(self, other: "Expression | Scalar") -> "Condition":  # type: ignore[override]
        return Comparison(self, "!=", other)

    __hash__ = object.__hash__

    def is_in(self, values: Sequence[Scalar]) -> "Condition":
        """True when the value is one of those listed."""
        if isinstance(values, str):
            raise WorkflowError(f"{self!r}: is_in takes a list, and received {values!r}. Write is_in([{values!r}]).")
        return Comparison(self, "in", tuple(values))

    def is_present(self) -> "Condition":
        """True when there is a value: its step ran, and it is not null."""
        return Present(self)

    def is_absent(self) -> "Condition":
        """True when there is no value: its step was skipped, or it is null."""
        return Negation(Present(self))

    def __add__(self, other: "Expression | str") -> "Expression":
        return self._joined(other, self, other)

    def __radd__(self, other: str) -> "Expression":
        return self._joined(other, other, self)

    def _joined(self, other: object, *items: "Expression | str") -> "Expression":
        if not isinstance(other, Expression | str):
            self._misused(f"added to {other!r}", '+ joins strings; for arithmetic write Jsonata("$parameters.n + 1").')
        return Concatenation(items)

    def __bool__(self) -> bool:
        self._misused("used as true or false (in if, and, or, not, in)", "Use when=..., and & | ~ between conditions.")

    def __iter__(self) -> Iterator[object]:
        self._misused("iterated over")

    def __str__(self) -> str:
        self._misused("turned into a string", 'Add strings with +, as in "s3://bucket/" + value.')

    def __format__(self, spec: str) -> str:
        return str(self)

    def _misused(self, how: str, remedy: str = "Hand it to another step.") -> NoReturn:
        raise WorkflowError(f"{self!r} was {how}, but it has a value only when the workflow runs. {remedy}")


class Condition(Expression):
    """An expression that is true or false: what `when=` takes. Combine conditions with `&`, `|` and `~`."""

    def kind(self, scope: Scope) -> ValueKind:
        """True or false."""
        return "boolean"

    def operand(self, scope: Scope) -> str:
        """`($step_Train.metrics.auc >= 0.75)`."""
        return f"({self.render(scope)})"

    def __and__(self, other: "Condition") -> "Condition":
        return Combination("and", (self, self._combined(other)))

    def __or__(self, other: "Condition") -> "Condition":
        return Combination("or", (self, self._combined(other)))

    def _combined(self, other: "Condition") -> "Condition":
        if not isinstance(other, Condition):
            self._misused(f"combined with {other!r}", "Write each comparison in parentheses: (a >= 1) & (b == 2).")
        return other

    def __invert__(self) -> "Condition":
        return Negation(self)


@dataclass(frozen=True, eq=False)
class Jsonata(Expression):
    """JSONata as you write it, for what has no expression of its own yet.

    Args:
        text: JSONata without the surrounding `{% %}`.

    Example:
        `Jsonata("$states.context.Execution.Name")`
    """

    text: str

    def render(self, scope: Scope) -> str:
        """The text."""
        return self.text

    def operand(self, scope: Scope) -> str:
        """`($exists($states.input.day) ? $states.input.day : $now())`."""
        return f"({self.text})"


@dataclass(frozen=True, eq=False)
class Concatenation(Expression):
    """Strings and expressions, one after the other."""

    textual: ClassVar[bool] = True

    items: tuple[Expression | str, ...]

    def render(self, scope: Scope) -> str:
        """`"s3://bucket/" & $parameters.folder`."""
        return " & ".join(
            render_operand(item, scope) if isinstance(item, str) else item.part_of_text(scope) for item in self.items
        )

    def children(self) -> Iterator[Deferred]:
        """The expressions among the items."""
        yield from deferred_in(self.items)


@dataclass(frozen=True, eq=False)
class Comparison(Condition):
    """Two values compared."""

    left: Expression
    operator: str
    right: Template

    def __post_init__(self) -> None:
        for value in self.right if isinstance(self.right, tuple) else (self.right,):
            known = isinstance(value, Expression | str | int | float | None)
            if not known or (isinstance(value, float) and not isfinite(value)):
                raise WorkflowError(
                    f"{self.left!r} was compared with {value!r}. Compare it with a string, a finite number, True, "
                    "False, None, or another output or parameter."
                )

    def render(self, scope: Scope) -> str:
        """`$step_Train.metrics.auc >= 0.75`."""
        return f"{self.left.operand(scope)} {self.operator} {render_operand(self.right, scope)}"

    def children(self) -> Iterator[Deferred]:
        """Both sides."""
        yield self.left
        yield from deferred_in(self.right)

    def __repr__(self) -> str:
        return f"The condition ({self.left!r} {self.operator} {self.right!r})"


@dataclass(frozen=True, eq=False)
class Combination(Condition):
    """Conditions joined by `and` or `or`."""

    operator: str
    conditions: tuple[Condition, ...]

    def render(self, scope: Scope) -> str:
        """`($step_Train.metrics.auc >= 0.75) and ($parameters.deploy = true)`."""
        return f" {self.operator} ".join(condition.operand(scope) for condition in self.conditions)

    def children(self) -> Iterator[Deferred]:
        """The conditions."""
        yield from self.conditions

    def __repr__(self) -> str:
        return f"The condition ({f' {self.operator} '.join(repr(condition) for condition in self.conditions)})"


@dataclass(frozen=True, eq=False)
class Negation(Condition):
    """True when the condition is false."""

    condition: Condition

    def render(self, scope: Scope) -> str:
        """`$not($parameters.deploy = true)`."""
        return f"$not({self.condition.render(scope)})"

    def children(self) -> Iterator[Deferred]:
        """The condition."""
        yield self.condition

    def __repr__(self) -> str:
        return f"The condition (not {self.condition!r})"


@dataclass(frozen=True, eq=False)
class Present(Condition):
    """True when there is a value."""

    value: Expression
    tolerant = True

    def render(self, scope: Scope) -> str:
        """`$exists($step_Train.metrics.auc) and $step_Train.metrics.auc != null`."""
        return f"$exists({self.value.render(scope)}) and {self.value.operand(scope)} != null"

    def children(self) -> Iterator[Deferred]:
        """The value."""
        yield self.value

    def __repr__(self) -> str:
        return f"The condition ({self.value!r} is present)"
