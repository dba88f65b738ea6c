import json

import pytest

from tests.local.databricks.caller import Caller
from tests.runtime.databricks.conftest import Json, Step, run_of
from zflow_constructs.local.databricks.faults import LOST, answers
from zflow_constructs.local.databricks.scripted import (
    CANCELED,
    CLOUD_FAILURE,
    FAILED,
    FIRST_REPAIR_ID,
    FIRST_RUN_ID,
    SUCCESS,
    ends,
    goes_on,
    state,
)
from zflow_constructs.local.databricks.scripted_workspace import Workspace


@pytest.fixture
def step(step: Step) -> Step:
    step.run_job(job_parameters={"country": "de", "job_id": "7"})
    return step


def failed_run(step: Step, workspace: Workspace, end: Json = FAILED) -> Json:
    """A run that failed an hour ago, whose execution was just redriven."""
    workspace.scripts.append(ends(end, after=30))
    run = step.submitted()
    step.redriven()
    return run


def repairs(workspace: Workspace) -> list[Json]:
    return [json.loads(received.body) for received in workspace.calls("repair")]


def test_a_job_is_run_with_its_id_as_a_number_and_no_field_that_the_call_does_not_know(
    step: Step, workspace: Workspace
) -> None:
    run = step.submitted()

    assert json.loads(workspace.calls("run-now")[0].body) == {
        "job_id": 1234567890123456789,
        "job_parameters": {"country": "de", "job_id": "7"},
        "idempotency_token": run["token"],
    }
    assert not workspace.calls("submit")
    assert step.result()["state"] == "SUCCESS"


def test_ids_of_jobs_within_a_one_time_runs_tasks_are_numbers_too(step: Step, workspace: Workspace) -> None:
    run_job = {"job_id": "12345678901234567", "job_parameters": {"job_id": "7"}}
    step.call = "submit"
    step.request = {
        "tasks": [
            {"task_key": "a", "run_job_task": run_job},
            {"task_key": "b", "for_each_task": {"inputs": "[1]", "task": {"task_key": "c", "run_job_task": run_job}}},
        ]
    }

    step.submitted()

    sent = {"job_id": 12345678901234567, "job_parameters": {"job_id": "7"}}
    assert workspace.runs[FIRST_RUN_ID].request["tasks"] == [
        {"task_key": "a", "run_job_task": sent},
        {"task_key": "b", "for_each_task": {"inputs": "[1]", "task": {"task_key": "c", "run_job_task": sent}}},
    ]


def test_an_answer_that_was_lost_starts_the_job_once(step: Step, workspace: Workspace) -> None:
    workspace.faults["run-now"].extend([LOST, LOST])

    step.submitted()

    assert len(workspace.runs) == 1


