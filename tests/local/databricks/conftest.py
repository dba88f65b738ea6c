"""A Databricks workspace on loopback whose tasks the tests hold in their hands, and clients to talk to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import ApiClient, Config
from tests.local.databricks.held_runner import HeldRunner

from zflow_constructs.local.databricks.server import DatabricksServer


@pytest.fixture
def runner() -> HeldRunner:
    return HeldRunner()


@pytest.fixture
def server(runner: HeldRunner, tmp_path: Path) -> Iterator[DatabricksServer]:
    with DatabricksServer(
        runner=runner, folder=tmp_path / "databricks", tokens=["personal"], clients={"robot": "robots secret"}
    ) as server:
        yield server


@pytest.fixture
def workspace(server: DatabricksServer) -> WorkspaceClient:
    """Databricks' own SDK, logged in with a personal token."""
    return WorkspaceClient(host=server.url, token="personal", auth_type="pat")


@pytest.fixture
def api(server: DatabricksServer) -> ApiClient:
    """The SDK's transport: for requests that its methods would not send, and responses as they are."""
    return ApiClient(Config(host=server.url, token="personal", auth_type="pat"))
