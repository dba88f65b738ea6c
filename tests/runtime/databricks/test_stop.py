import pytest

from tests.runtime.databricks.cloud import s3_refuses
from tests.runtime.databricks.conftest import EXECUTION, LAMBDA_SECONDS, Json, Step
from zflow_constructs.local.databricks.faults import LOST, RESET, Fault, answers
from zflow_constructs.local.databricks.scripted import FAILED, FIRST_RUN_ID, ends, goes_on
from zflow_constructs.local.databricks.scripted_workspace import Workspace


def submit_steps(step: Step, names: list[str]) -> list[str]:
    ids = []
    for name in names:
        step.step = name
        ids.append(str(step.submitted()["run_id"]))
    return ids


def ending(step: Step, event: Json) -> object:
    """The status of an invocation's answer, or the name of its error."""
    try:
        return step.invoke(event)["status"]
    except Exception as error:  # noqa: BLE001 (its class is made at run time; its name is what counts)
        return type(error).__name__


def canceled(step: Step) -> set[str]:
    """The runs that a stop of the execution cancels."""
    ids = step.invoke(step.stop())["canceled"]
    assert isinstance(ids, list)
    return set(ids)


@pytest.mark.parametrize("call", ["submit", "run-now"])
def test_all_active_runs_of_the_execution_are_cancelled_and_seen_to_end(
    step: Step, workspace: Workspace, call: str
) -> None:
    if call == "run-now":
        step.run_job()
    workspace.scripts.extend([goes_on()] * 25)
    ids = submit_steps(step, [f"Step {n}" for n in range(25)])

    assert canceled(step) == set(ids)
    assert {workspace.state_of(run_id) for run_id in ids} == {"CANCELED"}
    assert all(record["ended"] for record in step.bucket.documents("RiskScoring/night-1/runs/").values())


def test_runs_of_other_executions_go_on(step: Step, workspace: Workspace) -> None:
    workspace.scripts.extend([goes_on()] * 4)
    submit_steps(step, ["Extract"])
    step.execution = f"{EXECUTION}1"
    other = submit_steps(step, ["Extract"])
    step.execution = EXECUTION.replace("RiskScoring", "OtherRiskScoring")
    other += submit_steps(step, ["Extract"])
    step.execution = EXECUTION

    assert canceled(step) == {str(FIRST_RUN_ID)}
    assert {workspace.state_of(run_id) for run_id in other} == {"RUNNING"}


def test_a_run_that_was_seen_to_end_costs_no_call(step: Step, workspace: Workspace) -> None:
    step.result()
    workspace.received.clear()

    assert canceled(step) == set()
    assert not workspace.received


def test_a_run_that_has_ended_unseen_is_looked_at_and_left_alone(step: Step, workspace: Workspace) -> None:
    submit_steps(step, ["Extract"])
    step.clock.sleep(100)
    workspace.received.clear()

    assert canceled(step) == set()
    assert [received.call for received in workspace.received] == ["get"]


def test_a_run_whose_submissions_answer_was_lost_is_found_by_its_token_and_cancelled(
    step: Step, workspace: Workspace
) -> None:
    workspace.scripts.append(goes_on())
    workspace.faults["submit"].extend([LOST] + [answers(503)] * 50)
    assert step.fails(step.submission()).name == "Databricks.Throttled"
    workspace.faults["submit"].clear()

    assert canceled(step) == {str(FIRST_RUN_ID)}
    assert workspace.state_of(str(FIRST_RUN_ID)) == "CANCELED"
    assert len(workspace.runs) == 1


def test_a_submission_that_was_refused_is_nothing_to_stop(step: Step, workspace: Workspace) -> None:
    workspace.faults["submit"].append(answers(400, "INVALID_PARAMETER_VALUE", "No such node type."))
    step.fails(step.submission())
    workspace.received.clear()

    assert canceled(step) == set()
    assert not workspace.received


def test_a_submission_refused_after_one_that_may_have_got_through_is_asked_for(
    step: Step, workspace: Workspace
) -> None:
    workspace.scripts.append(goes_on())
    workspace.faults["submit"].extend([LOST] + [answers(503)] * 50)
    step.fails(step.submission())
    workspace.faults["submit"].clear()
    workspace.faults["submit"].append(answers(403, "PERMISSION_DENIED", "No more."))
    assert step.fails(step.submission()).name == "Databricks.AuthError"

    assert canceled(step) == {str(FIRST_RUN_ID)}


