"""Hundreds of steps that wait at once: how often they ask Databricks."""

from collections.abc import Callable

from tests.databricks_faults.nights import Night
from tests.simulation.execution import Status
from zflow_constructs.local.databricks.scripted import SUCCESS, ends

STEPS = 200
ALLOWED = 100
"""So many runs/get a second a workspace serves: https://docs.databricks.com/aws/en/resources/limits."""
AT_FIRST = 35
"""So many requests a second the docs say at most, for 200 runs in their first minutes."""
AFTER_TEN_MINUTES = 6


def test_200_steps_that_start_together_soon_ask_at_different_times(make_night: Callable[..., Night]) -> None:
    night = make_night("days")
    night.workspace.scripts.extend(ends(SUCCESS, after=900) for _ in range(STEPS))
    with night.workspace:
        executions = [night.start("Long") for _ in range(STEPS)]
        night.run()

    assert {execution.status for execution in executions} == {Status.SUCCEEDED}
    assert len(night.workspace.runs) == STEPS
    began = night.workspace.received[0].time
    looks = sorted(received.time - began for received in night.workspace.calls("get"))[STEPS:]
    assert busiest(looks, seconds=0.99) <= AT_FIRST < ALLOWED
    assert busiest([time for time in looks if 600 <= time < 850], seconds=10) <= AFTER_TEN_MINUTES * 10


def busiest(times: list[float], *, seconds: float) -> int:
    """The most of these times that are within so many seconds."""
    most = first = 0
    for last, time in enumerate(times):
        while times[first] <= time - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
