"""Databricks workspaces: the one Lambda, its credentials, its network, its records, and who shares it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from aws_cdk import App, Duration, Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager

import zflow_constructs as zflow
from tests.asl import fields, kind, state_machines
from tests.core.machines import mapping
from tests.parts import CLUSTER, SPARK_TASK, network, stack
from tests.templates import Synthesized, allow
from zflow_constructs.core.values.templates import Json

HOST = "https://dbc-a1b2.cloud.databricks.com"
CLIENT = "3f0c2b1a-7d6e-4f5a-8b9c-0d1e2f3a4b5c"
SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:databricks-AbCdEf"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/1a2b"
HERE = "eu-central-1:123456789012"
QUEUE = f"arn:aws:sqs:{HERE}:DatabricksDeadLetterQueue2887FEB1"
BUCKET = "databricksrunsad5dff32"
WRITES_ITS_LOG = allow(
    ["logs:CreateLogStream", "logs:PutLogEvents"],
    f"arn:aws:logs:{HERE}:log-group:DatabricksLogsBBA895F8:*",
)
KEEPS_STOPS = allow("sqs:SendMessage", QUEUE)
READS_THE_SECRET = allow(["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], SECRET)
MAKES_INTERFACES = allow(
    [
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    ],
    "*",
)


def secret(scope: Stack, *, key: kms.IKey | None = None) -> secretsmanager.ISecret:
    return secretsmanager.Secret.from_secret_attributes(scope, "Secret", secret_complete_arn=SECRET, encryption_key=key)


def workspace(
    scope: Stack,
    *,
    credentials: zflow.DatabricksCredentials | None = None,
    vpc: ec2.IVpc | None = None,
    subnets: ec2.SubnetSelection | None = None,
    security_groups: Sequence[ec2.ISecurityGroup] = (),
    proxy: str | None = None,
    bucket: s3.IBucket | None = None,
) -> zflow.DatabricksWorkspace:
    return zflow.DatabricksWorkspace(
        scope,
        "Databricks",
        host=HOST,
        credentials=credentials or zflow.DatabricksCredentials.from_oauth_secret(secret(scope)),
        vpc=vpc,
        subnets=subnets,
        security_groups=security_groups,
        proxy=proxy,
        bucket=bucket,
    )


def environment(made: Synthesized, databricks: zflow.DatabricksWorkspace) -> Json:
    return mapping(made.properties(databricks.function)["Environment"])["Variables"]


class Example:
    """A workspace that uses every keyword, and its metrics' names."""

    def __init__(self) -> None:
        scope = stack()
        group = ec2.SecurityGroup.from_security_group_id(scope, "Group", "sg-1")
        self.databricks = workspace(
            scope,
            credentials=zflow.DatabricksCredentials.from_iam_federation(CLIENT, audience="https://databricks.example"),
            vpc=network(scope),
            subnets=ec2.SubnetSelection(
                subnets=[ec2.Subnet.from_subnet_id(scope, "Own", "subnet-9")],
            ),
            security_groups=[group],
            proxy="http://proxy.internal:3128",
            bucket=s3.Bucket.from_bucket_attributes(
                scope, "Records", bucket_name="databricks-runs", encryption_key=kms.Key.from_key_arn(scope, "Key", KEY)
            ),
        )
        self.reader = iam.Role(scope, "Reader", assumed_by=iam.AccountRootPrincipal())
        self.databricks.grant_read_outputs(self.reader)
        self.made = Synthesized.of(scope)


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


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
                "DATABRICKS_HOST": HOST,
                "DATABRICKS_AUTH": "oauth-m2m",
                "DATABRICKS_SECRET_ARN": SECRET,
                "DATABRICKS_BUCKET": BUCKET,
                "DATABRICKS_WORKSPACE": "Team/Databricks",
            }
        },
        "Handler": "handler.handler",
        "LoggingConfig": {"LogGroup": "DatabricksLogsBBA895F8"},
        "MemorySize": 256,
        "Role": "arn:aws:iam::123456789012:role/DatabricksRole709F7EDF",
        "Runtime": "python3.14",
        "Timeout": 110,
    }
    assert made.statements(databricks.role) == [WRITES_ITS_LOG, KEEPS_STOPS, READS_THE_SECRET, *keeps_records(BUCKET)]
    assert made.resources("AWS::Logs::LogGroup") == [{"RetentionInDays": 90}]
    assert made.resources("AWS::EC2::SecurityGroup") == []