def test_a_submission_that_is_refused_to_the_stop_as_well_never_began(step: Step, workspace: Workspace) -> None:
    workspace.faults["submit"].extend([answers(503)] * 50)
    step.fails(step.submission())
    workspace.faults["submit"].clear()
    workspace.faults["submit"].append(answers(400, "INVALID_PARAMETER_VALUE", "No such node type."))

    assert canceled(step) == set()
    assert len(step.told("nothing to stop")) == 1
    assert not workspace.runs


def test_a_run_of_an_earlier_start_is_cancelled_and_one_of_a_later_redrive_is_not(
    step: Step, workspace: Workspace
) -> None:
    workspace.scripts.extend([goes_on()] * 2)
    step.submitted()
    step.clock.sleep(60)
    late = step.stop()
    step.redriven(after=60)
    step.submitted()

    assert step.invoke(late) == {"canceled": [str(FIRST_RUN_ID)]}
    assert workspace.state_of(str(FIRST_RUN_ID + 1)) == "RUNNING"


def test_a_stop_that_is_delivered_late_does_not_hide_a_later_one(step: Step) -> None:
    early = step.stop()
    step.clock.sleep(60)
    later = step.stop()

    step.invoke(later)
    step.invoke(early)

    assert step.bucket.documents() == {"RiskScoring/night-1/stopped.json": {"stopped": later["stopped"]}}


def test_nothing_is_submitted_for_an_execution_that_was_stopped(step: Step, workspace: Workspace) -> None:
    step.invoke(step.stop())

    failure = step.fails(step.submission())

    assert failure.name == "Databricks.Canceled"
    assert failure.cause == (
        'Step "Extract": The execution ended at 2023-11-14T22:13:20.000+00:00: nothing more is started for it.'
    )
    assert not workspace.received


def test_a_redrive_after_the_stop_submits(step: Step) -> None:
    step.invoke(step.stop())
    step.redriven()

    assert step.result()["state"] == "SUCCESS"


def test_a_stop_between_the_record_and_the_submission_is_seen(step: Step, workspace: Workspace) -> None:
    def stop_meanwhile(call: str) -> None:
        if call == "PUT record":
            step.bucket.after = lambda _: None
            step.bucket.put("RiskScoring/night-1/stopped.json", {"stopped": 1_700_000_000_000})

    step.bucket.after = stop_meanwhile

    assert step.fails(step.submission()).name == "Databricks.Canceled"
    assert not workspace.runs
    (record,) = step.bucket.documents("RiskScoring/night-1/runs/").values()
    assert (record["ended"], record["pending"]) == (True, False)


@pytest.mark.parametrize("moment", range(16))
@pytest.mark.parametrize("kind", ["submit", "run-now", "repair"])
@pytest.mark.parametrize("delivery", ["first", "second"])
def test_a_stop_at_any_moment_of_a_submission_leaves_nothing_running(
    step: Step, workspace: Workspace, moment: int, kind: str, delivery: str
) -> None:
    event = step.submission()
    if kind != "submit":
        step.run_job()
        event = step.submission()
    if kind == "repair":
        workspace.scripts.append(ends(FAILED, after=0))
        run = step.submitted()
        step.redriven()
        event = step.look(run)
    workspace.scripts.extend([goes_on()] * 3)
    moments = iter(range(100))

    def stop_at_the_moment(_: str) -> None:
        if next(moments) == moment:
            step.bucket.before, step.bucket.after, workspace.on_call = lambda _: None, lambda _: None, lambda _: None
            if delivery == "second":
                workspace.misbehaviour.decide = lambda received: answers(503) if received.call == "cancel" else None
            ending(step, step.stop())
            workspace.misbehaviour.decide = lambda _: None

    step.bucket.before = step.bucket.after = workspace.on_call = stop_at_the_moment

    assert ending(step, event) in {"WAIT", "Databricks.Canceled"}
    step.bucket.before, step.bucket.after, workspace.on_call = lambda _: None, lambda _: None, lambda _: None
    step.invoke(step.stop())

    assert all(run.is_final(step.clock.now()) for run in workspace.runs.values())
    assert len(workspace.runs) <= 1
    assert all(len(run.repairs) <= 1 for run in workspace.runs.values())


