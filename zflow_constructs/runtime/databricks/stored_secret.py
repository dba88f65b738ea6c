"""Access tokens of credentials that a secret in Secrets Manager holds."""

import json
from base64 import b64encode
from dataclasses import dataclass

from aws import SecretsManager, describe, passes
from botocore.exceptions import BotoCoreError, ClientError
from concealment import Concealment
from documents import Document, text
from errors import AuthError, Throttled
from oauth import AccessToken, TokenEndpoint
from settings import Settings
from transport import Transport
from visible import is_visible


@dataclass(frozen=True, kw_only=True)
class StoredSecret:
    """A personal access token, or the OAuth credentials of a service principal.

    Args:
        settings: The workspace and the secret.
        secrets: A Secrets Manager client.
        endpoint: The workspace's token endpoint.
        concealment: Learns every secret that is read here.
    """

    settings: Settings
    secrets: SecretsManager
    endpoint: TokenEndpoint
    concealment: Concealment

    def token(self, transport: Transport) -> AccessToken:
        """A new access token. The secret is read each time: it may have been rotated.

        Raises:
            AuthError: There are no usable credentials, or Databricks refused them.
            Throttled: Secrets Manager or Databricks didn't answer in time.
        """
        secret = self._read()
        if self.settings.auth == "token":
            return AccessToken(value=self._hidden(secret, "token"), expires_at=float("inf"))
        return self._exchange(secret, transport)

    def _exchange(self, secret: Document, transport: Transport) -> AccessToken:
        """OAuth's client credentials grant.

        See https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m
        """
        client = f"{self._field(secret, 'client_id')}:{self._hidden(secret, 'client_secret')}"
        basic = b64encode(client.encode()).decode()
        self.concealment.add(basic)
        return self.endpoint.token(
            transport,
            {"grant_type": "client_credentials", "scope": "all-apis"},
            {"Authorization": f"Basic {basic}"},
            whom=f"the service principal of the secret {self.settings.secret_arn}",
            remedy=f"Check that {self.settings.host} is its workspace, that the principal is a member, and that the "
            "OAuth secret is neither expired nor deleted.",
        )

    def _read(self) -> Document:
        """The secret as a JSON object; a plain string is taken for a token."""
        arn = self.settings.secret_arn
        try:
            value = text(self.secrets.get_secret_value(SecretId=arn), "SecretString")
        except (ClientError, BotoCoreError) as error:
            kind = Throttled if passes(error) else AuthError
            raise kind(f"The secret {arn} could not be read ({describe(error)}).") from None
        try:
            document: object = json.loads(value)
        except ValueError:
            document = value
        return document if isinstance(document, dict) else {"token": value.strip()}

    def _hidden(self, document: Document, key: str) -> str:
        """A field that may be shown nowhere."""
        value = self._field(document, key)
        self.concealment.add(value)
        return value

    def _field(self, document: Document, key: str) -> str:
        value = text(document, key)
        if not is_visible(value):
            found = ", ".join(sorted(document)) or "nothing"
            raise AuthError(
                f'The secret {self.settings.secret_arn} has no usable "{key}" for the authentication '
                f'"{self.settings.auth}": it must be visible ASCII characters without spaces, quotes or backslashes. '
                f"The secret's fields: {found}."
            )
        return value
