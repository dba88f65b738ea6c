import pytest

from tests.runtime.databricks.conftest import EXECUTION, TASK, Step, run_of
from tests.sampling import sampled
from zflow_constructs.local.databricks.faults import answers
from zflow_constructs.local.databricks.scripted import (
    CANCELED,
    CLOUD_FAILURE,
    FAILED,
    FIRST_RUN_ID,
    RUNNING,
    SUCCESS,
    Script,
    ends,
    goes_on,
    state,
)
from zflow_constructs.local.databricks.scripted_workspace import Workspace


def test_a_run_is_submitted_with_a_name_of_its_execution_and_a_token_of_its_attempt(
    step: Step, workspace: Workspace
) -> None:
    answer = step.invoke(step.submission())

    run = workspace.runs[FIRST_RUN_ID]
    assert run.request["run_name"] == "RiskScoring:night-1:Extract"
    assert len(str(run.request["idempotency_token"])) == 64
    assert run.request["tasks"] == [TASK]
    assert run.request["timeout_seconds"] == 3600
    assert answer == {
        "status": "WAIT",
        "wait_seconds": 10,
        "attempt": 0,
        "run": {
            "run_id": str(FIRST_RUN_ID),
            "url": f"{workspace.url}/?o=1#job/77/run/{FIRST_RUN_ID}",
            "attempt": 0,
            "redrive": 0,
            "submitted_at": 1_700_000_000,
            "token": run.request["idempotency_token"],
            "transient_retries": 0,
            "failure_retries": 0,
        },
    }


def test_a_submission_delivered_twice_is_one_run(step: Step, workspace: Workspace) -> None:
    first = step.invoke(step.submission())
    second = step.invoke(step.submission())

    assert first == second
    assert len(workspace.runs) == 1


def test_another_step_item_attempt_redrive_or_execution_is_another_run(step: Step, workspace: Workspace) -> None:
    step.invoke(step.submission())
    step.item = "1"
    step.invoke(step.submission())
    step.invoke(step.submission(attempt=1))
    step.redrive = 1
    step.invoke(step.submission())
    step.step = "Report"
    step.invoke(step.submission())
    step.execution = EXECUTION.replace("night-1", "night-2")
    step.invoke(step.submission())

    assert len(workspace.runs) == 6


def test_a_submission_whose_first_look_fails_keeps_its_run(step: Step, workspace: Workspace) -> None:
    workspace.faults["get"].append(answers(403, "PERMISSION_DENIED", "Not yet."))

    answer = step.invoke(step.submission())

    run = run_of(answer)
    assert run["url"] == f"{workspace.url}/jobs/runs"
    step.clock.sleep(60)
    result = run_of(step.invoke(step.look(run)))
    assert result["url"] == f"{workspace.url}/?o=1#job/77/run/{FIRST_RUN_ID}"
    assert len(workspace.runs) == 1


def test_a_success_is_done_with_its_run_id_as_a_string(step: Step, workspace: Workspace) -> None:
    answer = step.invoke(step.submission())
    step.clock.sleep(60)

    done = step.invoke(step.look(answer["run"]))

    assert done == {
        "status": "DONE",
        "wait_seconds": 0,
        "attempt": 0,
        "run": {
            **run_of(answer),
            "run_id": "9007199254740993",
            "url": f"{workspace.url}/?o=1#job/77/run/9007199254740993",
            "state": "SUCCESS",
            "values": {},
            "output": f"s3://{step.bucket.name}/RiskScoring/night-1/output/Extract/9007199254740993.json",
        },
    }
    assert len(workspace.runs) == 1


