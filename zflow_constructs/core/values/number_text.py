"""Texts that JSONata makes of values: of numbers in full, or with the 15 digits that `$string` keeps; and JSON."""

from collections.abc import Iterable
from typing import Literal, TypeAlias

ValueKind: TypeAlias = Literal["string", "number", "integer", "boolean", "strings", "numbers", "date", "scalar", ""]
"""A value's type, as that of a run parameter; `scalar` is no list and no dict as a rule. Empty: it is not known."""

NUMBER = "$v = $floor($v) ? $formatBase($v) : $string($v)"
"""JSONata of the text of `$v`, a number."""


def part_of_text(value: str, kind: ValueKind) -> str:
    """JSONata of a value that `&` joins to others.

    Args:
        value: JSONata of the value.
        kind: Its type.

    Example:
        >>> part_of_text("$parameters.day", "date")
        '$parameters.day'
    """
    match kind:
        case "string" | "date" | "boolean" | "strings":
            return value
        case "number" | "integer":
            return f"($v := {value}; {NUMBER})"
        case _:
            return f'($v := {value}; $type($v) = "number" ? ({NUMBER}) : $v)'


def kind_of(values: Iterable[object]) -> ValueKind:
    """The type that some values have in common.

    Args:
        values: The values.

    Example:
        >>> kind_of(["de", "fr"]), kind_of([1, 0.5]), kind_of(["de", 1])
        ('string', 'number', 'scalar')
    """
    kinds: set[ValueKind] = set()
    for value in values:
        match value:
            case str():
                kinds.add("string")
            case bool():
                kinds.add("boolean")
            case int() | float():
                kinds.add("number")
            case None:
                kinds.add("scalar")
            case _:
                return ""
    return kinds.pop() if len(kinds) == 1 else "scalar"


def quoted(text: str) -> str:
    """JSONata of a text in JSON's quotes, or of true, false and null: a list of it without the brackets.

    Args:
        text: JSONata of the text.
    """
    return f"$replace($string([{text}]),/^.|.$/,'')"
