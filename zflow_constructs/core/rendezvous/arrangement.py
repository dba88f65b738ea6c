"""What the steps' declarations mean together: how they nest, who waits for whom, who reads what, who may be skipped."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from zflow_constructs.core.ordering.barriers import barriers
from zflow_constructs.core.ordering.graph import Branches, Nested, Series, steps_of, topological_order
from zflow_constructs.core.ordering.nesting import Plan, plan
from zflow_constructs.core.states.availability import available
from zflow_constructs.core.states.fragment import StepNode
from zflow_constructs.core.values.expressions import Condition
from zflow_constructs.core.values.fields import Fields, all_fields, fields_read

Join = Literal["rendezvous", "barrier"]
"""How branches meet that nesting can't join: at a table, or by waiting for more than they need."""
END = "(end)"
"""Stands for what comes after all steps, where it reads their results."""


Holder: TypeAlias = tuple[str, str]
"""A result where it is a variable: the step that assigns it, by its key, and the step whose result it is."""


@dataclass(frozen=True)
class Reading:
    """Who reads which results, and where from.

    Args:
        fields: For each step, what is read of its result.
        fetched: For each step, those in other branches whose results it reads from the table.
        readers: For each variable with a result, the steps that read it.
    """

    fields: Mapping[str, Fields]
    fetched: Mapping[str, tuple[str, ...]]
    readers: Mapping[Holder, set[str]]


@dataclass(frozen=True)
class Arrangement:
    """The steps of one level, the workflow's or a loop's, put in order.

    Args:
        nested: The steps as sequences and parallel branches.
        guards: For each step, the conditions under which it runs. None: it always runs.
        absent: The steps that may be skipped, or may fail without failing the workflow.
        waits: For each step, those in other branches that it waits for.
        reading: Who reads which results.
    """

    nested: Nested
    guards: Mapping[str, tuple[Condition, ...]]
    absent: Collection[str]
    waits: Mapping[str, tuple[str, ...]]
    reading: Reading

    def coming_out(self, part: Branches, branch: Nested) -> list[Holder]:
        """The results that a branch outputs: those that others than the steps beside it read.

        Args:
            part: The parallel branches.
            branch: One of them.
        """
        inside = set(steps_of(part))
        held = ((key, each) for key in steps_of(branch) for each in (key, *self.reading.fetched[key]))
        return [each for each in held if not self.reading.readers.get(each, set()) <= inside]

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


def arrange(steps: Sequence[StepNode], at_the_end: Mapping[str, Fields], join: Join) -> Arrangement:
    """Put steps in order.

    Args:
        steps: The steps of one level.
        at_the_end: What is read of their results when all are done.
        join: How branches meet that nesting can't join.

    Raises:
        WorkflowError: The steps need each other in a circle.
    """
    nodes, needs = {step.key: step for step in steps}, _needs(steps)
    order = topological_order(needs)
    planned = plan(needs) if join == "rendezvous" else Plan(barriers(needs).nested, rendezvous=())
    guards, absent = _guards(nodes, order)
    read = {key: fields_read([*node.templates(), guards[key]]) for key, node in nodes.items()}
    waits: dict[str, list[str]] = {key: [] for key in nodes}
    for producer, waiter in planned.rendezvous:
        waits[waiter].append(producer)
    return Arrangement(
        planned.nested,
        guards,
        absent,
        {key: tuple(each) for key, each in waits.items()},
        _reading(planned.nested, read, at_the_end),
    )


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


def _guards(
    nodes: Mapping[str, StepNode], order: Sequence[str]
) -> tuple[dict[str, tuple[Condition, ...]], Collection[str]]:
    """For each step, what must hold for it to run (what it needs is there, its own condition); and who may not run."""
    guards: dict[str, tuple[Condition, ...]] = {}
    absent: set[str] = set()
    for key in order:
        node = nodes[key]
        needed = available([*node.templates()], absent.__contains__)
        guards[key] = needed if node.when is None else (*needed, node.when)
        if guards[key] or node.optional:
            absent.add(key)
    return guards, absent


def _reading(nested: Nested, read: Mapping[str, Mapping[str, Fields]], at_the_end: Mapping[str, Fields]) -> Reading:
    """Who reads which results, and where from: a branch reads a result from the table once.

    Args:
        nested: The steps.
        read: For each step, what it reads of each result.
        at_the_end: What is read when all steps are done.
    """
    readers: dict[Holder, set[str]] = {(key, key): set() for key in read}
    fetched: dict[str, tuple[str, ...]] = {}

    def walk(part: Nested, held: Mapping[str, str]) -> dict[str, str]:
        """For each result that is a variable after a part, the step that assigns it; `held` are those before it."""
        match part:
            case Series(parts):
                for each in parts:
                    held = walk(each, held)
                return dict(held)
            case Branches(parts):
                joined = [held_by for each in parts for held_by in walk(each, held).items()]
                # Where one branch has made what another one has fetched, the step's own variable is taken.
                return {**dict(joined), **{key: holder for key, holder in joined if key == holder}}
            case reader:
                produced = [producer for producer in read[reader] if producer in read and producer != reader]
                fetched[reader] = tuple(producer for producer in produced if producer not in held)
                now_held = {**held, **dict.fromkeys(fetched[reader], reader), reader: reader}
                for producer in produced:
                    readers.setdefault((now_held[producer], producer), set()).add(reader)
                return now_held

    for key, holder in walk(nested, {}).items():
        if key in at_the_end:
            readers[holder, key].add(END)
    everyone = [*read.values(), at_the_end]
    return Reading({key: all_fields([each[key] for each in everyone if key in each]) for key in read}, fetched, readers)
