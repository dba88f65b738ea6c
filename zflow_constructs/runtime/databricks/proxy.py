"""The proxy through which the workspace is called, if there is one."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from errors import InvalidRequest

PORT = 3128


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """An HTTP proxy, which an https request passes in a tunnel.

    Args:
        address: Its host and port.
        authorization: The header with its credentials, if it wants any.
        secrets: What of its URL may be shown nowhere.
    """

    address: str
    authorization: str
    secrets: Sequence[str]

    @staticmethod
    def from_url(url: str) -> "Proxy":
        """Read the URL of a proxy, as in "http://user:password@proxy.internal:3128".

        Raises:
            InvalidRequest: It isn't one. The message doesn't show the value: it may hold a password.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or PORT
        except ValueError:
            parts, port = urlsplit(""), 0
        if parts.scheme != "http" or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
            raise InvalidRequest(
                'DATABRICKS_PROXY is no URL of a proxy: expected one like "http://proxy.internal:3128", with '
                '"user:password@" before the host if the proxy wants credentials (special characters percent-encoded).'
            )
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        address = f"{host}:{port}"
        if parts.username is None:
            return Proxy(address=address, authorization="", secrets=())
        user, password = unquote(parts.username), unquote(parts.password or "")
        basic = b64encode(f"{user}:{password}".encode()).decode()
        return Proxy(address=address, authorization=f"Basic {basic}", secrets=(basic, password, parts.password or ""))
