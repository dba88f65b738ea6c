"""Checks over many cases: a sample of them in `make test`, all of them in `make test-slow`."""

from collections.abc import Iterable, Iterator

import pytest


def sampled(cases: Iterable[object], *, always: int) -> Iterator[object]:
    """Cases for `pytest.mark.parametrize`: the first ones always, the others with `--slow` alone.

    Args:
        cases: The cases, each a value or a tuple of values.
        always: How many of them are in every run.
    """
    for number, case in enumerate(cases):
        values = case if isinstance(case, tuple) else (case,)
        yield pytest.param(*values, marks=[] if number < always else [pytest.mark.slow])
