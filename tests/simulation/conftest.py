"""Seeded workflows of every family: 50 always, 2,150 more with `--slow`, most of them larger."""

from collections.abc import Iterator

import pytest

from tests.simulation.cases import Case
from tests.simulation.families import FAMILIES, needs_of

_BATCH = 10
_ALWAYS = 10
_SMALL = 40
_ALL = 440


def _batches() -> Iterator[object]:
    for first in range(0, _ALL, _BATCH):
        most = 60 if first < _SMALL else 200
        for family in FAMILIES:
            yield pytest.param(
                [(family, seed, most) for seed in range(first, first + _BATCH)],
                id=f"{family}-{first}",
                marks=[] if first < _ALWAYS else [pytest.mark.slow],
            )


@pytest.fixture(scope="module", params=_batches())
def cases(request: pytest.FixtureRequest) -> list[Case]:
    """A batch of workflows; in every other one some steps have conditions."""
    return [
        Case.of(f"{family} {seed}", needs_of(family, seed, most=most), skips=0.15 * (seed % 2))
        for family, seed, most in request.param
    ]
