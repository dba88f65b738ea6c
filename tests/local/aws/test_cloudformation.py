import json
from collections.abc import Mapping

import pytest

from tests.local.aws.conftest import ACCOUNT, REGION, ended
from zflow_constructs.local.aws.resource_types import INERT_TYPES
from zflow_constructs.local.aws.server import AwsServer

LOCAL = f"{REGION}:{ACCOUNT}"


def deploy(
    aws: AwsServer, name: str, resources: Mapping[str, object], outputs: Mapping[str, object]
) -> Mapping[str, str]:
    template = {"Resources": resources, "Outputs": {key: {"Value": value} for key, value in outputs.items()}}
    aws.clients.cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    stack = aws.clients.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


@pytest.mark.parametrize("kind", sorted(INERT_TYPES))
def test_a_type_that_does_nothing_here_is_created_with_its_name_and_arn(aws: AwsServer, kind: str) -> None:
    inert = INERT_TYPES[kind]
    name = "".join(letter for letter in kind if letter.isalnum())
    properties = {inert.name: "mine"} if inert.name else {}
    arn = {"Arn": {"Fn::GetAtt": ["Thing", "Arn"]}} if inert.arn else {}
    outputs = deploy(aws, name, {"Thing": {"Type": kind, "Properties": properties}}, {"Ref": {"Ref": "Thing"}, **arn})
    assert outputs["Ref"] == ("mine" if inert.name else outputs["Ref"])
    assert not arn or outputs["Arn"] == "arn:aws:" + inert.arn.format(name="mine", region=REGION, account=ACCOUNT)


def test_a_secret_is_generated_as_its_template_says(aws: AwsServer) -> None:
    generate = {
        "SecretStringTemplate": '{"client_id": "me"}',
        "GenerateStringKey": "client_secret",
        "PasswordLength": 9,
    }
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {"GenerateSecretString": generate}}
    plain = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": "plain", "SecretString": "s3cret"}}
    arns = deploy(aws, "secrets", {"A": secret, "B": plain}, {"A": {"Ref": "A"}, "B": {"Fn::GetAtt": ["B", "Id"]}})
    client = aws.clients.secretsmanager
    generated = json.loads(client.get_secret_value(SecretId=arns["A"])["SecretString"])
    assert generated["client_id"] == "me"
    assert len(generated["client_secret"]) == 9
    assert client.get_secret_value(SecretId=arns["B"])["SecretString"] == "s3cret"
    assert arns["B"].startswith(f"arn:aws:secretsmanager:{LOCAL}:secret:plain-")


@pytest.mark.parametrize("form", ["text", "object", "substitutions"])
def test_a_machine_of_a_template_runs_however_its_definition_is_given(aws: AwsServer, form: str) -> None:
    machine = {"StartAt": "Say", "States": {"Say": {"Type": "Pass", "Result": "hello", "End": True}}}
    forms: Mapping[str, Mapping[str, object]] = {
        "text": {"DefinitionString": {"Fn::Join": ["", [json.dumps(machine)]]}},
        "object": {"Definition": machine},
        "substitutions": {
            "DefinitionString": json.dumps(machine).replace("hello", "${what}"),
            "DefinitionSubstitutions": {"what": "hello"},
        },
    }
    role = f"arn:aws:iam::{ACCOUNT}:role/workflow"
    resource = {"Type": "AWS::StepFunctions::StateMachine", "Properties": {**forms[form], "RoleArn": role}}
    attributes = {name: {"Fn::GetAtt": ["Machine", name]} for name in ("Arn", "Name")}
    outputs = deploy(aws, f"machine-{form}", {"Machine": resource}, {"Ref": {"Ref": "Machine"}, **attributes})
    assert outputs["Ref"] == outputs["Arn"] == f"arn:aws:states:{LOCAL}:stateMachine:{outputs['Name']}"
    started = aws.clients.stepfunctions.start_execution(stateMachineArn=outputs["Ref"], name="once")
    assert ended(aws, started["executionArn"]).output == "hello"


def test_a_policy_may_compare_with_a_number(aws: AwsServer) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "sts:GetWebIdentityToken",
        "Resource": "*",
        "Condition": {"NumericLessThanEquals": {"sts:DurationSeconds": 300}},
    }
    role = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "caller", "AssumeRolePolicyDocument": {}}}
    policy = {
        "Type": "AWS::IAM::Policy",
        "Properties": {
            "PolicyName": "call",
            "Roles": [{"Ref": "Role"}],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        },
    }
    deploy(aws, "policies", {"Role": role, "Policy": policy}, {})
