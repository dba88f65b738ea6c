"""A Databricks workspace on loopback whose tasks the tests hold in their hands, and clients to talk to it."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import ApiClient, Config
from mypy_boto3_s3 import S3Client

from tests.local.databricks.held_runner import HeldRunner
from zflow_constructs.local.databricks.auth import Authority
from zflow_constructs.local.databricks.scheduler import Scheduler
from zflow_constructs.local.databricks.server import DatabricksServer


@pytest.fixture
def runner() -> HeldRunner:
    return HeldRunner()


@pytest.fixture
def server(runner: HeldRunner, tmp_path: Path) -> Iterator[DatabricksServer]:
    authority = Authority(tokens=["personal"], clients={"robot": "robots secret"})
    with DatabricksServer(Scheduler(runner=runner, folder=tmp_path / "databricks"), authority=authority) as server:
        yield server


@pytest.fixture
def workspace(server: DatabricksServer) -> WorkspaceClient:
    """Databricks' own SDK, logged in with a personal token."""
    return WorkspaceClient(host=server.url, token="personal", auth_type="pat")


@pytest.fixture
def api(server: DatabricksServer) -> ApiClient:
    """The SDK's transport: for requests that its methods would not send, and responses as they are."""
    return ApiClient(Config(host=server.url, token="personal", auth_type="pat"))


@pytest.fixture
def lake(aws_endpoint: str) -> Iterator[S3Client]:
    """An S3 client, and one empty bucket, `lake`."""
    client = boto3.client(
        "s3",
        endpoint_url=aws_endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    client.create_bucket(Bucket="lake")
    yield client
    client.close()
    urllib.request.urlopen(f"{aws_endpoint}/moto-api/reset", data=b"").close()
