"""What `cdk bootstrap` and `cdk deploy` do before and around the template, on the local AWS."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from zflow_constructs.assembly.cloud_assembly import Stack
from zflow_constructs.assembly.input_error import AssemblyError
from zflow_constructs.assembly.json_document import fields
from zflow_constructs.local.aws.server import AwsServer

if TYPE_CHECKING:
    from mypy_boto3_s3.literals import BucketLocationConstraintType

_BOOTSTRAP_VERSION = "30"


def bootstrap(aws: AwsServer, stack: Stack) -> None:
    """Make the parameters of the bootstrap stack that a template reads: its version.

    Args:
        aws: The local AWS.
        stack: The stack.

    Raises:
        AssemblyError: The template reads another parameter, whose value only the account knows.
    """
    for name, declared in fields(stack.template.get("Parameters")).items():
        parameter = fields(declared)
        if not str(parameter.get("Type")).startswith("AWS::SSM::Parameter::Value"):
            continue
        path = str(parameter.get("Default", ""))
        if not path.startswith("/cdk-bootstrap/"):
            raise AssemblyError(
                f"The stack {stack.name} reads the SSM parameter {path!r}, by its parameter {name}: there is none in a "
                "local run. Give the value when the app is synthesized."
            )
        aws.clients.ssm.put_parameter(Name=path, Value=_BOOTSTRAP_VERSION, Type="String", Overwrite=True)


def upload_assets(aws: AwsServer, stack: Stack) -> None:
    """Put a stack's file assets where its template looks for them.

    Args:
        aws: The local AWS.
        stack: The stack.
    """
    s3 = aws.clients.s3
    for asset in stack.assets:
        bucket = asset.bucket.replace("${AWS::AccountId}", aws.account).replace("${AWS::Region}", aws.region)
        make_bucket(aws, bucket)
        s3.put_object(Bucket=bucket, Key=asset.key, Body=asset.content())


def make_bucket(aws: AwsServer, name: str) -> None:
    """Make a bucket, unless it is there.

    Args:
        aws: The local AWS.
        name: The bucket.
    """
    s3 = aws.clients.s3
    if name not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        if aws.region == "us-east-1":
            s3.create_bucket(Bucket=name)
        else:
            place = cast("BucketLocationConstraintType", aws.region)
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": place})


def deploy(aws: AwsServer, stack: Stack) -> Mapping[str, str]:
    """Create a stack of its template, unchanged.

    Args:
        aws: The local AWS.
        stack: The stack.

    Returns:
        Its outputs.

    Raises:
        AssemblyError: CloudFormation refuses the template.
    """
    cloudformation = aws.clients.cloudformation
    try:
        cloudformation.create_stack(
            StackName=stack.name,
            # moto reads it as YAML, in which an emoji's two escapes are two characters.
            TemplateBody=json.dumps(stack.template, ensure_ascii=False),
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        described = cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]
        while described["StackStatus"].endswith("IN_PROGRESS"):
            time.sleep(0.05)
            described = cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]
    except cloudformation.exceptions.ClientError as error:
        raise AssemblyError(f"The stack {stack.name} can't be created: {error.response['Error']['Message']}") from error
    if described["StackStatus"] != "CREATE_COMPLETE":
        raise AssemblyError(f"The stack {stack.name} ended in {described['StackStatus']}")
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
