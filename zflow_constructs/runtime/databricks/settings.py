"""What the function's environment says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from errors import InvalidRequest
from proxy import Proxy

AuthType = Literal["oauth-m2m", "token", "aws-iam"]

ALWAYS = ("DATABRICKS_HOST", "DATABRICKS_AUTH", "DATABRICKS_BUCKET", "DATABRICKS_WORKSPACE")

NEEDED: Mapping[AuthType, tuple[str, ...]] = {
    "oauth-m2m": ("DATABRICKS_SECRET_ARN",),
    "token": ("DATABRICKS_SECRET_ARN",),
    "aws-iam": ("DATABRICKS_CLIENT_ID", "DATABRICKS_AUDIENCE"),
}
"""What each kind of credentials needs."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The workspace and how to sign in to it.

    Args:
        host: The workspace's URL without a path, as in "https://dbc-a1b2.cloud.databricks.com".
        workspace: The workspace's name, a dimension of the metrics.
        bucket: The bucket that keeps the records of runs, and their outputs.
        auth: OAuth machine-to-machine, a personal access token, or the function's own IAM role.
        secret_arn: The Secrets Manager secret that holds the credentials, of the first two kinds.
        client_id: The service principal that the function's role may be, of the third.
        audience: For whom the role's tokens are made out, of the third.
        proxy: The proxy for calls of the workspace.
    """

    host: str
    workspace: str
    bucket: str
    auth: AuthType
    secret_arn: str = ""
    client_id: str = ""
    audience: str = ""
    proxy: Proxy | None = None

    @staticmethod
    def from_environment(environment: Mapping[str, str]) -> "Settings":
        """Read the variables whose names begin with DATABRICKS_.

        Raises:
            InvalidRequest: One of them is missing or malformed.
        """
        given = environment.get("DATABRICKS_AUTH", "")
        auth = _auth(given) if given else None
        missing = [name for name in (*ALWAYS, *(NEEDED[auth] if auth else ())) if not environment.get(name)]
        if auth is None or missing:
            raise InvalidRequest(f"The function's environment lacks {', '.join(missing)}.")
        url = environment.get("DATABRICKS_PROXY", "")
        return Settings(
            host=_host(environment["DATABRICKS_HOST"]),
            workspace=environment["DATABRICKS_WORKSPACE"],
            bucket=environment["DATABRICKS_BUCKET"],
            auth=auth,
            secret_arn=environment.get("DATABRICKS_SECRET_ARN", ""),
            client_id=environment.get("DATABRICKS_CLIENT_ID", ""),
            audience=environment.get("DATABRICKS_AUDIENCE", ""),
            proxy=Proxy.from_url(url) if url else None,
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
    for auth in NEEDED:
        if value == auth:
            return auth
    raise InvalidRequest(f'DATABRICKS_AUTH is "{value}"; expected "oauth-m2m", "token" or "aws-iam".')
