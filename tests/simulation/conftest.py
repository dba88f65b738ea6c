"""Seeded workflows of every family: 200 always, 2,000 more with `--slow`."""

from collections.abc import Iterator

import pytest

from tests.simulation.cases import Case
from tests.simulation.families import FAMILIES, needs_of

_BATCH = 10
_ALWAYS = 40
_SLOW = 400


def _batches() -> Iterator[object]:
    for first in range(0, _ALWAYS + _SLOW, _BATCH):
        slow = first >= _ALWAYS
        for family in FAMILIES:
            yield pytest.param(
                [(family, seed, 200 if slow else 60) for seed in range(first, first + _BATCH)],
                id=f"{family}-{first}",
                marks=[pytest.mark.slow] if slow else [],
            )


@pytest.fixture(scope="module", params=_batches())
def cases(request: pytest.FixtureRequest) -> list[Case]:
    """A batch of workflows; in every other one some steps have conditions."""
    return [
        Case.of(f"{family} {seed}", needs_of(family, seed, most=most), skips=0.15 * (seed % 2))
        for family, seed, most in request.param
    ]
