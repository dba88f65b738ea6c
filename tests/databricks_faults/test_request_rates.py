"""Hundreds of steps that wait at once: how often they ask Databricks."""

from collections.abc import Callable

import pytest

from tests.databricks_faults.nights import Night
from tests.sampling import sampled
from tests.simulation.execution import Status
from zflow_constructs.local.databricks.scripted import SUCCESS, ends

ALLOWED = 100
"""So many runs/get a second a workspace serves: https://docs.databricks.com/aws/en/resources/limits."""
AT_FIRST = 35
"""So many requests a second the docs say at most, for 200 runs in their first minutes."""
AFTER_TEN_MINUTES = 6


@pytest.mark.parametrize("steps", sampled([50, 200], always=1))
def test_steps_that_start_together_soon_ask_at_different_times(make_night: Callable[..., Night], steps: int) -> None:
    night = make_night("days")
    night.workspace.scripts.extend(ends(SUCCESS, after=900) for _ in range(steps))
    with night.workspace:
        executions = [night.start("Long") for _ in range(steps)]
        night.run()

    assert {execution.status for execution in executions} == {Status.SUCCEEDED}
    assert len(night.workspace.runs) == steps
    began = night.workspace.received[0].time
    looks = sorted(received.time - began for received in night.workspace.calls("get"))[steps:]
    share = steps / 200
    assert busiest(looks, seconds=0.99) <= AT_FIRST * share < ALLOWED
    assert busiest([time for time in looks if 600 <= time < 850], seconds=10) <= AFTER_TEN_MINUTES * 10 * share


def busiest(times: list[float], *, seconds: float) -> int:
    """The most of these times that are within so many seconds."""
    most = first = 0
    for last, time in enumerate(times):
        while times[first] <= time - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
