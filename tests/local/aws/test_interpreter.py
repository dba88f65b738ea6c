import time

import pytest

from tests.local.aws.conftest import Run, create, ended
from zflow_constructs.local.aws.server import AwsServer

MISSING = {
    "Type": "Task",
    "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
    "Arguments": {"Bucket": "b", "Key": "k"},
}


def test_an_assignment_is_seen_by_the_next_state_and_not_by_the_state_s_own_output(run: Run) -> None:
    ended = run(
        {
            "First": {"Type": "Pass", "Assign": {"n": 1}, "Output": {"seen": "{% $exists($n) %}"}, "Next": "Second"},
            "Second": {
                "Type": "Pass",
                "Assign": {"n": "{% $n + 1 %}"},
                "Output": {"before": "{% $states.input.seen %}", "n": "{% $n %}"},
                "Next": "Third",
            },
            "Third": {"Type": "Pass", "Output": {"before": "{% $states.input %}", "n": "{% $n %}"}, "End": True},
        }
    )
    assert ended.output == {"before": {"before": False, "n": 1}, "n": 2}


def test_a_branch_reads_outer_variables_and_keeps_its_own(run: Run) -> None:
    ended = run(
        {
            "Outer": {"Type": "Pass", "Assign": {"outer": 1}, "Next": "Both"},
            "Both": {
                "Type": "Parallel",
                "Branches": [
                    {
                        "StartAt": "In",
                        "States": {
                            "In": {"Type": "Pass", "Assign": {"inner": "{% $outer + 1 %}"}, "Next": "Out"},
                            "Out": {"Type": "Pass", "Output": "{% $inner %}", "End": True},
                        },
                    }
                ],
                "Assign": {"joined": "{% $states.result[0] %}"},
                "Next": "After",
            },
            "After": {"Type": "Pass", "Output": ["{% $joined %}", "{% $exists($inner) %}"], "End": True},
        }
    )
    assert ended.output == [2, False]


def test_a_machine_that_assigns_an_outer_variable_in_a_branch_is_refused(aws: AwsServer) -> None:
    branch = {"StartAt": "In", "States": {"In": {"Type": "Pass", "Assign": {"n": 2}, "End": True}}}
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Both",
        "States": {"Both": {"Type": "Parallel", "Branches": [branch], "Assign": {"n": 1}, "End": True}},
    }
    client = aws.clients.stepfunctions
    with pytest.raises(client.exceptions.InvalidDefinition, match=r"\$n, which the state 'In' assigns"):
        create(aws, "refused", definition)


@pytest.mark.parametrize("error", ["States.TaskFailed", "States.Timeout", "Custom"])
def test_an_error_leaves_a_parallel_state_under_its_own_name(run: Run, error: str) -> None:
    branch = {"StartAt": "Bad", "States": {"Bad": {"Type": "Fail", "Error": error, "Cause": "because"}}}
    ended = run(
        {
            "Both": {
                "Type": "Parallel",
                "Branches": [branch],
                "Catch": [{"ErrorEquals": [error], "Next": "Caught"}],
                "End": True,
            },
            "Caught": {"Type": "Pass", "Output": "{% $states.input %}", "End": True},
        }
    )
    assert ended.output == {"Error": error, "Cause": "because"}


