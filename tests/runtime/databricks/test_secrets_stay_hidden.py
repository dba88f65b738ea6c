import json
from base64 import b64encode
from urllib.parse import quote

import pytest

from tests.runtime.databricks.cloud import web_identity_token
from tests.runtime.databricks.conftest import Failure, MakeStep, Step, task
from tests.runtime.databricks.proxy import ProxyServer, serve_proxy
from zflow_constructs.local.databricks.faults import Fault, answers
from zflow_constructs.local.databricks.scripted import FAILED, SUCCESS, ends, state
from zflow_constructs.local.databricks.scripted_workspace import Workspace
from zflow_constructs.local.databricks.shown import Output

BASIC = b64encode(b"client-1:client-secret-1").decode()
JWT = web_identity_token("databricks")
PASSWORD = 'pass"word/1'
PROXY_BASIC = b64encode(f"user:{PASSWORD}".encode()).decode()
SECRETS = [
    "client-secret-1",
    BASIC,
    "access-token-1",
    "access-token-2",
    "personal-token-1",
    JWT,
    "signature-of-the-role",
    PASSWORD,
    json.dumps(PASSWORD)[1:-1],
    quote(PASSWORD, safe=""),
    PROXY_BASIC,
]


def assert_hidden(step: Step, *texts: str) -> None:
    seen = "\n".join([*texts, *step.log, *step.bucket.texts().values()])
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
    tasks = [task("main", 5, state("TERMINATED", "FAILED"))]
    workspace.scripts.append(ends(FAILED, tasks=tasks))
    workspace.outputs["5"] = Output(error="bad token access-token-1", error_trace="client-secret-1")

    failure = step.failure()

    assert "bad token [secret]" in failure.cause
    assert_hidden(step, failure.cause)


def test_a_task_that_prints_our_token_puts_no_secret_into_the_bucket_or_the_answer(
    step: Step, workspace: Workspace
) -> None:
    step.values = {"auc": "main"}
    tasks = [task("main", 5)]
    workspace.scripts.append(ends(SUCCESS, tasks=tasks))
    result = json.dumps({"auc": "access-token-1"})
    workspace.outputs["5"] = Output(logs=f"Bearer access-token-1 {BASIC}", result=result)

    done = step.result()

    assert done["values"] == {"auc": "[secret]"}
    assert "Bearer [secret] [secret]" in "\n".join(step.bucket.texts("RiskScoring/night-1/output/").values())
    assert_hidden(step, str(done))


@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_a_server_that_echoes_the_token_of_our_role_puts_it_nowhere(
    make_step: MakeStep, workspace: Workspace, status: int
) -> None:
    step = make_step(auth="aws-iam", DATABRICKS_CLIENT_ID="client-9", DATABRICKS_AUDIENCE="databricks")
    workspace.faults["token"].extend([Fault("echo", status)] * 100)

    failure = step.failure()

    assert "[secret]" in "\n".join([failure.cause, *step.log])
    assert_hidden(step, failure.cause)


def test_what_is_kept_of_a_federated_run_holds_no_secret(make_step: MakeStep, workspace: Workspace) -> None:
    workspace.federated = {"client-9": JWT}
    step = make_step(auth="aws-iam", DATABRICKS_CLIENT_ID="client-9", DATABRICKS_AUDIENCE="databricks")
    tasks = [task("main", 5, state("TERMINATED", "FAILED"))]
    workspace.scripts.append(ends(FAILED, tasks=tasks))
    workspace.outputs["5"] = Output(error=f"bad token {JWT}", logs=JWT.rpartition(".")[2])

    failure = step.failure()

    assert "bad token [secret]" in failure.cause
    assert_hidden(step, failure.cause)


def test_a_task_that_prints_the_proxys_password_puts_it_nowhere(make_step: MakeStep, workspace: Workspace) -> None:
    with serve_proxy(ProxyServer()) as proxy:
        url = proxy.url.replace("http://", f"http://user:{quote(PASSWORD, safe='')}@")
        step = make_step(DATABRICKS_PROXY=url)
        tasks = [task("main", 5, state("TERMINATED", "FAILED"))]
        workspace.scripts.append(ends(FAILED, tasks=tasks))
        workspace.outputs["5"] = Output(error=f"{url} {PASSWORD}", logs=f"Basic {PROXY_BASIC}")

        failure = step.failure()

    assert "user:[secret]@127.0.0.1" in failure.cause
    assert_hidden(step, failure.cause)


def test_a_proxy_that_echoes_its_credentials_puts_them_nowhere(make_step: MakeStep, workspace: Workspace) -> None:
    with serve_proxy(ProxyServer(status=407, echo=True)) as proxy:
        step = make_step(DATABRICKS_PROXY=proxy.url.replace("http://", f"http://user:{quote(PASSWORD, safe='')}@"))

        failure = step.fails(step.submission())

    assert "Basic [secret]" in failure.cause
    assert not workspace.received
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
    redirect = Fault(status=302, body="", headers={"Location": f"{workspace.url}/elsewhere/cancel"})
    workspace.faults["submit"].append(redirect)

    assert step.fails(step.submission()).name == "Databricks.InvalidRequest"
    assert not workspace.calls("cancel")
