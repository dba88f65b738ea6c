"""Values as JSON text that loses no digit of a number: what travels through the table.

`$string` keeps 15 digits of a number. What it leaves of one is a number of few digits itself, so the two together are
exact: `{"zflow:number": [0.851234018802643, -2.22044604925031e-16]}` is 0.8512340188026428. The value is written inside
an object, since `$string` leaves a bare text as it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from zflow_constructs.core.values.expressions import Expression
from zflow_constructs.core.values.templates import Deferred, Scope, Template, deferred_in, render_value

_MARK = "zflow:number"
# Each producer and each reader has these functions in its state, and a definition has a bound: without blanks, and in
# single quotes, which JSON doesn't escape.
_LIST = "$type($v)='array'?[$map($v,$f)[]]"
_OBJECT = "$exists($keys($v))?$merge($keys($v).{$:$f($lookup($v,$))})"
_SPLIT = (
    f"$f:=function($v){{{_LIST}:{_OBJECT}"
    f":$type($v)='number'?($r:=$v-$number($string($v));$r=0?$v:{{'{_MARK}':[$v,$r]}}):$v}}"
)
_JOIN = f"$f:=function($v){{{_LIST}:$keys($v)='{_MARK}'?$sum($v.*):{_OBJECT}:$v}}"


@dataclass(frozen=True, eq=False)
class Written(Expression):
    """The text of a value.

    Args:
        value: The value, which may be a text, a number or null itself.
        plain: Whether it is an object or null, with no number in it: `$string` loses nothing of it.
    """

    value: Template
    plain: bool

    def render(self, scope: Scope) -> str:
        """`$string($step_Train)`, `($f:=function($v){...};$string({'v':$f($step_Train)}))`."""
        value = render_value(self.value, scope)
        return f"$string({value})" if self.plain else f"({_SPLIT};$string({{'v':$f({value})}}))"

    def children(self) -> Iterator[Deferred]:
        """The expressions in the value."""
        yield from deferred_in(self.value)


@dataclass(frozen=True, eq=False)
class Read(Expression):
    """The value of a text that `Written` made.

    Args:
        text: The text.
        plain: As it was written.
    """

    text: Expression
    plain: bool

    def render(self, scope: Scope) -> str:
        """`$parse($states.result.Item.done.S)`, `($f:=function($v){...};$f($parse(...).v))`."""
        text = self.text.render(scope)
        return f"$parse({text})" if self.plain else f"({_JOIN};$f($parse({text}).v))"

    def children(self) -> Iterator[Deferred]:
        """The text."""
        yield self.text
