"""Seeded families of workflow shapes: what each step needs, implied needs among them, declared in a random order."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from random import Random

from tests.core.ordering.random_orders import Needs


def layered(random: Random, size: int) -> Needs:
    """Layers of steps, of which each needs some of the layer before, and now and then one of an earlier layer."""
    layers: list[list[str]] = [[]]
    needs: Needs = {}
    for name in _names(size):
        if layers[-1] and random.random() < 0.3:
            layers.append([])
        needs[name] = _some(random, layers[-2], 3) if len(layers) > 1 else []
        if len(layers) > 2 and random.random() < 0.2:
            needs[name] += _some(random, [step for layer in layers[:-2] for step in layer], 1)
        layers[-1].append(name)
    return needs


def erdos_renyi(random: Random, size: int) -> Needs:
    """Each step needs each earlier one with the same small likelihood: one to three in all, about."""
    likelihood = random.uniform(1, 3) / size
    names = _names(size)
    return {name: [each for each in names[:index] if random.random() < likelihood] for index, name in enumerate(names)}


def tree_like(random: Random, size: int) -> Needs:
    """A tree, each step after one other, with a few needs across."""
    names = _names(size)
    needs: Needs = {name: [random.choice(names[:index])] if index else [] for index, name in enumerate(names)}
    for _ in range(size // 6):
        _across(random, names, needs)
    return needs


def near_series_parallel(random: Random, size: int) -> Needs:
    """Sequences in parallel in sequences, with a few needs across."""
    needs: Needs = {}

    def grow(steps: list[str], *, parallel: bool) -> tuple[list[str], list[str]]:
        """The first steps and the last ones of a part."""
        if len(steps) == 1:
            needs[steps[0]] = []
            return steps, steps
        cuts = sorted(random.sample(range(1, len(steps)), min(random.randint(1, 3), len(steps) - 1)))
        parts = [grow(steps[low:high], parallel=not parallel) for low, high in pairwise([0, *cuts, len(steps)])]
        if parallel:
            return [step for first, _ in parts for step in first], [step for _, last in parts for step in last]
        for (_, last), (first, _) in pairwise(parts):
            for step in first:
                needs[step] += last
        return parts[0][0], parts[-1][1]

    grow(_names(size), parallel=random.random() < 0.5)
    for _ in range(random.randint(1, 4)):
        _across(random, list(needs), needs)
    return needs


def ml_like(random: Random, size: int) -> Needs:
    """Sources are prepared, models trained on some of them, evaluated, compared, deployed, and reports written."""
    needs: Needs = {}
    made: dict[str, list[str]] = {kind: [] for kind in ("extract", "prepare", "train", "evaluate", "deploy", "report")}

    def add(kind: str, *sources: tuple[str, int]) -> str:
        name = f"{kind}_{len(made[kind])}"
        needs[name] = [step for source, most in sources for step in _some(random, made[source], most)]
        made[kind].append(name)
        return name

    for _ in range(max(1, size // 12)):
        add("extract")
        add("prepare", ("extract", 1))
    while len(needs) < size:
        for kind, source in random.choice(_LINES):
            if len(needs) < size:
                add(kind, *source)
    return needs


_LINES: list[list[tuple[str, list[tuple[str, int]]]]] = [
    [("extract", []), ("prepare", [("extract", 2)])],
    [("prepare", [("extract", 2), ("prepare", 1)])],
    [("train", [("prepare", 3)]), ("evaluate", [("train", 1), ("extract", 1)])],
    [("train", [("prepare", 2)]), ("train", [("prepare", 2)]), ("evaluate", [("train", 2)])],
    [("deploy", [("evaluate", 2), ("train", 1)])],
    [("report", [("evaluate", 3), ("prepare", 1)])],
]
FAMILIES: Mapping[str, Callable[[Random, int], Needs]] = {
    "layered": layered,
    "erdos_renyi": erdos_renyi,
    "tree_like": tree_like,
    "near_series_parallel": near_series_parallel,
    "ml_like": ml_like,
}


def needs_of(family: str, seed: int, *, most: int = 60) -> Needs:
    """One member of a family; most are small.

    Args:
        family: its name in `FAMILIES`.
        seed: which member.
        most: the largest number of steps. Default: 60
    """
    random = Random(f"{family} {seed}")
    needs = FAMILIES[family](random, 5 + round((most - 5) * random.random() ** 2))
    return {step: needs[step] for step in random.sample(list(needs), len(needs))}


def _names(size: int) -> list[str]:
    return [f"s{number}" for number in range(size)]


def _some(random: Random, steps: list[str], most: int) -> list[str]:
    """One to so many of the steps, if there are any."""
    return random.sample(steps, random.randint(1, min(most, len(steps)))) if steps else []


def _across(random: Random, names: list[str], needs: Needs) -> None:
    """One more need of a later step, among names in an order that the needs follow."""
    earlier, later = sorted(random.sample(range(len(names)), 2))
    if names[earlier] not in needs[names[later]]:
        needs[names[later]].append(names[earlier])
