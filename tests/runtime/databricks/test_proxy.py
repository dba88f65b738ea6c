from base64 import b64encode
from collections.abc import Iterator

import pytest

from tests.runtime.databricks.conftest import MakeStep
from tests.runtime.databricks.proxy import ProxyServer, serve_proxy
from zflow_constructs.local.databricks.scripted_workspace import Workspace

REMEDY = "Check the URL in DATABRICKS_PROXY with its credentials, and that the proxy allows the workspace's host."


@pytest.fixture
def proxy() -> Iterator[ProxyServer]:
    with serve_proxy(ProxyServer()) as server:
        yield server


def with_credentials(proxy: ProxyServer) -> str:
    return proxy.url.replace("http://", "http://user:pass%22word%2F1@")


def test_the_workspace_is_called_through_the_proxy_and_aws_is_not(
    make_step: MakeStep, workspace: Workspace, proxy: ProxyServer
) -> None:
    step = make_step(DATABRICKS_PROXY=proxy.url)

    assert step.result()["state"] == "SUCCESS"
    assert len(proxy.asked) == len(workspace.received)
    assert proxy.asked[:2] == [
        f"POST {workspace.url}/oidc/v1/token",
        f"POST {workspace.url}/api/2.2/jobs/runs/submit",
    ]
    assert set(proxy.authorizations) == {None}


def test_the_proxy_gets_its_credentials_and_the_workspace_does_not(
    make_step: MakeStep, workspace: Workspace, proxy: ProxyServer
) -> None:
    step = make_step(DATABRICKS_PROXY=with_credentials(proxy))

    step.result()

    basic = b64encode(b'user:pass"word/1').decode()
    assert set(proxy.authorizations) == {f"Basic {basic}"}
    assert all("Proxy-Authorization" not in received.headers for received in workspace.received)


def test_without_a_proxy_the_workspace_is_called_directly(make_step: MakeStep, proxy: ProxyServer) -> None:
    make_step(DATABRICKS_PROXY="").result()

    assert not proxy.asked


def test_https_passes_the_proxy_in_a_tunnel_with_its_credentials(make_step: MakeStep, proxy: ProxyServer) -> None:
    proxy.status = 502
    step = make_step(host="https://nowhere.invalid", DATABRICKS_PROXY=with_credentials(proxy))

    failure = step.fails(step.submission())

    assert failure.name == "Databricks.Throttled"
    assert set(proxy.asked) == {"CONNECT nowhere.invalid:443"}
    assert None not in proxy.authorizations


@pytest.mark.parametrize("status", [403, 407])
def test_a_proxy_that_refuses_a_tunnel_is_an_auth_error_at_once(
    make_step: MakeStep, proxy: ProxyServer, status: int
) -> None:
    proxy.status = status
    step = make_step(host="https://nowhere.invalid", DATABRICKS_PROXY=proxy.url)

    failure = step.fails(step.submission())

    assert failure.name == "Databricks.AuthError"
    assert failure.cause.startswith(
        f'Step "Extract": The proxy {proxy.url.removeprefix("http://")} let no request through (URLError: '
        f"<urlopen error Tunnel connection failed: {status} "
    )
    assert failure.cause.endswith(REMEDY)
    assert len(proxy.asked) == 1


def test_a_proxy_that_wants_other_credentials_is_an_auth_error(make_step: MakeStep, proxy: ProxyServer) -> None:
    proxy.status = 407
    step = make_step(DATABRICKS_PROXY=proxy.url)

    failure = step.fails(step.submission())

    assert failure.name == "Databricks.AuthError"
    assert failure.cause.endswith(REMEDY)


def test_a_proxy_that_is_not_there_is_throttling(make_step: MakeStep) -> None:
    step = make_step(DATABRICKS_PROXY="http://127.0.0.1:1")

    assert step.fails(step.submission()).name == "Databricks.Throttled"
