"""Steps as a state machine: compiled, held against AWS's limits, with its log and the rights that it needs itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from aws_cdk import Annotations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from zflow_constructs import __version__
from zflow_constructs.core.compiler import compile_workflow
from zflow_constructs.core.rendezvous.arrangement import Join
from zflow_constructs.core.rendezvous.payloads import check_payloads
from zflow_constructs.core.states.asl import State
from zflow_constructs.core.states.fragment import StepNode, every_node
from zflow_constructs.core.states.history import check_history
from zflow_constructs.core.states.limits import check_definition
from zflow_constructs.core.values.templates import Scope, Template
from zflow_constructs.resources.rendezvous_table import rendezvous_table
from zflow_constructs.resources.state_machine import executions_of, state_machine


@dataclass(frozen=True)
class CompiledWorkflow:
    """A state machine and the log of its executions."""

    state_machine: sfn.StateMachine
    log_group: logs.LogGroup

    @classmethod
    def of(
        cls,
        scope: Construct,
        *,
        workflow: str,
        nodes: Sequence[StepNode],
        start: Mapping[str, State],
        names: Scope,
        role: iam.IRole,
        timeout_seconds: int,
        join: Join,
        log_retention: logs.RetentionDays,
        outputs: Mapping[str, Template] | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> "CompiledWorkflow":
        """Compile steps, and create their machine.

        Args:
            scope: the construct that owns it.
            workflow: the workflow's name.
            nodes: the steps.
            start: the states that come before all steps.
            names: what the names in expressions mean.
            role: its role.
            timeout_seconds: the longest that an execution may take.
            join: how branches meet where Step Functions can't nest them.
            log_retention: how long the executions' logs are kept.
            outputs: what an execution outputs. Default: the results of the steps that nothing comes after
            metadata: what the template tells tools of it. Default: nothing

        Raises:
            WorkflowError: the steps don't fit together, or AWS would refuse the definition.
        """
        definition = compile_workflow(
            nodes,
            start=start,
            scope=names,
            timeout_seconds=timeout_seconds,
            version=__version__,
            outputs=outputs,
            join=join,
            table=lambda: rendezvous_table(scope, role=role).table_name,
        )
        check_definition(workflow, definition)
        warnings = [
            *check_history(workflow, definition, nodes),
            *check_payloads(workflow, nodes, outputs, join),
        ]
        for number, warning in enumerate(warnings):
            Annotations.of(scope).add_warning_v2(f"zflow_constructs:limit{number}", warning)
        machine, log_group = state_machine(scope, definition, role=role, log_retention=log_retention)
        resource = cast("sfn.CfnStateMachine", machine.node.default_child)
        for key, value in (metadata or {}).items():
            resource.add_metadata(key, value)
        if any(loop.distributed for node in every_node(nodes) for loop in node.fragment.loops):
            _allow_distributed_loops(scope, machine, role)
        return cls(machine, log_group)


def _allow_distributed_loops(scope: Construct, machine: sfn.IStateMachine, role: iam.IRole) -> None:
    """Lets a machine start, watch, stop and redrive the executions that are the iterations of its distributed loops.

    https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
    """
    statements = [
        iam.PolicyStatement(actions=["states:StartExecution"], resources=[machine.state_machine_arn]),
        iam.PolicyStatement(
            actions=["states:DescribeExecution", "states:RedriveExecution", "states:StopExecution"],
            resources=[executions_of(machine, "/*")],
        ),
    ]
    # Apart from the role's other rights: they come before the machine, and these name it.
    iam.Policy(scope, "DistributedLoops", roles=[role], statements=statements)
