"""What the function's environment says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from errors import InvalidRequest

AuthType = Literal["oauth-m2m", "token"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The workspace and how to sign in to it.

    Args:
        host: The workspace's URL without a path, as in "https://dbc-a1b2.cloud.databricks.com".
        auth: OAuth machine-to-machine, or a personal access token.
        secret_arn: The Secrets Manager secret that holds the credentials.
    """

    host: str
    auth: AuthType
    secret_arn: str

    @staticmethod
    def from_environment(environment: Mapping[str, str]) -> "Settings":
        """Read DATABRICKS_HOST, DATABRICKS_AUTH and DATABRICKS_SECRET_ARN.

        Raises:
            InvalidRequest: One of them is missing or malformed.
        """
        missing = [
            name
            for name in ("DATABRICKS_HOST", "DATABRICKS_AUTH", "DATABRICKS_SECRET_ARN")
            if not environment.get(name)
        ]
        if missing:
            raise InvalidRequest(f"The function's environment lacks {', '.join(missing)}.")
        return Settings(
            host=_host(environment["DATABRICKS_HOST"]),
            auth=_auth(environment["DATABRICKS_AUTH"]),
            secret_arn=environment["DATABRICKS_SECRET_ARN"],
        )


def _host(value: str) -> str:
    parts = urlsplit(value if "://" in value else f"https://{value}")
    loopback = parts.scheme == "http" and parts.hostname == "127.0.0.1"
    if not parts.hostname or not (parts.scheme == "https" or loopback) or "@" in parts.netloc:
        raise InvalidRequest(
            f'DATABRICKS_HOST is "{value}"; expected the URL of a workspace, like '
            '"https://dbc-a1b2.cloud.databricks.com" (http is for a server at 127.0.0.1 alone).'
        )
    return f"{parts.scheme}://{parts.netloc}"


def _auth(value: str) -> AuthType:
    if value == "oauth-m2m":
        return "oauth-m2m"
    if value == "token":
        return "token"
    raise InvalidRequest(f'DATABRICKS_AUTH is "{value}"; expected "oauth-m2m" or "token".')
