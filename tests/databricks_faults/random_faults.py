"""Executions to which anything may happen: what is true of each of them in the end."""

import random
from collections import defaultdict
from collections.abc import Mapping

from tests.databricks_faults.nights import Execution, Night
from tests.simulation.execution import Status
from zflow_constructs.local.databricks.faults import LOST, PROXY_PAGE, RESET, TRUNCATED, Fault, Received, answers
from zflow_constructs.local.databricks.scripted import (
    CANCELED,
    CLOUD_FAILURE,
    FAILED,
    SUCCESS,
    Script,
    ends,
    goes_on,
    state,
)
from zflow_constructs.local.databricks.scripted_run import ScriptedRun

PASSING = [
    RESET,
    LOST,
    LOST,
    TRUNCATED,
    PROXY_PAGE,
    Fault("slow", seconds=20),
    answers(429, Retry_After="5"),
    answers(429, Retry_After="300"),
    answers(500),
    answers(503),
    answers(400, "COULD_NOT_ACQUIRE_LOCK"),
]
ENDS = [SUCCESS, SUCCESS, SUCCESS, FAILED, CANCELED, CLOUD_FAILURE, state("TERMINATED", "SUCCESS_WITH_FAILURES")]
ERRORS = {
    "Databricks.Canceled",
    "Databricks.RunFailed",
    "Databricks.Throttled",
    "Databricks.TimedOut",
    "Databricks.TransientRunFailure",
    # A Lambda that died more often than its call is made again.
    "Runtime.ExitError",
}
MOST_RUNS = 3
"""A step has two new runs after transient failures, at most."""
MOST_OF_THE_PATIENT = 5
"""And where it asks for it, two after failures of its own."""
STEPS = {"Pair": 2, "Loop": 3}
"""How many runs a workflow has at once; others have one."""


def any_script(dice: random.Random) -> Script:
    """A run that ends in any way, or never by itself."""
    if dice.random() < 0.06:
        return goes_on(cancel_seconds=dice.uniform(1, 200))
    script = ends(dice.choice(ENDS), after=dice.choice([dice.uniform(0, 300), dice.uniform(0, 4500)]))
    return Script(timeline=script.timeline, cancel_seconds=dice.uniform(1, 200))


def anything_happens(night: Night, workflow: str) -> None:
    """Runs a workflow while anything goes wrong, stops it perhaps, redrives it perhaps, and looks at what is left."""
    dice = night.random
    night.late = dice.choice([0.0, 0.3])
    night.died = dice.choice([0.0, 0.03, 0.1])
    night.raced = dice.choice([0.0, 0.0, 0.05])
    rate = dice.choice([0.0, 0.05, 0.2, 0.35])

    def decide(_received: Received) -> Fault | None:
        return dice.choice(PASSING) if dice.random() < rate else None

    night.workspace.misbehaviour.decide = decide
    night.workspace.scripts.extend(any_script(dice) for _ in range(40))
    with night.workspace:
        execution = night.start(workflow)
        before: dict[str, int] = {}
        for redrives in range(3):
            if dice.random() < 0.4:
                night.clock.after(
                    dice.choice([dice.uniform(0, 8), dice.uniform(0, 300), dice.uniform(0, 4000)]),
                    lambda: night.stop(execution),
                )
            night.run()
            look(night, workflow, execution, redrives=redrives, before=before)
            if execution.status is Status.SUCCEEDED or dice.random() < 0.5:
                return
            before = {step: len(each) for step, each in runs_by_step(night).items()}
            night.redrive(execution)


def look(night: Night, workflow: str, execution: Execution, *, redrives: int, before: Mapping[str, int]) -> None:
    """Nothing runs on, nothing was submitted twice, nothing is a success that wasn't.

    A redrive that begins at the submission again, since its answer never came, knows nothing of a run that came of it.
    """
    runs = runs_by_step(night)
    most = MOST_OF_THE_PATIENT if workflow == "Patient" else MOST_RUNS
    assert night.undelivered == []
    assert [run.run_id for each in runs.values() for run in each if run.is_active] == []
    for step, each in runs.items():
        # What had succeeded is not run again; and there are no more runs than were asked for.
        assert [run.run_id for run in each[before.get(step, 0) : -1] if result(run) == "SUCCESS"] == []
        assert len(each) <= most * (redrives + 1)
    succeeded = all(result(each[-1]) == "SUCCESS" for each in runs.values())
    if execution.status is Status.SUCCEEDED:
        assert succeeded
        assert len(runs) == STEPS.get(workflow, 1)
    elif execution.status is Status.FAILED:
        failure = execution.top.failure
        assert failure.error in ERRORS
        assert failure.error == "Runtime.ExitError" or 'Step \\"' in failure.cause


def runs_by_step(night: Night) -> dict[str, list[ScriptedRun]]:
    """The runs of each step, and of each iteration of a loop, the first one first."""
    runs: defaultdict[str, list[ScriptedRun]] = defaultdict(list)
    for run in night.workspace.runs.values():
        runs[f"{run.request.get('run_name', 'Nightly')} {run.request.get('tasks')}"].append(run)
    return dict(runs)


def result(run: ScriptedRun) -> str:
    """A run's result."""
    document = run.condition["state"]
    assert isinstance(document, dict)
    return str(document.get("result_state", ""))
