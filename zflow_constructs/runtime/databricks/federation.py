"""Access tokens for the function's own IAM role: no secret is kept anywhere.

AWS signs a token that says which role the function has, and Databricks, which trusts the account's issuer, takes it for
the service principal whose federation policy names that role.
See https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound.html
and https://docs.databricks.com/aws/en/dev-tools/auth/oauth-federation-policy
"""

from base64 import urlsafe_b64decode
from dataclasses import dataclass

from aws import AwsError, SecurityTokenService, code_of, describe, passes
from botocore.exceptions import BotoCoreError, ClientError
from concealment import Concealment
from documents import Document, parse, text
from errors import AuthError, DatabricksError, Throttled
from oauth import AccessToken, TokenEndpoint
from settings import Settings
from transport import Transport
from visible import is_visible

LIFE_SECONDS = 300
"""How long AWS's token is good for: it is exchanged at once."""


@dataclass(frozen=True, kw_only=True)
class FederatedRole:
    """The function's role, as a service principal of Databricks.

    Args:
        settings: The workspace, the service principal and the audience.
        tokens: An STS client.
        endpoint: The workspace's token endpoint.
        concealment: Learns every token that is given here.
    """

    settings: Settings
    tokens: SecurityTokenService
    endpoint: TokenEndpoint
    concealment: Concealment

    def token(self, transport: Transport) -> AccessToken:
        """A new access token, by a token exchange (RFC 8693).

        Raises:
            AuthError: AWS gave no token, or Databricks refused it.
            Throttled: AWS or Databricks didn't answer in time.
        """
        signed = self._signed()
        claims = _claims(signed)
        return self.endpoint.token(
            transport,
            {
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                "subject_token": signed,
                "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
                "scope": "all-apis",
                "client_id": self.settings.client_id,
            },
            {},
            whom=f'the service principal with the client id "{self.settings.client_id}" in exchange for a token of '
            f'the function\'s IAM role with the audience "{self.settings.audience}"',
            remedy=f"Check that the principal is a member of {self.settings.host}, and that a federation policy of "
            f'its says: issuer "{text(claims, "iss") or "(the issuer URL of the AWS account)"}", subject '
            f'"{text(claims, "sub") or "(the ARN of the role)"}", audience "{self.settings.audience}".',
        )

    def _signed(self) -> str:
        """AWS's token, a JWT that says which role the function has."""
        if not hasattr(self.tokens, "get_web_identity_token"):
            raise AuthError(
                "The function's boto3 is too old for sts:GetWebIdentityToken, which the authentication "
                '"aws-iam" needs: update the runtime of the Lambda, or bring a newer boto3 in a layer.'
            )
        try:
            answer = self.tokens.get_web_identity_token(
                Audience=[self.settings.audience], DurationSeconds=LIFE_SECONDS, SigningAlgorithm="RS256"
            )
        except (ClientError, BotoCoreError) as error:
            raise self._failure(error) from None
        token = text(answer, "WebIdentityToken")
        if not is_visible(token):
            raise AuthError("AWS STS answered GetWebIdentityToken without a usable token.")
        self.concealment.add(token)
        self.concealment.add(token.rpartition(".")[2])
        return token

    def _failure(self, error: AwsError) -> DatabricksError:
        if passes(error):
            return Throttled(f"AWS STS gave no token for the function's role in time ({describe(error)}).")
        if code_of(error).startswith("OutboundWebIdentityFederationDisabled"):
            remedy = (
                "Outbound web identity federation is disabled in this AWS account. Enable it once, in IAM's account "
                "settings or by `aws iam enable-outbound-web-identity-federation`, and give the issuer URL that it "
                "shows to the federation policy of the service principal."
            )
        elif code_of(error).startswith("AccessDenied"):
            remedy = (
                "The role needs sts:GetWebIdentityToken, whose conditions must allow the audience "
                f'"{self.settings.audience}", a duration of {LIFE_SECONDS} s and the algorithm RS256.'
            )
        else:
            remedy = f'Check the audience "{self.settings.audience}" and the function\'s region.'
        return AuthError(f"AWS STS gave no token for the function's role ({describe(error)}). {remedy}")


def _claims(token: str) -> Document:
    """What a JWT says; it isn't verified, which is the part of its receiver."""
    payload = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        return parse(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return {}