def test_a_run_is_cancelled_at_its_time_limit_itself(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(goes_on())

    failure = step.failure()

    assert failure.name == "Databricks.TimedOut"
    assert workspace.state_of(str(FIRST_RUN_ID)) == "CANCELED"
    assert "The time limit is 3600 s" in failure.cause
    assert 3600 <= step.clock.now() - 1_700_000_000 < 3620


def test_a_transient_failure_runs_the_job_anew(step: Step, workspace: Workspace) -> None:
    workspace.scripts.extend([ends(CLOUD_FAILURE), ends(SUCCESS)])

    assert step.result()["run_id"] == str(FIRST_RUN_ID + 1)
    assert not workspace.calls("repair")


@pytest.mark.parametrize(
    "end",
    [FAILED, CANCELED, CLOUD_FAILURE, state("TERMINATED", "TIMEDOUT"), state("TERMINATED", "SUCCESS_WITH_FAILURES")],
)
def test_a_redriven_execution_repairs_a_run_that_failed(step: Step, workspace: Workspace, end: Json) -> None:
    run = failed_run(step, workspace, end)
    workspace.scripts.append(ends(SUCCESS))

    answer = step.invoke(step.look(run))

    assert repairs(workspace) == [
        {
            "run_id": FIRST_RUN_ID,
            "rerun_all_failed_tasks": True,
            "job_parameters": {"country": "de", "job_id": "7"},
        }
    ]
    assert answer["status"] == "WAIT"
    repaired = run_of(answer)
    assert repaired == {**run, "redrive": 1, "submitted_at": int(step.clock.now())}
    assert step.result(answer)["run_id"] == str(FIRST_RUN_ID)
    assert len(workspace.runs) == 1


def test_a_run_that_succeeded_meanwhile_is_not_repaired(step: Step, workspace: Workspace) -> None:
    run = failed_run(step, workspace, SUCCESS)

    assert step.invoke(step.look(run))["status"] == "DONE"
    assert not workspace.calls("repair")


def test_a_run_that_goes_on_is_watched_and_repaired_only_once_it_fails(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(ends(FAILED, after=600))
    run = step.submitted()
    step.redriven(after=60)

    watching = step.invoke(step.look(run))
    assert (watching["status"], repairs(workspace)) == ("WAIT", [])

    assert step.result(watching)["state"] == "SUCCESS"
    assert len(repairs(workspace)) == 1


def test_a_second_redrive_names_the_first_repair(step: Step, workspace: Workspace) -> None:
    run = failed_run(step, workspace)
    workspace.scripts.append(ends(FAILED, after=30))
    repaired = run_of(step.invoke(step.look(run)))
    step.clock.sleep(60)
    assert step.fails(step.look(repaired)).name == "Databricks.RunFailed"

    step.redriven()
    answer = step.invoke(step.look(repaired))

    assert repairs(workspace)[1]["latest_repair_id"] == FIRST_REPAIR_ID
    assert step.result(answer)["state"] == "SUCCESS"
    assert len(workspace.runs) == 1


def test_the_time_limit_counts_from_the_repair(step: Step, workspace: Workspace) -> None:
    run = failed_run(step, workspace)
    workspace.scripts.append(ends(SUCCESS, after=3500))

    assert step.result(step.invoke(step.look(run)))["state"] == "SUCCESS"


def test_a_repaired_run_is_cancelled_at_its_own_limit(step: Step, workspace: Workspace) -> None:
    run = failed_run(step, workspace)
    workspace.scripts.append(goes_on())
    begun = step.clock.now()

    failure = step.failure(step.invoke(step.look(run)))

    assert failure.name == "Databricks.TimedOut"
    assert 3600 <= step.clock.now() - begun < 3620


def test_a_run_that_is_late_when_its_execution_is_redriven_is_cancelled_and_repaired(
    step: Step, workspace: Workspace
) -> None:
    workspace.scripts.extend([goes_on(), ends(SUCCESS)])
    run = step.submitted()
    step.redriven(after=86_400)

    answer = step.invoke(step.look(run))

    assert [received.call for received in workspace.received if received.call in {"cancel", "repair"}] == [
        "cancel",
        "repair",
    ]
    assert step.result(answer)["state"] == "SUCCESS"


@pytest.mark.parametrize("after", [0.0, 600.0], ids=["ended", "active"])
def test_a_repair_whose_answer_was_lost_is_not_made_twice(step: Step, workspace: Workspace, after: float) -> None:
    run = failed_run(step, workspace)
    workspace.scripts.append(ends(FAILED, after=after))
    workspace.faults["repair"].append(LOST)

    answer = step.invoke(step.look(run))

    assert answer["status"] == "WAIT"
    assert run_of(answer)["redrive"] == 1
    assert step.failure(answer).name == "Databricks.RunFailed"
    assert len(workspace.runs[FIRST_RUN_ID].repairs) == 1
    assert len(workspace.runs) == 1


@pytest.mark.parametrize("after", [0.0, 600.0], ids=["ended", "active"])
def test_a_repair_by_an_invocation_that_died_is_taken_for_this_redrives(
    step: Step, workspace: Workspace, after: float
) -> None:
    run = failed_run(step, workspace)
    workspace.scripts.append(ends(FAILED, after=after))
    workspace.faults["repair"].extend([LOST] + [answers(503)] * 50)
    assert step.fails(step.look(run)).name == "Databricks.Throttled"
    workspace.faults["repair"].clear()

    failure = step.failure(step.invoke(step.look(run))) if after else step.fails(step.look(run))

    assert failure.name == "Databricks.RunFailed"
    assert len(workspace.runs[FIRST_RUN_ID].repairs) == 1
    assert step.told("repaired already")
    (record,) = step.bucket.documents("RiskScoring/night-1/runs/").values()
    assert record["pending"] is False


def test_a_repair_of_an_earlier_redrive_does_not_count(step: Step, workspace: Workspace) -> None:
    run = failed_run(step, workspace)
    workspace.scripts.append(ends(FAILED, after=30))
    step.invoke(step.look(run))
    step.redriven()  # Before anybody looked at the repair: the run still has the redrive count of its submission.

    step.invoke(step.look(run))

    assert [repair.get("latest_repair_id") for repair in repairs(workspace)] == [None, FIRST_REPAIR_ID]


def test_a_repair_that_is_refused_becomes_a_new_run(step: Step, workspace: Workspace) -> None:
    run = failed_run(step, workspace)
    workspace.faults["repair"].append(answers(400, "INVALID_PARAMETER_VALUE", "The job was changed."))

    answer = step.invoke(step.look(run))

    assert (answer["status"], answer["attempt"]) == ("SUBMIT", 0)
    assert step.told("repair refused")[0]["problem"] == (
        "Databricks refused the request (HTTP 400, INVALID_PARAMETER_VALUE: The job was changed.)."
    )
    assert step.result(answer)["run_id"] == str(FIRST_RUN_ID + 1)
    assert step.bucket.documents("RiskScoring/night-1/runs/")[f"RiskScoring/night-1/runs/{run['token']}.json"]["ended"]


def test_a_run_that_somebody_repaired_meanwhile_is_watched(step: Step, workspace: Workspace) -> None:
    run = failed_run(step, workspace)
    workspace.scripts.append(ends(SUCCESS, after=660))

    def repair_first(call: str) -> None:
        if call == "repair":
            workspace.on_call = lambda _: None
            step.clock.advance(-600)
            Caller(workspace.url).post("runs/repair", run_id=FIRST_RUN_ID, rerun_all_failed_tasks=True)
            step.clock.advance(600)

    workspace.on_call = repair_first

    answer = step.invoke(step.look(run))

    assert (answer["status"], run_of(answer)["redrive"]) == ("WAIT", 1)
    assert step.result(answer)["state"] == "SUCCESS"
    assert len(workspace.runs) == 1


def test_a_repair_that_is_not_allowed_fails_the_step(step: Step, workspace: Workspace) -> None:
    run = failed_run(step, workspace)
    workspace.faults["repair"].append(answers(403, "PERMISSION_DENIED", "Not your job."))

    assert step.fails(step.look(run)).name == "Databricks.AuthError"


def test_a_redriven_execution_runs_a_job_anew_whose_run_was_forgotten(step: Step, workspace: Workspace) -> None:
    run = failed_run(step, workspace)
    workspace.runs.clear()

    assert step.invoke(step.look(run))["status"] == "SUBMIT"
    assert not workspace.calls("repair")


def test_an_execution_that_was_stopped_again_repairs_nothing(step: Step, workspace: Workspace) -> None:
    run = failed_run(step, workspace)
    step.invoke(step.stop())

    assert step.fails(step.look(run)).name == "Databricks.Canceled"
    assert not workspace.calls("repair")


def test_a_repaired_run_is_on_record_as_going_on(step: Step, workspace: Workspace) -> None:
    run = failed_run(step, workspace)
    workspace.scripts.append(goes_on())
    step.invoke(step.look(run))

    assert step.invoke(step.stop()) == {"canceled": [str(FIRST_RUN_ID)]}
    assert workspace.state_of(str(FIRST_RUN_ID)) == "CANCELED"


def test_a_new_attempt_after_a_repair_has_a_token_of_its_own(step: Step, workspace: Workspace) -> None:
    run = failed_run(step, workspace)
    workspace.scripts.extend([ends(CLOUD_FAILURE), ends(SUCCESS)])

    assert step.result(step.invoke(step.look(run)))["run_id"] == str(FIRST_RUN_ID + 1)


def test_a_redrive_that_starts_at_the_submission_starts_a_new_run(step: Step, workspace: Workspace) -> None:
    workspace.faults["run-now"].append(answers(403, "PERMISSION_DENIED", "Not your job."))
    step.fails(step.submission())

    step.redriven()

    assert step.result()["redrive"] == 1
    assert len(workspace.runs) == 1
