"""500 executions at random: no run is submitted twice, none left running, none a success that wasn't."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.databricks_faults.nights import Night
from tests.databricks_faults.random_faults import anything_happens
from tests.sampling import sampled

EXECUTIONS = {"One": 120, "Patient": 80, "Job": 120, "Pair": 90, "Loop": 60, "Aside": 30}


@pytest.mark.parametrize(
    ("workflow", "seed"),
    [
        case
        for workflow, count in EXECUTIONS.items()
        for case in sampled([(workflow, seed) for seed in range(count)], always=count // 12)
    ],
)
def test_whatever_happens_each_run_is_submitted_once_ends_and_counts_as_what_it_was(
    make_night: Callable[..., Night], workflow: str, seed: int
) -> None:
    anything_happens(make_night(f"{workflow} {seed}"), workflow)


@pytest.mark.slow
def test_all_of_it_does_happen(make_night: Callable[..., Night]) -> None:
    assert sum(EXECUTIONS.values()) == 500
    ends: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    for seed in range(40):
        night = make_night(f"all of it {seed}")
        anything_happens(night, "Job")
        (execution,) = night.executions.values()
        ends[execution.top.failure.error or execution.status.value] += 1
        calls.update(received.call for received in night.workspace.received)
    assert ends.keys() >= {"succeeded", "Databricks.RunFailed", "Databricks.Canceled", "Databricks.TimedOut"}
    assert min(calls[call] for call in ("run-now", "get", "get-output", "cancel", "repair")) > 5