def test_a_run_that_has_ended_at_the_first_look_is_done(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(Script(timeline=((0, SUCCESS),)))

    assert step.result()["state"] == "SUCCESS"
    assert step.transitions == 1


@pytest.mark.parametrize(
    "life_cycle", ["QUEUED", "PENDING", "RUNNING", "BLOCKED", "WAITING_FOR_RETRY", "TERMINATING", "HIBERNATING"]
)
def test_a_run_goes_on_in_every_state_that_is_not_final(step: Step, workspace: Workspace, life_cycle: str) -> None:
    workspace.scripts.append(Script(timeline=((0, state(life_cycle)), (60, SUCCESS))))

    answer = step.invoke(step.look(step.submitted()))

    assert answer["status"] == "WAIT"
    assert step.result()["state"] == "SUCCESS"


def test_a_status_without_the_older_state_is_understood(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(
        Script(timeline=tuple((at, {"status": document["status"]}) for at, document in ((0, RUNNING), (60, SUCCESS))))
    )

    assert step.result()["state"] == "SUCCESS"


@pytest.mark.parametrize("seconds", sampled([60, 600, 3_000, 3 * 86_400], always=3))
def test_an_end_is_noticed_within_a_tenth_of_the_length_and_days_fit_into_the_history(
    step: Step, workspace: Workspace, seconds: int
) -> None:
    step.timeout_seconds = 4 * 86_400
    workspace.scripts.append(ends(SUCCESS, after=seconds))

    step.result()

    took = step.clock.now() - 1_700_000_000
    assert took - seconds <= max(15, seconds / 10)
    events_of_a_look = 9  # Wait 2, Task 5, Choice 2.
    assert step.transitions * events_of_a_look < 25_000


@pytest.mark.parametrize(("elapsed", "longest"), [(0, 10), (99, 10), (500, 50), (1200, 120), (3599, 120)])
def test_the_wait_grows_with_the_time_elapsed_and_is_shortened_by_a_fifth_at_most(
    step: Step, workspace: Workspace, elapsed: int, longest: int
) -> None:
    workspace.scripts.append(goes_on())
    run = step.submitted()
    step.clock.sleep(elapsed)

    wait = step.invoke(step.look(run))["wait_seconds"]

    assert isinstance(wait, int)
    assert int(longest * 0.8) <= wait <= longest


def test_steps_that_started_together_soon_look_at_different_times(step: Step, workspace: Workspace) -> None:
    workspace.scripts.extend([goes_on()] * 40)
    runs = []
    for n in range(40):
        step.item = str(n)
        runs.append(step.submitted())
    step.clock.sleep(1200)

    waits = {step.invoke(step.look(run))["wait_seconds"] for run in runs}

    assert len(waits) > 12


def test_a_transient_failure_gets_new_attempts_after_a_growing_wait(step: Step, workspace: Workspace) -> None:
    workspace.scripts.extend([ends(CLOUD_FAILURE), ends(CLOUD_FAILURE), ends(SUCCESS)])

    assert step.result()["run_id"] == str(FIRST_RUN_ID + 2)
    assert len(workspace.runs) == 3
    assert [nap for nap in step.clock.naps if nap >= 60] == [60, 120]


def test_the_last_attempts_transient_failure_fails_the_step(step: Step, workspace: Workspace) -> None:
    workspace.scripts.extend([ends(CLOUD_FAILURE, tasks=())] * 3)

    failure = step.failure()

    assert failure.name == "Databricks.TransientRunFailure"
    assert failure.cause == (
        f'Step "Extract": Databricks run {FIRST_RUN_ID + 2} ended FAILED / CLOUD_FAILURE: No spot capacity.\n'
        f"Run: {workspace.url}/?o=1#job/77/run/{FIRST_RUN_ID + 2}\n"
        "This was attempt 3. New attempts: 2 of 2 after transient failures, 0 of 0 after failures of the job itself.\n"
        "The cause may pass: redrive the execution later.\n"
        f"Full output: s3://{step.bucket.name}/RiskScoring/night-1/output/Extract/{FIRST_RUN_ID + 2}.json"
    )
    assert len(workspace.runs) == 3


def test_no_retries_mean_no_new_attempt_and_no_word_of_any(step: Step, workspace: Workspace) -> None:
    step.retries = {"transient": 0, "failures": 0, "interval_seconds": 60}
    workspace.scripts.append(ends(CLOUD_FAILURE, tasks=()))

    failure = step.failure()

    assert failure.name == "Databricks.TransientRunFailure"
    assert "attempt" not in failure.cause
    assert len(workspace.runs) == 1


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (FAILED, "RunFailed"),
        (state("INTERNAL_ERROR", "FAILED", code="RUN_EXECUTION_ERROR"), "RunFailed"),
        (state("TERMINATED", "SUCCESS_WITH_FAILURES"), "RunFailed"),
        (state("TERMINATED", "EXCELLENT"), "RunFailed"),
        (state("TERMINATED"), "RunFailed"),
        (state("TERMINATED", "FAILED", code="INVALID_CLUSTER_REQUEST", kind="CLOUD_FAILURE"), "RunFailed"),
        (state("TERMINATED", "FAILED", code="UNAUTHORIZED_ERROR", kind="INTERNAL_ERROR"), "RunFailed"),
        (state("TERMINATED", "FAILED", code="LIBRARY_INSTALLATION_ERROR"), "RunFailed"),
        (state("TERMINATED", "FAILED", code="A_CODE_OF_TOMORROW"), "RunFailed"),
        (CANCELED, "Canceled"),
        (state("TERMINATED", "CANCELED", code="CANCELED"), "Canceled"),
        (state("TERMINATED", "TIMEDOUT", code="RUN_EXECUTION_ERROR"), "TimedOut"),
        (state("SKIPPED", code="SKIPPED"), "Skipped"),
        (state("INTERNAL_ERROR", "FAILED", code="DRIVER_ERROR", kind="INTERNAL_ERROR"), "TransientRunFailure"),
        (state("TERMINATED", "FAILED", code="CLUSTER_REQUEST_LIMIT_EXCEEDED"), "TransientRunFailure"),
        (state("TERMINATED", "FAILED", code="WORKSPACE_RUN_LIMIT_EXCEEDED"), "TransientRunFailure"),
        (state("SKIPPED", code="MAX_CONCURRENT_RUNS_EXCEEDED"), "TransientRunFailure"),
        (state("SKIPPED", code="MAX_JOB_QUEUE_SIZE_EXCEEDED"), "TransientRunFailure"),
        (state("TERMINATED", "FAILED", code="REPOSITORY_CHECKOUT_FAILED"), "TransientRunFailure"),
        (state("TERMINATED", "FAILED", code="BREAKING_CHANGE"), "TransientRunFailure"),
    ],
)
def test_an_end_without_success_is_an_error_of_its_class(
    step: Step, workspace: Workspace, end: dict[str, object], error: str
) -> None:
    step.retries = {"transient": 1, "failures": 0, "interval_seconds": 60}
    workspace.scripts.extend([ends(end)] * 2)

    failure = step.failure()

    assert failure.name == f"Databricks.{error}"
    assert len(workspace.runs) == (2 if error == "TransientRunFailure" else 1)
    assert f"/run/{FIRST_RUN_ID + len(workspace.runs) - 1}" in failure.cause


