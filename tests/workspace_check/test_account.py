"""Who runs the check, and what is deployed."""

import json
from collections.abc import Mapping

import boto3
import pytest

from zflow_constructs.assembly.cloud_assembly import Stack
from zflow_constructs.core.values.templates import Json
from zflow_constructs.workspace_check.account import account, deployed
from zflow_constructs.workspace_check.clients import Clients
from zflow_constructs.workspace_check.findings import Mark
from zflow_constructs.workspace_check.values import Account, NotKnownError

WHERE = Account("123456789012", "eu-central-1", "aws", "arn:aws:iam::123456789012:user/ana")
DEMO = Stack("Demo")


def test_the_account_the_region_and_the_caller_are_said(clients: Clients) -> None:
    result = account(clients, "123456789012")
    assert [finding.line for finding in result.findings] == [
        "✓ AWS account: 123456789012 in eu-central-1, as arn:aws:sts::123456789012:user/moto"
    ]
    assert result.value == Account("123456789012", "eu-central-1", "aws", "arn:aws:sts::123456789012:user/moto")


def test_a_stack_of_another_account_is_said_with_what_to_do(clients: Clients) -> None:
    result = account(clients, "222222222222")
    assert [finding.line for finding in result.findings] == [
        (
            "✗ AWS account: the stack belongs to 222222222222, and these credentials "
            "(arn:aws:sts::123456789012:user/moto) to 123456789012. Set AWS_PROFILE to a profile of 222222222222."
        )
    ]
    assert result.value is None


@pytest.mark.usefixtures("iam")
def test_missing_credentials_are_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert [finding.line for finding in account(Clients("")).findings] == [
        (
            "✗ AWS account: no usable credentials (Unable to locate credentials). Sign in (`aws sso login`, `aws "
            "configure`), or set AWS_PROFILE to a profile that may."
        )
    ]


@pytest.mark.usefixtures("iam")
def test_a_missing_region_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert [finding.line for finding in account(Clients("")).findings] == [
        "✗ AWS account: no region is known. Set AWS_REGION to the region of the stack."
    ]


@pytest.mark.usefixtures("iam")
def test_the_region_of_the_stack_comes_first() -> None:
    assert Clients("eu-west-1").region == "eu-west-1"


def test_a_deployed_stack_tells_its_resources_and_parameters(clients: Clients) -> None:
    template: Mapping[str, Json] = {
        "Parameters": {
            "Stage": {"Type": "String", "Default": "test"},
            "Key": {"Type": "String", "NoEcho": True, "Default": "none"},
        },
        "Resources": {"Lake": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "lake"}}},
    }
    boto3.client("cloudformation").create_stack(
        StackName="Demo",
        TemplateBody=json.dumps(template),
        Parameters=[
            {"ParameterKey": "Stage", "ParameterValue": "prod"},
            # What CloudFormation answers for a parameter that is not to be shown; moto would show it.
            {"ParameterKey": "Key", "ParameterValue": "****"},
        ],
    )
    result = deployed(clients, WHERE, [Stack("Demo", template=template)])
    assert [finding.line for finding in result.findings] == ["✓ stack Demo: deployed (CREATE_COMPLETE)"]
    assert result.value
    assert result.value.text("Demo", {"Fn::Sub": "${Stage}-${Lake}"}) == "prod-lake"
    with pytest.raises(NotKnownError):
        result.value.text("Demo", {"Ref": "Key"})


def test_a_stack_that_is_not_deployed_yet_is_no_failure(clients: Clients) -> None:
    assert [finding.line for finding in deployed(clients, WHERE, [DEMO]).findings] == [
        (
            f"{Mark.UNKNOWN} stack Demo: not deployed yet: what only CloudFormation knows can be checked once it is "
            "(`cdk deploy`)"
        )
    ]


def test_nothing_is_asked_without_an_account(clients: Clients) -> None:
    result = deployed(clients, None, [DEMO])
    assert (result.findings, result.value and result.value.account) == ([], None)
