"""The keys of links: whoever has one may decide. They are in the messages alone, never in the table or a log."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable

_KEY = re.compile(r"[A-Za-z0-9_-]{43}")


def new_key() -> str:
    """A key that nobody guesses: 256 random bits."""
    return secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """What the table keeps of a key, which opens nothing."""
    return hashlib.sha256(key.encode()).hexdigest()


def opens(key: str, digests: Iterable[str]) -> bool:
    """Whether a key is one of those of which there are digests, compared in constant time.

    Args:
        key: What a link has.
        digests: What the table has.
    """
    given = digest(key)
    return any(hmac.compare_digest(given, each) for each in digests)


def is_key(key: str) -> bool:
    """Whether it has the form of a key at all."""
    return _KEY.fullmatch(key) is not None
