"""The AWS calls of the checks, with limits on how long each may take."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient

_LIMITS = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})

Document = Mapping[str, object]


class Iam(Protocol):
    """The part of boto3's client that is used here."""

    def get_instance_profile(self, **named: str) -> Document:
        """See https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetInstanceProfile.html ."""

    def simulate_principal_policy(self, **named: str | Sequence[str]) -> Document:
        """See https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html ."""

    def get_outbound_web_identity_federation_info(self) -> Document:
        """See https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetOutboundWebIdentityFederationInfo.html ."""


class Sts(Protocol):
    """The part of boto3's client that is used here."""

    def get_caller_identity(self) -> Mapping[str, str]:
        """See https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html ."""


class Clients:
    """The clients of one region, with the credentials that boto3 finds.

    Args:
        region: the region. Empty: boto3's own choice
    """

    def __init__(self, region: str) -> None:
        self._session = boto3.Session(region_name=region or None)
        # A client may be used by many threads, but a session makes one at a time.
        self._making = Lock()

    @property
    def region(self) -> str:
        """The region; empty if none is known."""
        return self._session.region_name or ""

    @property
    def partition(self) -> str:
        """The region's partition, such as `aws`."""
        return self._session.get_partition_for_region(self.region)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """CloudFormation's client."""
        with self._making:
            return self._session.client("cloudformation", config=_LIMITS)

    @cached_property
    def iam(self) -> Iam:
        """IAM's client."""
        with self._making:
            client: Iam = self._session.client("iam", config=_LIMITS)
        return client

    @cached_property
    def s3(self) -> "S3Client":
        """S3's client."""
        with self._making:
            return self._session.client("s3", config=_LIMITS)

    @cached_property
    def secrets(self) -> "SecretsManagerClient":
        """Secrets Manager's client."""
        with self._making:
            return self._session.client("secretsmanager", config=_LIMITS)

    @cached_property
    def sts(self) -> Sts:
        """STS's client."""
        with self._making:
            client: Sts = self._session.client("sts", config=_LIMITS)
        return client


def code(error: ClientError) -> str:
    """The name of the error that AWS answers with.

    Args:
        error: the error.
    """
    return error.response.get("Error", {}).get("Code", "")


def is_denied(error: ClientError) -> bool:
    """Whether who asks may not.

    Args:
        error: the error.
    """
    return code(error) in {"AccessDenied", "AccessDeniedException", "403"}
