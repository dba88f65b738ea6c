"""Values as text, for what takes nothing else: hyperparameters, arguments, environment variables, tags.

A text stays as it is; a number and true or false are written as in JSON, a list and a dict as JSON. What is known at
synth is written by Python with all its digits. What only a run knows is written by JSONata, whose `$string` keeps 15
digits of a number: whole numbers are written in full up to 2^53, others with 15 digits.

https://docs.jsonata.org/string-functions#string
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from zflow_constructs.core.values.expressions import Expression
from zflow_constructs.core.values.json_values import check_json
from zflow_constructs.core.values.number_text import NUMBER, quoted
from zflow_constructs.core.values.templates import Deferred, Scope, Template, deferred_in, render_value

# It writes any value as JSON: `$string` would cut its numbers.
_JSON = (
    "$json:=function($v){$type($v)='array'?'['&$join($map($v,$json),',')&']'"
    ":$type($v)='object'?'{'&$join($each($v,function($x,$k){$json($k)&':'&$json($x)}),',')&'}'"
    f":$type($v)='number'?({NUMBER}):{quoted('$v')}}}"
)
_TEXT = '$type($x) = "string" ? $x : $json($x)'


@dataclass(frozen=True, eq=False)
class AsText(Expression):
    """A value that only a run knows, as text.

    Args:
        value: The value.
        decoded: Whether whoever gets the text decodes it as JSON. A text, a list and a dict get JSON's quotes then, so
            that they arrive as the same text. Default: no
    """

    textual: ClassVar[bool] = True

    value: Expression
    decoded: bool = False

    def render(self, scope: Scope) -> str:
        """`$parameters.country`, `($v := $parameters.rounds; $v = $floor($v) ? $formatBase($v) : $string($v))`.

        A value whose type is not known is looked at: `($x := $step_Train.value; ... $type($x) = "string" ? $x : ...)`.
        """
        value = self.value.render(scope)
        match self.value.kind(scope):
            case "string" | "date":
                return quoted(value) if self.decoded else value
            case "number" | "integer":
                return f"($v := {value}; {NUMBER})"
            case "boolean":
                return f"$string({value})"
            case "strings":
                return quoted(f"$string({value})") if self.decoded else f"$string({value})"
            case "scalar":
                text = f'$type($v) in ["boolean", "null"] ? $string($v) : {quoted("$string($v)")}'
                return f'($v := {value}; $type($v) = "number" ? ({NUMBER}) : {text if self.decoded else "$string($v)"})'
            case _:
                text = '$type($x) in ["array", "object"] ? $json($json($x)) : $json($x)'
                return f"($x := {value}; {_JSON}; {text if self.decoded else _TEXT})"

    def children(self) -> Iterator[Deferred]:
        """The value."""
        yield self.value


@dataclass(frozen=True, eq=False)
class AsJson(Expression):
    """A list or dict in which some values are known to a run alone, as JSON text.

    Args:
        template: The list or dict.
        decoded: Whether whoever gets the text decodes it as JSON, and is to get the text again. Default: no
    """

    textual: ClassVar[bool] = True

    template: Template
    decoded: bool = False

    def render(self, scope: Scope) -> str:
        r"""`($json := ...; "{\"rounds\":" & $json($parameters.rounds) & "}")`."""
        pieces = [
            render_value(piece, scope) if isinstance(piece, str) else f"$json({piece.render(scope)})"
            for piece in _joined(_pieces(self.template))
        ]
        text = " & ".join(pieces)
        return f"({_JSON}; {f'$json({text})' if self.decoded else text})"

    def children(self) -> Iterator[Deferred]:
        """The expressions in it."""
        yield from deferred_in(self.template)


def as_text(value: Template, *, decoded: bool = False) -> str | Expression:
    """Write a value as text.

    Args:
        value: The value; None has no text, and is left out by the caller.
        decoded: Whether whoever gets the text decodes it as JSON. What would become something else then gets JSON's
            quotes, and so does a text of several lines, which SageMaker refuses without. Default: no

    Returns:
        The text, or an expression of it.

    Example:
        >>> as_text(True), as_text("1.10"), as_text("1.10", decoded=True), as_text("de", decoded=True)
        ('true', '1.10', '"1.10"', 'de')
    """
    match value:
        case Expression() if value.textual and not decoded:
            return value
        case Expression():
            return AsText(value, decoded)
        case str():
            return json.dumps(value) if decoded and (_is_json(value) or len(value.splitlines()) > 1) else value
        case bool() | int() | float() | None:
            return json.dumps(value)
        case _ if any(True for _ in deferred_in(value)):
            return AsJson(value, decoded)
        case _:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            return json.dumps(text) if decoded else text


def as_texts(owner: str, keyword: str, values: Mapping[str, Template], *, decoded: bool = False) -> dict[str, Template]:
    """Write values as texts by name; those that are None are left out.

    Args:
        owner: Who received them, for messages: `Step "Train"`.
        keyword: The keyword that received them.
        values: The values.
        decoded: Whether whoever gets the texts decodes them as JSON. Default: no

    Raises:
        WorkflowError: One of them is no JSON.
    """
    check_json(owner, keyword, values, as_text=True)
    return {name: as_text(value, decoded=decoded) for name, value in values.items() if value is not None}


def _is_json(text: str) -> bool:
    """Whether a text would become something else if it were decoded as JSON, as Python does: `NaN` too."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _pieces(template: Template) -> Iterator[str | Expression]:
    """The JSON of a template, in which expressions stand for their own JSON."""
    match template:
        case Expression():
            yield template
        case Mapping():
            for number, (name, value) in enumerate(template.items()):
                yield f"{',' if number else '{'}{json.dumps(name, ensure_ascii=False)}:"
                yield from _pieces(value)
            yield "}" if template else "{}"
        case str():
            yield json.dumps(template, ensure_ascii=False)
        case Sequence():
            for number, value in enumerate(template):
                yield "," if number else "["
                yield from _pieces(value)
            yield "]" if template else "[]"
        case _:
            yield json.dumps(template)


def _joined(pieces: Iterator[str | Expression]) -> list[str | Expression]:
    """The pieces, with texts that follow each other as one."""
    joined: list[str | Expression] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined
