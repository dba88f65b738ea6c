"""Hundreds of steps that wait at once: how often they ask Databricks."""

from collections.abc import Callable

import pytest

from tests.databricks_faults.nights import Night
from tests.sampling import sampled
from tests.simulation.execution import Status
from zflow_constructs.local.databricks.scripted import SUCCESS, ends

ALLOWED = 100
"""So many runs/get a second a workspace serves: https://docs.databricks.com/aws/en/resources/limits."""


# The docs say how many requests a second 200 runs make at most, in their first minutes and after ten.
@pytest.mark.parametrize(("steps", "at_first", "after_ten_minutes"), sampled([(50, 12, 2), (200, 35, 6)], always=0))
def test_steps_that_start_together_soon_ask_at_different_times(
    make_night: Callable[..., Night], steps: int, at_first: int, after_ten_minutes: int
) -> None:
    night = make_night("days")
    night.workspace.scripts.extend(ends(SUCCESS, after=900) for _ in range(steps))
    with night.workspace:
        executions = [night.start("Long") for _ in range(steps)]
        night.run()

    assert {execution.status for execution in executions} == {Status.SUCCEEDED}
    assert len(night.workspace.runs) == steps
    began = night.workspace.received[0].time
    looks = sorted(received.time - began for received in night.workspace.calls("get"))[steps:]
    assert busiest(looks, seconds=0.99) <= at_first < ALLOWED
    assert busiest([time for time in looks if 600 <= time < 850], seconds=10) <= after_ten_minutes * 10


def busiest(times: list[float], *, seconds: float) -> int:
    """The most of these times that are within so many seconds."""
    most = first = 0
    for last, time in enumerate(times):
        while times[first] <= time - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
