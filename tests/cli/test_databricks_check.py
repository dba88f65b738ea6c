"""The `zflow databricks check` command, against a workspace and an AWS account on loopback."""

import json
import sys
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
    refusal,
    serve_databricks,
)
from tests.workspace_check.environments import aws_account, serve_moto
from tests.workspace_check.iam_server import IamServer
from zflow_constructs.cli.main import main
from zflow_constructs.workspace_check.findings import Mark

Json = Mapping[str, object]

ACCOUNT_LINE = f"✓ AWS account: {ACCOUNT} in {REGION}, as arn:aws:sts::{ACCOUNT}:user/moto"
PROFILE_ARN = f"arn:aws:iam::{ACCOUNT}:instance-profile/clusters"
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


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with serve_moto() as url:
        yield url


@pytest.fixture
def iam(moto: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[IamServer]:
    with aws_account(moto, monkeypatch, tmp_path) as server:
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


def ready(folder: Path, databricks: DatabricksServer) -> Path:
    """All is deployed and stored for this assembly."""
    deploy()
    store({"client_id": CLIENT, "client_secret": CLIENT_SECRET})
    return assembly(folder, databricks.url, {"Extract": submit("Extract", EXTRACT)})


@pytest.mark.usefixtures("iam")
def test_a_workflow_that_is_ready_gets_a_line_for_each_check_and_exits_with_0(
    tmp_path: Path, databricks: DatabricksServer
) -> None:
    ended = zflow(ready(tmp_path, databricks))
    assert ended.stdout.splitlines() == [
        "AWS",
        ACCOUNT_LINE,
        "✓ stack Demo: deployed (CREATE_COMPLETE)",
        "Workspace Databricks",
        f"✓ host: {databricks.url} is a workspace",
        f"✓ secret {SECRET_ARN}: has client_id and client_secret",
        "✓ credentials: zflow-prod (7a1c-0001), active",
        '✓ policy 9C62 (Extract): "Jobs", which zflow-prod may use',
        "✓ runtime 16.4.x-scala2.12 (Extract): offered",
        "✓ node type m5.xlarge (Extract): offered",
        f"✓ instance profile {PROFILE_ARN} (Extract): registered, and zflow-prod may use it",
        "S3",
        f"✓ s3://{ASSETS}/extract.py (Extract): there",
        f"✓ S3 access of {PROFILE_ARN} (Extract): clusters-role may (1 object to read, 1 folder to write)",
        "None of 11 checks failed.",
    ]
    assert (ended.exit_code, ended.stderr) == (0, "")


@pytest.mark.usefixtures("iam")
def test_failures_are_counted_and_exit_with_1(tmp_path: Path, databricks: DatabricksServer) -> None:
    run = submit("Nightly", {"job_id": "7"}, call="run-now")
    load = submit("Load", {"tasks": [{"new_cluster": {"policy_id": "{% $parameters.policy %}"}}]})
    shared = submit("Share", {"tasks": [{"existing_cluster_id": CLUSTER}, {"new_cluster": {"num_workers": 1}}]})
    store(PERSONAL_TOKEN)
    states = {"Nightly": run, "Load": load, "Share": shared}
    ended = zflow(assembly(tmp_path, databricks.url, states, DATABRICKS_AUTH="token"))
    assert ended.stdout.splitlines() == [
        "AWS",
        ACCOUNT_LINE,
        (
            f"{Mark.UNKNOWN} stack Demo: not deployed yet: what only CloudFormation knows can be checked once it is "
            "(`cdk deploy`)"
        ),
        "Workspace Databricks",
        f"✓ host: {databricks.url} is a workspace",
        f"✓ secret {SECRET_ARN}: has token",
        "✓ credentials: zflow-prod (7a1c-0001), active",
        (
            "✗ new clusters without a policy (Share): zflow-prod may make none. Give it the entitlement "
            '"Unrestricted cluster creation" (allow-cluster-create), or name a policy that it may use.'
        ),
        f"{Mark.UNKNOWN} policy (Load): known when the workflow runs",
        f'✓ cluster {CLUSTER} (Share): "shared", TERMINATED',
        (
            "✗ job 7 (Nightly): not there (RESOURCE_DOES_NOT_EXIST: It does not exist). Correct the id, or the "
            "workspace. Give zflow-prod CAN MANAGE RUN on it, if it is."
        ),
        "2 of 9 checks failed; 2 could not be made.",
    ]
    assert ended.exit_code == 1


@pytest.mark.usefixtures("iam")
def test_what_waits_for_a_check_that_failed_is_not_tried(
    tmp_path: Path, databricks: DatabricksServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    ended = zflow(assembly(tmp_path, databricks.url, {"Extract": submit("Extract", EXTRACT)}))
    assert ended.stdout.splitlines()[2:] == [
        "Workspace Databricks",
        f"✓ host: {databricks.url} is a workspace",
        f"{Mark.UNKNOWN} secret: not read without AWS",
        f"{Mark.UNKNOWN} credentials: not tried without a host and a secret",
        f"{Mark.UNKNOWN} what the steps ask for (Extract): not looked at, since nobody is signed in",
        "S3",
        f"{Mark.UNKNOWN} files in S3 (Extract): known with AWS credentials (AWS::AccountId)",
        "1 of 6 checks failed; 4 could not be made.",
    ]
    assert ended.exit_code == 1


@pytest.mark.usefixtures("iam")
def test_a_workspace_with_federation_says_what_its_policy_must_have(
    tmp_path: Path, databricks: DatabricksServer
) -> None:
    environment = {
        "DATABRICKS_AUTH": "aws-iam",
        "DATABRICKS_CLIENT_ID": "7a1c-0001",
        "DATABRICKS_AUDIENCE": "databricks",
    }
    states = {"Nightly": submit("Nightly", {"job_id": JOB}, call="run-now")}
    ended = zflow(assembly(tmp_path, databricks.url, states, **environment))
    assert ended.stdout.splitlines()[3:] == [
        "Workspace Databricks",
        f"✓ host: {databricks.url} is a workspace",
        "✓ federation: on, with the issuer https://a1b2.tokens.sts.global.api.aws",
        (
            f"{Mark.UNKNOWN} credentials: only the function's role gets a token, which can't be tried from here. The "
            "federation policy of the service principal 7a1c-0001 must have the issuer "
            '"https://a1b2.tokens.sts.global.api.aws", the audience "databricks" and the subject '
            '"<known once the stack Demo is deployed (FunctionRole)>"'
        ),
        f"{Mark.UNKNOWN} what the steps ask for (Nightly): not looked at, since nobody is signed in",
        "None of 6 checks failed; 3 could not be made.",
    ]
    assert ended.exit_code == 0


@pytest.mark.usefixtures("iam")
def test_a_workspace_alone_needs_no_assembly(databricks: DatabricksServer) -> None:
    store({"token": PERSONAL_TOKEN})
    ended = zflow("--host", databricks.url, "--secret", "risk/databricks", "--auth", "token")
    assert ended.stdout.splitlines() == [
        "AWS",
        ACCOUNT_LINE,
        f"Workspace {databricks.url}",
        f"✓ host: {databricks.url} is a workspace",
        "✓ secret risk/databricks: has token",
        "✓ credentials: zflow-prod (7a1c-0001), active",
        "None of 4 checks failed.",
    ]
    assert ended.exit_code == 0


@pytest.mark.usefixtures("iam")
@pytest.mark.parametrize("hidden", [ACCESS_TOKEN, CLIENT_SECRET, "Y2xpZW50LTE6Y2xpZW50LXNlY3JldC0x"])
def test_a_secret_that_the_workspace_repeats_is_shown_nowhere(
    tmp_path: Path, databricks: DatabricksServer, hidden: str
) -> None:
    databricks.answers["/api/2.1/clusters/spark-versions"] = refusal(400, "BAD_REQUEST", f"What is {hidden}?")
    ended = zflow(ready(tmp_path, databricks))
    assert hidden not in ended.output
    assert (
        "✗ runtime 16.4.x-scala2.12 (Extract): the workspace did not answer (BAD_REQUEST: What is ***?). Try again."
        in ended.stdout.splitlines()
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "https://dbc-a1b2.cloud.databricks.com"], "Give --host and --secret together and no assembly"),
        (["--secret", "risk/databricks"], "Give --host and --secret together and no assembly"),
        (["cdk.out", "--host", "https://dbc-a1b2.cloud.databricks.com", "--secret", "s"], "or an assembly alone"),
        (["--auth", "aws-iam"], "'aws-iam' is not one of 'oauth-m2m', 'token'"),
        (["--stack", "Damo"], "cdk.out has no stack 'Damo', but: Demo. Did you mean 'Demo'?"),
        ([], "The stack Demo has no Databricks workspace: there is nothing to check."),
    ],
)
def test_bad_usage_is_said_and_exits_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_assembly(tmp_path, {"Demo": {"Resources": {}}})
    ended = zflow(*arguments)
    assert ended.exit_code == 2
    assert message in " ".join(ended.stderr.split())


def test_a_definition_that_can_t_be_read_is_said_and_exits_with_2(tmp_path: Path) -> None:
    broken = {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"DefinitionString": "{"}}
    ended = zflow(write_assembly(tmp_path, {"Demo": {"Resources": {"Machine": broken}}}))
    assert ended.exit_code == 2
    assert ended.stderr.startswith("Error: The definition of the state machine Machine is no JSON (")


def test_what_is_missing_to_ask_is_said_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith("zflow_constructs.workspace_check.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "databricks.sdk", None)
    ended = zflow("--host", "https://dbc-a1b2.cloud.databricks.com", "--secret", "risk/databricks")
    assert ended.exit_code == 2
    assert ended.stderr == (
        "Error: `zflow databricks` needs 'databricks.sdk', which the extra `databricks` brings: "
        "pip install 'zflow-constructs[databricks]'\n"
    )
