"""Orders of steps, drawn at random, and what they say."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product

from hypothesis import strategies as st

from zflow_constructs.core.ordering.graph import Branches, Nested, Series, steps_of

Needs = dict[str, list[str]]
Pairs = set[tuple[str, str]]


@st.composite
def series_parallel(draw: st.DrawFn, most: int = 12) -> Needs:
    """The needs of steps that were nested at random, some implied ones among them, declared in a random order."""
    needs: Needs = {}

    def grow(steps: list[str], *, parallel: bool) -> tuple[list[str], list[str]]:
        """The first steps and the last ones of a part."""
        if len(steps) == 1:
            needs[steps[0]] = []
            return steps, steps
        cuts = sorted(draw(st.sets(st.integers(1, len(steps) - 1), min_size=1, max_size=3)))
        bounds = [0, *cuts, len(steps)]
        parts = [grow(steps[low:high], parallel=not parallel) for low, high in pairwise(bounds)]
        if parallel:
            return [step for first, _ in parts for step in first], [step for _, last in parts for step in last]
        for (_, last), (first, _) in pairwise(parts):
            for step in first:
                needs[step] += last
        return parts[0][0], parts[-1][1]

    count = draw(st.integers(1, most))
    grow([f"s{number}" for number in range(count)], parallel=draw(st.booleans()))
    implied = sorted(closure(needs) - {(need, step) for step in needs for need in needs[step]})
    for need, step in draw(st.lists(st.sampled_from(implied), max_size=4, unique=True)) if implied else []:
        needs[step].append(need)
    return {step: needs[step] for step in draw(st.permutations(list(needs)))}


@st.composite
def any_order(draw: st.DrawFn) -> Needs:
    names = [f"s{number}" for number in range(draw(st.integers(2, 7)))]
    return {
        name: draw(st.lists(st.sampled_from(names[:index]), unique=True, max_size=3)) if index else []
        for index, name in enumerate(names)
    }


def closure(needs: Mapping[str, Sequence[str]]) -> Pairs:
    """Who comes before whom, directly or by way of others."""
    before: dict[str, set[str]] = {}

    def reached(step: str) -> set[str]:
        if step not in before:
            before[step] = {*needs[step]}.union(*(reached(need) for need in needs[step]))
        return before[step]

    return {(earlier, step) for step in needs for earlier in reached(step)}


def ordered(nested: Nested) -> Iterator[tuple[str, str]]:
    """Who comes before whom in the nested steps."""
    match nested:
        case Series(parts):
            for index, part in enumerate(parts):
                yield from ordered(part)
                for later in parts[index + 1 :]:
                    yield from product(steps_of(part), steps_of(later))
        case Branches(parts):
            for part in parts:
                yield from ordered(part)
        case _:
            pass


def shapes(nested: Nested) -> Iterator[Nested]:
    yield nested
    if not isinstance(nested, str):
        for part in nested.parts:
            yield from shapes(part)
