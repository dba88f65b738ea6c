import pytest

from tests.runtime.databricks.conftest import EXECUTION, LAMBDA_SECONDS, Step
from tests.runtime.databricks.workspace import FIRST_RUN_ID, RESET, Fault, Json, Workspace, answers, goes_on

STOP: Json = {"action": "stop", "execution": EXECUTION}


def submit_steps(step: Step, names: list[str]) -> list[str]:
    ids = []
    for name in names:
        step.step = name
        ids.append(str(step.submitted()["run_id"]))
    return ids


def test_all_active_runs_of_the_execution_are_cancelled_and_seen_to_end(step: Step, workspace: Workspace) -> None:
    workspace.scripts.extend([goes_on()] * 60)
    ids = submit_steps(step, [f"Step {n}" for n in range(60)])

    answer = step.invoke(STOP)

    assert answer == {"canceled": ids[::-1]}
    assert {workspace.state_of(run_id) for run_id in ids} == {"CANCELED"}


def test_runs_of_other_executions_go_on(step: Step, workspace: Workspace) -> None:
    workspace.scripts.extend([goes_on()] * 4)
    submit_steps(step, ["Extract"])
    step.execution = f"{EXECUTION}1"
    other = submit_steps(step, ["Extract"])
    step.execution = EXECUTION.replace("RiskScoring", "OtherRiskScoring")
    other += submit_steps(step, ["Extract"])

    answer = step.invoke(STOP)

    assert answer == {"canceled": [str(FIRST_RUN_ID)]}
    assert {workspace.state_of(run_id) for run_id in other} == {"RUNNING"}


def test_a_run_behind_pages_of_other_executions_runs_is_found(step: Step, workspace: Workspace) -> None:
    workspace.scripts.extend([goes_on()] * 60)
    submit_steps(step, ["Extract"])
    step.execution = f"{EXECUTION}1"
    submit_steps(step, [f"Step {n}" for n in range(59)])

    assert step.invoke(STOP) == {"canceled": [str(FIRST_RUN_ID)]}


def test_runs_that_have_ended_are_left_alone(step: Step, workspace: Workspace) -> None:
    submit_steps(step, ["Extract"])
    step.clock.sleep(100)

    assert step.invoke(STOP) == {"canceled": []}
    assert not workspace.calls("cancel")


def test_a_run_whose_submission_was_under_way_is_cancelled_too(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(goes_on())
    step.submitted()
    not_listed_yet = Fault(body={"has_more": False})
    workspace.faults["list"].append(not_listed_yet)

    answer = step.invoke(STOP)

    assert answer == {"canceled": [str(FIRST_RUN_ID)]}
    assert workspace.state_of(str(FIRST_RUN_ID)) == "CANCELED"


def test_a_cancellation_that_takes_longer_than_the_invocation_fails_so_that_it_is_delivered_again(
    step: Step, workspace: Workspace
) -> None:
    workspace.scripts.append(goes_on(cancel_seconds=200))
    step.submitted()

    failure = step.fails(STOP)
    assert failure.name == "Databricks.TimedOut"
    assert str(FIRST_RUN_ID) in failure.cause
    assert failure.cause.startswith(f"Execution {EXECUTION}: ")

    step.clock.sleep(60)
    assert step.invoke(STOP) == {"canceled": [str(FIRST_RUN_ID)]}
    assert workspace.state_of(str(FIRST_RUN_ID)) == "CANCELED"


def test_one_refused_cancellation_does_not_spare_the_other_runs(step: Step, workspace: Workspace) -> None:
    workspace.scripts.extend([goes_on()] * 3)
    ids = submit_steps(step, ["A", "B", "C"])
    workspace.faults["cancel"].append(answers(403, "PERMISSION_DENIED", "Not yours."))

    failure = step.fails(STOP)

    assert [workspace.state_of(run_id) for run_id in ids] == ["CANCELED", "CANCELED", "RUNNING"]
    assert ids[2] in failure.cause
    assert "PERMISSION_DENIED: Not yours." in failure.cause


@pytest.mark.parametrize("fault", [RESET, answers(503), answers(429, Retry_After="3")])
def test_stopping_outlasts_a_flaky_workspace(step: Step, workspace: Workspace, fault: Fault) -> None:
    workspace.scripts.extend([goes_on()] * 2)
    ids = submit_steps(step, ["A", "B"])
    for call in ("list", "cancel", "get"):
        workspace.faults[call].extend([fault, fault])

    step.invoke(STOP)

    assert {workspace.state_of(run_id) for run_id in ids} == {"CANCELED"}


def test_stopping_ends_within_its_own_time(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(goes_on(cancel_seconds=10**6))
    step.submitted()
    begun = step.clock.now()

    step.fails(STOP)

    assert step.clock.now() - begun <= LAMBDA_SECONDS - 5
