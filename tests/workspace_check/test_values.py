"""What CloudFormation's functions stand for."""

import pytest

from zflow_constructs.assembly.cloud_assembly import Stack
from zflow_constructs.core.values.templates import Json
from zflow_constructs.workspace_check.values import Account, Deployed, NotKnownError, Values

PLATFORM = Stack(
    "Platform",
    template={
        "Resources": {"Lake": {"Type": "AWS::S3::Bucket"}},
        "Outputs": {"Out": {"Value": {"Fn::GetAtt": ["Lake", "Arn"]}, "Export": {"Name": "Platform:LakeArn"}}},
    },
)
DEMO = Stack(
    "Demo",
    region="eu-central-1",
    template={
        "Parameters": {
            "Stage": {"Type": "String", "Default": "test"},
            "Key": {"Type": "String", "Default": "none", "NoEcho": True},
            "Host": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/databricks/host"},
        },
        "Resources": {
            "Profile": {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Path": "/jobs/"}},
            "Role": {"Type": "AWS::IAM::Role"},
            "Function": {"Type": "AWS::Lambda::Function"},
            "Secret": {"Type": "AWS::SecretsManager::Secret"},
            "Queue": {"Type": "AWS::SQS::Queue"},
        },
    },
)
IDS = {"Profile": "clusters", "Role": "Demo-Role", "Function": "Demo-Function", "Queue": "https://q", "Secret": "arn:s"}
KNOWN = Values(
    [DEMO, PLATFORM],
    {
        "Demo": Deployed(IDS, {"Host": "https://dbc-a1b2.cloud.databricks.com", "Stage": "prod"}),
        "Platform": Deployed({"Lake": "lake"}),
    },
    Account("123456789012", "eu-central-1", "aws", "arn:aws:iam::123456789012:user/ana"),
)
UNDEPLOYED = Values([DEMO, PLATFORM])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        (7, "7"),
        ({"Ref": "AWS::StackName"}, "Demo"),
        ({"Ref": "Stage"}, "prod"),
        ({"Ref": "Host"}, "https://dbc-a1b2.cloud.databricks.com"),
        ({"Ref": "Secret"}, "arn:s"),
        ({"Fn::GetAtt": ["Profile", "Arn"]}, "arn:aws:iam::123456789012:instance-profile/jobs/clusters"),
        ({"Fn::GetAtt": ["Role", "Arn"]}, "arn:aws:iam::123456789012:role/Demo-Role"),
        ({"Fn::GetAtt": ["Function", "Arn"]}, "arn:aws:lambda:eu-central-1:123456789012:function:Demo-Function"),
        ({"Fn::Join": [":", ["arn", {"Ref": "AWS::Partition"}, {"Ref": "AWS::URLSuffix"}]]}, "arn:aws:amazonaws.com"),
        (
            {"Fn::Sub": "${!kept}-${AWS::AccountId}-${AWS::Region}-${Role}"},
            "${!kept}-123456789012-eu-central-1-Demo-Role",
        ),
        ({"Fn::Sub": "${Role.Arn}"}, "arn:aws:iam::123456789012:role/Demo-Role"),
        ({"Fn::Select": [1, {"Fn::Split": ["/", {"Fn::GetAtt": ["Profile", "Arn"]}]}]}, "jobs"),
        ({"Fn::ImportValue": "Platform:LakeArn"}, "arn:aws:s3:::lake"),
    ],
)
def test_a_deployed_stack_tells_all(value: Json, text: str) -> None:
    assert KNOWN.text("Demo", value) == text


@pytest.mark.parametrize(
    ("values", "value", "why"),
    [
        (UNDEPLOYED, {"Ref": "AWS::AccountId"}, "known with AWS credentials (AWS::AccountId)"),
        (UNDEPLOYED, {"Ref": "Host"}, "known once the stack Demo is deployed (Host)"),
        (UNDEPLOYED, {"Fn::GetAtt": ["Role", "Arn"]}, "known once the stack Demo is deployed (Role)"),
        (
            UNDEPLOYED,
            {"Fn::ImportValue": "Platform:LakeArn"},
            "known once the stack Platform is deployed (Lake)",
        ),
        (KNOWN, {"Ref": "Key"}, "not shown by the stack Demo (Key)"),
        (KNOWN, {"Fn::GetAtt": ["Queue", "Arn"]}, "not known here (Queue.Arn)"),
        (KNOWN, {"Fn::ImportValue": "Other:Arn"}, 'not known here ({"Fn::ImportValue": "Other:Arn"})'),
        (KNOWN, "{% $parameters.policy %}", "known when the workflow runs"),
    ],
)
def test_what_is_not_known_is_said_with_when_it_is(values: Values, value: Json, why: str) -> None:
    with pytest.raises(NotKnownError) as raised:
        values.known("Demo", value)
    assert str(raised.value) == why


def test_a_parameter_has_its_default_before_the_stack_is_deployed() -> None:
    assert UNDEPLOYED.text("Demo", {"Ref": "Stage"}) == "test"


def test_what_the_app_says_of_its_region_is_known_before_it_is_deployed() -> None:
    assert UNDEPLOYED.text("Demo", {"Ref": "AWS::Region"}) == "eu-central-1"
