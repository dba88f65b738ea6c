"""The CloudFormation resource types that a local run honours: what each does here, or why it needn't do anything."""

from collections.abc import Mapping
from dataclasses import dataclass

LIVE_TYPES = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::Events::EventBus",
        "AWS::Events::Rule",
        "AWS::Lambda::Function",
        "AWS::Lambda::Url",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::SSM::Parameter",
        "AWS::SageMaker::ModelPackageGroup",
        "AWS::SecretsManager::Secret",
        "AWS::StepFunctions::StateMachine",
    }
)
"""Types whose resources do here what they do on AWS."""


@dataclass(frozen=True)
class InertType:
    """A type whose resources change nothing in a local run.

    Args:
        why: Why they needn't do anything here.
        name: The property that names the resource. Default: it has none, CloudFormation makes its name.
        arn: The ARN's part after the account, with `{name}`. Default: it has no ARN.
        ref_is_arn: Whether Ref gives the ARN. Default: the name.
    """

    why: str
    name: str = ""
    arn: str = ""
    ref_is_arn: bool = False


_IAM = "IAM is not enforced"
_NO_CLOCK = "nothing is scheduled: the run is started by hand"
_NO_ALARMS = "there are no metrics"
_NO_NETWORK = "everything runs on this machine"
_ONE_PROCESS = "an endpoint's containers run once"

INERT_TYPES: Mapping[str, InertType] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": InertType(_ONE_PROCESS),
    "AWS::ApplicationAutoScaling::ScalingPolicy": InertType(_ONE_PROCESS),
    "AWS::CDK::Metadata": InertType("it is for AWS's statistics"),
    "AWS::CloudWatch::Alarm": InertType(_NO_ALARMS, "AlarmName", "cloudwatch:{region}:{account}:alarm:{name}"),
    "AWS::CloudWatch::CompositeAlarm": InertType(_NO_ALARMS, "AlarmName", "cloudwatch:{region}:{account}:alarm:{name}"),
    "AWS::CloudWatch::Dashboard": InertType(_NO_ALARMS, "DashboardName"),
    "AWS::EC2::SecurityGroupEgress": InertType(_NO_NETWORK),
    "AWS::Lambda::EventInvokeConfig": InertType("a function is retried twice, as by default"),
    "AWS::S3::BucketPolicy": InertType(_IAM),
    "AWS::SNS::Subscription": InertType("nothing leaves this machine"),
    "AWS::SNS::TopicPolicy": InertType(_IAM),
    "AWS::SQS::QueuePolicy": InertType(_IAM),
    "AWS::Scheduler::Schedule": InertType(_NO_CLOCK, "Name", "scheduler:{region}:{account}:schedule/default/{name}"),
    "AWS::Scheduler::ScheduleGroup": InertType(_NO_CLOCK, "Name", "scheduler:{region}:{account}:schedule-group/{name}"),
    "AWS::SecretsManager::ResourcePolicy": InertType(_IAM),
}
"""Types that moto doesn't know, or not all of, and which may safely do nothing here."""

MOTO_INERT_TYPES: Mapping[str, str] = {
    "AWS::EC2::InternetGateway": _NO_NETWORK,
    "AWS::EC2::NatGateway": _NO_NETWORK,
    "AWS::EC2::EIP": _NO_NETWORK,
    "AWS::EC2::Route": _NO_NETWORK,
    "AWS::EC2::RouteTable": _NO_NETWORK,
    "AWS::EC2::SecurityGroup": _NO_NETWORK,
    "AWS::EC2::SecurityGroupIngress": _NO_NETWORK,
    "AWS::EC2::Subnet": _NO_NETWORK,
    "AWS::EC2::SubnetRouteTableAssociation": _NO_NETWORK,
    "AWS::EC2::VPC": _NO_NETWORK,
    "AWS::EC2::VPCEndpoint": _NO_NETWORK,
    "AWS::EC2::VPCGatewayAttachment": _NO_NETWORK,
    "AWS::ECR::Repository": "images of frameworks are replaced by local processes",
    "AWS::IAM::InstanceProfile": _IAM,
    "AWS::IAM::ManagedPolicy": _IAM,
    "AWS::IAM::Policy": _IAM,
    "AWS::IAM::Role": _IAM,
    "AWS::KMS::Alias": "nothing is encrypted",
    "AWS::KMS::Key": "nothing is encrypted",
    "AWS::Lambda::Permission": _IAM,
    "AWS::Logs::LogGroup": "logs are files of the run folder",
    "AWS::Logs::ResourcePolicy": _IAM,
}
"""Types that moto makes well enough, and which do nothing here."""

HONOURED_TYPES = LIVE_TYPES | INERT_TYPES.keys() | MOTO_INERT_TYPES.keys()
"""All types that a template may have."""