def test_its_records_are_kept_for_90_days_encrypted_closed_to_the_public_and_to_plain_http() -> None:
    scope = stack()
    databricks = workspace(scope)
    made = Synthesized.of(scope)
    assert made.properties(databricks.bucket) == {
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
        "LifecycleConfiguration": {"Rules": [{"ExpirationInDays": 90, "Status": "Enabled"}]},
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
    }
    (policy,) = made.resources("AWS::S3::BucketPolicy")
    assert mapping(policy["PolicyDocument"])["Statement"] == [
        {
            "Action": "s3:*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
        }
    ]
    resource = fields(fields(made.template["Resources"])[made.logical_id(databricks.bucket)])
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_a_token_serves_where_oauth_is_not_to_be_had_and_the_secrets_key_is_granted_too() -> None:
    scope = stack()
    key = kms.Key.from_key_arn(scope, "Key", KEY)
    databricks = workspace(scope, credentials=zflow.DatabricksCredentials.from_token_secret(secret(scope, key=key)))
    made = Synthesized.of(scope)
    assert environment(made, databricks) == {
        "DATABRICKS_HOST": HOST,
        "DATABRICKS_AUTH": "token",
        "DATABRICKS_SECRET_ARN": SECRET,
        "DATABRICKS_BUCKET": BUCKET,
        "DATABRICKS_WORKSPACE": "Team/Databricks",
    }
    decrypts = allow("kms:Decrypt", KEY, StringEquals={"kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com"})
    assert made.statements(databricks.role) == [
        WRITES_ITS_LOG,
        KEEPS_STOPS,
        READS_THE_SECRET,
        decrypts,
        *keeps_records(BUCKET),
    ]


def test_the_lambdas_own_role_serves_where_databricks_trusts_it_and_there_is_no_secret() -> None:
    scope = stack()
    databricks = workspace(scope, credentials=zflow.DatabricksCredentials.from_iam_federation(CLIENT))
    made = Synthesized.of(scope)
    assert environment(made, databricks) == {
        "DATABRICKS_HOST": HOST,
        "DATABRICKS_AUTH": "aws-iam",
        "DATABRICKS_CLIENT_ID": CLIENT,
        "DATABRICKS_AUDIENCE": "databricks",
        "DATABRICKS_BUCKET": BUCKET,
        "DATABRICKS_WORKSPACE": "Team/Databricks",
    }
    assert made.statements(databricks.role) == [
        WRITES_ITS_LOG,
        KEEPS_STOPS,
        proves_itself("databricks"),
        *keeps_records(BUCKET),
    ]


