"""Databricks workspaces: the one Lambda, its secret and its role."""

from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager

import zflow_constructs as zflow
from tests.constructs.parts import stack, workspace
from tests.constructs.templates import Synthesized, allow

SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:databricks-AbCdEf"
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:DatabricksDeadLetterQueue2887FEB1"


def test_its_lambda_knows_the_host_and_where_the_secret_is_but_not_the_secret() -> None:
    scope = stack()
    databricks = workspace(scope)
    made = Synthesized.of(scope)
    function = dict(made.properties(databricks.function))
    assert function.pop("Code")
    assert function == {
        "Architectures": ["arm64"],
        "DeadLetterConfig": {"TargetArn": QUEUE},
        "Description": "Submits, watches and cancels runs on Databricks for the workspace Databricks.",
        "Environment": {
            "Variables": {
                "DATABRICKS_HOST": "https://dbc-a1b2.cloud.databricks.com",
                "DATABRICKS_AUTH": "oauth-m2m",
                "DATABRICKS_SECRET_ARN": SECRET,
            }
        },
        "Handler": "handler.handler",
        "LoggingConfig": {"LogGroup": "DatabricksLogsBBA895F8"},
        "MemorySize": 256,
        "Role": "arn:aws:iam::123456789012:role/DatabricksRole709F7EDF",
        "Runtime": "python3.14",
        "Timeout": 110,
    }
    (policy,) = made.resources("AWS::IAM::Policy")
    document = policy["PolicyDocument"]
    assert isinstance(document, dict)
    assert document["Statement"] == [
        allow(
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            "arn:aws:logs:eu-central-1:123456789012:log-group:DatabricksLogsBBA895F8:*",
        ),
        allow("sqs:SendMessage", QUEUE),
        allow(["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], SECRET),
    ]
    (log_group,) = made.resources("AWS::Logs::LogGroup")
    assert log_group == {"RetentionInDays": 90}


def test_a_token_serves_where_oauth_is_not_to_be_had_and_the_secrets_key_is_granted_too() -> None:
    scope = stack()
    key = kms.Key.from_key_arn(scope, "Key", "arn:aws:kms:eu-central-1:111122223333:key/secrets")
    secret = secretsmanager.Secret.from_secret_attributes(
        scope, "Secret", secret_complete_arn=SECRET, encryption_key=key
    )
    databricks = zflow.DatabricksWorkspace(
        scope,
        "Databricks",
        host="https://dbc-a1b2.cloud.databricks.com",
        credentials=zflow.DatabricksCredentials.from_token_secret(secret),
    )
    made = Synthesized.of(scope)
    environment = made.properties(databricks.function)["Environment"]
    assert isinstance(environment, dict)
    assert environment["Variables"]["DATABRICKS_AUTH"] == "token"
    (policy,) = made.resources("AWS::IAM::Policy")
    document = policy["PolicyDocument"]
    assert isinstance(document, dict)
    assert (
        allow(
            "kms:Decrypt",
            "arn:aws:kms:eu-central-1:111122223333:key/secrets",
            StringEquals={"kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com"},
        )
        in document["Statement"]
    )
