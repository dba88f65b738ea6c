"""State machines as resources: their role, their definition, the ARNs of their executions."""

import json
from collections.abc import Mapping

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from zflow_constructs.core.values.templates import Json
from zflow_constructs.resources.definition_body import definition_body


def machine_role(scope: Construct) -> iam.Role:
    """A role for a state machine: Step Functions may assume it for machines of the stack's account and region alone.

    https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html#prevent-cross-service-confused-deputy

    Args:
        scope: the construct that owns it.
    """
    stack = Stack.of(scope)
    machines = stack.format_arn(
        service="states", resource="stateMachine", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
    conditions = {"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": machines}}
    return iam.Role(scope, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com", conditions=conditions))


def executions_of(machine: sfn.IStateMachine, pattern: str) -> str:
    """The ARN of executions of a machine: its own, with another word in it, and a name.

    Args:
        machine: the machine.
        pattern: what comes after the machine's name: `:*` is any execution, `/*` any iteration of a distributed loop.
    """
    return machine.stack.format_arn(
        service="states",
        resource="execution",
        resource_name=f"{machine.state_machine_name}{pattern}",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def state_machine(
    scope: Construct, definition: Mapping[str, Json], *, role: iam.IRole, log_retention: logs.RetentionDays
) -> tuple[sfn.StateMachine, logs.LogGroup]:
    """A state machine, and the log of its executions.

    Args:
        scope: The construct that owns it.
        definition: Its states; a large definition is a file in S3.
        role: Its role.
        log_retention: How long the executions' logs are kept.
    """
    log_group = logs.LogGroup(scope, "Logs", retention=log_retention, removal_policy=RemovalPolicy.DESTROY)
    stack = Stack.of(scope)
    # Steps name integrations as most regions do; in China and GovCloud their ARNs begin otherwise.
    text = json.dumps(definition).replace('"arn:aws:states:::', f'"arn:{stack.partition}:states:::')
    with definition_body(stack, json.loads(text)) as given:
        machine = sfn.StateMachine(
            scope,
            "StateMachine",
            definition_body=given.body,
            definition_substitutions=given.substitutions or None,
            role=role,
            tracing_enabled=True,
            logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=True),
        )
    return machine, log_group
