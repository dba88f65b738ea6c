"""Runs of a day and of days: how soon their end is noticed, and how much of a history they take."""

import time
from collections.abc import Callable

import pytest

from tests.databricks_faults.nights import Night
from tests.databricks_faults.world import World
from tests.sampling import sampled
from tests.simulation.execution import Status
from zflow_constructs.local.databricks.scripted import FAILED, SUCCESS, ends

DAY = 86_400
EVENTS_OF_A_LOOK = 9
"""Of a Wait state two, of a Task five, of a Choice two."""


@pytest.mark.parametrize("seconds", sampled([20, 60, 200, 3_000, DAY], always=3))
def test_an_end_is_noticed_within_15_seconds_or_a_tenth_of_the_length(world: World, seconds: int) -> None:
    began, began_here = world.clock.now(), time.monotonic()

    end = world.run("Long", ends(SUCCESS, after=seconds))

    assert end.status == "SUCCEEDED"
    noticed = world.workspace.calls("get")[-1].time - began
    # What the calls themselves take passes in this machine's time.
    took_here = time.monotonic() - began_here
    assert noticed - seconds <= max(15, seconds / 10) + took_here
    assert len(end.history) < 25_000


@pytest.mark.slow
def test_a_run_of_days_is_watched_in_histories_of_its_own(make_night: Callable[..., Night]) -> None:
    night = make_night("days")
    night.workspace.scripts.append(ends(SUCCESS, after=4 * DAY + 600))
    with night.workspace:
        execution = night.start("Watched")
        night.run()

    assert execution.status is Status.SUCCEEDED
    # Two days each, and the rest.
    assert len(night.watchers) == 3
    assert max(watcher.calls * EVENTS_OF_A_LOOK for watcher in night.watchers) < 25_000
    assert execution.calls == 1


@pytest.mark.slow
def test_a_run_that_fails_after_days_fails_its_step_by_its_own_name(make_night: Callable[..., Night]) -> None:
    night = make_night("a failure")
    night.workspace.scripts.append(ends(FAILED, after=2 * DAY + 600))
    with night.workspace:
        execution = night.start("Watched")
        night.run()

    assert execution.top.failure.error == "Databricks.RunFailed"
    assert 'Step \\"Watch\\": Databricks run ' in execution.top.failure.cause
