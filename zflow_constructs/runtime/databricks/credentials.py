"""The current access token of a workspace.

Tokens are kept over invocations, renewed before they expire, and renewed at once when Databricks refuses one.
"""

from typing import Protocol

from clock import Clock
from oauth import AccessToken
from transport import Transport

RENEW_SECONDS = 120
"""An access token is renewed when it has less time than this to live."""


class TokenSource(Protocol):
    """Where access tokens come from."""

    def token(self, transport: Transport) -> AccessToken:
        """A new access token."""


class Credentials:
    """The current access token of a workspace.

    Args:
        source: Gives new tokens.
        clock: Tells whether the token is about to expire.
    """

    def __init__(self, *, source: TokenSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._token = AccessToken(value="", expires_at=0.0)

    def token(self, transport: Transport) -> str:
        """The access token, renewed if it would expire within two minutes.

        Raises:
            AuthError: There are no usable credentials, or Databricks refused them.
            Throttled: AWS or Databricks didn't answer in time.
        """
        if self._token.expires_at - RENEW_SECONDS <= self._clock.now():
            return self.renew(transport)
        return self._token.value

    def renew(self, transport: Transport) -> str:
        """A new access token.

        Raises:
            AuthError: There are no usable credentials, or Databricks refused them.
            Throttled: AWS or Databricks didn't answer in time.
        """
        self._token = self._source.token(transport)
        return self._token.value
