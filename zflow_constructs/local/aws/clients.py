"""The boto3 clients of a local run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from botocore.client import BaseClient

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
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
