import pytest

from tests.runtime.databricks.cloud import Secrets
from tests.runtime.databricks.conftest import MakeStep, Step
from zflow_constructs.local.databricks.faults import answers
from zflow_constructs.local.databricks.scripted_workspace import Workspace


def test_an_access_token_is_kept_over_invocations(step: Step, workspace: Workspace) -> None:
    step.result()

    assert len(workspace.calls("token")) == 1
    assert {received.headers["Authorization"] for received in workspace.calls("get")} == {"Bearer access-token-1"}


def test_an_access_token_is_renewed_120_seconds_before_it_expires(step: Step, workspace: Workspace) -> None:
    run = step.submitted()
    step.clock.sleep(3600 - 121)
    step.invoke(step.look(run))
    assert workspace.issued == 1

    step.clock.sleep(1)
    step.invoke(step.look(run))
    assert workspace.issued == 2


def test_a_refused_token_is_renewed_once(step: Step, workspace: Workspace) -> None:
    run = step.submitted()
    workspace.revoke_tokens()

    assert step.invoke(step.look(run))["status"] == "WAIT"
    assert workspace.issued == 2


def test_a_token_refused_with_403_is_renewed_too(step: Step, workspace: Workspace) -> None:
    run = step.submitted()
    workspace.faults["get"].append(answers(403, 403, "Invalid access token."))

    assert step.invoke(step.look(run))["status"] == "WAIT"
    assert workspace.issued == 2


def test_a_token_refused_twice_is_an_auth_error(step: Step, workspace: Workspace) -> None:
    workspace.faults["submit"].extend([answers(401, 401, "Token is expired")] * 2)

    failure = step.fails(step.submission())

    assert failure.name == "Databricks.AuthError"
    assert "refused the credentials (HTTP 401, 401: Token is expired)" in failure.cause
    assert len(workspace.calls("submit")) == 2


@pytest.mark.parametrize("secret", ["personal-token-1", " personal-token-1\n", {"token": "personal-token-1"}])
def test_a_personal_token_is_read_from_a_json_secret_or_a_plain_one(
    make_step: MakeStep, workspace: Workspace, secret: object
) -> None:
    step = make_step(auth="token", secret=secret)

    assert step.result()["state"] == "SUCCESS"
    assert not workspace.calls("token")


def test_a_rotated_personal_token_is_read_again_when_the_old_one_is_refused(
    make_step: MakeStep, workspace: Workspace, secrets: Secrets
) -> None:
    arn = secrets.create({"token": "personal-token-1"})
    step = make_step(auth="token", arn=arn)
    run = step.submitted()

    secrets.rotate(arn, {"token": "personal-token-2"})
    workspace.tokens = {"personal-token-2": float("inf")}

    assert step.invoke(step.look(run))["status"] == "WAIT"


def test_a_rotated_client_secret_is_read_again_for_the_next_token(
    make_step: MakeStep, workspace: Workspace, secrets: Secrets
) -> None:
    arn = secrets.create({"client_id": "client-1", "client_secret": "client-secret-1"})
    step = make_step(arn=arn)
    run = step.submitted()

    secrets.rotate(arn, {"client_id": "client-1", "client_secret": "client-secret-2"})
    workspace.clients = {"client-1": "client-secret-2"}
    workspace.revoke_tokens()

    assert step.invoke(step.look(run))["status"] == "WAIT"


def test_refused_client_credentials_are_an_auth_error_at_once(make_step: MakeStep, workspace: Workspace) -> None:
    step = make_step(secret={"client_id": "client-1", "client_secret": "of-last-year"})

    failure = step.fails(step.submission())

    assert failure.name == "Databricks.AuthError"
    assert "invalid_client" in failure.cause
    assert "the OAuth secret is neither expired nor deleted" in failure.cause
    assert len(workspace.calls("token")) == 1


@pytest.mark.parametrize(
    ("auth", "secret", "key", "fields"),
    [
        ("oauth-m2m", {"client_id": "client-1"}, "client_secret", "client_id"),
        ("oauth-m2m", {"id": "x", "secret": "y"}, "client_id", "id, secret"),
        ("oauth-m2m", "personal-token-1", "client_id", "token"),
        ("token", {"client_id": "a", "client_secret": "b"}, "token", "client_id, client_secret"),
        ("token", {"token": ""}, "token", "token"),
        ("token", {"token": "two words"}, "token", "token"),
        ("token", {"token": "line\nbreak"}, "token", "token"),
        ("token", {"token": 'a"quote'}, "token", "token"),
    ],
)
def test_an_unusable_secret_is_named_by_its_fields_never_its_values(
    make_step: MakeStep, auth: str, secret: object, key: str, fields: str
) -> None:
    failure = make_step(auth=auth, secret=secret).fails(make_step().submission())

    assert failure.name == "Databricks.AuthError"
    assert f'has no usable "{key}" for the authentication "{auth}"' in failure.cause
    assert failure.cause.endswith(f"The secret's fields: {fields}.")


def test_a_secret_that_is_not_there_is_an_auth_error(make_step: MakeStep) -> None:
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:nowhere-AbCdEf"

    failure = make_step(arn=arn).fails(make_step().submission())

    assert failure.name == "Databricks.AuthError"
    assert f"The secret {arn} could not be read (ResourceNotFoundException" in failure.cause
