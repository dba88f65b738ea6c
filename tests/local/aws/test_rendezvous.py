"""Two branches that meet: one waits for a step of the other, whichever comes first."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.local.aws.conftest import REGION, Ended, create, ended
from tests.local.aws.rendezvous import RUN_KEY, TABLE, States, branch, not_before, series, waits_for, wakes, work
from tests.sampling import sampled
from tests.waiting import LIMIT_SECONDS, until
from zflow_constructs.local.aws.server import AwsServer

RUNS = pytest.mark.parametrize("runs", sampled([10, 50], always=1))
AT_ONCE = 5


@pytest.fixture(scope="module", autouse=True)
def table(aws: AwsServer) -> None:
    template = {"Resources": {"Table": TABLE}, "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Table", "Arn"]}}}}
    aws.clients.cloudformation.create_stack(StackName="rendezvous", TemplateBody=json.dumps(template))


def n_machine(*, before_a: States | None = None, before_b: States | None = None) -> Mapping[str, object]:
    """C needs A, D needs A and B."""
    to_c = branch(before_a or {}, work("A"), wakes("A", ["D"]), work("C"), output("$A.value & $C.value"))
    needed = output("$B.value & $D.value & $D_reads_A.value")
    to_d = branch(before_b or {}, work("B"), waits_for("D", "A"), work("D"), needed)
    return machine({"A to C and B to D": {"Type": "Parallel", "Branches": [to_c, to_d]}})


def machine(*parts: States) -> Mapping[str, object]:
    return {"QueryLanguage": "JSONata", "TimeoutSeconds": LIMIT_SECONDS, **branch({"Run key": RUN_KEY}, *parts)}


def output(expression: str) -> States:
    return {f"Output {expression}"[:80]: {"Type": "Pass", "Output": f"{{% {expression} %}}"}}


def start(aws: AwsServer, arn: str) -> str:
    return aws.clients.stepfunctions.start_execution(stateMachineArn=arn)["executionArn"]


def run_many(aws: AwsServer, arn: str, times: int) -> list[Ended]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda _run: ended(aws, start(aws, arn), look=0.1), range(times)))


def entered_state(event: Mapping[str, object]) -> str:
    details = event.get("stateEnteredEventDetails", {})
    assert isinstance(details, Mapping)
    return str(details.get("name", ""))


def was_woken(execution: Ended) -> bool:
    """Whether the waiter had to wait: else it found the producer done."""
    return any(entered_state(event) == "Wake D" for event in execution.history)


def scheduled_tokens(aws: AwsServer, arn: str) -> list[str]:
    """The tokens that an execution's Tasks gave out so far."""
    events = aws.clients.stepfunctions.get_execution_history(executionArn=arn)["events"]
    scheduled = [
        json.loads(event["taskScheduledEventDetails"]["parameters"])
        for event in events
        if event["type"] == "TaskScheduled"
    ]
    return [request["ExpressionAttributeValues"][":token"]["S"] for request in scheduled]


@RUNS
def test_the_waiter_comes_first_and_is_woken(aws: AwsServer, runs: int) -> None:
    definition = n_machine(before_a=not_before("waiter D", "A"))
    executions = run_many(aws, create(aws, "waiter-first", definition), runs)
    assert [execution.output for execution in executions] == [["ac", "bda"]] * runs
    assert {was_woken(execution) for execution in executions} == {True}


@RUNS
def test_the_producer_comes_first_and_the_waiter_goes_on(aws: AwsServer, runs: int) -> None:
    definition = n_machine(before_b=not_before("done", "A"))
    executions = run_many(aws, create(aws, "producer-first", definition), runs)
    assert [execution.output for execution in executions] == [["ac", "bda"]] * runs
    assert {was_woken(execution) for execution in executions} == {False}


@RUNS
def test_a_race_is_never_lost(aws: AwsServer, runs: int) -> None:
    executions = run_many(aws, create(aws, "race", n_machine()), runs)
    assert [execution.output for execution in executions] == [["ac", "bda"]] * runs


def test_several_waiters_get_their_own_tokens(aws: AwsServer) -> None:
    reads = [branch(waits_for(waiter, "A"), output(f"${waiter}_reads_A.value")) for waiter in ("C", "D")]
    late = branch(not_before("waiter C", "A"), work("A"), wakes("A", ["C", "D"]), output("$A.value"))
    both: States = {"All": {"Type": "Parallel", "Branches": [late, *reads]}}
    assert ended(aws, start(aws, create(aws, "several", machine(both)))).output == ["a", "a", "a"]


def test_a_redrive_goes_on_with_a_new_token_where_a_branch_was_aborted(aws: AwsServer) -> None:
    s3, client = aws.clients.s3, aws.clients.stepfunctions
    s3.create_bucket(Bucket="late", CreateBucketConfiguration={"LocationConstraint": REGION})
    fails: States = {
        "Get": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
            "Arguments": {"Bucket": "late", "Key": "input"},
            "Output": {},
        }
    }
    arn = start(aws, create(aws, "redriven", n_machine(before_a=series(not_before("waiter D", "A"), fails))))
    first = ended(aws, arn)
    assert (first.status, first.error) == ("FAILED", "S3.NoSuchKeyException")

    s3.put_object(Bucket="late", Key="input", Body=b"")
    client.redrive_execution(executionArn=arn)
    again = ended(aws, arn)
    assert (again.status, again.output) == ("SUCCEEDED", ["ac", "bda"]), again.cause
    entered = [name for event in again.history if (name := entered_state(event))]
    assert [entered.count(name) for name in ("Run key", "B", "D waits for A", "Get", "A", "D")] == [1, 1, 2, 2, 1, 1]


def test_a_lost_wake_up_is_found_by_the_next_look(aws: AwsServer) -> None:
    done, _lost = wakes("A", ["D"]).items()
    to_d = branch(work("B"), waits_for("D", "A", timeout=1), output("$D_reads_A.value"))
    to_a = branch(not_before("waiter D", "A"), work("A"), dict([done]), output("$A.value"))
    both: States = {"Both": {"Type": "Parallel", "Branches": [to_a, to_d]}}
    execution = ended(aws, start(aws, create(aws, "lost", machine(both))))
    assert execution.output == ["a", "a"]
    # More than once if the other branch takes its time.
    assert len(execution.events("TaskTimedOut")) >= 1


def test_an_answer_that_nobody_waits_for_is_refused_by_its_name(aws: AwsServer) -> None:
    client = aws.clients.stepfunctions
    first_soon = "{% $states.context.State.RetryCount = 0 ? 1 : 600 %}"
    late = branch(work("A"), waits_for("D", "A", reads=False, timeout=first_soon), output("'found'"))
    arn = start(aws, create(aws, "stale", machine({"Late": {"Type": "Parallel", "Branches": [late]}})))
    until(lambda: len(scheduled_tokens(aws, arn)) == 2)
    first, second = scheduled_tokens(aws, arn)
    with pytest.raises(client.exceptions.TaskTimedOut):
        client.send_task_success(taskToken=first, output="{}")
    client.send_task_success(taskToken=second, output="{}")
    with pytest.raises(client.exceptions.TaskTimedOut):
        client.send_task_success(taskToken=second, output="{}")
    with pytest.raises(client.exceptions.InvalidToken):
        client.send_task_success(taskToken="nonsense", output="{}")
    assert ended(aws, arn).output == ["found"]
