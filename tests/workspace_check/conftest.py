from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workspace_check.databricks_server import DatabricksServer, serve_databricks
from tests.workspace_check.environments import aws_account, serve_moto
from tests.workspace_check.iam_server import IamServer
from zflow_constructs.workspace_check.clients import Clients
from zflow_constructs.workspace_check.findings import Concealment


@pytest.fixture
def databricks() -> Iterator[DatabricksServer]:
    with serve_databricks() as server:
        yield server


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The URL of AWS."""
    with serve_moto() as url:
        yield url


@pytest.fixture
def iam(moto: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[IamServer]:
    """An AWS account whose IAM tests may script."""
    with aws_account(moto, monkeypatch, tmp_path) as server:
        yield server


@pytest.fixture
def clients(request: pytest.FixtureRequest) -> Clients:
    request.getfixturevalue("iam")
    return Clients("")


@pytest.fixture
def concealment() -> Concealment:
    return Concealment()
