"""What the steps' declarations mean together: how they nest, who waits for whom, who reads what, who may be skipped."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from zflow_constructs.core.ordering.barriers import barriers
from zflow_constructs.core.ordering.graph import Nested, Series, topological_order
from zflow_constructs.core.ordering.nesting import Plan, plan
from zflow_constructs.core.states.availability import available
from zflow_constructs.core.states.fragment import StepNode
from zflow_constructs.core.values.expressions import Condition
from zflow_constructs.core.values.references import Ran, StepOutput
from zflow_constructs.core.values.templates import Template, parts_of

Join = Literal["rendezvous", "barrier"]
"""How branches meet that nesting can't join: at a table, or by waiting for more than they need."""
END = "(end)"
"""Stands for what comes after all steps, where it reads their results."""


@dataclass(frozen=True)
class Arrangement:
    """The steps of one level, the workflow's or a loop's, put in order.

    Args:
        nested: the steps as sequences and parallel branches.
        guards: for each step, the conditions under which it runs. None: it always runs.
        waits: for each step, those in other branches that it waits for.
        fetched: for each step, those in other branches whose results it reads.
        readers: for each step, those that read its result as a variable.
    """

    nested: Nested
    guards: Mapping[str, tuple[Condition, ...]]
    waits: Mapping[str, tuple[str, ...]]
    fetched: Mapping[str, tuple[str, ...]]
    readers: Mapping[str, set[str]]

    @property
    def meets(self) -> bool:
        """Whether any two branches meet at the table."""
        return any(self.waits.values())

    def waiters(self) -> dict[str, list[str]]:
        """For each step that any waits for, those that do."""
        waiters: dict[str, list[str]] = {}
        for waiter, producers in self.waits.items():
            for producer in producers:
                waiters.setdefault(producer, []).append(waiter)
        return waiters


def arrange(steps: Sequence[StepNode], outputs: Template, join: Join) -> Arrangement:
    """Puts steps in order.

    Args:
        steps: the steps of one level.
        outputs: what comes out at the end.
        join: how branches meet that nesting can't join.

    Raises:
        WorkflowError: the steps need each other in a circle.
    """
    nodes, needs = {step.key: step for step in steps}, _needs(steps)
    order = topological_order(needs)
    planned = plan(needs) if join == "rendezvous" else Plan(barriers(needs).nested, rendezvous=())
    nested, rendezvous = planned.nested, planned.rendezvous
    guards = _guards(nodes, order)
    before = _order(nested)
    readers: dict[str, set[str]] = {key: set() for key in nodes}
    fetched: dict[str, tuple[str, ...]] = {}
    for key, node in nodes.items():
        read = [each for each in _read([*node.templates(), guards[key]]) if each in nodes and each != key]
        fetched[key] = tuple(each for each in read if not before(each, key))
        for each in read:
            if before(each, key):
                readers[each].add(key)
    for key in _read([outputs]):
        if key in nodes:
            readers[key].add(END)
    waits: dict[str, list[str]] = {key: [] for key in nodes}
    for producer, waiter in rendezvous:
        waits[waiter].append(producer)
    return Arrangement(nested, guards, {key: tuple(each) for key, each in waits.items()}, fetched, readers)


def needless_waits(steps: Sequence[StepNode]) -> list[tuple[str, str]]:
    """Which steps wait for which others without need where `join="barrier"`: (earlier step, later step), by name.

    Args:
        steps: the steps of one level; those of loops are looked at too.
    """
    names = {step.key: step.name for step in steps}
    inside = [wait for step in steps for loop in step.fragment.loops for wait in needless_waits(loop.steps)]
    return [*((names[earlier], names[later]) for earlier, later in barriers(_needs(steps)).waits), *inside]


def _needs(steps: Sequence[StepNode]) -> dict[str, tuple[str, ...]]:
    keys = {step.key for step in steps}
    return {step.key: tuple(need for need in step.earlier if need in keys) for step in steps}


def _guards(nodes: Mapping[str, StepNode], order: Sequence[str]) -> dict[str, tuple[Condition, ...]]:
    """For each step, what must hold for it to run: that all it needs is there, and its own conditions."""
    guards: dict[str, tuple[Condition, ...]] = {}
    absent: set[str] = set()
    for key in order:
        node = nodes[key]
        needed = available([*node.templates()], absent.__contains__)
        guards[key] = needed if node.when is None else (*needed, node.when)
        if guards[key] or node.optional:
            absent.add(key)
    return guards


def _read(templates: Sequence[Template]) -> list[str]:
    """The keys of the steps whose results are read, each once."""
    parts = (part for template in templates for part in parts_of(template))
    return list(dict.fromkeys(part.key for part in parts if isinstance(part, StepOutput | Ran)))


def _order(nested: Nested) -> Callable[[str, str], bool]:
    """Whether one step comes before another in the nest."""
    bits: dict[str, int] = {}
    before: dict[str, int] = {}

    def walk(part: Nested, earlier: int) -> int:
        """The steps of a part, as bits; those before it are given."""
        if isinstance(part, str):
            bits[part] = 1 << len(bits)
            before[part] = earlier
            return bits[part]
        inside = 0
        for each in part.parts:
            inside |= walk(each, earlier | inside if isinstance(part, Series) else earlier)
        return inside

    walk(nested, 0)
    return lambda one, other: bool(bits[one] & before[other])
