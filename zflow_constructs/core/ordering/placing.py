"""The search for a nest of steps that keeps most of their direct needs.

A nest grows by one step at a time. A step finds its place from the outside in: parts that come wholly before it or
wholly after it stay outside, and what is left takes it in, or runs beside it. So a nest never orders two steps that
their needs leave apart, in whatever turn they come. The best nest of all is hard to find (there are too many), so a few
steps that touch each other are taken out, again and again, and put back in another turn.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from zflow_constructs.core.ordering.orders import Order, members

NEED = 4
"""What a need that is kept is worth, in Parallel states: one that is lost costs about as many states."""
LUCK = 3
"""How much less a nest may be worth that is tried instead of another: less than a need."""
ROUNDS = 30
"""How often steps are taken out, for each step: a small nest has long been found by then."""
EFFORT = 60_000
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
        forks: how many Parallel states it takes. Default: 0
    """

    steps: int
    series: bool = False
    parts: "tuple[Part, ...]" = ()
    forks: int = 0


@dataclass(frozen=True, slots=True)
class Nest:
    """A nest that grows, or a part of it.

    Args:
        part: the nest. Default: no steps
        kept: how many direct needs it keeps; for a part, how many of the step that has come or gone. Default: 0
    """

    part: Part = Part(0)
    kept: int = 0

    @property
    def worth(self) -> int:
        """What it keeps, less what it takes: of two nests, the one of greater worth is better."""
        return NEED * self.kept - self.part.forks


def beside(order: Order, steps: int) -> dict[int, int]:
    """For each of some steps, the others that it runs beside in the best nest found.

    Args:
        order: the order that the nest must not exceed.
        steps: the steps to nest, at least two.
    """
    others: dict[int, int] = dict.fromkeys(members(steps), 0)
    for part in _parallels(_Search(order, steps).best().part):
        for branch in part.parts:
            for step in members(branch.steps):
                others[step] |= part.steps & ~branch.steps
    return others


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

    def best(self) -> Nest:
        turns = (self._steps, self._steps[::-1])
        nest = best = max((self._with(Nest(), turn) for turn in turns), key=lambda nest: nest.worth)
        for _ in range(min(ROUNDS * len(self._steps), EFFORT // len(self._order.steps))):
            group = self._group()
            changed = self._with(self._without(nest, group), self._random.sample(group, len(group)))
            if self._lucky(changed) >= nest.worth:
                nest = changed
            if nest.worth > best.worth:
                best = nest
        return best

    def _group(self) -> list[int]:
        """A step and some of its neighbours."""
        step = self._random.choice(self._steps)
        near = list(members(self._near[step]))
        return [step, *self._random.sample(near, min(len(near), self._random.randrange(GROUP)))]

    def _lucky(self, nest: Nest) -> float:
        return nest.worth + self._random.random() * LUCK

    def _with(self, nest: Nest, steps: Iterable[int]) -> Nest:
        for step in steps:
            placed = self._into(nest.part, step)
            nest = Nest(placed.part, nest.kept + placed.kept)
        return nest

    def _without(self, nest: Nest, steps: Iterable[int]) -> Nest:
        for step in steps:
            rest = self._out_of(nest.part, step)
            nest = Nest(rest.part, nest.kept - rest.kept)
        return nest

    def _into(self, part: Part, step: int) -> Nest:
        single = Part(1 << step)
        kept = (part.steps & self._near[step]).bit_count()
        if not part.steps & ~self._order.before[step]:
            return Nest(_series(part, single), kept)
        if not part.steps & ~self._order.after[step]:
            return Nest(_series(single, part), kept)
        if not part.parts:
            return Nest(_parallel(part, single))
        return self._into_series(part, step) if part.series else self._into_parallel(part, step)

    def _into_series(self, series: Part, step: int) -> Nest:
        parts = series.parts
        low, high = 0, len(parts)
        while not parts[low].steps & ~self._order.before[step]:
            low += 1
        while not parts[high - 1].steps & ~self._order.after[step]:
            high -= 1
        match parts[low:high]:
            case (part,):
                inner = self._into(part, step)
            case middle:
                inner = Nest(_parallel(_series(*middle), Part(1 << step)))
        outside = series.steps & ~inner.part.steps & self._near[step]
        return Nest(_series(*parts[:low], inner.part, *parts[high:]), inner.kept + outside.bit_count())

    def _into_parallel(self, parallel: Part, step: int) -> Nest:
        """Beside all branches, behind some of them, before some, or inside one."""
        single, near = Part(1 << step), self._near[step]
        places = [Nest(_parallel(parallel, single))]
        touched = [branch for branch in parallel.parts if branch.steps & near]
        early = _parallel(*(branch for branch in touched if not branch.steps & ~self._order.before[step]))
        late = _parallel(*(branch for branch in touched if not branch.steps & ~self._order.after[step]))
        for side, placed in ((early, _series(early, single)), (late, _series(single, late))):
            if side.steps:
                places.append(Nest(_replaced(parallel, side, placed), (side.steps & near).bit_count()))
        for branch in touched:
            if not branch.steps & (early.steps | late.steps):
                inner = self._into(branch, step)
                places.append(Nest(_replaced(parallel, branch, inner.part), inner.kept))
        return max(places, key=self._lucky)

    def _out_of(self, part: Part, step: int) -> Nest:
        if not part.parts:
            return Nest()
        inside = next(one for one in part.parts if one.steps >> step & 1)
        inner = self._out_of(inside, step)
        if not part.series:
            return Nest(_replaced(part, inside, inner.part), inner.kept)
        kept = inner.kept + (part.steps & ~inside.steps & self._near[step]).bit_count()
        return Nest(_series(*(inner.part if one is inside else one for one in part.parts)), kept)


def _replaced(parallel: Part, branches: Part, by: Part) -> Part:
    return _parallel(*(branch for branch in parallel.parts if not branch.steps & branches.steps), by)


def _series(*parts: Part) -> Part:
    return _part(parts, series=True)


def _parallel(*parts: Part) -> Part:
    return _part(parts, series=False)


def _part(parts: Iterable[Part], *, series: bool) -> Part:
    """Parts as one, in its simplest form: none is empty, or of the same kind as the whole."""
    simplest: list[Part] = []
    for part in parts:
        if part.parts and part.series == series:
            simplest += part.parts
        elif part.steps:
            simplest.append(part)
    if len(simplest) == 1:
        return simplest[0]
    steps = forks = 0
    for part in simplest:
        steps |= part.steps
        forks += part.forks
    return Part(steps, series, tuple(simplest), forks if series else forks + 1)
