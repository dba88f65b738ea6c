"""Synthesized stacks as tests look at them, with a likely value in the place of each token."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, cast

from aws_cdk import CfnElement, Stack
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template
from constructs import IConstruct

import zflow_constructs as zflow
from tests.asl import ACCOUNT, Rendering, fields, kind, rendered_definition, state_machines
from tests.core.machines import mapping
from tests.snapshots import masked
from zflow_constructs.core.states.asl import Task
from zflow_constructs.core.values.references import JobName
from zflow_constructs.core.values.templates import Json, Scope
from zflow_constructs.local.lint import lint
from zflow_constructs.sagemaker.jobs.job_fields import completed_name

ASSETS = "cdk-hnb659fds-assets-111122223333-eu-central-1"
"""The bucket of the assets; the hash in an asset's key is masked."""


@dataclass(frozen=True)
class Synthesized:
    """A stack's template, which holds no Python object's address, and whose state machines the lint finds clean."""

    stack: Stack
    template: Mapping[str, Json]

    @classmethod
    def of(cls, stack: Stack) -> "Synthesized":
        text = json.dumps(Template.from_stack(stack).to_json())
        assert "object at 0x" not in text
        template: Mapping[str, Json] = json.loads(masked(text))
        for machine in state_machines(template):
            assert lint(rendered_definition(template, machine)) == []
        return cls(stack, template)

    @cached_property
    def definition(self) -> Mapping[str, Json]:
        """The definition of the only state machine."""
        (machine,) = state_machines(self.template)
        return rendered_definition(self.template, machine)

    def state(self, name: str) -> dict[str, Json]:
        """A state by its name, wherever it is."""
        (found,) = [state for each, state in _states(self.definition) if each == name]
        return found

    def resources(self, type_name: str) -> list[Mapping[str, Json]]:
        """The properties of all resources of a type."""
        resources = fields(self.template["Resources"]).values()
        return [self._rendered(resource) for resource in resources if kind(resource) == type_name]

    def properties(self, construct: IConstruct) -> Mapping[str, Json]:
        """The properties of a construct's resource."""
        return self._rendered(fields(self.template["Resources"])[self.logical_id(construct)])

    def logical_id(self, construct: IConstruct) -> str:
        """The name of a construct's resource in the template."""
        return str(self.stack.resolve(self.stack.get_logical_id(cast("CfnElement", construct.node.default_child))))

    def role_arn(self, role: iam.IRole) -> str:
        """A role's ARN."""
        return f"arn:aws:iam::{ACCOUNT}:role/{self.logical_id(role)}"

    def statements(self, role: iam.IRole) -> list[Mapping[str, Json]]:
        """Everything that a role may do, in the order of the template."""
        return [
            cast("Mapping[str, Json]", statement)
            for policy in self.resources("AWS::IAM::Policy")
            if self.logical_id(role) in cast("list[str]", policy["Roles"])
            for statement in cast("list[Json]", fields(policy["PolicyDocument"])["Statement"])
        ]

    def _rendered(self, resource: Json) -> Mapping[str, Json]:
        return fields(Rendering(self.template).value(fields(resource).get("Properties", {})))


def _states(scope: Mapping[str, Json]) -> Iterator[tuple[str, dict[str, Json]]]:
    for name, state in cast("Mapping[str, dict[str, Json]]", scope["States"]).items():
        yield name, state
        inner = [
            *cast("list[Mapping[str, Json]]", state.get("Branches", [])),
            state.get("ItemProcessor", {"States": {}}),
        ]
        for scope_inside in inner:
            yield from _states(fields(scope_inside))


def jsonata(text: str) -> str:
    """JSONata as it stands in a state machine."""
    return "{% " + text + " %}"


def inside(value: Json) -> str:
    """The JSONata that stands in a state machine, without what surrounds it."""
    assert isinstance(value, str)
    return value.removeprefix("{% ").removesuffix(" %}")


def job_name(step: str, workflow: str = "Scoring") -> str:
    """The expression of a step's job name; `test_step` says what it becomes."""
    return jsonata(JobName(step).render(Scope(workflow=workflow)))


