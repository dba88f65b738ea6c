"""The workspace's address."""

import socket

import pytest

from tests.workspace_check.databricks_server import Answer, DatabricksServer
from zflow_constructs.assembly.cloud_assembly import Stack
from zflow_constructs.core.values.templates import Json
from zflow_constructs.workspace_check.findings import Mark
from zflow_constructs.workspace_check.host import host
from zflow_constructs.workspace_check.values import Values
from zflow_constructs.workspace_check.workspaces import Workspace

DISCOVERY = "/oidc/.well-known/oauth-authorization-server"
EXAMPLE = "https://dbc-a1b2c3d4-e5f6.cloud.databricks.com"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


def lines(address: Json, *, proxy: str = "") -> list[str]:
    workspace = Workspace("Databricks", address, "token", stack="Demo", proxy=proxy)
    values = Values([Stack("Demo")])
    return [finding.line for finding in host(workspace, values).findings]


def closed_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    return port


def test_a_workspace_answers(databricks: DatabricksServer) -> None:
    assert lines(f"{databricks.url}/") == [f"✓ host: {databricks.url} is a workspace"]


def test_the_function_s_proxy_can_t_be_tried_and_is_shown_without_its_user(databricks: DatabricksServer) -> None:
    assert lines(databricks.url, proxy="http://user:hidden@proxy.example:3128") == [
        f"✓ host: {databricks.url} is a workspace",
        f"{Mark.UNKNOWN} proxy: the function goes through http://proxy.example:3128, which can't be tried from here",
    ]


def test_an_address_that_only_the_deployed_stack_knows_is_not_tried() -> None:
    assert lines({"Ref": "Host"}) == [f"{Mark.UNKNOWN} host: known once the stack Demo is deployed (Host)"]


@pytest.mark.parametrize(
    ("address", "line"),
    [
        (
            "http://dbc-a1b2.cloud.databricks.com",
            f"✗ host: http://dbc-a1b2.cloud.databricks.com does not begin with https://. Give it like {EXAMPLE}.",
        ),
        (
            "https://dbc-a1b2.cloud.databricks.com/jobs",
            f"✗ host: https://dbc-a1b2.cloud.databricks.com/jobs has more than a name. Give it like {EXAMPLE}.",
        ),
        (
            "https://accounts.cloud.databricks.com",
            (
                "✗ host: https://accounts.cloud.databricks.com is the account console. "
                f"Give a workspace's address, like {EXAMPLE}."
            ),
        ),
    ],
)
def test_an_address_that_can_t_be_a_workspace_s_is_not_asked(address: str, line: str) -> None:
    assert lines(address) == [line]


def test_a_name_that_does_not_resolve_is_said() -> None:
    (line,) = lines("https://no-such-workspace.invalid")
    assert line.startswith("✗ host: https://no-such-workspace.invalid can't be reached (")
    assert line.endswith("). Check the address; if this machine needs a proxy, set HTTPS_PROXY.")


def test_a_port_where_nothing_listens_is_said() -> None:
    port = closed_port()
    assert lines(f"https://127.0.0.1:{port}") == [
        (
            f"✗ host: https://127.0.0.1:{port} can't be reached (Connection refused). Check the address; if this "
            "machine needs a proxy, set HTTPS_PROXY."
        )
    ]


def test_a_proxy_that_does_not_answer_is_named_without_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    port = closed_port()
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:hidden@127.0.0.1:{port}")
    assert lines(EXAMPLE) == [
        (
            f"✗ host: {EXAMPLE} can't be reached (Connection refused). Check the address, and the proxy of HTTPS_PROXY "
            f"(http://127.0.0.1:{port})."
        )
    ]


def test_what_does_not_speak_tls_gets_a_hint_at_certificates(databricks: DatabricksServer) -> None:
    (line,) = lines(databricks.url.replace("http:", "https:"))
    assert line.startswith(f"✗ host: https{databricks.url.removeprefix('http')} can't be reached (")
    assert line.endswith(
        "If a proxy opens the connections here, set SSL_CERT_FILE and REQUESTS_CA_BUNDLE to the certificates that it "
        "wants trusted."
    )


def test_a_redirect_is_not_followed(databricks: DatabricksServer) -> None:
    location = {"Location": "https://login.example.com/start?next=secret"}
    databricks.answers[DISCOVERY] = Answer(302, "", location)
    assert lines(databricks.url) == [
        (
            f"✗ host: {databricks.url} redirects to https://login.example.com. If that is the workspace, give its "
            "address; if it is a login page, this is no workspace."
        )
    ]


def test_a_workspace_behind_privatelink_is_told_apart(databricks: DatabricksServer) -> None:
    location = {"Location": f"{databricks.url}/login.html?error=private-link-validation-error:1"}
    databricks.answers[DISCOVERY] = Answer(302, "", location)
    assert lines(databricks.url) == [
        (
            f"✗ host: {databricks.url} lets nobody in from here. Run this from the network that the workspace's "
            "PrivateLink is in."
        )
    ]


@pytest.mark.parametrize(
    "answer", [Answer(200, "<html>Welcome</html>"), Answer(200, ["no", "object"]), Answer(200, {"issuer": "other"})]
)
def test_what_answers_but_is_no_workspace_is_said(databricks: DatabricksServer, answer: Answer) -> None:
    databricks.answers[DISCOVERY] = answer
    assert lines(databricks.url) == [
        (
            f"✗ host: {databricks.url} does not answer like a workspace (HTTP 200 for {DISCOVERY}). Take the address "
            f"from the browser when you are in the workspace: {EXAMPLE}."
        )
    ]
