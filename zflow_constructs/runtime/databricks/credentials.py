"""Access tokens for Databricks, from a secret in Secrets Manager.

Tokens are kept over invocations, renewed before they expire, and renewed at once when Databricks refuses one.
"""

import json
import re
from base64 import b64encode
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlencode

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from clock import Clock
from concealment import Concealment
from documents import Document, number, parse, text
from errors import AuthError, Throttled
from settings import Settings
from transport import Request, Transport

RENEW_SECONDS = 120
"""An access token is renewed when it has less time than this to live."""

PASSING_PROBLEMS = {"InternalServiceError", "InternalServiceErrorException", "ThrottlingException"}


class SecretsManager(Protocol):
    """The part of boto3's client that is used here."""

    def get_secret_value(self, *, SecretId: str) -> Document:  # noqa: N803 (boto3's own name)
        """See https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html ."""


@dataclass(frozen=True, kw_only=True)
class AccessToken:
    """A bearer token and when it expires, in seconds since the epoch."""

    value: str
    expires_at: float


class Credentials:
    """The current access token of a workspace.

    Args:
        settings: The workspace and the secret.
        secrets: A Secrets Manager client.
        clock: Tells whether the token is about to expire.
        concealment: Learns every secret that is read here.
    """

    def __init__(self, *, settings: Settings, secrets: SecretsManager, clock: Clock, concealment: Concealment) -> None:
        self._settings = settings
        self._secrets = secrets
        self._clock = clock
        self._concealment = concealment
        self._token = AccessToken(value="", expires_at=0.0)

    def token(self, transport: Transport) -> str:
        """The access token, renewed if it would expire within two minutes.

        Raises:
            AuthError: There are no usable credentials, or Databricks refused them.
            Throttled: Secrets Manager or Databricks didn't answer in time.
        """
        if self._token.expires_at - RENEW_SECONDS <= self._clock.now():
            return self.renew(transport)
        return self._token.value

    def renew(self, transport: Transport) -> str:
        """A new access token. The secret is read again too: it may have been rotated.

        Raises:
            AuthError: There are no usable credentials, or Databricks refused them.
            Throttled: Secrets Manager or Databricks didn't answer in time.
        """
        secret = self._read_secret()
        if self._settings.auth == "token":
            self._token = AccessToken(value=self._hidden(secret, "token"), expires_at=float("inf"))
        else:
            self._token = self._exchange(secret, transport)
        return self._token.value

    def _exchange(self, secret: Document, transport: Transport) -> AccessToken:
        """OAuth's client credentials grant.

        See https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m
        """
        client = f"{self._field(secret, 'client_id')}:{self._hidden(secret, 'client_secret')}"
        basic = b64encode(client.encode()).decode()
        self._concealment.add(basic)
        asked_at = self._clock.now()
        response = transport.send(
            Request(
                method="POST",
                url=f"{self._settings.host}/oidc/v1/token",
                headers={"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"},
                body=urlencode({"grant_type": "client_credentials", "scope": "all-apis"}).encode(),
            )
        )
        grant = parse(response.body)
        if response.status != HTTPStatus.OK or not text(grant, "access_token"):
            # Of the body only what OAuth says about an error: the rest may be a token.
            problem = f"HTTP {response.status} {text(grant, 'error')} {text(grant, 'error_description')}".rstrip()
            raise AuthError(
                f"Databricks gave no access token to the service principal of the secret {self._settings.secret_arn} "
                f"({problem}). Check that {self._settings.host} is its workspace, that the principal is a member, "
                "and that the OAuth secret is neither expired nor deleted."
            )
        return AccessToken(value=self._hidden(grant, "access_token"), expires_at=asked_at + number(grant, "expires_in"))

    def _read_secret(self) -> Document:
        """The secret as a JSON object; a plain string is taken for a token."""
        arn = self._settings.secret_arn
        try:
            value = text(self._secrets.get_secret_value(SecretId=arn), "SecretString")
        except ClientError as error:
            problem = error.response["Error"]
            code = problem.get("Code", "")
            kind = Throttled if code in PASSING_PROBLEMS else AuthError
            raise kind(f"The secret {arn} could not be read ({code}: {problem.get('Message', '')}).") from None
        except HTTPClientError as error:
            raise Throttled(f"Secrets Manager was not reached for the secret {arn} ({error}).") from None
        except BotoCoreError as error:
            raise AuthError(f"The secret {arn} could not be read ({error}).") from None
        try:
            document: object = json.loads(value)
        except ValueError:
            document = value
        return document if isinstance(document, dict) else {"token": value.strip()}

    def _hidden(self, document: Document, key: str) -> str:
        """A field that may be shown nowhere."""
        value = self._field(document, key)
        self._concealment.add(value)
        return value

    def _field(self, document: Document, key: str) -> str:
        """A field that is safe in an HTTP header, and that can be found again in a text to hide it."""
        value = text(document, key)
        if not re.fullmatch(r"[!#-\[\]-~]+", value):
            found = ", ".join(sorted(document)) or "nothing"
            raise AuthError(
                f'The secret {self._settings.secret_arn} has no usable "{key}" for the authentication '
                f'"{self._settings.auth}": it must be visible ASCII characters without spaces, quotes or backslashes. '
                f"The secret's fields: {found}."
            )
        return value
