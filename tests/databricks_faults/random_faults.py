"""Executions to which anything may happen: what is true of each of them in the end."""

import random
from collections import defaultdict
from collections.abc import Mapping

from tests.databricks_faults.world import World
from tests.local.aws.conftest import Ended
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
from zflow_constructs.local.databricks.scripted_runs import ScriptedRun

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
}
MOST = {"Patient": 5}
"""So many runs a step may have: two more after transient failures, and where it is asked for two after its own."""


class DiedError(Exception):
    """The end of a Lambda's process: its answer is lost."""


DiedError.__name__ = "Runtime.ExitError"


def any_script(dice: random.Random) -> Script:
    """A run that ends in any way, or never by itself; its repairs too."""
    if dice.random() < 0.1:
        return goes_on(cancel_seconds=dice.uniform(1, 300))
    script = ends(dice.choice(ENDS), after=dice.uniform(0, 5000))
    repairs = [ends(dice.choice(ENDS), after=dice.uniform(0, 2000)) for _ in range(3)]
    return Script(timeline=script.timeline, cancel_seconds=dice.uniform(1, 200), repairs=repairs)


def misbehave(world: World, dice: random.Random) -> None:
    """Let any request fail, any Lambda die after its work, and tokens expire."""
    rate = dice.choice([0.0, 0.05, 0.2, 0.35])
    deaths = dice.choice([0.0, 0.05, 0.15])

    def decide(received: Received) -> Fault | None:
        # Never the one that was issued a moment ago: that would be an AuthError, and rightly so.
        if len(world.workspace.received) % 60 == 0:
            world.workspace.revoke_tokens()
        return dice.choice(PASSING) if dice.random() < rate else None

    def die(_event: Mapping[str, object]) -> None:
        if dice.random() < deaths:
            raise DiedError("Runtime exited with error: signal: killed")

    world.workspace.misbehaviour.decide = decide
    world.function.after = die


def check(world: World, workflow: str, seed: int) -> None:
    """Run a workflow to which anything happens, redrive it perhaps, and look at what is left."""
    dice = random.Random(f"{workflow} {seed}")
    execution = world.execution(workflow)
    misbehave(world, dice)
    if dice.random() < 0.4:
        call = dice.choice(["get", "get", "submit", "run-now", "token", "get-output"])
        world.stop_at(execution, dice.randint(1, 20), call=call)
    end = world.go(execution, *(any_script(dice) for _ in range(16)))
    look(world, workflow, end, redrives=0)
    for redrives in range(1, 3):
        if end.status == "SUCCEEDED" or dice.random() < 0.5:
            return
        world.workspace.on_call = lambda _: None
        end = world.redrive(execution)
        look(world, workflow, end, redrives=redrives)


def look(world: World, workflow: str, end: Ended, *, redrives: int) -> None:
    """Nothing runs on, nothing was submitted twice, nothing is a success that wasn't."""
    runs = runs_by_step(world)
    assert world.function.undelivered == []
    assert [run.run_id for each in runs.values() for run in each if run.is_active] == []
    for each in runs.values():
        # Each run but the last failed: what had succeeded is not run again. And there are no more than were asked for.
        assert [run.run_id for run in each[:-1] if result(run) == "SUCCESS"] == []
        assert len(each) <= MOST.get(workflow, 3) * (redrives + 1)
    succeeded = bool(runs) and all(result(each[-1]) == "SUCCESS" for each in runs.values())
    if end.status == "SUCCEEDED":
        assert succeeded
        assert len(runs) == {"Pair": 2, "Loop": 3}.get(workflow, 1)
    elif end.status == "FAILED":
        assert end.error in ERRORS
        assert end.error == "Databricks.Throttled" or not (succeeded and workflow == "One")
        assert 'Step \\"' in end.cause


def runs_by_step(world: World) -> dict[str, list[ScriptedRun]]:
    """The runs of each step, and of each turn of a loop, the first one first."""
    runs: defaultdict[str, list[ScriptedRun]] = defaultdict(list)
    for run in world.workspace.runs.values():
        runs[f"{run.request.get('run_name', 'Nightly')} {run.request.get('tasks')}"].append(run)
    return dict(runs)


def result(run: ScriptedRun) -> str:
    """A run's result."""
    document = run.condition["state"]
    assert isinstance(document, dict)
    return str(document.get("result_state", ""))
