import socket
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from tests.runtime.databricks.conftest import LAMBDA_SECONDS, MakeStep, Step
from zflow_constructs.local.databricks.faults import LOST, RESET, Fault, answers
from zflow_constructs.local.databricks.scripted import FIRST_RUN_ID
from zflow_constructs.local.databricks.scripted_workspace import Workspace

TRUNCATED = Fault(status=200, body={"run_id": 1}, headers={"Content-Length": "5000"})


@pytest.mark.parametrize(
    "fault",
    [
        RESET,
        LOST,
        TRUNCATED,
        answers(408),
        answers(429, "REQUEST_LIMIT_EXCEEDED"),
        answers(500, "INTERNAL_ERROR"),
        answers(502),
        answers(503, "TEMPORARILY_UNAVAILABLE"),
        answers(504),
        answers(400, "COULD_NOT_ACQUIRE_LOCK", "Another update is under way."),
    ],
    ids=lambda fault: fault.kind if fault.kind != "answer" else str(fault.status),
)
@pytest.mark.parametrize("call", ["token", "submit", "get", "cancel"])
def test_what_passes_is_tried_again_and_submits_once(step: Step, workspace: Workspace, call: str, fault: Fault) -> None:
    workspace.faults[call].extend([fault, fault])

    run = step.submitted()
    step.clock.sleep(4000)
    workspace.runs[FIRST_RUN_ID].timeline = workspace.runs[FIRST_RUN_ID].timeline[:1]
    step.fails(step.look(run))

    assert list(workspace.runs) == [FIRST_RUN_ID]
    assert workspace.state_of(str(FIRST_RUN_ID)) == "CANCELED"
    assert not workspace.faults[call]


def test_an_accepted_submission_whose_answer_was_lost_is_found_again(step: Step, workspace: Workspace) -> None:
    workspace.faults["submit"].extend([LOST, LOST, LOST])

    assert step.result()["run_id"] == str(FIRST_RUN_ID)
    assert len(workspace.runs) == 1
    assert len({received.body for received in workspace.calls("submit")}) == 1


def test_retry_after_in_seconds_is_honoured(step: Step, workspace: Workspace) -> None:
    workspace.faults["submit"].append(answers(429, Retry_After="37"))

    step.submitted()

    assert step.clock.naps == [37]


def test_retry_after_as_a_date_is_honoured(step: Step, workspace: Workspace) -> None:
    date = format_datetime(datetime.fromtimestamp(1_700_000_025, UTC), usegmt=True)
    workspace.faults["submit"].append(answers(503, Retry_After=date))

    step.submitted()

    assert step.clock.naps == [25]


@pytest.mark.parametrize("value", ["soon", "-5", "Tue, 99 Foo 2026", "1e9"])
def test_a_retry_after_that_makes_no_sense_is_left_aside(step: Step, workspace: Workspace, value: str) -> None:
    workspace.faults["submit"].append(answers(503, Retry_After=value))

    step.submitted()

    assert sum(step.clock.naps) <= 1


def test_a_retry_after_beyond_the_time_left_is_throttling_at_once(step: Step, workspace: Workspace) -> None:
    workspace.faults["submit"].append(answers(429, "REQUEST_LIMIT_EXCEEDED", "Slow down.", Retry_After="600"))

    failure = step.fails(step.submission())

    assert failure.name == "Databricks.Throttled"
    assert 'Step "Extract": POST /api/2.2/jobs/runs/submit on 127.0.0.1' in failure.cause
    assert "(tries: 1). The last problem was: HTTP 429" in failure.cause
    assert step.clock.naps == []


def test_a_lasting_outage_is_throttling_within_the_time_of_the_invocation(step: Step, workspace: Workspace) -> None:
    workspace.faults["submit"].extend([answers(503)] * 100)
    begun = step.clock.now()

    failure = step.fails(step.submission())

    assert failure.name == "Databricks.Throttled"
    assert LAMBDA_SECONDS / 2 < step.clock.now() - begun <= LAMBDA_SECONDS - 5
    assert not workspace.runs


def test_the_state_machines_retry_after_throttling_submits_once(step: Step, workspace: Workspace) -> None:
    workspace.faults["submit"].append(LOST)
    workspace.faults["submit"].extend([answers(503)] * 100)
    failure = step.fails(step.submission())
    workspace.faults["submit"].clear()

    step.submitted()

    assert failure.name == "Databricks.Throttled"

    assert len(workspace.runs) == 1


def test_a_workspace_that_is_not_there_is_throttling(make_step: MakeStep) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        step = make_step(host=f"http://127.0.0.1:{unused.getsockname()[1]}")

        failure = step.fails(step.submission())

    assert failure.name == "Databricks.Throttled"
    assert "Connection refused" in failure.cause


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (
            answers(400, "INVALID_PARAMETER_VALUE", "Cluster validation error: Missing required field: spark_version."),
            "InvalidRequest",
            "Databricks refused the request (HTTP 400, INVALID_PARAMETER_VALUE: Cluster validation error",
        ),
        (answers(404, "ENDPOINT_NOT_FOUND", "No API found."), "InvalidRequest", "(HTTP 404, ENDPOINT_NOT_FOUND"),
        (answers(403, "PERMISSION_DENIED", "No cluster for you."), "AuthError", "HTTP 403, PERMISSION_DENIED: No clu"),
        (Fault(status=200, body="<html>Sign in</html>"), "InvalidRequest", "did not answer like a Databricks workspac"),
        (Fault(status=200, body={"it": "works"}), "InvalidRequest", "named no run_id"),
        (
            Fault(status=303, body="", headers={"Location": "/login.html"}),
            "InvalidRequest",
            "did not answer like a Databricks workspace (HTTP 303",
        ),
    ],
    ids=["400", "404", "403", "html", "other JSON", "redirect"],
)
def test_what_lasts_fails_at_once(step: Step, workspace: Workspace, fault: Fault, error: str, message: str) -> None:
    workspace.faults["submit"].append(fault)

    failure = step.fails(step.submission())

    assert failure.name == f"Databricks.{error}"
    assert message in failure.cause
    assert len(workspace.calls("submit")) == 1
    assert step.clock.naps == []


def test_a_failed_try_is_logged_with_its_problem(step: Step, workspace: Workspace) -> None:
    workspace.faults["submit"].append(answers(429, "REQUEST_LIMIT_EXCEEDED", Retry_After="7"))

    step.submitted()

    line = step.lines()[0]
    assert (line["level"], line["message"], line["try"], line["delay"]) == ("WARNING", "try failed", 1, 7.0)
    assert line["request"] == "POST /api/2.2/jobs/runs/submit"


def test_an_answer_that_drips_beyond_the_time_left_is_given_up(make_step: MakeStep, workspace: Workspace) -> None:
    step = make_step()

    def pass_time(call: str) -> None:
        step.clock.time += LAMBDA_SECONDS if call == "submit" else 0

    workspace.on_call = pass_time

    failure = step.fails(step.submission())

    assert failure.name == "Databricks.Throttled"
    assert "the answer came too slowly" in failure.cause
