"""STS's web identity tokens, by which a role shows itself to services outside of AWS: moto has none.

A token looks like AWS's, a JWT in three parts, but its signature is made up: whoever is to accept it asks here.

See https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html
"""

import json
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from moto.core.responses import ActionResult
from moto.sts.exceptions import STSValidationError
from moto.sts.responses import TokenResponse

from zflow_constructs.local.aws.hooks import replaced

_ALGORITHMS = ("RS256", "ES384")
_DEFAULT_SECONDS = 300


class WebIdentityTokens:
    """The tokens that were given out.

    Args:
        account: The AWS account.
    """

    def __init__(self, *, account: str) -> None:
        self._account = account
        self._given: dict[str, tuple[frozenset[str], float]] = {}
        self._lock = threading.Lock()

    def issue(self, *, audience: Sequence[str], seconds: int, algorithm: str, subject: str) -> str:
        """A new token.

        Args:
            audience: Who may accept it.
            seconds: How long it is good.
            algorithm: How it claims to be signed.
            subject: The ARN of whom it stands for.
        """
        now = time.time()
        claims = {
            "iss": f"https://{self._account}.tokens.sts.global.api.aws",
            "sub": subject,
            "aud": audience[0] if len(audience) == 1 else list(audience),
            "iat": int(now),
            "exp": int(now) + seconds,
            "jti": secrets.token_hex(16),
        }
        header = {"alg": algorithm, "typ": "JWT", "kid": "local"}
        signature = secrets.token_bytes(256 if algorithm == "RS256" else 96)
        token = ".".join(_encoded(part) for part in (_json(header), _json(claims), signature))
        with self._lock:
            self._given[token] = (frozenset(audience), now + seconds)
        return token

    def accepts(self, token: str, *, audience: str) -> bool:
        """Whether a token was given out here, for this audience, and is still good.

        Args:
            token: The token.
            audience: Who is asked to accept it.
        """
        with self._lock:
            audiences, expiry = self._given.get(token, (frozenset(), 0.0))
        return audience in audiences and time.time() < expiry


@contextmanager
def web_identity(tokens: WebIdentityTokens) -> Iterator[None]:
    """Let STS give out web identity tokens.

    Args:
        tokens: Keeps them.
    """

    def get_web_identity_token(self: TokenResponse) -> ActionResult:
        audience = self._get_param("Audience") or []
        seconds = int(self._get_param("DurationSeconds") or _DEFAULT_SECONDS)
        algorithm = self._get_param("SigningAlgorithm")
        if not 1 <= len(audience) <= 10:
            raise STSValidationError(f"Audience has {len(audience)} entries. It must have 1 to 10.")
        if not 60 <= seconds <= 3600:
            raise STSValidationError(f"DurationSeconds is {seconds}. It must be 60 to 3600.")
        if algorithm not in _ALGORITHMS:
            raise STSValidationError(f"SigningAlgorithm is {algorithm}. It must be one of {', '.join(_ALGORITHMS)}.")
        _, caller, account = self.backend.get_caller_identity(self.get_access_key(), self.region)
        # A local process has no role but what it assumed itself.
        role = caller.split("/")[1] if ":assumed-role/" in caller else "local"
        subject = f"arn:aws:iam::{account}:role/{role}"
        token = tokens.issue(audience=audience, seconds=seconds, algorithm=algorithm, subject=subject)
        expiration = datetime.fromtimestamp(int(time.time()) + seconds, UTC)
        return ActionResult({"WebIdentityToken": token, "Expiration": expiration})

    with replaced(TokenResponse, "get_web_identity_token", get_web_identity_token):
        yield


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _encoded(part: bytes) -> str:
    return urlsafe_b64encode(part).decode().rstrip("=")
