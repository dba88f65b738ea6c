"""A run parameter: which values a run may set it to, and what it is where the run doesn't.

A value is checked twice, by Python where it is known when the workflow is declared (a default, a schedule's), and by
JSONata in the first state of each execution. Both follow from one declaration.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Literal, TypeAlias, cast

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.patterns import DATE, in_jsonata, is_portable, matches
from zflow_constructs.core.values.templates import Json, Scalar, Scope, render_value

Value: TypeAlias = Scalar | Sequence[str] | Sequence[float]
"""What a run parameter can be."""
Kind: TypeAlias = Literal["string", "number", "integer", "boolean", "strings", "numbers", "date"]

START_TIME = "$states.context.Execution.StartTime"
FIRST_INEXACT = 2**53
"""AWS reads numbers as floating-point numbers: this one is also what the next whole number becomes."""
_NO_ID = 1e21
"""From here on, numbers are written with an exponent: nobody counts on their last digit."""
_NOUNS: Mapping[Kind, str] = {
    "string": "a string",
    "number": "a number",
    "integer": "an integer",
    "boolean": "true or false",
    "strings": "a list of strings",
    "numbers": "a list of numbers",
    "date": "a date such as 2026-11-24",
}
_JSON_TYPES: Mapping[Kind, str] = {"integer": "number", "strings": "array", "numbers": "array", "date": "string"}


@dataclass(frozen=True)
class RunParameter:
    """A parameter that a run sets when it starts, with its type and its default. Make one by a method named as a type.

    One without a default must be given by every run.

    Args:
        kind: its type.
        default: JSONata of its default. Default: there is none, and a run must give it
        pattern: a regular expression that the whole string matches. Default: any string
        least: the smallest number. Default: any
        most: the largest number. Default: any
        among: the values that there are. Default: any

    Raises:
        WorkflowError: the default is no value of its own type, or no value could be.

    Example:
        parameters={
            "country": zflow.RunParameter.one_of("de", "fr", default="de"),
            "rounds": zflow.RunParameter.integer(default=100, least=1, most=1000),
            "day": zflow.RunParameter.date(default="today"),
        }
    """

    kind: Kind
    default: str = ""
    pattern: str = ""
    least: float = -inf
    most: float = inf
    among: tuple[str | float, ...] = ()

    def __post_init__(self) -> None:
        if not self.least <= self.most:
            raise WorkflowError(f"RunParameter: no number is from {self.least} to {self.most}. Swap least and most.")
        if not is_portable(self.pattern):
            raise WorkflowError(
                f"RunParameter: the pattern {self.pattern!r} can't be read, or not everywhere alike. Use characters, "
                r"classes such as [a-z] and \d, groups (...) and (?:...), |, and *, +, ? and {2,3}, with a backslash "
                "before any bracket that is meant as a character."
            )
        if self.default not in {"", START_TIME} and not self.accepts(json.loads(self.default)):
            raise WorkflowError(f"RunParameter: the default is {self.default}, and must be {self.allowed}.")

    @staticmethod
    def string(*, default: str | None = None, pattern: str = "") -> "RunParameter":
        r"""Text.

        Args:
            default: where a run gives none. Default: every run must give it
            pattern: a regular expression that the whole text matches, such as `v\d+`. Default: any text
        """
        return RunParameter("string", _default(default), pattern=pattern)

    @staticmethod
    def number(*, default: float | None = None, least: float = -inf, most: float = inf) -> "RunParameter":
        """A number.

        Args:
            default: where a run gives none. Default: every run must give it
            least: the smallest. Default: any
            most: the largest. Default: any
        """
        return RunParameter("number", _default(default), least=least, most=most)

    @staticmethod
    def integer(*, default: int | None = None, least: float = -inf, most: float = inf) -> "RunParameter":
        """A whole number.

        Args:
            default: where a run gives none. Default: every run must give it
            least: the smallest. Default: any
            most: the largest. Default: any
        """
        return RunParameter("integer", _default(default), least=least, most=most)

    @staticmethod
    def boolean(*, default: bool | None = None) -> "RunParameter":
        """True or false.

        Args:
            default: where a run gives none. Default: every run must give it
        """
        return RunParameter("boolean", _default(default))

    @staticmethod
    def strings(*, default: Sequence[str] | None = None) -> "RunParameter":
        """A list of strings, which may be empty.

        Args:
            default: where a run gives none. Default: every run must give it
        """
        return RunParameter("strings", _default(default))

    @staticmethod
    def numbers(*, default: Sequence[float] | None = None) -> "RunParameter":
        """A list of numbers, which may be empty.

        Args:
            default: where a run gives none. Default: every run must give it
        """
        return RunParameter("numbers", _default(default))

    @staticmethod
    def one_of(*values: str | float, default: str | float | None = None) -> "RunParameter":
        """One of some strings, or of some numbers.

        Args:
            *values: those that there are.
            default: where a run gives none. Default: every run must give it
        """
        for kind in ("string", "number"):
            if values and all(RunParameter(kind).accepts(value) for value in values):
                return RunParameter(kind, _default(default), among=values)
        raise WorkflowError(f"RunParameter.one_of takes strings, or numbers, and received {list(values)!r}.")

    @staticmethod
    def date(*, default: str | None = None) -> "RunParameter":
        """A day, `2026-11-24`; of a point in time, `2026-11-24T03:00:00Z`, a run takes the day.

        Args:
            default: where a run gives none; "today" is the day, in UTC, on which the execution starts, and stays that
                day when it is redriven. Default: every run must give it
        """
        return RunParameter("date", START_TIME if default == "today" else _default(default))

    @staticmethod
    def of(value: Value) -> "RunParameter":
        """A parameter of a value's type, with the value as its default.

        Args:
            value: a string, a number, true or false, or a list of strings or of numbers that isn't empty.

        Raises:
            WorkflowError: it is none of those.
        """
        kinds: tuple[Kind, ...] = ("string", "number", "boolean", "strings", "numbers")
        for kind in kinds:
            if value not in ([], ()) and RunParameter(kind).accepts(value):
                return RunParameter(kind, _default(value))
        raise WorkflowError(
            f"received {value!r}. Give its default, which is a string, a finite number, True, False or a list of "
            "strings or of numbers; or a RunParameter, such as RunParameter.strings(default=[])."
        )

    @property
    def required(self) -> bool:
        """Whether every run must give it."""
        return not self.default

    @property
    def allowed(self) -> str:
        """The values that there are, as a message says it: `a number from 0 up to 1`."""
        if self.among:
            return f"one of {', '.join(render_value(value, Scope()) for value in self.among)}"
        least = f" from {self.least}" if isfinite(self.least) else ""
        most = f" up to {self.most}" if isfinite(self.most) else ""
        pattern = f" that matches {self.pattern}" if self.pattern else ""
        return f"{_NOUNS[self.kind]}{least}{most}{pattern}"

    def accepts(self, value: object) -> bool:
        """Whether a run may set it to this.

        Args:
            value: a JSON value.
        """
        match value:
            case bool():
                return self.kind == "boolean"
            case str():
                fits = not self._expression or matches(self._expression, value)
                return self.kind in {"string", "date"} and fits and self._is_listed(value)
            case int() | float():
                right = self.kind == "number" or (self.kind == "integer" and value % 1 == 0)
                right = right and not (self.is_to_be_exact and FIRST_INEXACT <= abs(value) < self._exact_again)
                return right and abs(value) < inf and self.least <= value <= self.most and self._is_listed(value)
            case list() | tuple() if self.kind in _ITEMS:
                return all(_ITEMS[self.kind].accepts(item) for item in value)
            case _:
                return False

    def condition(self) -> str:
        """JSONata of the same question about `$value`.

        `$type($value) = "number" ? $value >= 0 and $value <= 1 : false`
        """
        item = _ITEMS[self.kind].kind if self.kind in _ITEMS else ""
        rules = {
            f'$count($value[$type($) = "{item}"]) = $count($value)': bool(item),
            "$value = $floor($value)": self.kind == "integer",
            f"$abs($value) < {FIRST_INEXACT}": self.is_to_be_exact and self.kind == "integer",
            f"($abs($value) < {FIRST_INEXACT} or $abs($value) >= {_NO_ID})": self.is_to_be_exact
            and self.kind == "number",
            f"$value >= {self.least}": isfinite(self.least),
            f"$value <= {self.most}": isfinite(self.most),
            f"$contains($value, {in_jsonata(self._expression)})": bool(self._expression),
            f"$value in {render_value(self.among, Scope())}": bool(self.among),
        }
        typed = f'$type($value) = "{_JSON_TYPES.get(self.kind, self.kind)}"'
        applying = " and ".join(rule for rule, applies in rules.items() if applies)
        # Not `and`: older JSONata evaluates both of its sides.
        return f"{typed} ? {applying} : false" if applying else typed

    def metadata(self) -> dict[str, Json]:
        """It as JSON, for tools: `{"type": "number", "allowed": "a number from 0", "least": 0, "default": 0.5}`."""
        default = '"today"' if self.default == START_TIME else self.default
        return {
            "type": self.kind,
            "allowed": self.allowed,
            **({"default": json.loads(default)} if default else {}),
            **({"pattern": self.pattern} if self.pattern else {}),
            **({"least": self.least} if isfinite(self.least) else {}),
            **({"most": self.most} if isfinite(self.most) else {}),
            **({"among": list(self.among)} if self.among else {}),
        }

    @staticmethod
    def from_metadata(metadata: Mapping[str, Json]) -> "RunParameter":
        """The parameter of which `metadata` tells.

        Args:
            metadata: what `metadata()` returned.
        """
        default = _default(cast("Value | None", metadata.get("default")))
        kind = cast("Kind", metadata["type"])
        return RunParameter(
            kind,
            START_TIME if kind == "date" and default == '"today"' else default,
            cast("str", metadata.get("pattern", "")),
            cast("float", metadata.get("least", -inf)),
            cast("float", metadata.get("most", inf)),
            tuple(cast("Sequence[str | float]", metadata.get("among", ()))),
        )

    @property
    def is_to_be_exact(self) -> bool:
        """Whether a whole number that would lose digits on its way is refused: unless the bounds are for others."""
        return (
            self.kind in {"integer", "number"} and not self.among and not (isfinite(self.least) and isfinite(self.most))
        )

    @property
    def _exact_again(self) -> float:
        return inf if self.kind == "integer" else _NO_ID

    @property
    def _expression(self) -> str:
        return DATE if self.kind == "date" else self.pattern

    def _is_listed(self, value: Scalar) -> bool:
        return not self.among or value in self.among


_ITEMS: Mapping[str, RunParameter] = {"strings": RunParameter("string"), "numbers": RunParameter("number")}


def _default(value: Value | None) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)
