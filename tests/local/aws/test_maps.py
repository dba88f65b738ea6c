"""Map states, inline and distributed, as Step Functions runs them."""

import json
from collections.abc import Mapping

import pytest

from tests.local.aws.conftest import REGION, Run, create, ended
from tests.local.aws.rendezvous import RUN_KEY, TABLE, State, States, branch, waits_for, wakes, work
from tests.waiting import until
from zflow_constructs.local.aws.server import AwsServer

DISTRIBUTED = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
ITEM = {"index": "{% $states.context.Map.Item.Index %}", "value": "{% $states.context.Map.Item.Value %}"}


def loop(body: States, *, distributed: bool = False, **more: object) -> State:
    """A Map over the items of its input."""
    processor = {"ProcessorConfig": DISTRIBUTED if distributed else {"Mode": "INLINE"}, **branch(body)}
    return {
        "Type": "Map",
        "Items": "{% $states.input.items %}",
        "ItemSelector": ITEM,
        "ItemProcessor": processor,
        **more,
    }


def branch_states(*parts: States) -> States:
    states = branch(*parts)["States"]
    assert isinstance(states, dict)
    return states


def over(items: object, *parts: States) -> States:
    """A machine's states that give the first part these items."""
    first: States = {"First": {"Type": "Pass", "Assign": {"outer": "o"}, "Output": {"items": items}}}
    return branch_states(first, *parts)


def give(expression: str, *, name: str = "Give") -> States:
    return {name: {"Type": "Pass", "Output": f"{{% {expression} %}}"}}


def fail_if(condition: str) -> States:
    """Fails for some items, and gives the others' values."""
    bad = [{"Condition": f"{{% {condition} %}}", "Next": "Bad"}]
    return {
        "Bad?": {"Type": "Choice", "Choices": bad, "Default": "Good"},
        "Bad": {"Type": "Fail", "Error": "BadItem", "Cause": "{% 'item ' & $states.input.value %}"},
        "Good": {"Type": "Pass", "Output": "{% $states.input.value %}"},
    }


@pytest.mark.parametrize("concurrency", [0, 1, 2, 9])
def test_each_item_has_its_own_variables_and_reads_the_outer_ones(run: Run, concurrency: int) -> None:
    body: States = {
        "Keep": {"Type": "Pass", "Assign": {"mine": "{% $outer & $states.input.value %}"}, "Next": "Give"},
        **give("[$mine, $states.context.Map.Item.Index]"),
    }
    states = over(["a", "b", "c"], {"Each": loop(body, MaxConcurrency=concurrency)})
    assert run(states).output == [["oa", 0], ["ob", 1], ["oc", 2]]


@pytest.mark.parametrize("distributed", [False, True])
def test_no_item_is_no_result(run: Run, *, distributed: bool) -> None:
    assert run(over([], {"Each": loop(give("1"), distributed=distributed)})).output == []


def test_a_failed_item_fails_its_map_by_its_error_and_aborts_the_others(run: Run) -> None:
    body: States = {
        "First?": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.index = 0 %}", "Next": "Bad"}],
            "Default": "Long",
        },
        "Bad": {"Type": "Fail", "Error": "BadItem", "Cause": "it is bad"},
        "Long": {"Type": "Wait", "Seconds": 100_000},
    }
    caught = [{"ErrorEquals": ["BadItem"], "Next": "Caught"}]
    states = over(["a", "b", "c"], {"Each": loop(body, Catch=caught)}, {"Caught": {"Type": "Pass"}})
    execution = run(states)
    assert execution.output == {"Error": "BadItem", "Cause": "it is bad"}
    assert [len(execution.events(kind)) for kind in ("MapIterationFailed", "MapIterationSucceeded")] == [1, 0]


def test_a_parallel_and_a_map_run_within_a_map(run: Run) -> None:
    pair: States = {
        "Pair": {
            "Type": "Parallel",
            "Branches": [branch(give("$x", name="Left")), branch(give("$x & $x", name="Right"))],
        }
    }
    keep: States = {"Keep": {"Type": "Pass", "Assign": {"x": "{% $states.input.value %}"}}}
    items: States = {"Items": {"Type": "Pass", "Output": {"items": "{% $states.input.value %}"}}}
    inner: States = {"Inner": loop(branch_states(keep, pair))}
    states = over([["a", "b"], ["c"]], {"Outer": loop(branch_states(items, inner))})
    assert run(states).output == [[["a", "aa"], ["b", "bb"]], [["c", "cc"]]]


@pytest.mark.parametrize("distributed", [False, True])
def test_branches_meet_within_each_item(aws: AwsServer, run: Run, *, distributed: bool) -> None:
    template = json.dumps({"Resources": {"Table": {**TABLE, "DeletionPolicy": "Delete"}}})
    aws.clients.cloudformation.create_stack(StackName=f"table-{distributed}", TemplateBody=template)
    to_c = branch(work("A"), wakes("A", ["D"]), give("'c'", name="C"))
    to_d = branch(waits_for("D", "A"), give("$D_reads_A.value & $item.value", name="D"))
    key: States = {"Item key": {**RUN_KEY, "Assign": {"run_key": "{% $uuid() %}", "item": "{% $states.input %}"}}}
    body = branch_states(key, {"Both": {"Type": "Parallel", "Branches": [to_c, to_d]}})
    execution = run(over(["x", "y", "z"], {"Each": loop(body, distributed=distributed)}))
    assert execution.output == [["c", "ax"], ["c", "ay"], ["c", "az"]], execution.cause
    aws.clients.cloudformation.delete_stack(StackName=f"table-{distributed}")


