"""Who may call: personal tokens, and OAuth access tokens for service principals.

See https://docs.databricks.com/en/dev-tools/auth/oauth-m2m.html
"""

import secrets
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from zflow_constructs.local.databricks.errors import ApiError


class OAuthError(Exception):
    """A refused token request, worded as RFC 6749, section 5.2, wants it."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description


@dataclass(frozen=True)
class AccessToken:
    """A short-lived token of a service principal."""

    value: str
    expires_in: int


class Authority:
    """Issues access tokens and checks those that requests bring.

    Args:
        tokens: The personal access tokens that are valid.
        clients: The secret of each service principal, by client id.
        token_seconds: How long an access token lives.
    """

    def __init__(self, *, tokens: Collection[str], clients: Mapping[str, str], token_seconds: int) -> None:
        self._tokens = frozenset(tokens)
        self._clients = dict(clients)
        self._token_seconds = token_seconds
        self._expiry: dict[str, float] = {}
        self._lock = threading.Lock()

    def issue(self, *, grant_type: str, scope: str, client_id: str, client_secret: str) -> AccessToken:
        """Answer a request for an access token.

        Raises:
            OAuthError: The client is unknown, or asks for something else than `client_credentials` and `all-apis`.
        """
        if grant_type != "client_credentials":
            raise OAuthError(400, "unsupported_grant_type", f"grant_type {grant_type!r} is not client_credentials")
        if not client_id or self._clients.get(client_id) != client_secret:
            raise OAuthError(401, "invalid_client", "Client authentication failed")
        if scope != "all-apis":
            raise OAuthError(400, "invalid_scope", f"scope {scope!r} is not all-apis")
        token = AccessToken(secrets.token_urlsafe(24), self._token_seconds)
        with self._lock:
            self._expiry[token.value] = time.monotonic() + self._token_seconds
        return token

    def revoke_access_tokens(self) -> None:
        """Make every access token that was issued so far invalid, as if it had expired."""
        with self._lock:
            self._expiry.clear()

    def check(self, authorization: str) -> None:
        """Let a request with this Authorization header pass.

        Raises:
            ApiError: 401; there is no token, or it isn't valid, or no longer.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized("Credential was not sent or was of an unsupported type for this API.")
        with self._lock:
            expiry = self._expiry.get(token, 0.0)
        if token not in self._tokens and expiry <= time.monotonic():
            raise _unauthorized("Invalid or expired access token.")


def _unauthorized(message: str) -> ApiError:
    return ApiError(401, "UNAUTHENTICATED", message)
