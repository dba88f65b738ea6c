"""The credentials that a workspace's Lambda takes: a secret, or the tokens of its role."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from zflow_constructs.assembly.json_document import fields
from zflow_constructs.core.values.templates import Json
from zflow_constructs.workspace_check.clients import Clients, code, is_denied
from zflow_constructs.workspace_check.findings import Concealment, Finding, Result, failed, ok, unknown
from zflow_constructs.workspace_check.values import Account, NotKnownError, Values
from zflow_constructs.workspace_check.workspaces import Workspace

_FIELDS = {"oauth-m2m": ("client_id", "client_secret"), "token": ("token",)}
# What the Lambda takes, too: it goes into an HTTP header.
_USABLE = re.compile(r"[!#-\[\]-~]+")


@dataclass(frozen=True, repr=False)
class Credentials:
    """What the secret holds.

    Args:
        secret: its name.
        client_id: the service principal's; empty of a token.
        value: the client's secret, or the token.
    """

    secret: str
    client_id: str
    value: str


def secret(clients: Clients, workspace: Workspace, values: Values, concealment: Concealment) -> Result[Credentials]:
    """The secret is there, may be read, and has what its kind of credentials needs.

    Args:
        clients: the AWS clients.
        workspace: whose credentials they are.
        values: what the templates' values are.
        concealment: learns the secrets.
    """
    if workspace.auth not in _FIELDS:
        says = f'DATABRICKS_AUTH is "{workspace.auth}"'
        return Result([failed("credentials", says, 'Give "oauth-m2m", "token" or "aws-iam".')])
    about = "secret"
    try:
        name = values.known(workspace.stack, workspace.secret)
        about = f"secret {name}"
        answer = clients.secrets.get_secret_value(SecretId=name)
    except NotKnownError as error:
        return Result([unknown(about, str(error))])
    except (BotoCoreError, ClientError) as error:
        return Result([_unread(about, error, values.account)])
    text = answer.get("SecretString", "")
    document = _document(text)
    found = {field: str(document.get(field, "")) for field in _FIELDS[workspace.auth]}
    concealment.add(text, *(value for field, value in found.items() if field != "client_id"))
    if missing := [field for field, value in found.items() if not _USABLE.fullmatch(value)]:
        says = f"no usable {' and '.join(missing)} (its fields: {', '.join(sorted(document)) or 'none'})"
        return Result([failed(about, says, f"Write {_form(workspace.auth)} into it.")])
    *ids, value = found.values()
    return Result([ok(about, f"has {' and '.join(found)}")], Credentials(name, "".join(ids), value))


def federation(clients: Clients, workspace: Workspace, values: Values) -> Sequence[Finding]:
    """The account issues tokens for its roles; what the service principal's federation policy must say of them.

    Args:
        clients: the AWS clients.
        workspace: whose Lambda has such a token.
        values: what the templates' values are.
    """
    about = "federation"
    try:
        issuer = str(clients.iam.get_outbound_web_identity_federation_info()["IssuerIdentifier"])
    except (BotoCoreError, ClientError) as error:
        return [_unfederated(about, error)]
    audience, subject, client = (
        _or_how(values, workspace.stack, value) for value in (workspace.audience, workspace.role, workspace.client_id)
    )
    says = (
        "only the function's role gets a token, which can't be tried from here. The federation policy of the service "
        f'principal {client} must have the issuer "{issuer}", the audience "{audience}" and the subject "{subject}"'
    )
    return [ok(about, f"on, with the issuer {issuer}"), unknown("credentials", says)]


def _document(text: str) -> dict[str, Json]:
    """The secret as a JSON object; a plain string is taken for a token."""
    try:
        document: Json = json.loads(text)
    except ValueError:
        document = text
    return dict(fields(document)) if isinstance(document, dict) else {"token": text.strip()}


def _form(auth: str) -> str:
    return json.dumps(dict.fromkeys(_FIELDS[auth], "..."))


def _unread(about: str, error: BotoCoreError | ClientError, account: Account | None) -> Finding:
    match error:
        case ClientError() if code(error) == "ResourceNotFoundException":
            where = f" in {account.region} of {account.id}" if account else ""
            return failed(about, f"not there{where}", "Make it, or correct its name; a secret is of one region.")
        case ClientError() if is_denied(error):
            who = f"{account.caller} may" if account else "may"
            remedy = "Run this as somebody who may (secretsmanager:GetSecretValue, and kms:Decrypt on its key)."
            return failed(about, f"{who} not read it", remedy)
        case ClientError() if code(error) == "InvalidRequestException" and "marked" in str(error):
            return failed(about, "it is about to be deleted", "Restore it: aws secretsmanager restore-secret.")
        case _:
            return failed(about, f"can't be read ({error})", "Try again once that is mended.")


def _unfederated(about: str, error: BotoCoreError | ClientError) -> Finding:
    match error:
        case ClientError() if code(error).startswith("FeatureDisabled"):
            remedy = "Enable it, once for the account: aws iam enable-outbound-web-identity-federation."
            return failed(about, "the account issues no tokens for its roles", remedy)
        case ClientError() if is_denied(error):
            return unknown(about, "who runs this may not look (iam:GetOutboundWebIdentityFederationInfo)")
        case _:
            return failed(about, f"can't be looked at ({error})", "Try again once that is mended.")


def _or_how(values: Values, stack: str, value: Json) -> str:
    """A value, or, where the stack isn't deployed, what stands for it."""
    try:
        return values.known(stack, value)
    except NotKnownError as error:
        return f"<{error}>"
