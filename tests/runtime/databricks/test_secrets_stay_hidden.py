from base64 import b64encode

import pytest

from tests.runtime.databricks.conftest import Failure, MakeStep, Step
from tests.runtime.databricks.workspace import FAILED, Fault, Workspace, answers, ends, state

BASIC = b64encode(b"client-1:client-secret-1").decode()
SECRETS = ["client-secret-1", BASIC, "access-token-1", "access-token-2", "personal-token-1"]


def assert_hidden(step: Step, *texts: str) -> None:
    seen = "\n".join([*texts, *step.log])
    assert [secret for secret in SECRETS if secret in seen] == []


@pytest.mark.parametrize("status", [400, 401, 403, 500, 503])
@pytest.mark.parametrize("call", ["token", "submit", "get"])
def test_a_server_that_echoes_our_headers_puts_no_secret_into_a_log_or_an_error(
    step: Step, workspace: Workspace, call: str, status: int
) -> None:
    workspace.faults[call].extend([Fault("echo", status)] * 100)

    failure = step.failure()

    assert "[secret]" in "\n".join([failure.cause, *step.log])
    assert_hidden(step, failure.cause)


def test_a_task_that_prints_our_token_puts_no_secret_into_the_cause(step: Step, workspace: Workspace) -> None:
    tasks = [{"task_key": "main", "run_id": 5, **state("TERMINATED", "FAILED")}]
    workspace.scripts.append(ends(FAILED, tasks=tasks))
    workspace.outputs["5"] = {"error": "bad token access-token-1", "error_trace": "client-secret-1"}

    failure = step.failure()

    assert "bad token [secret]" in failure.cause
    assert_hidden(step, failure.cause)


def test_the_service_principals_id_is_no_secret(step: Step, workspace: Workspace) -> None:
    workspace.faults["submit"].append(answers(403, "PERMISSION_DENIED", "client-1 may not create clusters."))

    assert "client-1 may not create clusters." in step.fails(step.submission()).cause


def test_what_the_state_machine_gets_holds_no_secret(step: Step, workspace: Workspace) -> None:
    answers_in_turn = [str(step.invoke(step.submission())), str(step.result())]

    assert workspace.issued == 1
    assert_hidden(step, *answers_in_turn)


@pytest.mark.parametrize("token", ["personal-token-1\nX: y", "personal-token-1 ", "personal-token-1\x00", "pérsonal"])
def test_a_token_that_no_header_takes_is_refused_without_being_shown(make_step: MakeStep, token: str) -> None:
    step = make_step(auth="token", secret={"token": token})

    failure: Failure = step.fails(step.submission())

    assert failure.name == "Databricks.AuthError"
    assert token not in failure.cause
    assert_hidden(step, failure.cause)


def test_a_token_in_an_answer_that_is_not_understood_is_not_shown(step: Step, workspace: Workspace) -> None:
    workspace.faults["token"].append(Fault(status=201, body={"access_token": "access-token-1"}))

    failure = step.fails(step.submission())

    assert failure.name == "Databricks.AuthError"
    assert_hidden(step, failure.cause)


def test_a_redirect_to_another_host_gets_no_credentials(step: Step, workspace: Workspace) -> None:
    redirect = Fault(status=302, body="", headers={"Location": f"{workspace.url}/elsewhere/list"})
    workspace.faults["submit"].append(redirect)

    assert step.fails(step.submission()).name == "Databricks.InvalidRequest"
    assert not workspace.calls("list")
