"""A Databricks workspace, and the Lambda that speaks to it."""

from dataclasses import dataclass
from typing import Literal

from aws_cdk import Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from zflow_constructs.core.errors import WorkflowError
from zflow_constructs.queues import dead_letter_queue
from zflow_constructs.runtime_function import runtime_function

CALL_SECONDS = 120
"""How long a state waits for one call of the Lambda."""
# Less than the state's, so that a slow call ends by saying why, never as the state's own time-out.
_FUNCTION_SECONDS = CALL_SECONDS - 10


@dataclass(frozen=True)
class DatabricksCredentials:
    """How the workflow proves to Databricks who it is; the secret itself stays in Secrets Manager.

    Args:
        kind: `oauth-m2m` or `token`.
        secret: where it is kept.

    Example:
        `DatabricksCredentials.from_oauth_secret(secret)`
    """

    kind: Literal["oauth-m2m", "token"]
    secret: secretsmanager.ISecret

    @classmethod
    def from_oauth_secret(cls, secret: secretsmanager.ISecret) -> "DatabricksCredentials":
        """A service principal's OAuth secret.

        https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m

        Args:
            secret: holds `{"client_id": "...", "client_secret": "..."}`.
        """
        return cls("oauth-m2m", secret)

    @classmethod
    def from_token_secret(cls, secret: secretsmanager.ISecret) -> "DatabricksCredentials":
        """A personal access token, where OAuth is not to be had.

        Args:
            secret: holds `{"token": "..."}`, or the token alone.
        """
        return cls("token", secret)


class DatabricksWorkspace(Construct):
    """A Databricks workspace, and the one Lambda through which all its steps submit, watch and cancel their runs.

    Args:
        scope: the construct that owns it.
        id: its id.
        host: `https://<workspace>.cloud.databricks.com`.
        credentials: who the workflow is to Databricks.

    Raises:
        WorkflowError: the host is no `https://` address.

    Example:
        databricks = DatabricksWorkspace(self, "Databricks", host="https://dbc-a1b2.cloud.databricks.com",
                                         credentials=DatabricksCredentials.from_oauth_secret(secret))
    """

    def __init__(self, scope: Construct, id: str, *, host: str, credentials: DatabricksCredentials) -> None:
        super().__init__(scope, id)
        if not Token.is_unresolved(host) and (not host.startswith("https://") or "/" in host[8:]):
            raise WorkflowError(
                f'DatabricksWorkspace "{id}": host is "{host}". '
                "Give https:// and the workspace's name alone, such as https://dbc-a1b2.cloud.databricks.com."
            )
        self._function, role = runtime_function(
            self,
            "Function",
            folder="databricks",
            description=f"Submits, watches and cancels runs on Databricks for the workspace {id}.",
            seconds=_FUNCTION_SECONDS,
            # A stop that fails, retries included, leaves a run going: it must not be lost.
            dead_letter_queue=dead_letter_queue(self, "DeadLetterQueue"),
            environment={
                "DATABRICKS_HOST": host,
                "DATABRICKS_AUTH": credentials.kind,
                "DATABRICKS_SECRET_ARN": credentials.secret.secret_arn,
            },
        )
        credentials.secret.grant_read(role)
        if key := credentials.secret.encryption_key:
            # The secret's own grant changes the key's policy alone, which for a key of another stack it can't.
            role.add_to_policy(
                iam.PolicyStatement(
                    actions=["kms:Decrypt"],
                    resources=[key.key_arn],
                    conditions={
                        "StringEquals": {"kms:ViaService": f"secretsmanager.{Stack.of(self).region}.amazonaws.com"}
                    },
                )
            )

    @property
    def function(self) -> lambda_.IFunction:
        """The Lambda."""
        return self._function
