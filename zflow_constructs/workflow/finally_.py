"""The steps that run when a workflow has ended, whether it succeeded or failed."""

from collections.abc import Sequence

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from zflow_constructs.core.rendezvous.arrangement import Join
from zflow_constructs.core.states.fragment import StepNode
from zflow_constructs.core.states.outcome import outcome_states
from zflow_constructs.core.states.run_parameters import RunParameters
from zflow_constructs.core.values.templates import Scope
from zflow_constructs.data.storage import RunStorage
from zflow_constructs.resources.state_machine import executions_of, machine_role
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.step import Step
from zflow_constructs.workflow.compiled_workflow import CompiledWorkflow
from zflow_constructs.workflow.triggers import call_on_stop

_DAY = 86_400


class FinallySteps(Construct):
    """A state machine of its own, started at the end of each execution of another one.

    Caught inside of that one, a failure could not be redriven: a redrive would go on with the handler, not with what
    failed. https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html

    Args:
        scope: the workflow.
        id: its id.
        name: the workflow's name.
        steps: the steps.
        nodes: the same as the compiler takes them.
        parameters: the workflow's run parameters.
        storage: where its runs keep their data.
        after: the state machine whose executions it cleans up after.
        queue: where events go that could not be delivered.
        log_retention: how long its logs are kept.
        join: how branches meet where Step Functions can't nest them.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        steps: Sequence[Step],
        nodes: Sequence[StepNode],
        parameters: RunParameters,
        storage: RunStorage,
        after: sfn.IStateMachine,
        queue: sqs.IQueue,
        log_retention: logs.RetentionDays,
        join: Join,
    ) -> None:
        super().__init__(scope, id)
        role = machine_role(self)
        binding = Binding(self, name, role, storage)
        for step in steps:
            step.bind(binding)
        binding.allow(["states:DescribeExecution"], [executions_of(after, ":*")])
        self._machine = CompiledWorkflow.of(
            self,
            workflow=name,
            nodes=nodes,
            start=outcome_states(parameters),
            names=Scope(
                run_location=f'"s3://{storage.bucket.bucket_name}/{storage.prefix}/" & $outcome.name',
                workflow=name,
                kinds=parameters.kinds,
            ),
            role=role,
            timeout_seconds=_DAY,
            join=join,
            log_retention=log_retention,
        )
        if binding.stoppers:
            call_on_stop(self, machine=self._machine.state_machine, functions=binding.stoppers, queue=queue)
        event = events.RuleTargetInput.from_object({"execution": events.EventField.from_path("$.detail.executionArn")})
        events.Rule(
            self,
            "AtTheEnd",
            description=f"Runs what {name} does at its end, whether it succeeded or failed.",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "status": ["ABORTED", "FAILED", "SUCCEEDED", "TIMED_OUT"],
                    "stateMachineArn": [after.state_machine_arn],
                },
            ),
            targets=[targets.SfnStateMachine(self._machine.state_machine, input=event, dead_letter_queue=queue)],
        )

    @property
    def state_machine(self) -> sfn.IStateMachine:
        """The state machine."""
        return self._machine.state_machine
