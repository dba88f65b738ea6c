"""What is given of a VPC, and the VPC that it is of."""

from collections.abc import Sequence

from aws_cdk import aws_ec2 as ec2

from zflow_constructs.core.values.errors import WorkflowError


def refuse_without_vpc(
    owner: str, *, subnets: ec2.SubnetSelection | None, security_groups: Sequence[ec2.ISecurityGroup]
) -> None:
    """Refuse subnets and security groups that were given without a VPC.

    Args:
        owner: Who received them, for messages: `Step "Train"`.
        subnets: Which subnets of the VPC. `None`: not given
        security_groups: The security groups. Empty: not given

    Raises:
        WorkflowError: One of them was given.
    """
    for keyword, given in (("subnets", subnets), ("security_groups", security_groups)):
        if given:
            raise WorkflowError(f"{owner}: {keyword} are those of a VPC. Give vpc=..., or remove {keyword}.")
