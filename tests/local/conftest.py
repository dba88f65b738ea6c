"""What the tests of the local engine's parts share: a real S3 on loopback."""

import urllib.request
from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer
from mypy_boto3_s3 import S3Client

from zflow_constructs.local.objects import ObjectStore


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[str]:
    """The URL of a moto server."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture(scope="session")
def s3(aws_endpoint: str) -> Iterator[S3Client]:
    """A client of the moto server; making one takes longer than most tests."""
    client = boto3.client(
        "s3",
        endpoint_url=aws_endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    yield client
    client.close()


@pytest.fixture
def objects(aws_endpoint: str, s3: S3Client) -> Iterator[ObjectStore]:
    """S3 with one empty bucket, `lake`."""
    s3.create_bucket(Bucket="lake")
    yield ObjectStore(s3)
    urllib.request.urlopen(f"{aws_endpoint}/moto-api/reset", data=b"").close()
