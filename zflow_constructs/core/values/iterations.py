"""What an expression in and around a loop can refer to: the item, which iteration it is, what all of them gave."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from zflow_constructs.core.values.expressions import Condition, Expression, Negation, Present
from zflow_constructs.core.values.number_text import ValueKind, kind_of, part_of_text
from zflow_constructs.core.values.references import StepOutput, Variable, field_path
from zflow_constructs.core.values.syntax import Call, Error, If, Let
from zflow_constructs.core.values.templates import Deferred, Scope, Template


@dataclass(frozen=True, eq=False)
class Item(Expression):
    """The current item of a loop, in the steps that the loop repeats.

    Args:
        name: the item's name, as the loop gives it.
        path: the fields' names, from the outside in, where the items are objects. Default: the whole item

    Example:
        `ForEach(self, "PerCountry", item="country", items=["de", "fr"], steps=[train])`, and in `train`
        `hyperparameters={"country": Item("country")}`
    """

    name: str
    path: tuple[str, ...] = ()

    def __getitem__(self, field: str) -> "Item":
        return Item(self.name, (*self.path, field))

    def render(self, scope: Scope) -> str:
        """`$PerCountry_item.value`."""
        return field_path(scope.items[self.name], *self.path)

    def part_of_text(self, scope: Scope) -> str:
        """The item, or the text that it is if it is a number."""
        return part_of_text(self.render(scope), self.kind(scope))

    def kind(self, scope: Scope) -> ValueKind:
        """The type of all items, where the list of them is known at synth."""
        return kind_of(_at(item, self.path) for item in scope.listed.get(self.name, [{}]))

    def __repr__(self) -> str:
        return f'The item "{".".join((self.name, *self.path))}"'


@dataclass(frozen=True, eq=False)
class Collected(StepOutput):
    """What the iterations of a loop gave, as a list.

    Args:
        key: the loop's construct path.
        step: the loop's id.
        path: `("results", <the output's name>)`, or `("results",)`: all of it.
    """

    @property
    def field(self) -> tuple[str, ...]:
        """What it reads of the result: the whole list of what the iterations gave."""
        return self.path[:1]

    def render(self, scope: Scope) -> str:
        """`[$step_PerCountry.results.auc]`: in brackets, since JSONata makes a value of a list of one.

        Where the iterations give lists themselves, the path would join them: each is put in brackets then.
        """
        results, *output = self.path
        iterations = field_path(scope.results[self.key], results)
        if not output:
            return f"[{iterations}]"
        value = field_path("$each", *output)
        listed = f'$type({value}) = "array" ? [[{value}]] : [{value}]'
        return f"$reduce([{iterations}], function($all, $each) {{ $append($all, {listed}) }}, [])"

    def is_present(self) -> Condition:
        """True when the loop ran."""
        return Present(StepOutput(self.key, self.step))

    def is_absent(self) -> Condition:
        """True when the loop was skipped."""
        return Negation(self.is_present())


@dataclass(frozen=True, eq=False)
class Bounded(Expression):
    """A list that may not be longer than said."""

    value: Expression
    most: int
    name: str

    def render(self, scope: Scope) -> str:
        """`($items := $append([], $step_Extract.countries); $count($items) > 1000 ? $error("...") : $items)`.

        In brackets, a list that is written in brackets itself would be the only entry of another one.
        """
        items = Variable("items")
        count = Call("count", (items,))
        said = f"{self.name} has more than the {self.most} entries that it may have: "
        too_many = Error(said + Call("string", (count,)))
        return Let("items", Call("append", ([], self.value)), If(count > self.most, too_many, items)).render(scope)

    def children(self) -> Iterator[Deferred]:
        """The list."""
        yield self.value

    def __repr__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True, eq=False)
class IterationNumber(Expression):
    """Which iteration of the loops around this is: `"2"`, `"2/0"` where a loop is in a loop, `""` outside of loops."""

    textual: ClassVar[bool] = True

    def render(self, scope: Scope) -> str:
        """`$join([$string($PerCountry_item.index)], "/")`."""
        if not scope.iterations:
            return '""'
        return f'$join([{", ".join(f"$string({iteration})" for iteration in scope.iterations.values())}], "/")'

    def __repr__(self) -> str:
        return "The iteration of the loop"


def _at(item: Template, path: Sequence[str]) -> object:
    """What is at a path in an item; an empty dict, whose type is no text's, where that is not known."""
    found: object = item
    for name in path:
        found = found.get(name, {}) if isinstance(found, Mapping) else {}
    return found
