"""Who a workflow is to Databricks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from aws_cdk import Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager

from zflow_constructs.core.values.errors import WorkflowError

_APPLICATION_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_IDENTITY_SECONDS = 300


@dataclass(frozen=True)
class DatabricksCredentials:
    """How the workflow proves to Databricks who it is; a secret, where there is one, stays in Secrets Manager.

    Args:
        kind: `aws-iam`, `oauth-m2m` or `token`.
        secret: Where a secret is kept, if there is one. Default: none
        client_id: The application id of the service principal that trusts the Lambda's role. Default: none
        audience: Whom the Lambda's proof of identity is made for. Default: nobody

    Example:
        `DatabricksCredentials.from_iam_federation("3f0c...-...")`
    """

    kind: Literal["aws-iam", "oauth-m2m", "token"]
    secret: secretsmanager.ISecret | None = None
    client_id: str = ""
    audience: str = ""

    @classmethod
    def from_iam_federation(cls, client_id: str, *, audience: str = "databricks") -> "DatabricksCredentials":
        """The Lambda's own AWS role: no secret anywhere.

        A federation policy of the service principal must name the account's issuer, the ARN of the Lambda's role
        (`workspace.role`) as subject, and the audience.
        https://docs.databricks.com/aws/en/dev-tools/auth/provider-aws-iam

        Args:
            client_id: the application id of the service principal.
            audience: the audience that the policy names. Default: databricks

        Raises:
            WorkflowError: the id is no UUID.
        """
        if not Token.is_unresolved(client_id) and not _APPLICATION_ID.fullmatch(client_id):
            raise WorkflowError(
                f'DatabricksCredentials: client_id is "{client_id}". Give the application id of the service principal, '
                "a UUID, as Databricks shows it in the account's user management."
            )
        return cls("aws-iam", client_id=client_id, audience=audience)

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

    @property
    def environment(self) -> Mapping[str, str]:
        """What the Lambda is told of them: where they are, never what they are."""
        return {
            "DATABRICKS_AUTH": self.kind,
            **({"DATABRICKS_SECRET_ARN": self.secret.secret_arn} if self.secret else {}),
            **(
                {"DATABRICKS_CLIENT_ID": self.client_id, "DATABRICKS_AUDIENCE": self.audience} if self.client_id else {}
            ),
        }

    def grant(self, role: iam.IRole) -> None:
        """Let the role of the Lambda use them, and nothing else.

        https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html

        Args:
            role: The role.
        """
        if self.secret:
            self.secret.grant_read(role)
            if key := self.secret.encryption_key:
                # The secret's own grant changes the key's policy alone, which for a key of another stack it can't.
                via = f"secretsmanager.{Stack.of(role).region}.amazonaws.com"
                role.add_to_principal_policy(
                    iam.PolicyStatement(
                        actions=["kms:Decrypt"],
                        resources=[key.key_arn],
                        conditions={"StringEquals": {"kms:ViaService": via}},
                    )
                )
        if self.client_id:
            role.add_to_principal_policy(
                iam.PolicyStatement(
                    actions=["sts:GetWebIdentityToken"],
                    # A token is of the role itself, which the action knows no resource for.
                    resources=["*"],
                    conditions={
                        "ForAllValues:StringEquals": {"sts:IdentityTokenAudience": self.audience},
                        "NumericLessThanEquals": {"sts:DurationSeconds": _IDENTITY_SECONDS},
                    },
                )
            )
