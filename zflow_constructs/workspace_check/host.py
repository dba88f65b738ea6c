"""The workspace's address, and how it gives tokens: plain HTTP calls, without credentials or with those of a client."""

import json
import ssl
import urllib.error
import urllib.request
from base64 import b64encode
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from urllib.parse import urlencode, urlsplit

from zflow_constructs.assembly.json_document import fields
from zflow_constructs.core.values.templates import Json
from zflow_constructs.workspace_check.findings import Concealment, Finding, Result, failed, ok, unknown
from zflow_constructs.workspace_check.secret import Credentials
from zflow_constructs.workspace_check.values import NotKnownError, Values
from zflow_constructs.workspace_check.workspaces import Workspace

CALL_SECONDS = 10
"""How long a call may take."""

_DISCOVERY = "/oidc/.well-known/oauth-authorization-server"
_EXAMPLE = "https://dbc-a1b2c3d4-e5f6.cloud.databricks.com"


@dataclass(frozen=True)
class _Answer:
    status: int
    location: str
    document: Json


def host(workspace: Workspace, values: Values) -> Result[str]:
    """The address answers HTTPS, and is a workspace's.

    Args:
        workspace: the workspace.
        values: what the templates' values are.
    """
    try:
        url = values.known(workspace.stack, workspace.host).rstrip("/")
    except NotKnownError as error:
        return Result([unknown("host", str(error))])
    problem = _misspelt(url) or _unreachable(url)
    findings = [problem or ok("host", f"{url} is a workspace")]
    if proxied := _proxied(workspace, values):
        findings.append(proxied)
    return Result(findings, None if problem else url)


def access_token(url: str, credentials: Credentials, concealment: Concealment) -> Result[str]:
    """A token, as the workspace gives it to a service principal's OAuth secret; a token is one already.

    Args:
        url: the workspace's address.
        credentials: what the secret holds.
        concealment: learns the token.
    """
    if not credentials.client_id:
        return Result([], credentials.value)
    basic = b64encode(f"{credentials.client_id}:{credentials.value}".encode()).decode()
    concealment.add(basic)
    form = urlencode({"grant_type": "client_credentials", "scope": "all-apis"}).encode()
    try:
        answer = _ask(f"{url}/oidc/v1/token", form, {"Authorization": f"Basic {basic}"})
    except (OSError, HTTPException) as error:
        return Result([failed("credentials", f"no token came ({_reason(error)})", "Try again.")])
    document = fields(answer.document)
    token = str(document.get("access_token", ""))
    if answer.status != HTTPStatus.OK or not token:
        problem = f"HTTP {answer.status} {document.get('error', '')}: {document.get('error_description', '')}"
        says = f"no token for the client {credentials.client_id} of {credentials.secret} ({problem.rstrip(': ')})"
        remedy = (
            f"Add its service principal to the workspace {url}; if it is there, make it a new OAuth secret and write "
            "that into the secret."
        )
        return Result([failed("credentials", says, remedy)])
    concealment.add(token)
    return Result([], token)


def _misspelt(url: str) -> Finding | None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname == "127.0.0.1"):
        return failed("host", f"{url} does not begin with https://", f"Give it like {_EXAMPLE}.")
    if parts.path or parts.query or "@" in parts.netloc:
        return failed("host", f"{url} has more than a name", f"Give it like {_EXAMPLE}.")
    if (parts.hostname or "").startswith("accounts."):
        return failed("host", f"{url} is the account console", f"Give a workspace's address, like {_EXAMPLE}.")
    return None


def _unreachable(url: str) -> Finding | None:
    try:
        answer = _ask(f"{url}{_DISCOVERY}")
    except (OSError, HTTPException) as error:
        return failed("host", f"{url} can't be reached ({_reason(error)})", _way(error))
    if "private-link" in answer.location:
        remedy = "Run this from the network that the workspace's PrivateLink is in."
        return failed("host", f"{url} lets nobody in from here", remedy)
    if answer.location:
        target = urlsplit(answer.location)
        remedy = "If that is the workspace, give its address; if it is a login page, this is no workspace."
        return failed("host", f"{url} redirects to {target.scheme}://{target.netloc}", remedy)
    if "token_endpoint" not in fields(answer.document):
        says = f"{url} does not answer like a workspace (HTTP {answer.status} for {_DISCOVERY})"
        return failed("host", says, f"Take the address from the browser when you are in the workspace: {_EXAMPLE}.")
    return None


def _ask(url: str, form: bytes | None = None, headers: dict[str, str] | None = None) -> _Answer:
    request = urllib.request.Request(url, form, {"User-Agent": "zflow-constructs", **(headers or {})})
    try:
        with _opener().open(request, timeout=CALL_SECONDS) as response:
            return _Answer(response.status, "", _parsed(response.read()))
    except urllib.error.HTTPError as error:
        with error:
            return _Answer(error.code, error.headers.get("Location", ""), _parsed(error.read()))


def _opener() -> urllib.request.OpenerDirector:
    """Goes through the environment's proxy, and follows no redirect: credentials are for a workspace alone."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _parsed(body: bytes) -> Json:
    try:
        document: Json = json.loads(body)
    except ValueError:
        return None
    return document


def _reason(error: OSError | HTTPException) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return (reason.strerror if isinstance(reason, OSError) else "") or str(reason) or type(reason).__name__


def _way(error: OSError | HTTPException) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLError):
        return (
            "If a proxy opens the connections here, set SSL_CERT_FILE and REQUESTS_CA_BUNDLE to the certificates "
            "that it wants trusted."
        )
    if proxy := urllib.request.getproxies().get("https"):
        return f"Check the address, and the proxy of HTTPS_PROXY ({_without_user(proxy)})."
    return "Check the address; if this machine needs a proxy, set HTTPS_PROXY."


def _proxied(workspace: Workspace, values: Values) -> Finding | None:
    try:
        proxy = values.known(workspace.stack, workspace.proxy)
    except NotKnownError as error:
        return unknown("proxy", str(error))
    if not proxy:
        return None
    return unknown("proxy", f"the function goes through {_without_user(proxy)}, which can't be tried from here")


def _without_user(url: str) -> str:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
