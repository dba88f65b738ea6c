"""Tokens: for how long they are good, and what a service principal gets one for."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from tests.local.databricks.caller import Answer, Caller, send
from zflow_constructs.local.databricks.auth import JWT, TOKEN_EXCHANGE
from zflow_constructs.local.databricks.clock import SimulatedClock
from zflow_constructs.local.databricks.scripted_workspace import Workspace


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with Workspace(SimulatedClock()) as workspace:
        workspace.federated = {"principal-1": "jwt-1"}
        yield workspace


EXCHANGE = {
    "grant_type": TOKEN_EXCHANGE,
    "subject_token": "jwt-1",
    "subject_token_type": JWT,
    "scope": "all-apis",
    "client_id": "principal-1",
}
SECRET = {
    "grant_type": "client_credentials",
    "scope": "all-apis",
    "client_id": "client-1",
    "client_secret": "client-secret-1",
}


def ask(workspace: Workspace, form: dict[str, str]) -> Answer:
    return send(f"{workspace.url}/oidc/v1/token", data=urlencode(form).encode())


def list_status(workspace: Workspace, token: object) -> int:
    return Caller(workspace.url, token=str(token)).get("runs/list").status


@pytest.mark.parametrize("form", [EXCHANGE, SECRET], ids=["exchange", "secret"])
def test_an_access_token_is_good_for_an_hour_of_the_clock(workspace: Workspace, form: dict[str, str]) -> None:
    answer = ask(workspace, form)
    assert (answer.status, answer.document) == (
        200,
        {"access_token": "access-token-1", "token_type": "Bearer", "scope": "all-apis", "expires_in": 3600},
    )
    workspace.clock.advance(3599)
    assert list_status(workspace, "access-token-1") == 200
    workspace.clock.advance(1)
    assert list_status(workspace, "access-token-1") == 401
    assert ask(workspace, form).document["access_token"] == "access-token-2"
    assert workspace.issued == 2


@pytest.mark.parametrize(
    ("change", "status", "error", "description"),
    [
        (
            {"subject_token": "forged"},
            400,
            "invalid_grant",
            "No federation policy of client_id 'principal-1' matches the subject_token",
        ),
        (
            {"client_id": "client-1"},
            400,
            "invalid_grant",
            "No federation policy of client_id 'client-1' matches the subject_token",
        ),
        ({"subject_token_type": "jwt"}, 400, "invalid_request", f"subject_token_type 'jwt' is not {JWT}"),
        ({"scope": "sql"}, 400, "invalid_scope", "scope 'sql' is not all-apis"),
        (
            {"grant_type": "password"},
            400,
            "unsupported_grant_type",
            f"grant_type 'password' is neither client_credentials nor {TOKEN_EXCHANGE}",
        ),
    ],
)
def test_a_foreign_token_is_exchanged_only_as_the_policy_says(
    workspace: Workspace, change: dict[str, str], status: int, error: str, description: str
) -> None:
    answer = ask(workspace, {**EXCHANGE, **change})
    assert (answer.status, answer.document) == (status, {"error": error, "error_description": description})
    assert workspace.issued == 0


def test_the_lifetime_of_the_next_tokens_may_be_another(workspace: Workspace) -> None:
    workspace.lifetime = 60
    assert ask(workspace, EXCHANGE).document["expires_in"] == 60
    workspace.clock.advance(60)
    assert list_status(workspace, "access-token-1") == 401


def test_a_principal_without_a_policy_keeps_its_secret(workspace: Workspace) -> None:
    assert ask(workspace, {**SECRET, "client_secret": "guessed"}).status == 401
    assert ask(workspace, {**SECRET, "client_id": "principal-1", "client_secret": ""}).status == 401


def test_a_personal_token_is_good_until_it_is_revoked(workspace: Workspace) -> None:
    workspace.clock.advance(10**9)
    assert list_status(workspace, "personal-token-1") == 200
    workspace.authority.revoke_access_tokens()
    assert list_status(workspace, "personal-token-1") == 200
    workspace.revoke_tokens()
    assert list_status(workspace, "personal-token-1") == 401


def test_a_token_may_be_refused_with_403(workspace: Workspace) -> None:
    workspace.authority.refused_status = 403
    answer = Caller(workspace.url, token="revoked").get("runs/list")
    assert (answer.status, answer.document) == (
        403,
        {"error_code": "PERMISSION_DENIED", "message": "Invalid or expired access token."},
    )


def test_credentials_are_rotated_while_it_serves(workspace: Workspace) -> None:
    workspace.clients = {"client-1": "client-secret-2"}
    workspace.tokens = {"personal-token-2": workspace.clock.now() + 10}
    assert ask(workspace, SECRET).status == 401
    assert ask(workspace, {**SECRET, "client_secret": "client-secret-2"}).status == 200
    assert list_status(workspace, "personal-token-1") == 401
    assert list_status(workspace, "personal-token-2") == 200
    workspace.clock.advance(10)
    assert list_status(workspace, "personal-token-2") == 401
