"""Who the credentials are in the workspace, and whether they may make clusters."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import DatabricksError, PermissionDenied, Unauthenticated
from databricks.sdk.service.iam import ComplexValue

from zflow_constructs.workspace_check.findings import Concealment, Finding, Result, failed, of_steps, ok, unknown
from zflow_constructs.workspace_check.host import CALL_SECONDS, access_token
from zflow_constructs.workspace_check.secret import Credentials

_CREATE = "allow-cluster-create"
_ADMINS = "admins"


@dataclass(frozen=True, repr=False)
class SignedIn:
    """Who the workflow is to the workspace.

    Args:
        client: calls the workspace as that.
        name: the service principal's, or the user's.
        id: the application id, or the user's name again.
        groups: the groups it is in.
        entitlements: those given to it itself.
    """

    client: WorkspaceClient
    name: str
    id: str
    groups: Sequence[ComplexValue]
    entitlements: Sequence[str]

    @property
    def group_names(self) -> set[str]:
        """The names of its groups."""
        return {group.display or "" for group in self.groups}

    @property
    def is_admin(self) -> bool:
        """Whether it may do everything in the workspace."""
        return _ADMINS in self.group_names


def sign_in(url: str, credentials: Credentials, concealment: Concealment) -> Result[SignedIn]:
    """A token is issued, and the workspace knows who it is for.

    Args:
        url: the workspace's address.
        credentials: what the secret holds.
        concealment: learns the token.
    """
    token = access_token(url, credentials, concealment)
    if token.value is None:
        return Result(token.findings)
    try:
        client = _client(url, token.value)
        me = client.current_user.me()
    except (Unauthenticated, PermissionDenied) as error:
        remedy = f"Write a valid {'client_secret' if credentials.client_id else 'token'} into {credentials.secret}."
        if "IP" in str(error):
            remedy = "Have this machine's address added to the workspace's IP access list; the function's, too."
        return Result([failed("credentials", f"the workspace refuses them ({said(error)})", remedy)])
    except (OSError, ValueError) as error:
        return Result([failed("credentials", f"the workspace did not answer ({said(error)})", "Try again.")])
    id = me.user_name or ""
    name = me.display_name or id
    who = f"{name} ({id})" if name != id else name
    if me.active is False:
        return Result([failed("credentials", f"{who} is not active", "Activate it in the workspace's settings.")])
    entitlements = [each.value or "" for each in me.entitlements or []]
    signed = SignedIn(client, name, id, me.groups or [], entitlements)
    return Result([ok("credentials", f"{who}, active")], signed)


def may_create_clusters(signed: SignedIn, steps: Sequence[str]) -> Finding:
    """Whether new clusters may be made that no policy governs.

    Args:
        signed: who asks for them.
        steps: those that ask for one.
    """
    about = of_steps("new clusters without a policy", steps)
    if signed.is_admin or _CREATE in signed.entitlements:
        return ok(about, f"{signed.name} may make them")
    hidden = []
    for group in signed.groups:
        try:
            entitlements = signed.client.groups_v2.get(group.value or "").entitlements or []
        except (OSError, ValueError):
            hidden.append(group.display or "")
            continue
        if _CREATE in {each.value for each in entitlements}:
            return ok(about, f"{signed.name} may make them, as one of {group.display}")
    if hidden:
        says = (
            f"{signed.name} has no {_CREATE} itself, and may not see what it has as one of {', '.join(sorted(hidden))}"
        )
        return unknown(about, says)
    remedy = f'Give it the entitlement "Unrestricted cluster creation" ({_CREATE}), or name a policy that it may use.'
    return failed(about, f"{signed.name} may make none", remedy)


def said(error: Exception) -> str:
    """What an error says, on one line, without its last period.

    Args:
        error: what the SDK raised.
    """
    code = f"{error.error_code}: " if isinstance(error, DatabricksError) and error.error_code else ""
    # It adds how the client is configured, which is nobody's here.
    message, _, _ = " ".join(str(error).split()).partition(" Config: host=")
    return f"{code}{message}".rstrip(".")


def _client(url: str, token: str) -> WorkspaceClient:
    # It warns where it looks for what an older workspace doesn't have; nothing of that is needed here.
    logging.getLogger("databricks.sdk").setLevel(logging.ERROR)
    config = Config(
        host=url,
        token=token,
        auth_type="pat",
        # Not what the environment of who runs this says of another workspace.
        profile="",
        account_id="",
        workspace_id="",
        http_timeout_seconds=CALL_SECONDS,
        retry_timeout_seconds=CALL_SECONDS,
        product="zflow-constructs",
        product_version="0.0.0",
    )
    return WorkspaceClient(config=config)
