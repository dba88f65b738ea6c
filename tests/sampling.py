"""Checks over many cases: a sample of them in `make test`, all of them in `make test-slow`."""

from collections.abc import Iterable

import pytest


def sampled(cases: Iterable[object], *, always: int) -> list[object]:
    """Cases for `pytest.mark.parametrize`: the first ones always, the others with `--slow` alone.

    Args:
        cases: The cases, each a value or a tuple of values.
        always: How many of them are in every run.
    """
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=[pytest.mark.slow] if slow else [])
        for case, slow in ((case, number >= always) for number, case in enumerate(cases))
    ]
