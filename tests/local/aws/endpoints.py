"""What SageMaker's API needs in tests that are about something else, and models that say who answered."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from zflow_constructs.local.aws.sagemaker_endpoints import Endpoints
from zflow_constructs.local.aws.sagemaker_jobs import Jobs
from zflow_constructs.local.aws.sagemaker_models import Models
from zflow_constructs.local.aws.sagemaker_registry import ModelRegistry
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.containers import InferenceResponse
from zflow_constructs.local.objects import ObjectStore


class EchoModel:
    """A model that answers with its containers' names, and starts only if none of them is called broken."""

    def __init__(self, containers: Sequence[Mapping[str, object]]) -> None:
        self.names = [str(container["ModelDataUrl"]) for container in containers]
        self.running = False

    def start(self) -> None:
        if "broken" in self.names:
            raise RuntimeError("no such model")
        self.running = True

    def invoke(self, body: bytes, *, content_type: str, accept: str) -> InferenceResponse:
        assert self.running
        if body == b"bad":
            return InferenceResponse(400, b"can't read that", "text/plain", "primary")
        answer = {"by": self.names, "body": body.decode(), "type": content_type, "accept": accept}
        return InferenceResponse(200, json.dumps(answer).encode(), "application/json", "primary")

    def stop(self) -> None:
        self.running = False


def no_jobs(aws: AwsServer, folder: Path) -> Jobs:
    """For tests that start none."""

    def none(*_: object) -> None:
        pytest.fail("no job")

    return Jobs(
        region=aws.region,
        account=aws.account,
        folder=folder,
        training=none,  # type: ignore[arg-type]
        transform=none,  # type: ignore[arg-type]
        processing=none,  # type: ignore[arg-type]
        on_line=lambda *_: None,
    )


def no_endpoints(models: Models, aws: AwsServer, folder: Path) -> Endpoints:
    """For tests that have none."""
    return Endpoints(
        models,
        region=aws.region,
        account=aws.account,
        folder=folder,
        model=lambda *_: pytest.fail("no endpoint"),
        store=ObjectStore(aws.clients.s3),
        tell=lambda *_: None,
        on_line=lambda *_: None,
    )


def no_versions(aws: AwsServer) -> ModelRegistry:
    """For tests that register none."""
    return ModelRegistry(region=aws.region, account=aws.account, exists=lambda _uri: True)
