"""Secrets that may never be seen: whatever leaves the function passes here first."""

import json

HIDDEN = "[secret]"


class Concealment:
    """Remembers the secrets that this process has read, and blots them out of texts.

    A server, or a proxy on the way, may echo a header in its error message: a promise that our own code never prints a
    secret isn't enough.
    """

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def add(self, secret: str) -> None:
        """Hide this text from now on, also where JSON escapes it."""
        if secret:
            self._secrets |= {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}

    def hide(self, text: str) -> str:
        """The text with every known secret replaced."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return text
