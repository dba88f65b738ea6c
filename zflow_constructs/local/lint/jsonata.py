"""What one JSONata expression reads, found in its syntax tree.

https://docs.jsonata.org/overview and https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from jsonata import Jsonata
from jsonata.jexception import JException
from jsonata.parser import Parser

Node: TypeAlias = Parser.Symbol

FUNCTIONS = frozenset({*Jsonata("null").environment.parent.bindings} - {"eval"}) | {
    "hash",
    "parse",
    "partition",
    "random",
    "range",
    "uuid",
}
"""The functions that Step Functions knows: JSONata's own but for `$eval`, and some of its own."""


@dataclass(frozen=True)
class Reading:
    """What an expression reads.

    Args:
        error: why it is no JSONata; empty if it is.
        variables: the variables that must have a value, without `$`.
        tested: the variables that are only asked for with `$exists`.
        proven: the variables that have a value if the expression is true.
        functions: the functions that are called.
        states: each path below `$states`, for example `("context", "Execution", "Id")`.
        loose_states: of these, the ones that can yield one value or an array: neither in `[...]` nor an argument.
        context: what is read from the whole input, which there isn't: `$`, `$$` or a name without `$states`.
    """

    error: str = ""
    variables: frozenset[str] = frozenset()
    tested: frozenset[str] = frozenset()
    proven: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    states: frozenset[tuple[str, ...]] = frozenset()
    loose_states: frozenset[tuple[str, ...]] = frozenset()
    context: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def read(expression: str) -> Reading:
    """What an expression reads.

    Args:
        expression: JSONata, without `{%` and `%}`.

    Example:
        >>> sorted(read("$train.auc > $floor and $exists($floor)").variables)
        ['floor', 'train']
    """
    try:
        tree = Parser().parse(expression)
    except JException as error:
        return Reading(error=str(error))
    except KeyError as error:
        return Reading(error=f"The symbol {error.args[0]} is no operator")
    reader = _Reader()
    reader.walk(tree, _Place(loose=True))
    return Reading(
        variables=frozenset(reader.variables),
        tested=frozenset(reader.tested),
        proven=_existing(tree),
        functions=frozenset(reader.functions),
        states=frozenset(reader.states),
        loose_states=frozenset(reader.loose_states),
        context=tuple(dict.fromkeys(reader.context)),
    )


@dataclass
class _Place:
    """Where in the tree a node stands.

    Args:
        bound: the variables that the expression itself binds; a block's bindings are added as it goes.
        proven: the variables that an `$exists` around the node has asked for.
        inside: whether a value is in context, which `$` and bare names are read from.
        testing: whether it is the argument of `$exists`.
        loose: whether an array or a single value from here is the expression's result as it is.
    """

    bound: set[str] = field(default_factory=set)
    proven: frozenset[str] = frozenset()
    inside: bool = False
    testing: bool = False
    loose: bool = False

    def within(
        self, *, inside: bool = False, testing: bool = False, loose: bool = False, proven: frozenset[str] = frozenset()
    ) -> "_Place":
        """A place in the same block."""
        return _Place(self.bound, self.proven | proven, self.inside or inside, testing, loose and self.loose)

    def block(self, *bound: str) -> "_Place":
        """A place in a block or function of its own."""
        return _Place({*self.bound, *bound}, self.proven, self.inside, self.testing, self.loose)


