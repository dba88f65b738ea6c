"""Machines, by SageMaker's names."""

import pytest
from aws_cdk import aws_ec2 as ec2

from zflow_constructs.sagemaker.jobs.instances import Machines


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (None, "ml.m5.large"),
        (ec2.InstanceType("g5.12xlarge"), "ml.g5.12xlarge"),
        (ec2.InstanceType.of(ec2.InstanceClass.C5, ec2.InstanceSize.XLARGE2), "ml.c5.2xlarge"),
    ],
    ids=["the default", "by its name", "by class and size"],
)
def test_a_type_is_named_as_sagemaker_names_it(given: ec2.InstanceType | None, named: str) -> None:
    assert Machines.of('Step "Train"', given, 2) == Machines(named, 2)