def test_a_cancellation_that_takes_longer_than_the_invocation_fails_so_that_it_is_delivered_again(
    step: Step, workspace: Workspace
) -> None:
    workspace.scripts.append(goes_on(cancel_seconds=200))
    step.submitted()

    failure = step.fails(step.stop())
    assert failure.name == "Databricks.TimedOut"
    assert failure.cause == (
        f"Execution {EXECUTION}: Not seen to end after their cancellation: run {FIRST_RUN_ID} of the step Extract."
    )

    step.clock.sleep(60)
    assert canceled(step) == {str(FIRST_RUN_ID)}
    assert workspace.state_of(str(FIRST_RUN_ID)) == "CANCELED"


def test_one_refused_cancellation_does_not_spare_the_other_runs(step: Step, workspace: Workspace) -> None:
    workspace.scripts.extend([goes_on()] * 3)
    ids = submit_steps(step, ["A", "B", "C"])
    refused: list[str] = []

    def refuse_the_first(call: str) -> None:
        if call == "cancel":
            asked = workspace.received[-1].body.decode()
            refused.append(asked)
            if asked == refused[0]:
                workspace.faults["cancel"].append(answers(403, "PERMISSION_DENIED", "Not yours."))

    workspace.on_call = refuse_the_first

    failure = step.fails(step.stop())

    assert sorted(workspace.state_of(run_id) for run_id in ids) == ["CANCELED", "CANCELED", "RUNNING"]
    (spared,) = [run_id for run_id in ids if workspace.state_of(run_id) == "RUNNING"]
    assert failure.name == "Databricks.TimedOut"
    assert failure.cause.startswith(f"Execution {EXECUTION}: Not seen to end after their cancellation: run {spared} of")
    assert "PERMISSION_DENIED: Not yours." in failure.cause


def test_a_run_that_databricks_does_not_answer_for_does_not_spare_the_other_runs(
    step: Step, workspace: Workspace
) -> None:
    workspace.scripts.extend([goes_on()] * 3)
    ids = submit_steps(step, ["A", "B", "C"])
    first: list[str] = []

    def never_answer_for_the_first(call: str) -> None:
        if call == "get":
            asked = workspace.received[-1].query["run_id"]
            first.append(asked)
            if asked == first[0]:
                workspace.faults["get"].append(answers(503))

    workspace.on_call = never_answer_for_the_first

    failure = step.fails(step.stop())

    assert failure.name == "Databricks.TimedOut"
    assert sorted(workspace.state_of(run_id) for run_id in ids) == ["CANCELED", "CANCELED", "RUNNING"]


@pytest.mark.parametrize("fault", [RESET, answers(503), answers(429, Retry_After="3")])
def test_stopping_outlasts_a_flaky_workspace(step: Step, workspace: Workspace, fault: Fault) -> None:
    workspace.scripts.extend([goes_on()] * 2)
    ids = submit_steps(step, ["A", "B"])
    for call in ("cancel", "get"):
        workspace.faults[call].extend([fault, fault])

    step.invoke(step.stop())

    assert {workspace.state_of(run_id) for run_id in ids} == {"CANCELED"}


def test_stopping_ends_within_its_own_time(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(goes_on(cancel_seconds=10**6))
    step.submitted()
    begun = step.clock.now()

    step.fails(step.stop())

    assert step.clock.now() - begun <= LAMBDA_SECONDS - 5


def test_a_record_that_cannot_be_brought_up_to_date_does_not_keep_a_run_going(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(goes_on())
    step.submitted()
    step.bucket.before = lambda call: s3_refuses(503, "SlowDown") if call == "PUT record" else None

    assert canceled(step) == {str(FIRST_RUN_ID)}
    assert len(step.told("record not kept")) == 1


def test_the_mark_of_a_stop_that_cannot_be_written_fails_so_that_it_is_delivered_again(
    step: Step, workspace: Workspace
) -> None:
    workspace.scripts.append(goes_on())
    step.submitted()
    step.bucket.before = lambda call: s3_refuses(503, "SlowDown") if call == "PUT stopped.json" else None

    assert step.fails(step.stop()).name == "Databricks.Throttled"
    step.bucket.before = lambda _: None
    assert canceled(step) == {str(FIRST_RUN_ID)}
