"""The steps' order, and its nesting into sequences and parallel branches.

A partial order is series-parallel exactly when it holds no N (a before c and d, b before d alone). Then it falls
apart, again and again, into parts that don't touch (they run in parallel) or parts each of which comes wholly after the
one before (they run in sequence).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from zflow_constructs.core.errors import WorkflowError


@dataclass(frozen=True)
class Series:
    """Parts that run one after the other."""

    parts: tuple["Nested", ...]


@dataclass(frozen=True)
class Branches:
    """Parts that run at the same time."""

    parts: tuple["Nested", ...]


Nested: TypeAlias = str | Series | Branches
"""A step's key, or steps nested in sequence or in parallel."""


def topological_order(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """The steps, each after all that it needs, in an order that depends on the declaration alone.

    Args:
        needs: for each step, the steps that come before it.

    Raises:
        WorkflowError: the steps need each other in a circle.
    """
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        circle = " -> ".join(_name(step) for step in error.args[1])
        raise WorkflowError(
            f"The steps need each other in a circle: {circle}. Remove one of these needs: an output that is used, "
            "or an after=."
        ) from None


def nest(needs: Mapping[str, Sequence[str]]) -> Nested:
    """The steps nested into sequences and parallel branches, each starting as early as its needs allow.

    Args:
        needs: for each step, the steps that come before it. At least one step.

    Raises:
        WorkflowError: the steps need each other in a circle, or their order holds an N.

    Example:
        >>> nest({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]})
        Series(parts=('a', Branches(parts=('b', 'c')), 'd'))
    """
    order = topological_order(needs)
    position = {step: index for index, step in enumerate(order)}
    direct = [sum(1 << bit for bit in {position[need] for need in needs[step]}) for step in order]
    before = list(direct)
    after = [0] * len(order)
    for step in range(len(order)):
        for need in _members(direct[step]):
            before[step] |= before[need]
    for step in reversed(range(len(order))):
        for need in _members(direct[step]):
            after[need] |= after[step] | 1 << step
    return _Nesting(order, direct, before, after).nested((1 << len(order)) - 1)


@dataclass(frozen=True)
class _Nesting:
    """Sets of steps are bits of an integer: step i, in topological order, is bit i."""

    order: Sequence[str]
    direct: Sequence[int]
    before: Sequence[int]
    after: Sequence[int]

    def nested(self, steps: int) -> Nested:
        if steps.bit_count() == 1:
            return self.order[steps.bit_length() - 1]
        sequence = self._cuts(steps)
        if len(sequence) > 1:
            return Series(tuple(self.nested(part) for part in sequence))
        parallel = self._components(steps)
        if len(parallel) > 1:
            return Branches(tuple(self.nested(part) for part in parallel))
        raise WorkflowError(self._n_shape(steps))

    def _components(self, steps: int) -> list[int]:
        """The parts that no order connects."""
        parts: list[int] = []
        while steps:
            part, frontier = 0, steps & -steps
            while frontier:
                part |= frontier
                reached = 0
                for step in _members(frontier):
                    reached |= self.before[step] | self.after[step]
                frontier = reached & steps & ~part
            parts.append(part)
            steps &= ~part
        return parts

    def _cuts(self, steps: int) -> list[int]:
        """The parts each of which comes wholly after the one before it."""
        parts: list[int] = []
        part, common = 0, steps
        for step in _members(steps):
            # What comes after every step so far: where that is all the rest, the sequence can be cut.
            part |= 1 << step
            common &= self.after[step]
            if common == steps & ~part:
                parts.append(part)
                steps, part = common, 0
        return parts

    def _n_shape(self, steps: int) -> str:
        """What is wrong with steps that can't be nested: a and b start, c needs a, d needs both, b directly.

        Where there is an N, there is one whose d needs its b directly: of a step between them, either b or d can take
        the place.
        """
        for c in _members(steps):
            for d in _members(steps & ~(self.before[c] | self.after[c] | 1 << c)):
                shared = self.before[c] & self.before[d] & steps
                alone = self.direct[d] & ~self.before[c] & steps
                for b in _members(alone):
                    for a in _members(shared & ~(self.before[b] | self.after[b])):
                        first, second, third, fourth = (_name(self.order[step]) for step in (a, b, c, d))
                        return (
                            f'The need of step "{fourth}" for step "{second}" can\'t be nested: "{third}" and '
                            f'"{fourth}" both come after "{first}", and "{fourth}" alone also after "{second}", while '
                            f'Step Functions\' parallel branches must all join. Let "{third}" come after "{second}" '
                            f'too (after=[...]), or "{second}" after "{first}".'
                        )
        raise AssertionError("an order without an N falls apart")


def _members(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _name(key: str) -> str:
    return key.rsplit("/", 1)[-1]


def steps_of(nested: Nested) -> list[str]:
    """The keys of the steps in a nested part, in order."""
    if isinstance(nested, str):
        return [nested]
    return [step for part in nested.parts for step in steps_of(part)]
