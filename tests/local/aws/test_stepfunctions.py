import pytest
from moto.stepfunctions.parser.asl.component.program.program import Program

from tests.local.aws.conftest import Followed, Run, create, ended
from zflow_constructs.local.aws.server import AwsServer


def test_each_event_and_each_change_of_status_is_heard(run: Run, followed: Followed) -> None:
    followed.statuses.clear()
    execution = run({"Say": {"Type": "Pass", "Output": "hello", "End": True}})
    heard = [event for arn, event in followed.history if arn == execution.arn]
    kinds = ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    assert [event["type"] for event in heard] == kinds
    assert [event["type"] for event in execution.history] == kinds
    assert followed.statuses == ["RUNNING", "SUCCEEDED"]


def test_an_execution_ends_even_if_the_interpreter_breaks(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: Program, _env: object) -> None:
        raise RuntimeError("out of order")

    machine = create(aws, "breaks", {"StartAt": "Ok", "States": {"Ok": {"Type": "Succeed"}}})
    monkeypatch.setattr(Program, "eval", broken)
    arn = aws.clients.stepfunctions.start_execution(stateMachineArn=machine)["executionArn"]
    execution = ended(aws, arn)
    assert (execution.status, execution.error) == ("FAILED", "States.Runtime")
    assert execution.cause == "RuntimeError: out of order"


def test_a_machine_that_takes_too_long_is_timed_out(aws: AwsServer) -> None:
    wait = {"Type": "Wait", "Seconds": 100_000, "End": True}
    machine = create(aws, "slow", {"StartAt": "Wait", "TimeoutSeconds": 1, "States": {"Wait": wait}})
    arn = aws.clients.stepfunctions.start_execution(stateMachineArn=machine)["executionArn"]
    assert ended(aws, arn).status == "TIMED_OUT"


def test_a_definition_that_doesn_t_parse_is_refused_by_name(aws: AwsServer) -> None:
    client = aws.clients.stepfunctions
    with pytest.raises(client.exceptions.InvalidDefinition):
        create(aws, "nonsense", {"StartAt": "Ok", "States": {"Ok": {"Type": "Dance"}}})
