import pytest

from tests.runtime.databricks.conftest import Json, Step, run_of, task
from zflow_constructs.local.databricks.scripted import (
    CANCELED,
    CLOUD_FAILURE,
    FAILED,
    FIRST_RUN_ID,
    SUCCESS,
    ends,
    state,
)
from zflow_constructs.local.databricks.scripted_workspace import Workspace
from zflow_constructs.local.databricks.shown import Output

PARTLY = state("TERMINATED", "SUCCESS_WITH_FAILURES")


def retries(*, transient: int = 0, failures: int = 0, interval_seconds: int = 60) -> Json:
    return {"transient": transient, "failures": failures, "interval_seconds": interval_seconds}


def long_waits(step: Step) -> list[float]:
    return [nap for nap in step.clock.naps if nap >= 60]


def test_a_job_that_fails_by_itself_gets_new_attempts_only_if_asked(step: Step, workspace: Workspace) -> None:
    step.retries = retries(failures=2)
    workspace.scripts.extend([ends(FAILED), ends(FAILED), ends(SUCCESS)])

    result = step.result()

    assert (result["run_id"], result["attempt"]) == (str(FIRST_RUN_ID + 2), 2)
    assert long_waits(step) == [60, 120]


def test_the_two_kinds_of_failures_are_counted_apart(step: Step, workspace: Workspace) -> None:
    step.retries = retries(transient=1, failures=2)
    workspace.scripts.extend([ends(FAILED), ends(CLOUD_FAILURE), ends(FAILED), ends(FAILED)])

    failure = step.failure()

    assert failure.name == "Databricks.RunFailed"
    assert (
        "This was attempt 4. New attempts: 1 of 1 after transient failures, 2 of 2 after failures of the job itself."
        in (failure.cause)
    )
    assert long_waits(step) == [60, 60, 120]
    assert len(workspace.runs) == 4


def test_a_wait_is_an_hour_at_most(step: Step, workspace: Workspace) -> None:
    step.retries = retries(failures=30, interval_seconds=900)
    workspace.scripts.extend([ends(FAILED)] * 30)

    step.result()

    assert long_waits(step) == [900, 1800] + [3600] * 28


@pytest.mark.parametrize(
    "code",
    [
        "INVALID_CLUSTER_REQUEST",
        "INVALID_RUN_CONFIGURATION",
        "UNAUTHORIZED_ERROR",
        "FEATURE_DISABLED",
        "RESOURCE_NOT_FOUND",
        "LIBRARY_INSTALLATION_ERROR",
        "BUDGET_POLICY_LIMIT_EXCEEDED",
    ],
)
def test_what_would_fail_again_gets_no_new_attempt(step: Step, workspace: Workspace, code: str) -> None:
    step.retries = retries(transient=3, failures=3)
    workspace.scripts.append(ends(state("TERMINATED", "FAILED", code=code)))

    assert step.failure().name == "Databricks.RunFailed"
    assert len(workspace.runs) == 1


def test_a_task_that_would_fail_again_gets_no_new_attempt(step: Step, workspace: Workspace) -> None:
    step.retries = retries(failures=3)
    broken = state("TERMINATED", "FAILED", code="LIBRARY_INSTALLATION_ERROR")
    workspace.scripts.append(ends(FAILED, tasks=[task("clean", 11, broken)]))

    assert step.failure().name == "Databricks.RunFailed"
    assert len(workspace.runs) == 1


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (CANCELED, "Canceled"),
        (state("TERMINATED", "TIMEDOUT"), "TimedOut"),
        (state("SKIPPED", code="SKIPPED"), "Skipped"),
    ],
)
def test_a_run_that_was_ended_by_others_gets_no_new_attempt(
    step: Step, workspace: Workspace, end: Json, error: str
) -> None:
    step.retries = retries(transient=3, failures=3)
    workspace.scripts.append(ends(end))

    assert step.failure().name == f"Databricks.{error}"
    assert len(workspace.runs) == 1


@pytest.mark.parametrize("call", ["submit", "run-now"])
def test_a_redrive_counts_its_new_attempts_from_nought(step: Step, workspace: Workspace, call: str) -> None:
    if call == "run-now":
        step.run_job()
    step.retries = retries(failures=1)
    workspace.scripts.extend([ends(FAILED), ends(FAILED)])
    answer = step.invoke(step.submission())
    step.clock.sleep(60)
    run = run_of(step.invoke(step.submission(attempt=1, run=run_of(step.invoke(step.look(answer["run"]))))))
    step.clock.sleep(60)
    assert (
        "This was attempt 2. New attempts: 0 of 0 after transient failures, 1 of 1" in step.fails(step.look(run)).cause
    )

    step.redriven()
    workspace.scripts.extend([ends(FAILED), ends(FAILED)])
    failure = step.failure(step.invoke(step.look(run)))

    assert "This was attempt 2. New attempts: 0 of 0 after transient failures, 1 of 1" in failure.cause


def test_success_with_failures_is_done_only_if_allowed(step: Step, workspace: Workspace) -> None:
    step.allow_failures = True
    workspace.scripts.append(ends(PARTLY, tasks=[task("clean", 11, SUCCESS), task("plot", 12, FAILED)]))

    assert step.result()["state"] == "SUCCESS_WITH_FAILURES"


def test_success_with_failures_tells_the_tasks_that_failed(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(ends(PARTLY, tasks=[task("clean", 11, SUCCESS), task("plot", 12, FAILED)]))
    workspace.outputs["12"] = Output(error="ValueError: no fonts")

    failure = step.failure()

    assert failure.name == "Databricks.RunFailed"
    assert 'Task "plot" (run 12, attempt 1) ended FAILED / RUN_EXECUTION_ERROR' in failure.cause
    assert "ValueError: no fonts" in failure.cause
    assert "Mend the tasks that failed, or let the step allow failures, and redrive the execution." in failure.cause


def test_a_plain_failure_is_none_that_is_allowed(step: Step, workspace: Workspace) -> None:
    step.allow_failures = True
    workspace.scripts.append(ends(FAILED))

    assert step.failure().name == "Databricks.RunFailed"
