"""A machine that runs another one, as a step of its own."""

import json
from collections.abc import Mapping

import pytest

from tests.local.aws.conftest import Run, create, ended
from tests.waiting import until
from zflow_constructs.local.aws.server import AwsServer

ADD: Mapping[str, object] = {
    "QueryLanguage": "JSONata",
    "StartAt": "Add",
    "States": {"Add": {"Type": "Pass", "Output": {"n": "{% $states.input.n + 1 %}"}, "End": True}},
}
FAIL: Mapping[str, object] = {
    "StartAt": "Fail",
    "States": {"Fail": {"Type": "Fail", "Error": "BadChild", "Cause": "as told"}},
}
WAIT: Mapping[str, object] = {
    "StartAt": "Wait",
    "States": {"Wait": {"Type": "Wait", "Seconds": 100_000, "End": True}},
}


def start(machine: str, *, wait: str = ".sync:2", **more: object) -> Mapping[str, object]:
    """A Task that starts an execution of a machine."""
    arguments = {"StateMachineArn": machine, "Input": {"n": "{% $states.input.n %}"}, "Name": "{% $uuid() %}"}
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::states:startExecution{wait}",
        "Arguments": arguments,
        "TimeoutSeconds": 60,
        "End": True,
        **more,
    }


def test_a_child_s_output_and_description_are_the_task_s_result(aws: AwsServer, run: Run) -> None:
    child = create(aws, "adds", ADD)
    result = run({"Child": start(child)}, given={"n": 1}).output
    assert isinstance(result, dict)
    execution = result["ExecutionArn"]
    assert execution.startswith(child.replace(":stateMachine:", ":execution:"))
    assert all(isinstance(result.pop(name), int) for name in ("StartDate", "StopDate"))
    assert result == {
        "ExecutionArn": execution,
        "Input": {"n": 1},
        "Name": execution.rsplit(":", 1)[1],
        "Output": {"n": 2},
        "OutputDetails": {"Included": True},
        "RedriveCount": 0,
        "StateMachineArn": child,
        "Status": "SUCCEEDED",
    }


def test_the_first_version_of_sync_has_the_output_as_text(aws: AwsServer, run: Run) -> None:
    task = start(create(aws, "adds", ADD), wait=".sync", Output="{% $states.result.Output %}")
    assert run({"Child": task}, given={"n": 1}).output == '{"n":2}'


def test_a_child_that_nobody_waits_for_is_only_started(aws: AwsServer, run: Run) -> None:
    task = start(create(aws, "waits", WAIT), wait="", Output="{% $states.result.ExecutionArn %}")
    execution = run({"Child": task}, given={"n": 1})
    child = aws.clients.stepfunctions.describe_execution(executionArn=str(execution.output))
    assert child["status"] == "RUNNING"
    aws.clients.stepfunctions.stop_execution(executionArn=str(execution.output))


def test_a_failed_child_fails_the_task_with_its_description(aws: AwsServer, run: Run) -> None:
    execution = run({"Child": start(create(aws, "fails", FAIL))}, given={"n": 1})
    cause = json.loads(execution.cause)
    assert (execution.error, cause["Status"], cause["Error"], cause["Cause"]) == (
        "States.TaskFailed",
        "FAILED",
        "BadChild",
        "as told",
    )


@pytest.mark.parametrize("timeout", [0, 1], ids=["stopped", "timed out"])
def test_a_child_ends_with_the_task_that_waits_for_it(aws: AwsServer, timeout: int) -> None:
    client = aws.clients.stepfunctions
    child = create(aws, "waits", WAIT)
    states = {"Child": start(child, TimeoutSeconds=timeout or 60)}
    machine = create(aws, "parent", {"QueryLanguage": "JSONata", "StartAt": "Child", "States": states})
    parent = client.start_execution(stateMachineArn=machine, input='{"n": 1}')["executionArn"]
    until(lambda: client.list_executions(stateMachineArn=child)["executions"] != [])
    if not timeout:
        client.stop_execution(executionArn=parent)
    assert ended(aws, parent).status == ("FAILED" if timeout else "ABORTED")
    (started,) = client.list_executions(stateMachineArn=child)["executions"]
    aborted = ended(aws, started["executionArn"])
    assert (aborted.status, aborted.cause) == ("ABORTED", "The execution that waited for it has ended.")


def test_an_execution_is_described_by_a_task(aws: AwsServer, run: Run) -> None:
    client = aws.clients.stepfunctions
    child = client.start_execution(stateMachineArn=create(aws, "fails", FAIL), input='{"n": 1}', name="described")
    ended(aws, child["executionArn"])
    client.redrive_execution(executionArn=child["executionArn"])
    ended(aws, child["executionArn"])
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:describeExecution",
        "Arguments": {"ExecutionArn": child["executionArn"]},
        "End": True,
    }
    described = run({"Describe": task}).output
    assert isinstance(described, dict)
    assert all(described.pop(name).endswith("Z") for name in ("StartDate", "StopDate"))
    assert described == {
        "ExecutionArn": child["executionArn"],
        "StateMachineArn": child["executionArn"].rsplit(":", 1)[0].replace(":execution:", ":stateMachine:"),
        "Name": "described",
        "Input": '{"n": 1}',
        "Status": "FAILED",
        "Error": "BadChild",
        "Cause": "as told",
        "RedriveCount": 1,
    }
