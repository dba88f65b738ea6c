"""The VPC that a job runs in: its subnets, its security groups, and what its role may do with network interfaces."""

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam

from zflow_constructs.core.values.templates import Template
from zflow_constructs.resources.vpc import refuse_without_vpc
from zflow_constructs.steps.step import Step


class Network:
    """The VPC that a step's jobs run in.

    https://docs.aws.amazon.com/sagemaker/latest/dg/train-vpc.html

    Args:
        step: the step; it owns the security group that is created.
        vpc: the VPC.
        subnets: which of its subnets. `None`: the private ones
        security_groups: those of the jobs. Empty: a new one, whose members reach each other if there are several
        instance_count: how many machines a job has.
    """

    def __init__(
        self,
        step: Step,
        *,
        vpc: ec2.IVpc,
        subnets: ec2.SubnetSelection | None,
        security_groups: Sequence[ec2.ISecurityGroup],
        instance_count: int,
    ) -> None:
        self._stack = Stack.of(step)
        selection = subnets or ec2.SubnetSelection()
        self._subnets = vpc.select_subnets(
            availability_zones=selection.availability_zones,
            one_per_az=selection.one_per_az,
            subnet_filters=selection.subnet_filters,
            subnet_group_name=selection.subnet_group_name,
            subnets=selection.subnets,
            subnet_type=selection.subnet_type,
        ).subnet_ids
        groups = security_groups or [_group(step, vpc, instance_count)]
        self._groups = [group.security_group_id for group in groups]

    @classmethod
    def of(
        cls,
        step: Step,
        *,
        vpc: ec2.IVpc | None,
        subnets: ec2.SubnetSelection | None,
        security_groups: Sequence[ec2.ISecurityGroup],
        instance_count: int,
    ) -> "Network | None":
        """The VPC, if there is one.

        Args:
            step: the step.
            vpc: the VPC. `None`: the jobs run in SageMaker's own network
            subnets: which of its subnets. `None`: the private ones
            security_groups: those of the jobs. Empty: a new one
            instance_count: how many machines a job has.

        Raises:
            WorkflowError: there are subnets or security groups, but no VPC.
        """
        if vpc is not None:
            return cls(step, vpc=vpc, subnets=subnets, security_groups=security_groups, instance_count=instance_count)
        refuse_without_vpc(step.label, subnets=subnets, security_groups=security_groups)
        return None

    @property
    def fields(self) -> dict[str, Template]:
        """`{"VpcConfig": {"Subnets": [...], "SecurityGroupIds": [...]}}`."""
        return {"VpcConfig": {"Subnets": self._subnets, "SecurityGroupIds": self._groups}}

    def grant(self, role: iam.IRole) -> None:
        """Lets a role make and remove network interfaces in the subnets.

        https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createtrainingjob-perms

        Args:
            role: the role of the jobs.
        """
        interfaces = self._stack.format_arn(service="ec2", resource="network-interface", resource_name="*")
        subnets = [self._arn("subnet", subnet) for subnet in self._subnets]
        groups = [self._arn("security-group", group) for group in self._groups]
        # An interface has no name before it is there: the subnets and groups are the limit.
        _allow(role, ["ec2:CreateNetworkInterface"], [interfaces, *subnets, *groups])
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface"],
                resources=[interfaces],
                conditions={"ArnLike": {"ec2:Subnet": subnets}},
            )
        )
        _allow(
            role,
            [
                # Such a permission has no ARN.
                "ec2:DeleteNetworkInterfacePermission",
                # EC2 knows no resources for what it describes.
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeVpcs",
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeSubnets",
                "ec2:DescribeSecurityGroups",
            ],
            ["*"],
        )

    def _arn(self, resource: str, id: str) -> str:
        # A shared subnet is in another account; its id is its own everywhere.
        return self._stack.format_arn(service="ec2", account="*", resource=resource, resource_name=id)


def _group(step: Step, vpc: ec2.IVpc, instance_count: int) -> ec2.ISecurityGroup:
    group = ec2.SecurityGroup(step, "SecurityGroup", vpc=vpc, description=f"The jobs of {step.path}")
    if instance_count > 1:
        group.connections.allow_internally(ec2.Port.all_traffic(), "The machines of a job")
    return group


def _allow(role: iam.IRole, actions: list[str], resources: list[str]) -> None:
    role.add_to_principal_policy(iam.PolicyStatement(actions=actions, resources=resources))
