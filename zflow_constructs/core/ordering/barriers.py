"""Any order of steps as a plain nest, where no table is wanted: some steps wait for more than they need.

A series-parallel order nests as it is. Where another one is stuck, it is cut in two: all of the first part before all
of the second. The cut is made at a level, so that the longest chain of steps gets no longer; of these cuts, it is the
one that makes the fewest steps wait for others that they don't need.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from zflow_constructs.core.ordering.graph import Branches, Nested, Series
from zflow_constructs.core.ordering.orders import Order, connected, members, order_of

EFFORT = 2_500
"""The levels at which a cut is tried, times the steps, at most: a try takes longer, the more steps there are."""


@dataclass(frozen=True)
class Barriers:
    """How steps run in sequences and parallel branches alone.

    Args:
        nested: the steps, nested so that each comes after all that it needs.
        waits: who waits directly for whom without need: (earlier step, later step).
    """

    nested: Nested
    waits: tuple[tuple[str, str], ...]


def barriers(needs: Mapping[str, Sequence[str]]) -> Barriers:
    """The steps nested so that few wait for others that they don't need: none, if the order has no N.

    Args:
        needs: for each step, the steps that come before it. At least one step.

    Raises:
        WorkflowError: the steps need each other in a circle.

    Example:
        >>> barriers({"a": [], "b": [], "c": ["a"], "d": ["a", "b"]})
        Barriers(nested=Series(parts=(Branches(parts=('a', 'b')), Branches(parts=('c', 'd')))), waits=(('b', 'c'),))
    """
    order = order_of(needs)
    nested = _Nesting(order, order.neighbours()).nested((1 << len(order.steps)) - 1)
    before = dict(zip(order.steps, order.before, strict=True))
    position = {step: 1 << index for index, step in enumerate(order.steps)}
    waits = (pair for pair in _direct(nested) if not before[pair[1]] & position[pair[0]])
    return Barriers(nested, tuple(waits))


@dataclass(frozen=True)
class _Nesting:
    order: Order
    near: Sequence[int]

    def nested(self, steps: int) -> Nested:
        if steps.bit_count() == 1:
            return self.order.steps[steps.bit_length() - 1]
        sequence = self._sequence(steps)
        if len(sequence) > 1:
            return Series(tuple(map(self.nested, sequence)))
        return Branches(tuple(map(self.nested, connected(steps, self.near))))

    def _sequence(self, steps: int) -> list[int]:
        """Steps cut until each part is a single one, or falls apart into some that nothing connects."""
        sequence: list[int] = []
        uncut = [steps]
        while uncut:
            part = uncut.pop()
            cut = self.order.sequence(part)
            if len(cut) > 1:
                uncut += reversed(cut)
            elif part.bit_count() == 1 or len(connected(part, self.near)) > 1:
                sequence.append(part)
            else:
                first = self._first(part)
                uncut += (part & ~first, first)
        return sequence

    def _first(self, steps: int) -> int:
        """The part of connected steps that comes before the rest."""
        inside = list(members(steps))
        level = _levels(inside, self.near)
        behind = _levels(inside[::-1], self.near)
        height = max(level.values())
        cuts: list[tuple[int, int, int]] = []
        for cut in range(1, height, 1 + height * len(inside) // EFFORT):
            must = sum(1 << step for step in inside if behind[step] > height - cut)
            may = [step for step in inside if level[step] <= cut and behind[step] <= height - cut]
            cuts += self._cuts(steps, must, may)
            cuts += self._cuts(steps, must, sorted(may, key=lambda step: level[step] - behind[step]))
        return min(cuts)[-1]

    def _cuts(self, steps: int, first: int, may: Sequence[int]) -> Iterator[tuple[int, int, int]]:
        """For each way to move the cut: the pairs that it orders anew, how uneven it is, the part that comes first."""
        rest = steps & ~first
        anew = sum((rest & ~self.order.after[step]).bit_count() for step in members(first))
        yield anew, abs(first.bit_count() - rest.bit_count()), first
        for step in may:
            apart = steps & ~(self.order.before[step] | self.order.after[step] | 1 << step)
            anew += (apart & rest).bit_count() - (apart & first).bit_count()
            first |= 1 << step
            rest = steps & ~first
            yield anew, abs(first.bit_count() - rest.bit_count()), first


def _levels(turn: Sequence[int], near: Sequence[int]) -> dict[int, int]:
    """For each step in turn, how many the longest chain has that ends with it."""
    levels: dict[int, int] = {}
    for step in turn:
        levels[step] = 1 + max((levels.get(other, 0) for other in members(near[step])), default=0)
    return levels


def _direct(nested: Nested) -> Iterator[tuple[str, str]]:
    """Who comes directly before whom in a nest."""
    if isinstance(nested, str):
        return
    for part in nested.parts:
        yield from _direct(part)
    if isinstance(nested, Series):
        for one, following in pairwise(nested.parts):
            yield from product(_edge(one, -1), _edge(following, 0))


def _edge(nested: Nested, end: int) -> list[str]:
    """The steps that a nest starts with (0), or ends with (-1)."""
    match nested:
        case Series(parts):
            return _edge(parts[end], end)
        case Branches(parts):
            return [step for part in parts for step in _edge(part, end)]
        case step:
            return [step]
