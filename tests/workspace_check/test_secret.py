"""The credentials that a workspace's function takes."""

import json
from dataclasses import replace

import boto3
import pytest

from tests.workspace_check.iam_server import IamServer
from zflow_constructs.assembly.cloud_assembly import Stack
from zflow_constructs.workspace_check.clients import Clients
from zflow_constructs.workspace_check.findings import Concealment, Mark
from zflow_constructs.workspace_check.secret import federation, secret
from zflow_constructs.workspace_check.values import Account, Deployed, Values
from zflow_constructs.workspace_check.workspaces import Workspace

ACCOUNT = Account("123456789012", "eu-central-1", "aws", "arn:aws:iam::123456789012:user/ana")
VALUES = Values(account=ACCOUNT)
OAUTH = Workspace("Databricks", "https://dbc-a1b2.cloud.databricks.com", "oauth-m2m", secret="risk/databricks")
TOKEN = replace(OAUTH, auth="token")
FEDERATED = replace(
    OAUTH,
    auth="aws-iam",
    stack="Demo",
    client_id="7a1c-0001",
    audience="databricks",
    role={"Fn::GetAtt": ["FunctionRole", "Arn"]},
)
DEMO = Stack("Demo", template={"Resources": {"FunctionRole": {"Type": "AWS::IAM::Role"}}})
FEDERATION_ON = "✓ federation: on, with the issuer https://a1b2.tokens.sts.global.api.aws"


def store(value: object) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    boto3.client("secretsmanager").create_secret(Name="risk/databricks", SecretString=text)


def test_an_oauth_secret_with_its_fields_is_taken(clients: Clients, concealment: Concealment) -> None:
    store({"client_id": "client-1", "client_secret": "hidden"})
    result = secret(clients, OAUTH, VALUES, concealment)
    assert [finding.line for finding in result.findings] == [
        "✓ secret risk/databricks: has client_id and client_secret"
    ]
    assert result.value
    assert (result.value.client_id, result.value.value) == ("client-1", "hidden")
    assert concealment.clean("client-1 and hidden") == "client-1 and ***"
    assert "hidden" not in repr(result)


@pytest.mark.parametrize("stored", [{"token": "hidden"}, "hidden\n"])
def test_a_token_may_be_a_field_or_the_secret_itself(
    clients: Clients, concealment: Concealment, stored: object
) -> None:
    store(stored)
    result = secret(clients, TOKEN, VALUES, concealment)
    assert [finding.line for finding in result.findings] == ["✓ secret risk/databricks: has token"]
    assert result.value
    assert (result.value.client_id, result.value.value) == ("", "hidden")


@pytest.mark.parametrize(
    ("workspace", "stored", "line"),
    [
        (
            OAUTH,
            {"client_id": "client-1", "secret": "hidden"},
            (
                "✗ secret risk/databricks: no usable client_secret (its fields: client_id, secret). "
                'Write {"client_id": "...", "client_secret": "..."} into it.'
            ),
        ),
        (
            OAUTH,
            "hidden",
            (
                "✗ secret risk/databricks: no usable client_id and client_secret (its fields: token). "
                'Write {"client_id": "...", "client_secret": "..."} into it.'
            ),
        ),
        (
            TOKEN,
            {"token": "two words"},
            '✗ secret risk/databricks: no usable token (its fields: token). Write {"token": "..."} into it.',
        ),
        (
            TOKEN,
            {},
            '✗ secret risk/databricks: no usable token (its fields: none). Write {"token": "..."} into it.',
        ),
    ],
)
def test_a_secret_of_another_form_is_said_without_its_values(
    clients: Clients, concealment: Concealment, workspace: Workspace, stored: object, line: str
) -> None:
    store(stored)
    result = secret(clients, workspace, VALUES, concealment)
    assert [finding.line for finding in result.findings] == [line]
    assert result.value is None


def test_a_secret_that_is_not_there_is_said_with_where_it_was_looked_for(
    clients: Clients, concealment: Concealment
) -> None:
    (finding,) = secret(clients, OAUTH, VALUES, concealment).findings
    assert finding.line == (
        "✗ secret risk/databricks: not there in eu-central-1 of 123456789012. Make it, or correct its name; a secret "
        "is of one region."
    )


def test_a_secret_that_is_about_to_be_deleted_is_said(clients: Clients, concealment: Concealment) -> None:
    store({"token": "hidden"})
    boto3.client("secretsmanager").delete_secret(SecretId="risk/databricks")
    (finding,) = secret(clients, TOKEN, VALUES, concealment).findings
    assert finding.line == (
        "✗ secret risk/databricks: it is about to be deleted. Restore it: aws secretsmanager restore-secret."
    )


def test_a_secret_that_the_stack_is_to_make_is_known_once_it_is_deployed(
    clients: Clients, concealment: Concealment
) -> None:
    made = replace(OAUTH, stack="Demo", secret={"Ref": "Secret"})
    (finding,) = secret(clients, made, Values([DEMO], {}, ACCOUNT), concealment).findings
    assert finding.line == f"{Mark.UNKNOWN} secret: known once the stack Demo is deployed (Secret)"


def test_a_kind_of_credentials_that_there_is_not_is_said(clients: Clients, concealment: Concealment) -> None:
    (finding,) = secret(clients, replace(OAUTH, auth="basic"), VALUES, concealment).findings
    assert finding.line == '✗ credentials: DATABRICKS_AUTH is "basic". Give "oauth-m2m", "token" or "aws-iam".'


def test_what_the_federation_policy_must_say_is_told(clients: Clients) -> None:
    values = Values([DEMO], {"Demo": Deployed({"FunctionRole": "Demo-FunctionRole-1"})}, ACCOUNT)
    assert [finding.line for finding in federation(clients, FEDERATED, values)] == [
        FEDERATION_ON,
        (
            f"{Mark.UNKNOWN} credentials: only the function's role gets a token, which can't be tried from here. The "
            "federation policy of the service principal 7a1c-0001 must have the issuer "
            '"https://a1b2.tokens.sts.global.api.aws", the audience "databricks" and the subject '
            '"arn:aws:iam::123456789012:role/Demo-FunctionRole-1"'
        ),
    ]


def test_the_subject_is_known_once_the_stack_is_deployed(clients: Clients) -> None:
    findings = federation(clients, FEDERATED, Values([DEMO], {}, ACCOUNT))
    assert findings[1].line.endswith(
        'the audience "databricks" and the subject "<known once the stack Demo is deployed (FunctionRole)>"'
    )


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            "FeatureDisabledException",
            (
                "✗ federation: the account issues no tokens for its roles. Enable it, once for the account: aws iam "
                "enable-outbound-web-identity-federation."
            ),
        ),
        (
            "AccessDenied",
            f"{Mark.UNKNOWN} federation: who runs this may not look (iam:GetOutboundWebIdentityFederationInfo)",
        ),
        (
            "InvalidInput",
            (
                "✗ federation: can't be looked at (An error occurred (InvalidInput) when calling the "
                "GetOutboundWebIdentityFederationInfo operation: No.). Try again once that is mended."
            ),
        ),
    ],
)
def test_an_account_without_federation_is_said(iam: IamServer, clients: Clients, error: str, line: str) -> None:
    iam.refused["GetOutboundWebIdentityFederationInfo"] = error
    assert [finding.line for finding in federation(clients, FEDERATED, VALUES)] == [line]
