"""The boto3 clients of a local run, and what they return."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from botocore.client import BaseClient
from botocore.response import StreamingBody

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient


class Clients:
    """One client a service, made once: making one takes longer than most calls.

    Args:
        make: Makes the client of a service, by boto3's name of it.

    Example:
        clients.s3.list_buckets()
        clients("dynamodb")
    """

    def __init__(self, make: Callable[[str], BaseClient]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._clients: dict[str, BaseClient] = {}

    def __call__(self, service: str) -> BaseClient:
        """The client of a service.

        Args:
            service: boto3's name of the service.
        """
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._make(service)
            return self._clients[service]

    @property
    def cloudformation(self) -> CloudFormationClient:
        """CloudFormation."""
        return cast("CloudFormationClient", self("cloudformation"))

    @property
    def lambda_(self) -> LambdaClient:
        """Lambda."""
        return cast("LambdaClient", self("lambda"))

    @property
    def s3(self) -> S3Client:
        """S3."""
        return cast("S3Client", self("s3"))

    @property
    def sagemaker(self) -> SageMakerClient:
        """SageMaker."""
        return cast("SageMakerClient", self("sagemaker"))

    @property
    def sagemaker_runtime(self) -> SageMakerRuntimeClient:
        """SageMaker Runtime, which invokes endpoints."""
        return cast("SageMakerRuntimeClient", self("sagemaker-runtime"))

    @property
    def secretsmanager(self) -> SecretsManagerClient:
        """Secrets Manager."""
        return cast("SecretsManagerClient", self("secretsmanager"))

    @property
    def ssm(self) -> SSMClient:
        """Systems Manager, for its parameters."""
        return cast("SSMClient", self("ssm"))

    @property
    def stepfunctions(self) -> SFNClient:
        """Step Functions."""
        return cast("SFNClient", self("stepfunctions"))


def json_value(value: object) -> object:
    """A response of boto3 as JSON.

    Args:
        value: What boto3 returned.
    """
    match value:
        case Mapping():
            return {key: json_value(item) for key, item in value.items()}
        case list():
            return [json_value(item) for item in value]
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case StreamingBody():
            return value.read().decode()
        case bytes():
            return value.decode()
        case _:
            return value


def operation_name(client: BaseClient, action: str) -> str:
    """An operation's name as the service's model has it.

    Args:
        client: The service's client.
        action: The operation as a state machine names it: `putObject`.

    Raises:
        ValueError: The service has no such operation.
    """
    operations = {name.lower(): name for name in client.meta.service_model.operation_names}
    if action.lower() not in operations:
        raise ValueError(f"{client.meta.service_model.service_name} has no operation {action!r}")
    return str(operations[action.lower()])
