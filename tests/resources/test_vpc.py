"""Subnets and security groups without a VPC."""

import pytest
from aws_cdk import aws_ec2 as ec2

from tests.parts import stack
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.resources.vpc import refuse_without_vpc


def test_nothing_given_is_nothing_to_refuse() -> None:
    refuse_without_vpc('Step "A"', subnets=None, security_groups=[])


def test_each_is_refused_by_its_keyword() -> None:
    group = ec2.SecurityGroup.from_security_group_id(stack(), "Group", "sg-1")
    with pytest.raises(WorkflowError) as subnets:
        refuse_without_vpc('Step "A"', subnets=ec2.SubnetSelection(), security_groups=[group])
    assert str(subnets.value) == 'Step "A": subnets are those of a VPC. Give vpc=..., or remove subnets.'
    with pytest.raises(WorkflowError) as groups:
        refuse_without_vpc('Step "A"', subnets=None, security_groups=[group])
    assert str(groups.value) == 'Step "A": security_groups are those of a VPC. Give vpc=..., or remove security_groups.'
