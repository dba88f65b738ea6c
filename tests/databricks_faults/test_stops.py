"""When an execution is over, none of its runs goes on: however it ended, and whatever was under way."""

from collections.abc import Callable, Mapping

import pytest

from tests.databricks_faults.world import World
from tests.waiting import LIMIT_SECONDS
from zflow_constructs.local.databricks.faults import LOST, RESET, Fault, answers
from zflow_constructs.local.databricks.scripted import FAILED, SUCCESS, Script, ends, goes_on
from zflow_constructs.local.databricks.scripted_workspace import Workspace


@pytest.mark.parametrize("workflow", ["One", "Job", "Loop", "Pair", "Watched"])
def test_a_stopped_execution_leaves_no_run(world: World, workflow: str) -> None:
    execution = world.execution(workflow)
    world.stop_at(execution, 12)

    end = world.go(execution, *[goes_on()] * 3)

    assert end.status == "ABORTED"
    assert set(world.states()) == {"CANCELED"}
    assert world.function.undelivered == []


@pytest.mark.parametrize("moment", ["before the first call", "while it is submitted", "after the submission"])
@pytest.mark.parametrize("workflow", ["One", "Job"])
def test_an_execution_that_is_stopped_around_its_submission_leaves_no_run(
    world: World, workflow: str, moment: str
) -> None:
    world.workspace.scripts.append(goes_on())
    execution = world.execution(workflow)

    def before(event: Mapping[str, object]) -> None:
        if event["action"] == "submit" and moment == "before the first call":
            stop_and_wait(world, execution)

    def on_call(call: str) -> None:
        if call in {"submit", "run-now"} and moment == "while it is submitted":
            stop_and_wait(world, execution)

    def after(event: Mapping[str, object]) -> None:
        if event["action"] == "submit" and moment == "after the submission":
            stop_and_wait(world, execution)

    world.function.before, world.workspace.on_call, world.function.after = before, once(on_call), after

    assert world.go(execution).status == "ABORTED"
    assert set(world.states()) <= {"CANCELED"}
    assert len(world.workspace.runs) <= 1


def test_a_step_that_fails_takes_its_siblings_run_with_it(world: World) -> None:
    end = world.run("Pair", ends(FAILED, after=30), goes_on())

    assert end.error == "Databricks.RunFailed"
    assert sorted(world.states()) == ["CANCELED", "FAILED"]


def test_a_turn_that_fails_takes_the_others_runs_with_it(world: World) -> None:
    end = world.run("Loop", ends(FAILED, after=30), goes_on(), goes_on())

    assert end.error == "Databricks.RunFailed"
    assert sorted(world.states()) == ["CANCELED", "CANCELED", "FAILED"]


@pytest.mark.parametrize(
    "faults",
    [
        [answers(429, Retry_After="10")] * 3,
        [answers(500), answers(503), RESET],
        [LOST],
        [answers(400, "INVALID_STATE", "The run is already terminating.")],
        [answers(401, "UNAUTHENTICATED", "Token expired.")],
    ],
    ids=["throttled", "down", "lost", "refused", "expired"],
)
def test_a_cancellation_gets_through(world: World, faults: list[Fault]) -> None:
    world.workspace.scripts.append(goes_on())
    world.workspace.faults["cancel"].extend(faults)
    execution = world.execution("One")
    world.stop_at(execution, 4)

    assert world.go(execution).status == "ABORTED"
    assert world.states() == ["CANCELED"]


def test_a_stop_that_takes_longer_than_a_call_goes_on_with_the_next(world: World) -> None:
    world.workspace.scripts.append(goes_on(cancel_seconds=200))
    execution = world.execution("One")
    world.stop_at(execution, 4)

    world.go(execution)

    assert world.states() == ["CANCELED"]
    assert world.function.undelivered == []


def test_a_stop_that_does_not_get_through_is_kept_for_somebody(world: World) -> None:
    world.workspace.scripts.append(goes_on(cancel_seconds=10**6))
    execution = world.execution("One")
    world.stop_at(execution, 4)

    world.go(execution)

    (kept,) = world.function.undelivered
    assert "Databricks.TimedOut" in kept
    assert str(next(iter(world.workspace.runs))) in kept


def test_a_submission_whose_lambda_died_is_found_and_cancelled(world: World, workspace: Workspace) -> None:
    workspace.scripts.append(goes_on())
    execution = world.execution("Job")

    def die(event: Mapping[str, object]) -> None:
        if event["action"] == "submit":
            world.stop(execution)
            raise OSError("the Lambda's machine is gone, and its answer with it")

    world.function.after = die
    world.go(execution)

    assert world.states() == ["CANCELED"]


def test_what_has_ended_is_not_cancelled(world: World, workspace: Workspace) -> None:
    world.run("Values", Script(timeline=((0, SUCCESS),)))

    assert world.states() == ["SUCCESS"]
    assert workspace.calls("cancel") == []


def stop_and_wait(world: World, execution: str) -> None:
    """Stops an execution, and waits until the Lambda has dealt with that."""
    world.stop(execution)
    assert world.deliveries.wait(LIMIT_SECONDS)


def once(action: Callable[[str], None]) -> Callable[[str], None]:
    """Does something at its first call of a kind: what it does calls again."""
    done: set[str] = set()

    def first(call: str) -> None:
        if call not in done:
            done.add(call)
            action(call)

    return first