def keeps_records(bucket: str) -> list[dict[str, Json]]:
    return [
        allow(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{bucket}/*"),
        allow("s3:ListBucket", f"arn:aws:s3:::{bucket}"),
    ]


def proves_itself(audience: str) -> dict[str, Json]:
    conditions: dict[str, Mapping[str, Json]] = {
        "ForAllValues:StringEquals": {"sts:IdentityTokenAudience": audience},
        "NumericLessThanEquals": {"sts:DurationSeconds": 300},
    }
    return allow("sts:GetWebIdentityToken", "*", **conditions)


def test_every_keyword_of_a_workspace_is_in_its_lambda(example: Example) -> None:
    assert environment(example.made, example.databricks) == {
        "DATABRICKS_HOST": HOST,
        "DATABRICKS_AUTH": "aws-iam",
        "DATABRICKS_CLIENT_ID": CLIENT,
        "DATABRICKS_AUDIENCE": "https://databricks.example",
        "DATABRICKS_BUCKET": "databricks-runs",
        "DATABRICKS_WORKSPACE": "Team/Databricks",
        "DATABRICKS_PROXY": "http://proxy.internal:3128",
    }
    assert example.made.properties(example.databricks.function)["VpcConfig"] == {
        "SecurityGroupIds": ["sg-1"],
        "SubnetIds": ["subnet-9"],
    }
    assert example.made.resources("AWS::EC2::SecurityGroup") == []


def test_its_role_may_make_interfaces_prove_itself_and_keep_records_under_the_key_and_nothing_else(
    example: Example,
) -> None:
    assert example.made.statements(example.databricks.role) == [
        WRITES_ITS_LOG,
        KEEPS_STOPS,
        MAKES_INTERFACES,
        proves_itself("https://databricks.example"),
        *keeps_records("databricks-runs"),
        allow(["kms:Decrypt", "kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"], KEY),
    ]
    assert "ManagedPolicyArns" not in example.made.properties(example.databricks.role)


def test_a_bucket_that_is_given_is_used_and_none_is_made(example: Example) -> None:
    assert example.made.resources("AWS::S3::Bucket") == []


def test_who_is_let_may_read_the_outputs_and_decrypt_them(example: Example) -> None:
    assert example.made.statements(example.reader) == [
        allow(
            ["s3:GetObject*", "s3:GetBucket*", "s3:List*"],
            ["arn:aws:s3:::databricks-runs", "arn:aws:s3:::databricks-runs/*"],
        ),
        allow(["kms:Decrypt", "kms:DescribeKey"], KEY),
    ]


def test_in_a_vpc_the_lambda_is_in_the_private_subnets_and_nothing_gets_into_it() -> None:
    scope = stack()
    databricks = workspace(scope, vpc=network(scope))
    made = Synthesized.of(scope)
    (group,) = made.resources("AWS::EC2::SecurityGroup")
    assert group["SecurityGroupEgress"] == [
        {"CidrIp": "0.0.0.0/0", "Description": "Allow all outbound traffic by default", "IpProtocol": "-1"}
    ]
    assert (group["VpcId"], group.get("SecurityGroupIngress")) == ("vpc-1", None)
    connected = mapping(made.properties(databricks.function)["VpcConfig"])
    assert connected["SubnetIds"] == ["subnet-1", "subnet-2"]
    assert made.statements(databricks.role) == [
        WRITES_ITS_LOG,
        KEEPS_STOPS,
        MAKES_INTERFACES,
        READS_THE_SECRET,
        *keeps_records(BUCKET),
    ]
    assert "ManagedPolicyArns" not in made.properties(databricks.role)


def test_its_metrics_are_those_that_the_lambda_writes() -> None:
    scope = stack()
    databricks = workspace(scope)
    metrics = [
        databricks.metric_submissions(),
        databricks.metric_failures(),
        databricks.metric_failures("Databricks.RunFailed"),
        databricks.metric_waiting(),
    ]
    assert {(metric.namespace, metric.statistic, metric.period.to_minutes()) for metric in metrics} == {
        ("zflow/Databricks", "Sum", 5)
    }
    of_it = {"Workspace": "Team/Databricks"}
    assert [(metric.metric_name, metric.dimensions) for metric in metrics] == [
        ("Submissions", of_it),
        ("Failures", of_it),
        ("Failures", {**of_it, "Error": "Databricks.RunFailed"}),
        ("WaitSeconds", of_it),
    ]


def scoring(scope: Stack, databricks: zflow.DatabricksWorkspace, id: str, *, watched: bool = False) -> zflow.MlWorkflow:
    """A workflow of one step on a workspace."""
    step = zflow.DatabricksJobStep(
        scope,
        f"Extract {id}",
        workspace=databricks,
        task=SPARK_TASK,
        cluster=CLUSTER,
        timeout=Duration.days(5),
        separate_history=watched,
    )
    return zflow.MlWorkflow(scope, id, steps=[step])


def test_workflows_of_one_stack_share_a_lambda_and_a_watcher() -> None:
    scope = stack()
    databricks = workspace(scope)
    first, second = (scoring(scope, databricks, id, watched=True) for id in ("First", "Second"))
    made = Synthesized.of(scope)
    assert len(made.resources("AWS::Lambda::Function")) == 1
    workflows = {made.logical_id(each.state_machine) for each in (first, second)}
    assert {*state_machines(made.template)} - workflows == {made.logical_id(databricks.watcher)}
    # Each has a rule of its own that stops its runs.
    assert len(made.resources("AWS::Events::Rule")) == len(made.resources("AWS::Lambda::Permission")) == 2


def test_a_workspace_that_no_step_asks_to_watch_has_no_watcher() -> None:
    scope = stack()
    databricks = workspace(scope)
    workflow = scoring(scope, databricks, "Scoring")
    made = Synthesized.of(scope)
    assert state_machines(made.template) == [made.logical_id(workflow.state_machine)]


@pytest.mark.parametrize("watched", [False, True], ids=["watched by the workflow", "watched by the workspace"])
def test_a_workflow_of_another_stack_uses_the_workspace_and_the_workspaces_stack_knows_nothing_of_it(
    *, watched: bool
) -> None:
    app = App()
    place = Environment(account="111122223333", region="eu-central-1")
    shared, team = Stack(app, "Shared", env=place), Stack(app, "Team", env=place)
    databricks = workspace(shared)
    scoring(team, databricks, "Scoring", watched=watched)
    assembly = Path(app.synth().directory)

    def kinds(name: str) -> list[str]:
        template = json.loads((assembly / f"{name}.template.json").read_text(encoding="utf-8"))
        return [kind(each) for each in template["Resources"].values()]

    assert [stack.stack_name for stack in team.dependencies] == ["Shared"]
    assert shared.dependencies == []
    assert kinds("Shared").count("AWS::Lambda::Function") == 1
    assert kinds("Shared").count("AWS::StepFunctions::StateMachine") == (1 if watched else 0)
    assert kinds("Team").count("AWS::Lambda::Function") == 0
    assert kinds("Team").count("AWS::StepFunctions::StateMachine") == 1
    # The Lambda's permission is beside the rule that calls it: in the other stack it would make a circle.
    assert kinds("Team").count("AWS::Lambda::Permission") == 1
    assert kinds("Shared").count("AWS::Lambda::Permission") == 0
