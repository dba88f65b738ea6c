"""Runs of a day and of days: how soon their end is noticed, and how much of a history they take."""

import pytest

from tests.databricks_faults.world import World
from zflow_constructs.local.databricks.scripted import FAILED, SUCCESS, ends

DAY = 86_400
SLACK_SECONDS = 2
"""What the calls themselves may take: they pass in this machine's time."""


@pytest.mark.parametrize("seconds", [20, 60, 200, 3_000, DAY])
def test_an_end_is_noticed_within_15_seconds_or_a_tenth_of_the_length(world: World, seconds: int) -> None:
    began = world.clock.now()

    end = world.run("Long", ends(SUCCESS, after=seconds))

    assert end.status == "SUCCEEDED"
    noticed = world.workspace.calls("get")[-1].time - began
    assert noticed - seconds <= max(15, seconds / 10) + SLACK_SECONDS
    assert len(end.history) < 25_000


def test_a_run_of_days_is_watched_in_histories_of_its_own(world: World) -> None:
    end = world.run("Watched", ends(SUCCESS, after=4 * DAY + 600))

    assert end.status == "SUCCEEDED"
    # Submit; two executions of the watcher, two days each, and one for the rest; and the choices between them.
    assert len(end.history) < 50
    assert world.states() == ["SUCCESS"]


def test_a_run_that_fails_after_days_fails_its_step_by_its_own_name(world: World) -> None:
    end = world.run("Watched", ends(FAILED, after=2 * DAY + 600))

    assert end.error == "Databricks.RunFailed"
    assert 'Step \\"Watch\\": Databricks run ' in end.cause
