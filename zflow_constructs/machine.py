"""A compiled definition as a state machine, with its log."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from zflow_constructs.core.templates import Json


@dataclass(frozen=True)
class Machine:
    """A state machine and the log of its executions."""

    state_machine: sfn.StateMachine
    log_group: logs.LogGroup

    @classmethod
    def of(
        cls,
        scope: Construct,
        *,
        definition: Mapping[str, Json],
        role: iam.IRole,
        log_retention: logs.RetentionDays,
        metadata: Mapping[str, object],
    ) -> "Machine":
        """Creates the machine.

        Args:
            scope: the construct that owns it.
            definition: in Amazon States Language; CDK tokens may stand in it.
            role: its role.
            log_retention: how long the executions' logs are kept.
            metadata: what the template tells tools of it.
        """
        log_group = logs.LogGroup(scope, "Logs", retention=log_retention, removal_policy=RemovalPolicy.DESTROY)
        stack = Stack.of(scope)
        # Steps name integrations as most regions do; in China and GovCloud their ARNs begin otherwise.
        text = json.dumps(definition).replace('"arn:aws:states:::', f'"arn:{stack.partition}:states:::')
        machine = sfn.StateMachine(
            scope,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_string(stack.to_json_string(json.loads(text))),
            role=role,
            tracing_enabled=True,
            logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=True),
        )
        resource = cast("sfn.CfnStateMachine", machine.node.default_child)
        for key, value in metadata.items():
            resource.add_metadata(key, value)
        return cls(machine, log_group)

    def allow_distributed_loops(self, scope: Construct, role: iam.IRole) -> None:
        """Lets the machine start, watch, stop and redrive the executions that are the turns of its distributed loops.

        https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html

        Args:
            scope: the construct that owns it.
            role: its role.
        """
        turns = Stack.of(scope).format_arn(
            service="states",
            resource="execution",
            resource_name=f"{self.state_machine.state_machine_name}/*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        statements = [
            iam.PolicyStatement(actions=["states:StartExecution"], resources=[self.state_machine.state_machine_arn]),
            iam.PolicyStatement(
                actions=["states:DescribeExecution", "states:RedriveExecution", "states:StopExecution"],
                resources=[turns],
            ),
        ]
        # Apart from the role's other rights: they come before the machine, and these name it.
        iam.Policy(scope, "DistributedLoops", roles=[role], statements=statements)