def test_a_run_past_its_limit_and_grace_is_cancelled_and_seen_to_end(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(goes_on())

    failure = step.failure()

    assert failure.name == "Databricks.TimedOut"
    assert "The time limit is 3600 s" in failure.cause
    assert workspace.state_of(str(FIRST_RUN_ID)) == "CANCELED"
    assert 3900 <= step.clock.now() - 1_700_000_000 < 4100


def test_a_slow_cancellation_is_waited_for_by_the_state_machine(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(goes_on(cancel_seconds=600))

    failure = step.failure()

    assert failure.name == "Databricks.TimedOut"
    assert workspace.state_of(str(FIRST_RUN_ID)) == "CANCELED"


def test_a_run_that_never_ends_is_given_up_with_its_page(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(goes_on(cancel_seconds=10**9))

    failure = step.failure()

    assert failure.name == "Databricks.TimedOut"
    assert "is still TERMINATING" in failure.cause
    assert f"Stop it by hand: {workspace.url}/?o=1#job/77/run/{FIRST_RUN_ID}" in failure.cause


def test_a_run_that_succeeds_while_it_is_being_cancelled_is_done(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(ends(SUCCESS, after=3905))
    workspace.faults["cancel"].append(answers(400, "INVALID_STATE", "The run is ending."))
    run = step.submitted()
    step.clock.sleep(3901)

    answer = step.invoke(step.look(run))

    assert answer["status"] == "DONE"


def test_a_run_that_databricks_has_forgotten_fails_the_step(step: Step, workspace: Workspace) -> None:
    run = step.submitted()
    workspace.runs.clear()

    failure = step.fails(step.look(run))

    assert failure.name == "Databricks.RunFailed"
    assert f"Databricks knows no run {FIRST_RUN_ID} any more" in failure.cause
    workspace.faults["get"].append(answers(404, "RESOURCE_DOES_NOT_EXIST", "Gone."))
    assert step.fails(step.look(run)) == failure


@pytest.mark.parametrize("end", [FAILED, CANCELED, CLOUD_FAILURE, state("TERMINATED", "TIMEDOUT")])
def test_a_redriven_execution_submits_a_failed_run_anew(
    step: Step, workspace: Workspace, end: dict[str, object]
) -> None:
    step.retries = {"transient": 0, "failures": 0, "interval_seconds": 60}
    workspace.scripts.append(ends(end, after=0))
    run = step.submitted()
    step.fails(step.look(run))

    step.redriven(after=86_400)
    answer = step.invoke(step.look(run))

    assert (answer["status"], answer["attempt"]) == ("SUBMIT", 0)
    assert step.result(answer)["run_id"] == str(FIRST_RUN_ID + 1)
    assert not workspace.calls("repair")


def test_a_redriven_execution_goes_on_with_a_run_that_goes_on_or_has_succeeded(
    step: Step, workspace: Workspace
) -> None:
    run = step.submitted()

    step.redrive = 1
    answers_in_turn = [step.invoke(step.look(run))["status"]]
    step.clock.sleep(60)
    answers_in_turn.append(step.invoke(step.look(run))["status"])

    assert answers_in_turn == ["WAIT", "DONE"]
    assert len(workspace.runs) == 1


def test_a_redriven_execution_cancels_a_run_that_is_late_and_submits_it_anew(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(goes_on())
    run = step.submitted()
    step.clock.sleep(86_400)
    step.redrive = 1

    answer = step.invoke(step.look(run))

    assert (answer["status"], answer["attempt"]) == ("SUBMIT", 0)
    assert workspace.state_of(str(FIRST_RUN_ID)) == "CANCELED"


def test_a_redriven_execution_submits_a_forgotten_run_anew(step: Step, workspace: Workspace) -> None:
    run = step.submitted()
    workspace.runs.clear()
    step.redrive = 1

    assert step.invoke(step.look(run))["status"] == "SUBMIT"


def test_the_new_runs_redrive_count_is_the_executions(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(ends(FAILED, after=0))
    step.redrive = 1
    run = step.submitted()

    assert run["redrive"] == 1
    assert step.fails(step.look(run)).name == "Databricks.RunFailed"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"action": "sing"}, 'The event\'s "action" is "sing"; expected "submit", "check" or "stop".'),
        ({"execution": ""}, 'The event has no "execution"; its fields: action, allow_failures, attempt, call'),
        ({"execution": "night-1"}, '"execution" is "night-1"; expected the ARN of an execution.'),
        ({"attempt": None}, 'The event has no number "attempt"'),
        ({"timeout_seconds": 0}, 'The event has no "timeout_seconds": a run without a time limit may never end.'),
        ({"call": "create"}, 'The event\'s "call" is "create"; expected "submit" or "run-now".'),
        ({"started": "today"}, 'The event\'s "started" is "today"; expected a time like "2026-01-31T03:00:00.123Z".'),
        ({"started": None}, 'The event has no "started"'),
        ({"action": "check"}, 'The event has no "run": a check needs the one that the last answer had.'),
        ({"action": "check", "run": {"run_id": "1"}}, 'The event has no number "attempt"; its fields: run_id.'),
        ({"action": "stop", "step": ""}, 'The event has no number "stopped"'),
    ],
)
def test_a_malformed_event_is_refused(
    step: Step, workspace: Workspace, change: dict[str, object], message: str
) -> None:
    failure = step.fails({**step.submission(), **change})

    assert failure.name == "Databricks.InvalidRequest"
    assert message in failure.cause
    assert not workspace.received