def completed(step: str, kind: Literal["ProcessingJob", "TrainingJob", "TransformJob"]) -> str:
    """The expression of an ended job's name; `test_jobs` says what it becomes."""
    return jsonata(completed_name(f'Step "{step}"', kind).render(Scope()))


def allow(actions: str | list[str], resources: str | list[str], **condition: Mapping[str, Json]) -> dict[str, Json]:
    """A statement as CloudFormation has it: `allow("s3:GetObject", arn, StringLike={"s3:prefix": "a/*"})`."""
    return {
        "Action": actions,
        **({"Condition": condition} if condition else {}),
        "Effect": "Allow",
        "Resource": resources,
    }


def sagemaker_logs(log_group: str) -> list[dict[str, Json]]:
    """What each execution role may do first: write its log and its metrics."""
    return [
        allow(
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            f"arn:aws:logs:eu-central-1:111122223333:log-group:/aws/sagemaker/{log_group}:*",
        ),
        allow("cloudwatch:PutMetricData", "*", StringLike={"cloudwatch:namespace": "/aws/sagemaker/*"}),
    ]


def pulls(*repositories: str) -> list[dict[str, Json]]:
    """What a role needs to pull images."""
    arns = [f"arn:aws:ecr:eu-central-1:{repository}" for repository in repositories]
    return [
        allow(
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            arns[0] if len(arns) == 1 else list(arns),
        ),
        allow("ecr:GetAuthorizationToken", "*"),
    ]


def reads(bucket: str, pattern: str) -> list[dict[str, Json]]:
    """What a role needs to read a place in S3."""
    return [
        allow("s3:GetObject", f"arn:aws:s3:::{bucket}/{pattern}"),
        allow("s3:ListBucket", f"arn:aws:s3:::{bucket}", StringLike={"s3:prefix": pattern}),
    ]


def writes(bucket: str, pattern: str) -> list[dict[str, Json]]:
    """What a role needs to write to a place in S3."""
    return [allow(["s3:PutObject", "s3:AbortMultipartUpload"], f"arn:aws:s3:::{bucket}/{pattern}")]


ENCRYPTS = ["kms:Decrypt", "kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"]
"""What a role may do with the key of what it writes."""


def makes_interfaces(security_group: str) -> list[dict[str, Json]]:
    """What the role of a job in the private subnets of `parts.network` needs."""
    interfaces = "arn:aws:ec2:eu-central-1:111122223333:network-interface/*"
    subnets = [f"arn:aws:ec2:eu-central-1:*:subnet/subnet-{number}" for number in (1, 2)]
    group = f"arn:aws:ec2:eu-central-1:*:security-group/{security_group}"
    return [
        allow("ec2:CreateNetworkInterface", [interfaces, *subnets, group]),
        allow(
            ["ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface"],
            interfaces,
            ArnLike={"ec2:Subnet": [*subnets]},
        ),
        allow(
            [
                "ec2:DeleteNetworkInterfacePermission",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeVpcs",
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeSubnets",
                "ec2:DescribeSecurityGroups",
            ],
            "*",
        ),
    ]


def hands_over(role: str) -> dict[str, Json]:
    """What the state machine needs to hand a role to SageMaker."""
    return allow("iam:PassRole", role, StringEquals={"iam:PassedToService": "sagemaker.amazonaws.com"})


def listens(rule: str) -> dict[str, Json]:
    """What Step Functions needs to hear of the end of a `.sync` job."""
    return allow(
        ["events:PutTargets", "events:PutRule", "events:DescribeRule"],
        f"arn:aws:events:eu-central-1:111122223333:rule/{rule}",
    )


LOGGED_AND_TRACED = [
    allow(
        [
            "logs:CreateLogDelivery",
            "logs:GetLogDelivery",
            "logs:UpdateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:DescribeResourcePolicies",
            "logs:DescribeLogGroups",
        ],
        "*",
    ),
    allow(
        ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"], "*"
    ),
]
"""What each state machine's role may do last: log and trace."""


def arguments(step: zflow.Step, state: str, scope: Scope) -> Mapping[str, Json]:
    """What a step's task is called with."""
    task = step.fragment().states[state]
    assert isinstance(task, Task)
    return mapping(task.render(scope)["Arguments"])
