"""A partial order of steps as bits: step i, in topological order, is bit i of an integer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from zflow_constructs.core.ordering.graph import topological_order


@dataclass(frozen=True)
class Order:
    """Who comes before whom, each set of steps as the bits of an integer.

    Args:
        steps: the steps, in topological order.
        before: for each step, all that come before it.
        after: for each step, all that come after it.
        needs: for each step, those directly before it, with nothing in between.
    """

    steps: Sequence[str]
    before: Sequence[int]
    after: Sequence[int]
    needs: Sequence[int]

    def neighbours(self) -> list[int]:
        """For each step, those directly before it and directly after it."""
        near = list(self.needs)
        for step, needs in enumerate(self.needs):
            for need in members(needs):
                near[need] |= 1 << step
        return near

    def sequence(self, steps: int) -> list[int]:
        """The most parts into which the steps fall, each of which comes wholly after the one before it.

        Args:
            steps: some of the steps.
        """
        parts: list[int] = []
        part, common = 0, steps
        for step in members(steps):
            # What comes after every step so far: where that is all the rest, the sequence can be cut.
            part |= 1 << step
            common &= self.after[step]
            if common == steps & ~part:
                parts.append(part)
                steps, part = common, 0
        return parts


def order_of(needs: Mapping[str, Sequence[str]]) -> Order:
    """The order that needs make, with all that they imply.

    Args:
        needs: for each step, the steps that come before it.

    Raises:
        WorkflowError: the steps need each other in a circle.

    Example:
        >>> order_of({"a": [], "b": ["a"], "c": ["a", "b"]})
        Order(steps=['a', 'b', 'c'], before=[0, 1, 3], after=[6, 4, 0], needs=[0, 1, 2])
    """
    steps = topological_order(needs)
    position = {step: index for index, step in enumerate(steps)}
    before: list[int] = []
    direct: list[int] = []
    for step in steps:
        declared = sum(1 << bit for bit in {position[need] for need in needs[step]})
        implied = 0
        for need in members(declared):
            implied |= before[need]
        before.append(declared | implied)
        direct.append(declared & ~implied)
    after = [0] * len(steps)
    for number in reversed(range(len(steps))):
        for need in members(direct[number]):
            after[need] |= after[number] | 1 << number
    return Order(steps, before, after, direct)


def members(steps: int) -> Iterator[int]:
    """The numbers of the steps in a set, lowest first."""
    while steps:
        lowest = steps & -steps
        yield lowest.bit_length() - 1
        steps ^= lowest


def connected(steps: int, near: Sequence[int]) -> list[int]:
    """The parts of some steps that nothing connects.

    Args:
        steps: some steps.
        near: for each step, those that it is connected with.
    """
    parts: list[int] = []
    while steps:
        part, frontier = 0, steps & -steps
        while frontier:
            part |= frontier
            reached = 0
            for step in members(frontier):
                reached |= near[step]
            frontier = reached & steps & ~part
        parts.append(part)
        steps &= ~part
    return parts
