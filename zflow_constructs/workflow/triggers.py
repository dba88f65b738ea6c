"""What starts a workflow's executions by itself, and what is called when one ends badly."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from zflow_constructs.core.values.templates import Json


def start_on_schedule(
    scope: Construct,
    *,
    machine: sfn.IStateMachine,
    schedule: scheduler.ScheduleExpression,
    parameters: Mapping[str, Json],
    queue: sqs.IQueue,
) -> scheduler.Schedule:
    """Starts executions on a schedule; a start that fails for an hour goes to the queue.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/what-is-scheduler.html

    Args:
        scope: the workflow.
        machine: its state machine.
        schedule: when, in a time zone.
        parameters: the executions' input.
        queue: where starts go that failed.
    """
    return scheduler.Schedule(
        scope,
        "Schedule",
        schedule=schedule,
        target=scheduler_targets.StepFunctionsStartExecution(
            machine,
            input=scheduler.ScheduleTargetInput.from_object(dict(parameters)),
            dead_letter_queue=queue,
            max_event_age=Duration.hours(1),
        ),
    )


def call_on_stop(
    scope: Construct, *, machine: sfn.IStateMachine, functions: Sequence[lambda_.IFunction], queue: sqs.IQueue
) -> events.Rule:
    """Calls Lambdas with `{"action": "stop", "execution": "<ARN>", "stopped": <ms>}` when an execution ends badly.

    Step Functions stops its own `.sync` jobs, but not what a Lambda started.
    https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html

    Args:
        scope: the workflow.
        machine: its state machine.
        functions: the Lambdas.
        queue: where events go that could not be delivered.
    """
    event = events.RuleTargetInput.from_object(
        {
            "action": "stop",
            "execution": events.EventField.from_path("$.detail.executionArn"),
            "stopped": events.EventField.from_path("$.detail.stopDate"),
        }
    )
    return events.Rule(
        scope,
        "OnStop",
        description="Ends what an unsuccessful execution left running.",
        event_pattern=events.EventPattern(
            source=["aws.states"],
            detail_type=["Step Functions Execution Status Change"],
            detail={"status": ["ABORTED", "FAILED", "TIMED_OUT"], "stateMachineArn": [machine.state_machine_arn]},
        ),
        targets=[targets.LambdaFunction(each, event=event, dead_letter_queue=queue) for each in functions],
    )
