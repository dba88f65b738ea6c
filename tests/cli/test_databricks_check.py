"""The `zflow databricks check` command, against a workspace and an AWS account on loopback."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import boto3
import pytest
from click.testing import CliRunner, Result

from tests.workspace_check.assemblies import (
    ACCOUNT,
    ASSETS,
    PROFILE,
    REGION,
    ROLE,
    SCRIPT,
    function,
    machine,
    submit,
    write_assembly,
)
from tests.workspace_check.databricks_server import (
    ACCESS_TOKEN,
    CLIENT,
    CLIENT_SECRET,
    CLUSTER,
    JOB,
    PERSONAL_TOKEN,
    POLICY,
    DatabricksServer,
    serve_databricks,
)
from tests.workspace_check.environments import aws_account
from tests.workspace_check.iam_server import IamServer
from zflow_constructs.cli.main import main

Json = Mapping[str, object]

ROOT = f"arn:aws:sts::{ACCOUNT}:user/moto"
SECRET_ARN = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:risk/databricks"
HISTORY: Json = {
    "Fn::Join": [
        "",
        [
            '{% "s3://',
            {"Ref": "Bucket"},
            '/Risk/" & $states.context.Execution.Name & "/Extract/history/" %}',
        ],
    ]
}
EXTRACT: Json = {
    "tasks": [
        {
            "task_key": "Extract",
            "spark_python_task": {"python_file": SCRIPT, "parameters": ["--history", HISTORY]},
            "new_cluster": {
                "policy_id": POLICY,
                "spark_version": "16.4.x-scala2.12",
                "node_type_id": "m5.xlarge",
                "num_workers": 0,
                "aws_attributes": {"instance_profile_arn": {"Fn::GetAtt": ["ClusterProfile", "Arn"]}},
            },
        }
    ]
}
DEPLOYED: Json = {
    "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "lake"}},
    "ClusterRole": ROLE,
    "ClusterProfile": PROFILE,
}


@pytest.fixture
def databricks() -> Iterator[DatabricksServer]:
    with serve_databricks() as server:
        yield server


@pytest.fixture
def iam(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[IamServer]:
    with aws_account(monkeypatch, tmp_path) as server:
        yield server


def zflow(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["databricks", "check", *map(str, arguments)])


def store(value: object) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    boto3.client("secretsmanager").create_secret(Name="risk/databricks", SecretString=text)


def deploy() -> None:
    boto3.client("cloudformation").create_stack(StackName="Demo", TemplateBody=json.dumps({"Resources": DEPLOYED}))
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=ASSETS, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket=ASSETS, Key="extract.py", Body=b"print()")


def assembly(folder: Path, host: str, states: Json, **environment: object) -> Path:
    resources = {**DEPLOYED, "Function": function(host, **environment), "Machine": machine(states)}
    return write_assembly(folder, {"Demo": {"Resources": resources}})


def test_a_workflow_that_is_ready_gets_a_line_for_each_check_and_exits_with_0(
    tmp_path: Path, databricks: DatabricksServer, iam: IamServer
) -> None:
    deploy()
    store({"client_id": CLIENT, "client_secret": CLIENT_SECRET})
    ended = zflow(assembly(tmp_path, databricks.url, {"Extract": submit("Extract", EXTRACT)}))
    assert ended.stdout.splitlines() == []
