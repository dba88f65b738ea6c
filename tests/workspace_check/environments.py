"""An AWS account on loopback, and nothing of the machine's own configuration."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from tests.workspace_check.iam_server import IamServer, serve_iam


@contextmanager
def serve_moto() -> Iterator[str]:
    """AWS at the URL that is given."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        # Its state is the process's: another test's local AWS would find these stacks.
        urllib.request.urlopen(f"http://{host}:{port}/moto-api/reset", data=b"").close()
        server.stop()


@contextmanager
def aws_account(moto: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[IamServer]:
    """boto3's default chain leads to an empty account in moto, whose IAM may be scripted."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example-secret-key")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    urllib.request.urlopen(f"{moto}/moto-api/reset", data=b"").close()
    with serve_iam(moto) as iam:
        monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", iam.url)
        yield iam
