"""Training in a VPC, in isolation, and with encrypted traffic: the job, and what its role may do."""

from aws_cdk import aws_ec2 as ec2

import zflow_constructs as zflow
from tests.core.machines import mapping
from tests.parts import OWN_IMAGE, data, network, stack, train
from tests.templates import Synthesized, makes_interfaces


def test_a_job_in_a_vpc_may_make_interfaces_in_its_subnets_and_nowhere_else() -> None:
    scope = stack()
    group = ec2.SecurityGroup.from_security_group_id(scope, "Group", "sg-1")
    step = train(scope, vpc=network(scope), security_groups=[group])
    zflow.MlWorkflow(scope, "Scoring", steps=[step])
    made = Synthesized.of(scope)
    assert mapping(made.state("Train")["Arguments"])["VpcConfig"] == {
        "Subnets": ["subnet-1", "subnet-2"],
        "SecurityGroupIds": ["sg-1"],
    }
    assert made.resources("AWS::EC2::SecurityGroup") == []
    assert made.statements(step.role)[-3:] == makes_interfaces("sg-1")


def test_the_subnets_are_those_that_are_selected() -> None:
    scope = stack()
    public = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)
    zflow.MlWorkflow(scope, "Scoring", steps=[train(scope, vpc=network(scope), subnets=public)])
    request = mapping(Synthesized.of(scope).state("Train")["Arguments"])
    assert mapping(request["VpcConfig"])["Subnets"] == ["subnet-3", "subnet-4"]


def test_a_job_has_a_security_group_of_its_own_that_nothing_gets_into() -> None:
    scope = stack()
    zflow.MlWorkflow(scope, "Scoring", steps=[train(scope, vpc=network(scope))])
    assert Synthesized.of(scope).resources("AWS::EC2::SecurityGroup") == [
        {
            "GroupDescription": "The jobs of Team/Train",
            "SecurityGroupEgress": [
                {"CidrIp": "0.0.0.0/0", "Description": "Allow all outbound traffic by default", "IpProtocol": "-1"}
            ],
            "VpcId": "vpc-1",
        }
    ]


def test_the_machines_of_a_job_reach_each_other() -> None:
    scope = stack()
    zflow.MlWorkflow(scope, "Scoring", steps=[train(scope, vpc=network(scope), instance_count=2)])
    (rule,) = Synthesized.of(scope).resources("AWS::EC2::SecurityGroupIngress")
    assert rule["GroupId"] == rule["SourceSecurityGroupId"]
    assert (rule["IpProtocol"], rule["Description"]) == ("-1", "The machines of a job")


def test_a_job_may_be_cut_off_and_its_traffic_encrypted() -> None:
    scope = stack()
    step = zflow.TrainingStep(
        scope,
        "Train",
        image=OWN_IMAGE,
        channels={"train": data(scope)},
        instance_count=2,
        network_isolation=True,
        encrypt_traffic=True,
    )
    zflow.MlWorkflow(scope, "Scoring", steps=[step])
    request = mapping(Synthesized.of(scope).state("Train")["Arguments"])
    assert (request["EnableNetworkIsolation"], request["EnableInterContainerTrafficEncryption"]) == (True, True)
    assert "VpcConfig" not in request