def test_an_item_of_a_distributed_map_is_an_execution_of_its_own(run: Run) -> None:
    known = {
        "id": "$states.context.Execution.Id",
        "name": "$states.context.Execution.Name",
        "input": "$states.context.Execution.Input",
        "outer": "$exists($outer)",
        "map": "$exists($states.context.Map)",
    }
    body: States = {"Give": {"Type": "Pass", "Output": {key: f"{{% {value} %}}" for key, value in known.items()}}}
    execution = run(over(["a", "b"], {"Each": loop(body, distributed=True, Label="Countries")}))
    assert isinstance(execution.output, list), execution.cause
    machine = execution.arn.rsplit(":", 1)[0]
    for index, child in enumerate(execution.output):
        assert child["id"] == f"{machine}/Countries:{child['name']}"
        assert (child["outer"], child["map"]) == (False, False)
        assert child["input"] == {"index": index, "value": "ab"[index]}
    assert execution.output[0]["name"] != execution.output[1]["name"]


@pytest.mark.parametrize(
    ("tolerated", "status", "output"),
    [
        ({"ToleratedFailurePercentage": 50}, "SUCCEEDED", ["a", "c"]),
        ({"ToleratedFailurePercentage": 49}, "FAILED", None),
        ({"ToleratedFailureCount": 2}, "SUCCEEDED", ["a", "c"]),
        ({"ToleratedFailureCount": 1}, "FAILED", None),
        ({"ToleratedFailureCount": 1, "ToleratedFailurePercentage": 90}, "FAILED", None),
        ({}, "FAILED", None),
    ],
)
def test_tolerated_failures_leave_no_result_and_more_fail_the_map(
    run: Run, tolerated: Mapping[str, object], status: str, output: object
) -> None:
    body = fail_if("$states.input.value in ['b', 'd']")
    execution = run(over(["a", "b", "c", "d"], {"Each": loop(body, distributed=True, **tolerated)}))
    assert (execution.status, execution.output) == (status, output)
    error = "States.ExceedToleratedFailureThreshold" if status == "FAILED" else ""
    assert execution.error == error


@pytest.mark.parametrize("distributed", [False, True])
def test_a_redrive_runs_the_failed_items_alone(aws: AwsServer, *, distributed: bool) -> None:
    s3, client, bucket = aws.clients.s3, aws.clients.stepfunctions, f"items-{distributed}".lower()
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    sdk = "arn:aws:states:::aws-sdk:s3"
    trace = {"Bucket": bucket, "Key": "{% 'trace/' & $states.input.value & '/' & $uuid() %}", "Body": "ran"}
    needed = {"Bucket": bucket, "Key": "{% $states.input.value %}"}
    got = ["{% $states.input.value %}", "{% $states.context.Execution.Id %}"]
    body = branch_states(
        {
            "Trace": {
                "Type": "Task",
                "Resource": f"{sdk}:putObject",
                "Arguments": trace,
                "Output": "{% $states.input %}",
            }
        },
        {"Get": {"Type": "Task", "Resource": f"{sdk}:getObject", "Arguments": needed, "Output": got}},
    )
    states = over(["a", "b", "c"], {"Each": loop(body, distributed=distributed, MaxConcurrency=1)})
    machine = create(aws, "redriven", {"QueryLanguage": "JSONata", "StartAt": "First", "States": states})
    s3.put_object(Bucket=bucket, Key="a", Body=b"")
    arn = client.start_execution(stateMachineArn=machine)["executionArn"]
    assert ended(aws, arn).status == "FAILED"

    for key in ("b", "c"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    client.redrive_execution(executionArn=arn)
    again = ended(aws, arn)
    assert isinstance(again.output, list), again.cause
    assert [value for value, _ in again.output] == ["a", "b", "c"]
    assert len({child for _, child in again.output}) == (3 if distributed else 1)
    traces = s3.list_objects_v2(Bucket=bucket, Prefix="trace/")["Contents"]
    assert [trace["Key"].split("/")[1] for trace in traces] == ["a", "b", "c"]


def test_a_stopped_execution_stops_the_items_of_its_distributed_map(aws: AwsServer) -> None:
    body: States = {"Long": {"Type": "Wait", "Seconds": 100_000}}
    states = over(["a", "b"], {"Each": loop(body, distributed=True)})
    machine = create(aws, "stopped", {"QueryLanguage": "JSONata", "StartAt": "First", "States": states})
    arn = aws.clients.stepfunctions.start_execution(stateMachineArn=machine)["executionArn"]
    events = aws.clients.stepfunctions.get_execution_history
    until(lambda: "MapRunStarted" in [event["type"] for event in events(executionArn=arn)["events"]])
    aws.clients.stepfunctions.stop_execution(executionArn=arn)
    assert ended(aws, arn).status == "ABORTED"
