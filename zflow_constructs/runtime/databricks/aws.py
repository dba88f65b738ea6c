"""The AWS clients that the function calls, and which of their errors pass by themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError
from documents import Document

PASSING_CODES = {
    "ConditionalRequestConflict",
    "InternalServiceError",
    "InternalServiceErrorException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
}

UNREACHED = (exceptions.HTTPClientError, exceptions.ConnectionError, exceptions.IncompleteReadError)

AwsError = ClientError | BotoCoreError


class SecretsManager(Protocol):
    """The part of boto3's client that is used here."""

    def get_secret_value(self, *, SecretId: str) -> Document:
        """See https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html ."""


class SecurityTokenService(Protocol):
    """The part of boto3's client that is used here."""

    def get_web_identity_token(self, *, Audience: list[str], DurationSeconds: int, SigningAlgorithm: str) -> Document:
        """See https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html ."""


class S3(Protocol):
    """The part of boto3's client that is used here."""

    def get_object(self, *, Bucket: str, Key: str) -> Document:
        """See https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html ."""

    def put_object(
        self,
        *,
        Bucket: str,
        Key: str,
        Body: bytes,
        ContentType: str,
        IfMatch: str = ...,
        IfNoneMatch: str = ...,
    ) -> Document:
        """See https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html ."""

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = ...) -> Document:
        """See https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html ."""


@dataclass(frozen=True, kw_only=True)
class Clients:
    """The clients of one function.

    Args:
        s3: Keeps what is known of runs, and their outputs.
        secrets: Makes a Secrets Manager client, for the kinds of credentials that are kept in a secret.
        tokens: Makes an STS client, for those that aren't.
    """

    s3: S3
    secrets: Callable[[], SecretsManager]
    tokens: Callable[[], SecurityTokenService]


def passes(error: AwsError) -> bool:
    """Whether the same call may succeed a little later: throttling, an outage, or no connection."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        busy = status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return busy or code_of(error) in PASSING_CODES
    return isinstance(error, UNREACHED) and not isinstance(error, exceptions.SSLError)


def code_of(error: AwsError) -> str:
    """The error's code; nothing for an error that isn't the service's answer."""
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""


def describe(error: AwsError) -> str:
    """The error's code and message."""
    if isinstance(error, ClientError):
        return f"{code_of(error)}: {error.response.get('Error', {}).get('Message', '')}"
    return str(error)
