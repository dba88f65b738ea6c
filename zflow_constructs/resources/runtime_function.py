"""The Lambdas of this library: their code is a folder of `runtime/`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from zflow_constructs.resources.vpc import refuse_without_vpc

_RUNTIME = Path(__file__).parents[1] / "runtime"
_MEGABYTES = 256


@dataclass(frozen=True)
class FunctionNetwork:
    """The VPC that a Lambda runs in.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html

    Args:
        vpc: the VPC.
        subnets: which of its subnets.
        security_groups: those of the Lambda. Empty: a new one
    """

    vpc: ec2.IVpc
    subnets: ec2.SubnetSelection
    security_groups: tuple[ec2.ISecurityGroup, ...]

    @classmethod
    def of(
        cls,
        owner: str,
        *,
        vpc: ec2.IVpc | None,
        subnets: ec2.SubnetSelection | None,
        security_groups: Sequence[ec2.ISecurityGroup],
    ) -> "FunctionNetwork | None":
        """The VPC, if there is one.

        Args:
            owner: who received it, for messages: `DatabricksWorkspace "Databricks"`.
            vpc: the VPC. `None`: the Lambda is in none
            subnets: which of its subnets. `None`: the private ones
            security_groups: those of the Lambda. Empty: a new one

        Raises:
            WorkflowError: there are subnets or security groups, but no VPC.
        """
        if vpc is not None:
            private = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)
            return cls(vpc, subnets or private, tuple(security_groups))
        refuse_without_vpc(owner, subnets=subnets, security_groups=security_groups)
        return None

    def grant(self, role: iam.IRole) -> None:
        """Lets the Lambda service make and remove the function's network interfaces, in its role's name.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions

        Args:
            role: the function's role.
        """
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=[
                    "ec2:CreateNetworkInterface",
                    "ec2:DescribeNetworkInterfaces",
                    "ec2:DescribeSubnets",
                    "ec2:DeleteNetworkInterface",
                    "ec2:AssignPrivateIpAddresses",
                    "ec2:UnassignPrivateIpAddresses",
                ],
                # EC2 knows no resources for what it describes, and Lambda asks for the others on all of them.
                resources=["*"],
            )
        )


def runtime_function(
    scope: Construct,
    id: str,
    *,
    folder: str,
    description: str,
    seconds: int,
    handler: str = "handler",
    environment: Mapping[str, str] | None = None,
    dead_letter_queue: sqs.IQueue | None = None,
    network: FunctionNetwork | None = None,
) -> tuple[lambda_.Function, iam.Role]:
    """A Lambda and its role, which may write its own log and nothing else yet.

    Args:
        scope: the construct that owns it.
        id: its id; those of its log and its role are made of it.
        folder: the folder of `runtime/` that is its code.
        description: what the console says of it.
        seconds: how long an invocation may take.
        handler: the function in `handler.py`. Default: handler
        environment: its environment variables. Default: none
        dead_letter_queue: where events go on which it failed. Default: they are lost
        network: the VPC that it runs in. Default: none
    """
    named = id.removesuffix("Function")
    log_group = logs.LogGroup(scope, f"{named}Logs", retention=logs.RetentionDays.THREE_MONTHS)
    role = iam.Role(scope, f"{named}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    log_group.grant_write(role)
    if dead_letter_queue:
        role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[dead_letter_queue.queue_arn]))
    if network:
        network.grant(role)
    function = lambda_.Function(
        scope,
        id,
        description=description,
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        handler=f"handler.{handler}",
        code=lambda_.Code.from_asset(str(_RUNTIME / folder), exclude=["**/__pycache__", "**/*.pyc"]),
        # The CDK would add AWS's managed policy for VPCs, with more rights than these.
        role=role.without_policy_updates(),
        timeout=Duration.seconds(seconds),
        memory_size=_MEGABYTES,
        log_group=log_group,
        dead_letter_queue=dead_letter_queue,
        environment=environment,
        vpc=network.vpc if network else None,
        vpc_subnets=network.subnets if network else None,
        security_groups=list(network.security_groups) or None if network else None,
    )
    # The resource alone: not what is made of the function, such as its URL.
    cast("lambda_.CfnFunction", function.node.default_child).node.add_dependency(role)
    return function, role
