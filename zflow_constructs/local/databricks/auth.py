"""Who may call: personal tokens, and OAuth access tokens of service principals.

A service principal gets one for its secret, or for the token of another issuer that its federation policy trusts. See
https://docs.databricks.com/en/dev-tools/auth/oauth-m2m.html and .../dev-tools/auth/oauth-federation
"""

import math
import secrets
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from zflow_constructs.local.databricks.clock import Clock, RealClock
from zflow_constructs.local.databricks.errors import ApiError

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"

NO_CLIENTS: Mapping[str, str] = MappingProxyType({})


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


@dataclass(frozen=True)
class TokenRequest:
    """A request for an access token: the fields of its form, and of its basic authentication."""

    grant_type: str
    scope: str
    client_id: str = ""
    client_secret: str = ""
    subject_token: str = ""
    subject_token_type: str = ""


def random_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(24)


class Authority:
    """Issues access tokens and checks those that requests bring.

    What it accepts may be changed while it serves, as credentials are rotated and revoked.

    Args:
        tokens: The personal access tokens that are valid. Default: none.
        clients: The secret of each service principal, by client id. Default: none.
        trusts: Whether a service principal, by its client id, gets an access token for another issuer's token (a JWT).
            Default: none does.
        token_seconds: How long an access token lives. Default: 3600, as on Databricks.
        clock: What the time is. Default: this machine's.
        new_token: Makes the value of an access token. Default: `random_token`.

    Attributes:
        tokens: The tokens that are valid, personal and issued ones, and until when.
        clients: The secrets of the service principals.
        refused_status: The HTTP status of a token that is not valid: 401, or 403, as Databricks answers sometimes.
        token_seconds: How long the access tokens live that are issued from now on.
        issued: How many access tokens were issued.
    """

    def __init__(
        self,
        *,
        tokens: Collection[str] = (),
        clients: Mapping[str, str] = NO_CLIENTS,
        trusts: Callable[[str, str], bool] = lambda _client, _token: False,
        token_seconds: int = 3600,
        clock: Clock | None = None,
        new_token: Callable[[], str] = random_token,
    ) -> None:
        self.tokens: dict[str, float] = dict.fromkeys(tokens, math.inf)
        self.clients = dict(clients)
        self.refused_status = 401
        self.issued = 0
        self.token_seconds = token_seconds
        self._trusts = trusts
        self._clock = clock or RealClock()
        self._new_token = new_token
        self._lock = threading.Lock()

    def issue(self, request: TokenRequest) -> AccessToken:
        """Answer a request for an access token.

        Raises:
            OAuthError: The client is unknown, its foreign token not trusted, or something else than `all-apis` is
                asked for.
        """
        if request.grant_type == TOKEN_EXCHANGE:
            self._check_foreign_token(request)
        elif request.grant_type == "client_credentials":
            self._check_secret(request)
        else:
            message = f"grant_type {request.grant_type!r} is neither client_credentials nor {TOKEN_EXCHANGE}"
            raise OAuthError(400, "unsupported_grant_type", message)
        if request.scope != "all-apis":
            raise OAuthError(400, "invalid_scope", f"scope {request.scope!r} is not all-apis")
        with self._lock:
            token = AccessToken(self._new_token(), self.token_seconds)
            self.issued += 1
            self.tokens[token.value] = self._clock.now() + self.token_seconds
        return token

    def revoke_access_tokens(self) -> None:
        """Make every access token that was issued so far invalid, as if it had expired."""
        with self._lock:
            self.tokens = {token: expiry for token, expiry in self.tokens.items() if expiry == math.inf}

    def check(self, authorization: str) -> None:
        """Let a request with this Authorization header pass.

        Raises:
            ApiError: There is no token (401), or it isn't valid, or no longer (`refused_status`).
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            message = "Credential was not sent or was of an unsupported type for this API."
            raise ApiError(401, "UNAUTHENTICATED", message)
        if self.tokens.get(token, 0.0) <= self._clock.now():
            error_code = "UNAUTHENTICATED" if self.refused_status == 401 else "PERMISSION_DENIED"
            raise ApiError(self.refused_status, error_code, "Invalid or expired access token.")

    def _check_secret(self, request: TokenRequest) -> None:
        if not request.client_id or self.clients.get(request.client_id) != request.client_secret:
            raise OAuthError(401, "invalid_client", "Client authentication failed")

    def _check_foreign_token(self, request: TokenRequest) -> None:
        if request.subject_token_type != JWT:
            message = f"subject_token_type {request.subject_token_type!r} is not {JWT}"
            raise OAuthError(400, "invalid_request", message)
        if not self._trusts(request.client_id, request.subject_token):
            message = f"No federation policy of client_id {request.client_id!r} matches the subject_token"
            raise OAuthError(400, "invalid_grant", message)
