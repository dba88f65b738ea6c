"""A redriven execution goes on: what succeeded counts, what failed is submitted anew, or repaired within its run."""

from collections.abc import Mapping

import pytest

from tests.databricks_faults.world import World
from zflow_constructs.local.databricks.faults import LOST, answers
from zflow_constructs.local.databricks.scripted import FAILED, SUCCESS, ends, goes_on
from zflow_constructs.local.databricks.scripted_workspace import Workspace

REFUSED = answers(400, "INVALID_STATE", "The run is about to end.")


def test_a_failed_run_is_submitted_anew(world: World) -> None:
    failed = world.run("One", ends(FAILED))
    assert world.redrive(failed.arn, ends(SUCCESS)).status == "SUCCEEDED"
    assert world.states() == ["FAILED", "SUCCESS"]


def test_a_refused_submission_is_made_again(world: World) -> None:
    world.workspace.faults["submit"].append(answers(400, "INVALID_PARAMETER_VALUE", "No such node type."))
    failed = world.run("One")
    assert failed.error == "Databricks.InvalidRequest"
    assert world.redrive(failed.arn).status == "SUCCEEDED"
    assert world.states() == ["SUCCESS"]


def test_a_stopped_execution_runs_its_step_again(world: World) -> None:
    execution = world.execution("One")
    world.stop_at(execution, 4)
    world.go(execution, goes_on())
    assert world.redrive(execution, ends(SUCCESS)).status == "SUCCEEDED"
    assert world.states() == ["CANCELED", "SUCCESS"]


def test_a_run_that_ended_well_before_it_could_be_cancelled_is_not_run_again(world: World) -> None:
    execution = world.execution("One")
    world.stop_at(execution, 4)
    world.workspace.misbehaviour.decide = lambda received: REFUSED if received.call == "cancel" else None
    assert world.go(execution, ends(SUCCESS)).status == "ABORTED"
    assert world.redrive(execution).status == "SUCCEEDED"
    assert world.states() == ["SUCCESS"]


def test_what_failed_of_a_job_is_repaired_within_its_run(world: World, workspace: Workspace) -> None:
    failed = world.run("Job", ends(FAILED))
    assert world.redrive(failed.arn, ends(SUCCESS)).status == "SUCCEEDED"
    assert world.states() == ["SUCCESS"]
    (repair,) = workspace.calls("repair")
    run_id = next(iter(workspace.runs))
    assert repair.document == {"run_id": run_id, "rerun_all_failed_tasks": True, "job_parameters": {"country": "de"}}


def test_a_second_redrive_repairs_after_the_first_repair(world: World, workspace: Workspace) -> None:
    failed = world.run("Job", ends(FAILED))
    again = world.redrive(failed.arn, ends(FAILED))
    assert again.error == "Databricks.RunFailed"
    assert world.redrive(failed.arn, ends(SUCCESS)).status == "SUCCEEDED"
    assert world.states() == ["SUCCESS"]
    first, second = workspace.calls("repair")
    assert "latest_repair_id" not in first.document
    assert second.document["latest_repair_id"] == workspace.runs[next(iter(workspace.runs))].past[1].repair_id


@pytest.mark.parametrize("end", [SUCCESS, FAILED], ids=["and ends well", "and fails"])
@pytest.mark.parametrize("seconds", [1, 60], ids=["soon", "later"])
def test_a_repair_whose_answer_is_lost_is_not_made_twice(
    world: World, end: Mapping[str, object], seconds: float
) -> None:
    failed = world.run("Job", ends(FAILED))
    world.workspace.faults["repair"].append(LOST)

    again = world.redrive(failed.arn, ends(dict(end), after=seconds), ends(SUCCESS))

    assert again.status == ("SUCCEEDED" if end == SUCCESS else "FAILED")
    run = world.workspace.runs[next(iter(world.workspace.runs))]
    assert len(run.past) == 1


def test_a_repair_that_is_refused_becomes_a_new_run(world: World, workspace: Workspace) -> None:
    failed = world.run("Job", ends(FAILED))
    workspace.faults["repair"].append(answers(400, "INVALID_STATE", "The job's settings have changed."))

    assert world.redrive(failed.arn).status == "SUCCEEDED"
    assert world.states() == ["FAILED", "SUCCESS"]


def test_a_stop_cancels_a_repair(world: World) -> None:
    failed = world.run("Job", ends(FAILED))
    world.stop_at(failed.arn, 6)
    assert world.redrive(failed.arn, goes_on()).status == "ABORTED"
    assert world.states() == ["CANCELED"]


def test_a_job_that_was_stopped_is_repaired(world: World) -> None:
    execution = world.execution("Job")
    world.stop_at(execution, 4)
    world.go(execution, goes_on())
    assert world.states() == ["CANCELED"]
    world.workspace.on_call = lambda _: None
    assert world.redrive(execution).status == "SUCCEEDED"
    assert world.states() == ["SUCCESS"]


def test_the_sibling_that_was_cancelled_runs_again_and_the_one_that_succeeded_does_not(world: World) -> None:
    failed = world.run("Pair", ends(FAILED, after=600), ends(SUCCESS, after=10))
    assert sorted(world.states()) == ["FAILED", "SUCCESS"]
    assert world.redrive(failed.arn).status == "SUCCEEDED"
    assert sorted(world.states()) == ["FAILED", "SUCCESS", "SUCCESS"]


def test_a_run_in_a_history_of_its_own_is_run_again_too(world: World) -> None:
    failed = world.run("Watched", ends(FAILED))
    assert failed.error == "Databricks.RunFailed"
    assert world.redrive(failed.arn).status == "SUCCEEDED"
    assert world.states() == ["FAILED", "SUCCESS"]
