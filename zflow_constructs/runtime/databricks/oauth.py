"""Databricks' token endpoint: a grant in, an access token out."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from clock import Clock
from concealment import Concealment
from documents import number, parse, text
from errors import AuthError
from transport import Request, Transport
from visible import is_visible


@dataclass(frozen=True, kw_only=True)
class AccessToken:
    """A bearer token and when it expires, in seconds since the epoch."""

    value: str
    expires_at: float


@dataclass(frozen=True, kw_only=True)
class TokenEndpoint:
    """The token endpoint of a workspace.

    Args:
        host: The workspace's URL.
        clock: Tells when a token was asked for.
        concealment: Learns every token that is given.
    """

    host: str
    clock: Clock
    concealment: Concealment

    def token(
        self, transport: Transport, form: Mapping[str, str], headers: Mapping[str, str], *, whom: str, remedy: str
    ) -> AccessToken:
        """Ask for an access token.

        Args:
            transport: Sends the request.
            form: The grant.
            headers: What authenticates the client, if the grant alone doesn't.
            whom: Who gets no token, in the error.
            remedy: What to check then.

        Raises:
            AuthError: Databricks refused.
            Throttled: Databricks didn't answer in time.
        """
        asked_at = self.clock.now()
        response = transport.send(
            Request(
                method="POST",
                url=f"{self.host}/oidc/v1/token",
                headers={**headers, "Content-Type": "application/x-www-form-urlencoded"},
                body=urlencode(form).encode(),
            )
        )
        grant = parse(response.body)
        value = text(grant, "access_token")
        if response.status != HTTPStatus.OK or not is_visible(value):
            # Of the body only what OAuth says about an error: the rest may be a token.
            problem = f"HTTP {response.status} {text(grant, 'error')} {text(grant, 'error_description')}".rstrip()
            raise AuthError(f"Databricks gave no access token to {whom} ({problem}). {remedy}")
        self.concealment.add(value)
        return AccessToken(value=value, expires_at=asked_at + number(grant, "expires_in"))
