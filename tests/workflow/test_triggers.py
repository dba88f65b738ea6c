"""What starts executions by itself, and what is called when one ends badly."""

import json

import pytest
from aws_cdk import TimeZone
from aws_cdk import aws_scheduler as scheduler

import zflow_constructs as zflow
from tests.asl import fields
from tests.core.machines import mapping
from tests.parts import CLUSTER, SCRIPT, count, databricks_step, stack
from tests.templates import Synthesized, allow

HERE = "eu-central-1:123456789012"


class Example:
    """A scheduled workflow with a Databricks step."""

    def __init__(self) -> None:
        scope = stack()
        self.workflow = zflow.MlWorkflow(
            scope,
            "Scoring",
            steps=[databricks_step(scope)],
            parameters={"country": "de", "day": zflow.RunParameter.date()},
            schedule=scheduler.ScheduleExpression.cron(hour="3", minute="0", time_zone=TimeZone.EUROPE_BERLIN),
            schedule_parameters={"country": "ch", "day": scheduler.ContextAttribute.scheduled_time},
        )
        self.made = Synthesized.of(scope)
        self.machine = f"arn:aws:states:{HERE}:stateMachine:{self.made.logical_id(self.workflow.state_machine)}"
        # The other queue is the workspace's, for stops that failed.
        (self.queue,) = [id for id in self.ids("AWS::SQS::Queue") if id.startswith("Scoring")]
        (self.rule,) = self.ids("AWS::Events::Rule")
        (self.function,) = self.ids("AWS::Lambda::Function")

    def ids(self, type_name: str) -> list[str]:
        resources = fields(self.made.template["Resources"])
        return [id for id, resource in resources.items() if fields(resource)["Type"] == type_name]


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def test_a_schedule_starts_the_machine_in_its_time_zone(example: Example) -> None:
    (schedule,) = example.made.resources("AWS::Scheduler::Schedule")
    target = dict(mapping(schedule["Target"]))
    assert schedule["ScheduleExpression"] == "cron(0 3 * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert schedule["State"] == "ENABLED"
    assert target["Arn"] == example.machine
    assert json.loads(str(target["Input"])) == {"country": "ch", "day": "<aws.scheduler.scheduled-time>"}


def test_a_start_that_failed_for_an_hour_goes_to_the_queue(example: Example) -> None:
    (schedule,) = example.made.resources("AWS::Scheduler::Schedule")
    target = mapping(schedule["Target"])
    assert target["DeadLetterConfig"] == {"Arn": f"arn:aws:sqs:{HERE}:{example.queue}"}
    assert mapping(target["RetryPolicy"])["MaximumEventAgeInSeconds"] == 3600


def test_the_schedulers_role_starts_this_machine_and_fills_this_queue_alone(example: Example) -> None:
    policies = [
        mapping(policy["PolicyDocument"])["Statement"]
        for policy in example.made.resources("AWS::IAM::Policy")
        if "SchedulerRole" in str(policy["Roles"])
    ]
    assert policies == [
        [
            allow("states:StartExecution", example.machine),
            allow("sqs:SendMessage", f"arn:aws:sqs:{HERE}:{example.queue}"),
        ]
    ]


def test_the_queue_keeps_what_was_lost_for_two_weeks_encrypted_and_by_tls_alone(example: Example) -> None:
    queue = fields(fields(fields(example.made.template["Resources"])[example.queue])["Properties"])
    assert queue == {"MessageRetentionPeriod": 1_209_600, "SqsManagedSseEnabled": True}
    (policy,) = [each for each in example.made.resources("AWS::SQS::QueuePolicy") if example.queue in str(each)]
    statements = mapping(policy["PolicyDocument"])["Statement"]
    assert isinstance(statements, list)
    queue_arn = f"arn:aws:sqs:{HERE}:{example.queue}"
    assert {
        "Action": "sqs:*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Resource": queue_arn,
    } in statements
    (delivers,) = [statement for statement in statements if statement["Effect"] == "Allow"]
    rule_arn = f"arn:aws:service:{HERE}:{example.rule}"
    assert {name: value for name, value in delivers.items() if name != "Sid"} == {
        "Action": "sqs:SendMessage",
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Resource": queue_arn,
    }


def test_an_execution_that_ends_badly_has_its_databricks_runs_stopped(example: Example) -> None:
    (rule,) = example.made.resources("AWS::Events::Rule")
    assert rule["EventPattern"] == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"status": ["ABORTED", "FAILED", "TIMED_OUT"], "stateMachineArn": [example.machine]},
    }
    targets = rule["Targets"]
    assert isinstance(targets, list)
    (target,) = targets
    assert target["Arn"] == f"arn:aws:lambda:{HERE}:function:{example.function}"
    assert target["DeadLetterConfig"] == {"Arn": f"arn:aws:sqs:{HERE}:{example.queue}"}
    transformer = mapping(target["InputTransformer"])
    assert transformer["InputPathsMap"] == {
        "detail-executionArn": "$.detail.executionArn",
        "detail-stopDate": "$.detail.stopDate",
    }
    event = str(transformer["InputTemplate"]).replace("<detail-executionArn>", '"<arn>"')
    # A date is a number of milliseconds.
    assert json.loads(event.replace("<detail-stopDate>", "1795489205125")) == {
        "action": "stop",
        "execution": "<arn>",
        "stopped": 1_795_489_205_125,
    }


def test_the_rule_may_call_the_lambda(example: Example) -> None:
    (permission,) = example.made.resources("AWS::Lambda::Permission")
    assert permission == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": f"arn:aws:lambda:{HERE}:function:{example.function}",
        "Principal": "events.amazonaws.com",
        "SourceArn": f"arn:aws:service:{HERE}:{example.rule}",
    }


def test_steps_of_one_workspace_have_it_called_once() -> None:
    scope = stack()
    first = databricks_step(scope)
    second = zflow.DatabricksJobStep(
        scope, "Report", workspace=first._workspace, task=zflow.SparkPythonTask(SCRIPT), cluster=CLUSTER
    )
    zflow.MlWorkflow(scope, "Scoring", steps=[first, second])
    (rule,) = Synthesized.of(scope).resources("AWS::Events::Rule")
    targets = rule["Targets"]
    assert isinstance(targets, list)
    assert len(targets) == 1


def test_a_workflow_that_nothing_starts_and_that_leaves_nothing_behind_has_no_queue() -> None:
    scope = stack()
    zflow.MlWorkflow(scope, "Scoring", steps=[count(scope, "Count")])
    made = Synthesized.of(scope)
    for kind in ("AWS::SQS::Queue", "AWS::Events::Rule", "AWS::Scheduler::Schedule"):
        assert made.resources(kind) == []
