"""The role that SageMaker assumes to run a job or a model: created with exactly what the step names."""

from collections.abc import Iterable

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from zflow_constructs.sagemaker.images.containers import BoundImage

SAGEMAKER = "sagemaker.amazonaws.com"


def execution_role(scope: Construct, given: iam.IRole | None, *, log_group: str) -> iam.IRole:
    """A role for SageMaker that may write its logs and metrics; a new one may do nothing else yet.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html

    Args:
        scope: the step that it is for.
        given: the role to use. `None`: a new one
        log_group: the log group below `/aws/sagemaker/`, such as `TrainingJobs` or `Endpoints/<name>`.
    """
    role = given or iam.Role(scope, "ExecutionRole", assumed_by=iam.ServicePrincipal(SAGEMAKER))
    logs = Stack.of(scope).format_arn(service="logs", resource="log-group", resource_name=f"/aws/sagemaker/{log_group}")
    arn = logs.replace("log-group/", "log-group:")
    role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            resources=[f"{arn}:*"],
        )
    )
    role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["cloudwatch:PutMetricData"],
            # CloudWatch's metrics have no ARN: the namespace is the limit.
            resources=["*"],
            conditions={"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
        )
    )
    return role


def grant_disks(role: iam.IRole, key: kms.IKey) -> None:
    """Let a role hand a key on to the disks of its instances, and use it for nothing itself.

    Args:
        role: The role.
        key: What the disks are encrypted with.
    """
    # SageMaker hands the key on to the disks, which use it under that grant.
    key.grant(role, "kms:CreateGrant")


def grant_pull(role: iam.IRole, images: Iterable[BoundImage]) -> None:
    """Lets a role pull images.

    Args:
        role: the execution role.
        images: the images.
    """
    repositories = list(dict.fromkeys(image.repository_arn for image in images))
    role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            resources=repositories,
        )
    )
    # A registry's token has no ARN.
    role.add_to_principal_policy(iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"]))