def test_states_all_doesn_t_catch_a_runtime_error(run: Run) -> None:
    states = {"Wide": {"Type": "Pass", "Parameters": {"x.$": "$.missing"}, "End": True}}
    ended = run(
        {
            "Both": {
                "Type": "Parallel",
                "Branches": [{"StartAt": "Wide", "States": states}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
                "End": True,
            },
            "Caught": {"Type": "Pass", "End": True},
        },
        language="JSONPath",
    )
    assert (ended.status, ended.error) == ("FAILED", "States.Runtime")


def test_every_state_knows_its_retry_count_and_the_execution_its_redrive_count(run: Run) -> None:
    context = {
        "retry": "{% $states.context.State.RetryCount %}",
        "redrive": "{% $states.context.Execution.RedriveCount %}",
    }
    ended = run({"First": {"Type": "Pass", "Output": context, "End": True}})
    assert ended.output == {"retry": 0, "redrive": 0}


def test_a_task_within_a_map_knows_its_item(run: Run) -> None:
    task = {
        **MISSING,
        "Arguments": {"Bucket": "b", "Key": "{% $string($states.context.Map.Item.Index) %}"},
        "Catch": [
            {
                "ErrorEquals": ["S3.NoSuchBucketException"],
                "Output": "{% $states.context.Map.Item.Value %}",
                "Next": "Ok",
            }
        ],
        "Next": "Ok",
    }
    ended = run(
        {
            "Each": {
                "Type": "Map",
                "Items": ["a", "b"],
                "ItemProcessor": {"StartAt": "Ask", "States": {"Ask": task, "Ok": {"Type": "Succeed"}}},
                "End": True,
            }
        }
    )
    assert ended.output == ["a", "b"]


def test_a_task_is_retried_with_jitter_and_a_longest_interval_and_then_caught(run: Run) -> None:
    retry = {
        "ErrorEquals": ["S3.NoSuchBucketException"],
        "IntervalSeconds": 1,
        "BackoffRate": 2,
        "MaxDelaySeconds": 2,
        "MaxAttempts": 3,
        "JitterStrategy": "FULL",
    }
    ended = run(
        {
            "Ask": {
                **MISSING,
                "Retry": [retry],
                "Catch": [
                    {
                        "ErrorEquals": ["States.ALL"],
                        "Assign": {"tries": "{% $states.context.State.RetryCount %}"},
                        "Output": "{% $states.errorOutput.Error %}",
                        "Next": "Caught",
                    }
                ],
                "End": True,
            },
            "Caught": {"Type": "Pass", "Output": ["{% $tries %}", "{% $states.input %}"], "End": True},
        }
    )
    assert ended.output == [3, "S3.NoSuchBucketException"]
    assert len(ended.events("TaskFailed")) == 4


def test_an_error_of_a_task_s_output_is_retried_and_caught_and_assigns_nothing(run: Run) -> None:
    ended = run(
        {
            "List": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets",
                "Arguments": {},
                "Assign": {"listed": True},
                "Output": "{% $states.result.missing %}",
                "Retry": [{"ErrorEquals": ["States.QueryEvaluationError"], "MaxAttempts": 1, "IntervalSeconds": 1}],
                "Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "Caught"}],
                "End": True,
            },
            "Caught": {
                "Type": "Pass",
                "Output": ["{% $states.input.Error %}", "{% $exists($listed) %}"],
                "End": True,
            },
        }
    )
    assert ended.output == ["States.QueryEvaluationError", False]
    assert len(ended.events("TaskSucceeded")) == 2


def test_a_wait_is_short_here_and_ends_with_its_execution(run: Run, aws: AwsServer) -> None:
    started = time.monotonic()
    assert run({"Wait": {"Type": "Wait", "Seconds": 300, "End": True}}).status == "SUCCEEDED"
    assert time.monotonic() - started < 300

    definition = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 100_000, "End": True}}}
    arn = aws.clients.stepfunctions.start_execution(stateMachineArn=create(aws, "stopped", definition))["executionArn"]
    aws.clients.stepfunctions.stop_execution(executionArn=arn, error="Stopped", cause="by hand")
    assert ended(aws, arn).status == "ABORTED"


def test_a_choice_takes_the_first_condition_that_holds(run: Run) -> None:
    choices = [{"Condition": "{% $states.input.n > 5 %}", "Next": "Big"}]
    states = {
        "Which": {"Type": "Choice", "Choices": choices, "Default": "Small"},
        "Big": {"Type": "Succeed", "Output": "big"},
        "Small": {"Type": "Succeed", "Output": "small"},
    }
    assert [run(states, given={"n": n}).output for n in (3, 7)] == ["small", "big"]
