"""Who may call the Databricks workspace of a local run."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.databricks.credentials import credentials

IMPORTED = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:databricks-AbCdEf"
PARTIAL = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:databricks"


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[AwsServer]:
    with AwsServer(account="111122223333", region="eu-central-1", time_scale=1, log=tmp_path / "aws.log") as server:
        yield server


@pytest.mark.parametrize("identifier", [IMPORTED, PARTIAL, "databricks"])
def test_a_secret_that_is_not_in_the_template_is_made_up_under_its_own_arn(aws: AwsServer, identifier: str) -> None:
    accepted = credentials(aws, [{"DATABRICKS_SECRET_ARN": identifier, "DATABRICKS_AUTH": "oauth-m2m"}])
    value = json.loads(aws.clients.secretsmanager.get_secret_value(SecretId=identifier)["SecretString"])
    assert accepted.clients == {value["client_id"]: value["client_secret"]}


@pytest.mark.parametrize(
    ("secret", "tokens", "clients"),
    [
        ('{"token": "dapi1"}', ["dapi1"], {}),
        ('{"client_id": "me", "client_secret": "s"}', [], {"me": "s"}),
        ("dapi-plain", ["dapi-plain"], {}),
    ],
)
def test_a_secret_of_the_template_is_what_the_workspace_accepts(
    aws: AwsServer, secret: str, tokens: list[str], clients: dict[str, str]
) -> None:
    arn = aws.clients.secretsmanager.create_secret(Name="mine", SecretString=secret)["ARN"]
    accepted = credentials(aws, [{"DATABRICKS_SECRET_ARN": arn, "DATABRICKS_AUTH": "token"}])
    assert (accepted.tokens, accepted.clients) == (tokens, clients)


def test_functions_with_the_same_secret_share_it(aws: AwsServer) -> None:
    function = {"DATABRICKS_SECRET_ARN": IMPORTED, "DATABRICKS_AUTH": "token"}
    accepted = credentials(aws, [function, function])
    assert accepted.tokens[0] == accepted.tokens[1]


def test_a_function_without_a_secret_shows_itself_by_a_token_of_aws(aws: AwsServer) -> None:
    function = {
        "DATABRICKS_AUTH": "aws-iam",
        "DATABRICKS_CLIENT_ID": "client-9",
        "DATABRICKS_AUDIENCE": "databricks",
    }
    accepted = credentials(aws, [function, {"DATABRICKS_SECRET_ARN": IMPORTED, "DATABRICKS_AUTH": "token"}])
    assert accepted.audiences == {"client-9": "databricks"}
    assert (len(accepted.tokens), accepted.clients) == (1, {})