class _Reader:
    """Walks a syntax tree and collects what it reads."""

    def __init__(self) -> None:
        self.variables: set[str] = set()
        self.tested: set[str] = set()
        self.functions: set[str] = set()
        self.states: set[tuple[str, ...]] = set()
        self.loose_states: set[tuple[str, ...]] = set()
        self.context: list[str] = []

    def walk(self, node: Node, place: _Place) -> None:
        visit: Callable[[Node, _Place], None] = getattr(self, f"_visit_{node.type}", self._visit_below)
        visit(node, place)
        self._annotations(node, place)

    def _visit_lambda(self, node: Node, place: _Place) -> None:
        parameters = [argument.value for argument in node.arguments or ()]
        self.walk(node.body, place.block(*parameters))

    def _visit_block(self, node: Node, place: _Place) -> None:
        block = place.block()
        for expression in node.expressions[:-1]:
            self.walk(expression, block.within())
        for expression in node.expressions[-1:]:
            self.walk(expression, block)

    def _visit_bind(self, node: Node, place: _Place) -> None:
        place.bound.add(node.lhs.value)
        self.walk(node.rhs, place)

    def _visit_condition(self, node: Node, place: _Place) -> None:
        self.walk(node.condition, place.within())
        self.walk(node.then, place.within(proven=_existing(node.condition), loose=True))
        otherwise = node._else  # noqa: SLF001 What the parser calls it.
        if otherwise is not None:
            self.walk(otherwise, place.within(loose=True))

    def _visit_binary(self, node: Node, place: _Place) -> None:
        self.walk(node.lhs, place.within())
        self.walk(node.rhs, place.within(proven=_existing(node.lhs) if node.value == "and" else frozenset()))

    def _visit_transform(self, node: Node, place: _Place) -> None:
        for part in (node.pattern, node.update, node.delete):
            if part is not None:
                self.walk(part, place.within(inside=True))

    def _visit_path(self, node: Node, place: _Place) -> None:
        first, *rest = node.steps
        names = tuple(step.value for step in _leading_names(rest))
        if first.type == "variable":
            kept = any(step.keep_array for step in node.steps) or node.keep_singleton_array
            self._named(first.value, names, place.within() if kept else place)
            self._annotations(first, place)
        else:
            self.walk(first, place.within())
        for step in rest:
            if step.type == "name":
                self._annotations(step, place)
            else:
                self.walk(step, place.within(inside=True))

    def _visit_variable(self, node: Node, place: _Place) -> None:
        self._named(node.value, (), place)

    def _named(self, name: str, path: tuple[str, ...], place: _Place) -> None:
        if name in {"", "$"}:
            if name == "$" or not place.inside:
                self.context.append(f"${name}")
        elif name == "states":
            self.states.add(path)
            if place.loose:
                self.loose_states.add(path)
        elif name not in place.bound:
            found = self.tested if place.testing or name in place.proven else self.variables
            found.add(name)

    def _visit_name(self, node: Node, place: _Place) -> None:
        if not place.inside:
            self.context.append(str(node.value or "%"))

    _visit_wildcard = _visit_descendant = _visit_parent = _visit_name

    def _visit_function(self, node: Node, place: _Place) -> None:
        name = self._procedure(node.procedure, place)
        for argument in node.arguments:
            if argument.type != "operator":
                self.walk(argument, place.within(testing=name == "exists"))

    def _visit_apply(self, node: Node, place: _Place) -> None:
        self.walk(node.lhs, place.within())
        if node.rhs.type == "variable":
            self._procedure(node.rhs, place)
        else:
            self.walk(node.rhs, place.within())

    _visit_partial = _visit_function

    def _procedure(self, procedure: Node, place: _Place) -> str:
        """The name of the function that is called, if it has one."""
        if procedure.type != "variable" or procedure.value in place.bound:
            self.walk(procedure, place.within())
            return ""
        self.functions.add(procedure.value)
        return str(procedure.value)

    def _visit_below(self, node: Node, place: _Place) -> None:
        """Arrays, objects, sorting, negation: what they hold."""
        for part in (node.expression, *(node.expressions or ())):
            if part is not None:
                self.walk(part, place.within())
        for pair in node.lhs_object or ():
            for part in pair:
                self.walk(part, place.within())
        for term in node.terms or ():
            self.walk(term.expression, place.within(inside=True))

    def _annotations(self, node: Node, place: _Place) -> None:
        """What a step carries: `[filter]`, `{group: by}`, `@$focus`, `#$index`."""
        place.bound.update(name for name in (node.focus, node.index) if isinstance(name, str))
        for stage in (*(node.predicate or ()), *(node.stages or ())):
            if stage.expr is not None:
                self.walk(stage.expr, place.within(inside=True))
            elif isinstance(stage.value, str):
                place.bound.add(stage.value)
        for pair in node.group.lhs_object if node.group is not None else ():
            for part in pair:
                self.walk(part, place.within(inside=True))


def _leading_names(steps: list[Node]) -> list[Node]:
    count = next((index for index, step in enumerate(steps) if step.type != "name"), len(steps))
    return steps[:count]


def _existing(node: Node) -> frozenset[str]:
    """The variables that exist if the node is true: `$exists($a) and $exists($b)`."""
    if node.type == "block" and len(node.expressions) == 1:
        return _existing(node.expressions[0])
    if node.type == "binary" and node.value == "and":
        return _existing(node.lhs) | _existing(node.rhs)
    if node.type == "function" and node.procedure.value == "exists" and len(node.arguments) == 1:
        argument = node.arguments[0]
        first = argument.steps[0] if argument.type == "path" else argument
        return frozenset({first.value}) if first.type == "variable" else frozenset()
    return frozenset()
