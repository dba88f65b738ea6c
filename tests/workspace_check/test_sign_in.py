"""Who the credentials are in the workspace."""

import pytest

from tests.workspace_check.databricks_server import (
    CLIENT,
    CLIENT_SECRET,
    PERSONAL_TOKEN,
    Answer,
    DatabricksServer,
    refusal,
)
from zflow_constructs.workspace_check.findings import Concealment, Mark
from zflow_constructs.workspace_check.secret import Credentials
from zflow_constructs.workspace_check.sign_in import SignedIn, may_create_clusters, sign_in

ME = "/api/2.0/preview/scim/v2/Me"
OAUTH = Credentials("risk/databricks", CLIENT, CLIENT_SECRET)
TOKEN = Credentials("risk/databricks", "", PERSONAL_TOKEN)


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own configuration of Databricks must not matter: here it would be wrong."""
    monkeypatch.setenv("DATABRICKS_TOKEN", "somebody-else")
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", "somebody-else")
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/no/such/file")
    monkeypatch.setenv("DATABRICKS_CONFIG_PROFILE", "nobody")
    monkeypatch.setenv("DATABRICKS_WORKSPACE_ID", "1")


def signed_in(databricks: DatabricksServer) -> SignedIn:
    signed = sign_in(databricks.url, OAUTH, Concealment()).value
    assert signed
    return signed


def line(databricks: DatabricksServer, credentials: Credentials) -> str:
    (finding,) = sign_in(databricks.url, credentials, Concealment()).findings
    return finding.line


@pytest.mark.parametrize("credentials", [OAUTH, TOKEN])
def test_a_service_principal_is_named_with_its_application_id(
    databricks: DatabricksServer, credentials: Credentials
) -> None:
    assert line(databricks, credentials) == "✓ credentials: zflow-prod (7a1c-0001), active"


def test_a_user_without_another_name_is_named_once(databricks: DatabricksServer) -> None:
    databricks.me = {"userName": "ana@example.com", "active": True}
    assert line(databricks, TOKEN) == "✓ credentials: ana@example.com, active"


def test_the_access_token_is_concealed(databricks: DatabricksServer, concealment: Concealment) -> None:
    signed = sign_in(databricks.url, OAUTH, concealment).value
    assert concealment.clean("Bearer access-token-1, Basic Y2xpZW50LTE6Y2xpZW50LXNlY3JldC0x") == "Bearer ***, Basic ***"
    assert "access-token" not in repr(signed)


def test_a_wrong_client_secret_is_said_with_what_to_do(databricks: DatabricksServer) -> None:
    assert line(databricks, Credentials("risk/databricks", CLIENT, "wrong")) == (
        "✗ credentials: no token for the client client-1 of risk/databricks (HTTP 401 invalid_client: Client "
        f"authentication failed). Add its service principal to the workspace {databricks.url}; if it is there, make it "
        "a new OAuth secret and write that into the secret."
    )


def test_an_answer_without_a_token_is_said(databricks: DatabricksServer) -> None:
    databricks.answers["/oidc/v1/token"] = Answer(200, "<html></html>")
    assert line(databricks, OAUTH) == (
        "✗ credentials: no token for the client client-1 of risk/databricks (HTTP 200). Add its service principal to "
        f"the workspace {databricks.url}; if it is there, make it a new OAuth secret and write that into the secret."
    )


def test_a_wrong_token_is_said_with_what_to_do(databricks: DatabricksServer) -> None:
    assert line(databricks, Credentials("risk/databricks", "", "wrong")) == (
        "✗ credentials: the workspace refuses them (UNAUTHENTICATED: Credential was not sent or was of an unsupported "
        "type). Write a valid token into risk/databricks."
    )


def test_an_address_that_is_not_let_in_is_said_with_what_to_do(databricks: DatabricksServer) -> None:
    message = "Source IP address: 192.0.2.1 is blocked by Databricks IP ACL for workspace: 1"
    databricks.answers[ME] = refusal(403, "PERMISSION_DENIED", message)
    assert line(databricks, OAUTH) == (
        f"✗ credentials: the workspace refuses them (PERMISSION_DENIED: {message}). Have this machine's address added "
        "to the workspace's IP access list; the function's, too."
    )


def test_a_workspace_that_is_down_is_said(databricks: DatabricksServer) -> None:
    databricks.answers[ME] = refusal(500, "INTERNAL_ERROR", "Down.")
    assert line(databricks, OAUTH) == ("✗ credentials: the workspace did not answer (INTERNAL_ERROR: Down). Try again.")


def test_who_is_not_active_is_said(databricks: DatabricksServer) -> None:
    databricks.me["active"] = False
    assert line(databricks, OAUTH) == (
        "✗ credentials: zflow-prod (7a1c-0001) is not active. Activate it in the workspace's settings."
    )


class TestNewClustersWithoutAPolicy:
    GROUPS = "/api/2.0/preview/scim/v2/Groups"

    def said(self, databricks: DatabricksServer) -> str:
        return may_create_clusters(signed_in(databricks), ["Extract", "Report", "Extract"]).line

    @pytest.mark.parametrize(
        "mine", [{"entitlements": [{"value": "allow-cluster-create"}]}, {"groups": [{"display": "admins"}]}]
    )
    def test_may_be_made_by_who_has_the_entitlement_or_is_an_admin(
        self, databricks: DatabricksServer, mine: dict[str, object]
    ) -> None:
        databricks.me |= mine
        assert self.said(databricks) == ("✓ new clusters without a policy (Extract, Report): zflow-prod may make them")

    def test_may_be_made_by_who_is_in_a_group_that_may(self, databricks: DatabricksServer) -> None:
        databricks.me["groups"] = [{"display": "jobs", "value": "1"}]
        databricks.answers[f"{self.GROUPS}/1"] = Answer(200, {"entitlements": [{"value": "allow-cluster-create"}]})
        assert self.said(databricks) == (
            "✓ new clusters without a policy (Extract, Report): zflow-prod may make them, as one of jobs"
        )

    def test_may_not_be_made_by_others(self, databricks: DatabricksServer) -> None:
        databricks.me["groups"] = [{"display": "users", "value": "1"}]
        databricks.answers[f"{self.GROUPS}/1"] = Answer(200, {"displayName": "users"})
        assert self.said(databricks) == (
            "✗ new clusters without a policy (Extract, Report): zflow-prod may make none. Give it the entitlement "
            '"Unrestricted cluster creation" (allow-cluster-create), or name a policy that it may use.'
        )

    def test_may_perhaps_be_made_by_who_is_in_groups_that_are_not_shown(self, databricks: DatabricksServer) -> None:
        databricks.me["groups"] = [{"display": "users", "value": "1"}, {"display": "jobs", "value": "2"}]
        assert self.said(databricks) == (
            f"{Mark.UNKNOWN} new clusters without a policy (Extract, Report): zflow-prod has no allow-cluster-create "
            "itself, and may not see what it has as one of jobs, users"
        )
