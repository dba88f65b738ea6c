"""The search for a nest of steps that keeps most of their direct needs.

A nest grows by one step at a time. A step finds its place from the outside in: parts that come wholly before it or
wholly after it stay outside, and what is left takes it in, or runs beside it. So a nest never orders two steps that
their needs leave apart, in whatever turn they come. The best nest of all is hard to find (there are too many), so a few
steps that touch each other are taken out, again and again, and put back in another turn.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from zflow_constructs.core.orders import Order, members

ROUNDS = 1000
"""How often steps are put back in another turn, at most: a small workflow's nest has long been found by then."""
EFFORT = 100_000
"""The same for many steps, in rounds times steps: a round takes the longer, the more there are."""
GROUP = 4
"""How many steps are taken out at once, at most."""


@dataclass(frozen=True, slots=True)
class Part:
    """Steps in sequence or in parallel.

    Args:
        steps: all the steps in it, as bits.
        series: whether its parts run one after the other. Default: at the same time
        parts: what it is made of. Default: nothing, for a single step
    """

    steps: int
    series: bool = False
    parts: "tuple[Part, ...]" = ()


class Nest(NamedTuple):
    """A nest, and how many direct needs it keeps: of two nests, the one that keeps more is greater."""

    kept: int
    part: Part


def dropped(order: Order, steps: int) -> dict[int, int]:
    """For each of some steps, the others that it runs beside in the best nest found.

    Args:
        order: the order that the nest must not exceed.
        steps: the steps to nest, at least two.
    """
    nest = _Search(order, steps).nest()
    beside: dict[int, int] = dict.fromkeys(members(steps), 0)
    for part in _parallels(nest.part):
        for branch in part.parts:
            for step in members(branch.steps):
                beside[step] |= part.steps & ~branch.steps
    return beside


def _parallels(part: Part) -> Iterator[Part]:
    parts = [part]
    while parts:
        part = parts.pop()
        parts += part.parts
        if not part.series:
            yield part


class _Search:
    """Its effort is counted, never timed, and its chance is seeded: the same steps get the same nest."""

    def __init__(self, order: Order, steps: int) -> None:
        self._order = order
        self._near = [near & steps for near in order.neighbours()]
        self._steps = list(members(steps))
        self._random = Random(0)

    def nest(self) -> Nest:
        turns = [self._steps, self._steps[::-1]]
        best = max((self._placed(Nest(0, Part(0)), turn) for turn in turns), key=lambda nest: nest.kept)
        for _ in range(min(ROUNDS, EFFORT // len(self._steps))):
            step = self._random.choice(self._steps)
            near = list(members(self._near[step]))
            group = [step, *self._random.sample(near, min(len(near), self._random.randrange(GROUP)))]
            nest = best
            for one in group:
                nest = self._without(nest, one)
            self._random.shuffle(group)
            nest = self._placed(nest, group)
            if nest.kept >= best.kept:
                best = nest
        return best

    def _placed(self, nest: Nest, turn: Iterable[int]) -> Nest:
        for step in turn:
            placed = self._into(nest.part, step)
            nest = Nest(nest.kept + placed.kept, placed.part)
        return nest

    def _into(self, part: Part, step: int) -> Nest:
        """A part with one more step, and how many of the step's direct needs it keeps."""
        single = Part(1 << step)
        kept = (part.steps & self._near[step]).bit_count()
        if not part.steps & ~self._order.before[step]:
            return Nest(kept, _series(part, single))
        if not part.steps & ~self._order.after[step]:
            return Nest(kept, _series(single, part))
        if not part.parts:
            return Nest(0, _parallel(part, single))
        return self._into_series(part, step) if part.series else self._into_parallel(part, step)

    def _into_series(self, part: Part, step: int) -> Nest:
        parts = part.parts
        low, high = 0, len(parts)
        while not parts[low].steps & ~self._order.before[step]:
            low += 1
        while not parts[high - 1].steps & ~self._order.after[step]:
            high -= 1
        match parts[low:high]:
            case ():
                inner = Nest(0, Part(1 << step))
            case (one,):
                inner = self._into(one, step)
            case middle:
                inner = Nest(0, _parallel(_series(*middle), Part(1 << step)))
        outside = part.steps & ~inner.part.steps & self._near[step]
        return Nest(inner.kept + outside.bit_count(), _series(*parts[:low], inner.part, *parts[high:]))

    def _into_parallel(self, part: Part, step: int) -> Nest:
        """Behind some branches, before some, inside one, or as one more: where it keeps most, else by chance."""
        single, near = Part(1 << step), self._near[step]
        places = [Nest(0, _parallel(*part.parts, single))]
        touched = [branch for branch in part.parts if branch.steps & near]
        early = _parallel(*(branch for branch in touched if not branch.steps & ~self._order.before[step]))
        late = _parallel(*(branch for branch in touched if not branch.steps & ~self._order.after[step]))
        places += (
            Nest((side.steps & near).bit_count(), _replacing(part, side, placed))
            for side, placed in ((early, _series(early, single)), (late, _series(single, late)))
            if side.steps
        )
        for branch in touched:
            if not branch.steps & (early.steps | late.steps):
                inner = self._into(branch, step)
                places.append(Nest(inner.kept, _replacing(part, branch, inner.part)))
        return max(places, key=lambda place: (place.kept, self._random.random()))

    def _without(self, nest: Nest, step: int) -> Nest:
        taken = self._out_of(nest.part, step)
        return Nest(nest.kept - taken.kept, taken.part)

    def _out_of(self, part: Part, step: int) -> Nest:
        """A part with one step less, and how many of the step's direct needs it kept."""
        if not part.parts:
            return Nest(0, Part(0))
        inside = next(one for one in part.parts if one.steps >> step & 1)
        inner = self._out_of(inside, step)
        if not part.series:
            return Nest(inner.kept, _replacing(part, inside, inner.part))
        kept = inner.kept + (part.steps & ~inside.steps & self._near[step]).bit_count()
        return Nest(kept, _series(*(inner.part if one is inside else one for one in part.parts)))


def _replacing(part: Part, some: Part, by: Part) -> Part:
    return _parallel(*(branch for branch in part.parts if not branch.steps & some.steps), by)


def _series(*parts: Part) -> Part:
    return _part(parts, series=True)


def _parallel(*parts: Part) -> Part:
    return _part(parts, series=False)


def _part(parts: Iterable[Part], *, series: bool) -> Part:
    """Parts as one, in its simplest form: none is empty, or of the same kind as the whole."""
    simplest: list[Part] = []
    steps = 0
    for part in parts:
        steps |= part.steps
        if part.parts and part.series == series:
            simplest += part.parts
        elif part.steps:
            simplest.append(part)
    return simplest[0] if len(simplest) == 1 else Part(steps, series, tuple(simplest))
