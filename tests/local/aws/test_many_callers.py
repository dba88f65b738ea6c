"""Calls of Step Functions' API from many threads, while the interpreter works: each is answered, and rightly."""

import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from tests.local.aws.conftest import create, ended
from zflow_constructs.local.aws import jsonata
from zflow_constructs.local.aws.hooks import replaced
from zflow_constructs.local.aws.server import AwsServer

CALLERS = 8
# What is no fault: the execution has ended, or goes on already.
EXPECTED = {"ExecutionNotRedrivable"}


def looking(scope: str) -> Mapping[str, object]:
    """A Task with a time limit, beside which others fail."""
    return {
        "StartAt": f"Look {scope}",
        "States": {
            f"Look {scope}": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets",
                "Arguments": {},
                "TimeoutSeconds": "{% 60 + $random() * 0 %}",
                "Next": f"Wait {scope}",
            },
            f"Wait {scope}": {"Type": "Wait", "Seconds": 20, "End": True},
        },
    }


FAILING = {"StartAt": "Fail", "States": {"Fail": {"Type": "Fail", "Error": "Broken", "Cause": "It is."}}}
BRANCHES = {"Type": "Parallel", "Branches": [*(looking(scope) for scope in "ABC"), FAILING], "End": True}
MACHINE: Mapping[str, object] = {"QueryLanguage": "JSONata", "StartAt": "All", "States": {"All": BRANCHES}}


@pytest.mark.usefixtures("hasty_threads")
def test_calls_from_eight_threads_are_answered_while_executions_fail_are_stopped_and_redriven(aws: AwsServer) -> None:
    client = aws.clients.stepfunctions
    machine = create(aws, "many", MACHINE)

    def live(number: int) -> list[str]:
        arn = client.start_execution(stateMachineArn=machine, name=f"run-{number}")["executionArn"]
        refused = []
        for call in (
            lambda: client.get_execution_history(executionArn=arn),
            lambda: client.describe_execution(executionArn=arn),
            lambda: client.list_executions(stateMachineArn=machine),
            lambda: client.stop_execution(executionArn=arn) if number % 2 else None,
            lambda: client.get_execution_history(executionArn=arn),
            lambda: client.redrive_execution(executionArn=arn),
            lambda: client.get_execution_history(executionArn=arn),
            lambda: client.stop_execution(executionArn=arn),
            lambda: client.get_execution_history(executionArn=arn),
        ):
            try:
                call()
            except ClientError as error:
                refused.append(error.response["Error"]["Code"])
        return refused

    with ThreadPoolExecutor(CALLERS) as pool:
        refused = [code for codes in pool.map(live, range(2 * CALLERS)) for code in codes]
    assert set(refused) <= EXPECTED


def test_only_one_of_several_redrives_at_once_goes_through(aws: AwsServer) -> None:
    client = aws.clients.stepfunctions
    arn = client.start_execution(stateMachineArn=create(aws, "redriven", MACHINE))["executionArn"]
    ended(aws, arn)
    together = threading.Barrier(CALLERS)

    def redrive(_number: int) -> str:
        together.wait(60)
        try:
            client.redrive_execution(executionArn=arn)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "redriven"

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = sorted(pool.map(redrive, range(CALLERS)))
    assert answers.count("redriven") >= 1
    assert set(answers) <= {"redriven", *EXPECTED}
    ended(aws, arn)
    assert client.describe_execution(executionArn=arn)["redriveCount"] == answers.count("redriven")


def test_a_task_that_is_aborted_while_it_is_evaluated_makes_no_call(aws: AwsServer) -> None:
    """moto goes on with whatever is on its stack: a time limit that is the request, a call with the wrong one."""
    client = aws.clients.stepfunctions
    look = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets",
        "Arguments": {"Prefix": "{% 'stopped here' %}"},
        "TimeoutSeconds": "{% 60 %}",
        "End": True,
    }
    definition = {"QueryLanguage": "JSONata", "StartAt": "Look", "States": {"Look": look}}
    machine = create(aws, "aborted", definition)
    evaluate = jsonata.evaluate

    def stopping(expression: str, bindings: Mapping[str, object]) -> object:
        if expression == "'stopped here'":
            client.stop_execution(executionArn=running[0])
        return evaluate(expression, bindings)

    running: list[str] = []
    with replaced(jsonata, "evaluate", stopping):
        running.append(f"{machine.replace(':stateMachine:', ':execution:')}:aborted")
        client.start_execution(stateMachineArn=machine, name="aborted")
        end = ended(aws, running[0])
    assert end.status == "ABORTED"
    assert [event["type"] for event in end.history][:2] == ["ExecutionStarted", "TaskStateEntered"]
    assert end.events("TaskScheduled") == []
    assert json.dumps(end.history, default=str)
