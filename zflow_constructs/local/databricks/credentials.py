"""The Databricks workspace of a local run: who may call it, and which functions call it."""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from moto.secretsmanager.models import secretsmanager_backends

from zflow_constructs.local.aws.server import AwsServer


@dataclass(frozen=True)
class Credentials:
    """What the workspace accepts.

    Args:
        tokens: Personal access tokens.
        clients: The secret of each service principal, by client id.
        audiences: The audience of the AWS tokens that a service principal logs in with, by client id.
    """

    tokens: Sequence[str]
    clients: Mapping[str, str]
    audiences: Mapping[str, str]


def databricks_functions(aws: AwsServer) -> Mapping[str, Mapping[str, str]]:
    """The functions that call Databricks: their environment variables, by their names.

    Args:
        aws: The local AWS.
    """
    functions = aws.clients.lambda_.list_functions()["Functions"]
    variables = {
        function["FunctionName"]: function.get("Environment", {}).get("Variables", {}) for function in functions
    }
    return {name: own for name, own in variables.items() if "DATABRICKS_HOST" in own}


def credentials(aws: AwsServer, functions: Iterable[Mapping[str, str]]) -> Credentials:
    """The credentials that functions call with; those of a secret which isn't in the template are made up.

    Args:
        aws: The local AWS.
        functions: The functions' environment variables.
    """
    tokens: list[str] = []
    clients: dict[str, str] = {}
    audiences: dict[str, str] = {}
    for variables in functions:
        if variables.get("DATABRICKS_AUTH") == "aws-iam":
            # No secret: the function shows who it is by a token of AWS's.
            audiences[variables["DATABRICKS_CLIENT_ID"]] = variables["DATABRICKS_AUDIENCE"]
            continue
        text = _secret(aws, variables["DATABRICKS_SECRET_ARN"], variables.get("DATABRICKS_AUTH", "token"))
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        match value:
            case {"client_id": client, "client_secret": secret}:
                clients[str(client)] = str(secret)
            case {"token": token}:
                tokens.append(str(token))
            case _:
                tokens.append(text)
    return Credentials(tokens=tokens, clients=clients, audiences=audiences)


def _secret(aws: AwsServer, identifier: str, auth: str) -> str:
    client = aws.clients.secretsmanager
    try:
        return str(client.get_secret_value(SecretId=identifier)["SecretString"])
    except client.exceptions.ResourceNotFoundException:
        made_up = _made_up(auth)
    name = identifier.rsplit(":", 1)[-1]
    created = client.create_secret(Name=name, SecretString=made_up)
    if identifier.startswith("arn:"):
        # The secret has an ARN of its own; the function asks for that of its template.
        secret = secretsmanager_backends[aws.account][aws.region].secrets[created["Name"]]
        secret.arn = identifier
    return made_up


def _made_up(auth: str) -> str:
    if auth == "oauth-m2m":
        return json.dumps({"client_id": "local", "client_secret": secrets.token_urlsafe(16)})
    return json.dumps({"token": secrets.token_urlsafe(16)})
