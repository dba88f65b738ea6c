"""How branches meet: the states of the smallest order that nesting can't express, compared whole."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.core.machines import compiled, mapping, of_states, state_names, step, value_of
from zflow_constructs.core.compiler import compile_workflow
from zflow_constructs.core.rendezvous.exact_values import Read, Written
from zflow_constructs.core.rendezvous.table_tasks import TableTasks
from zflow_constructs.core.states.asl import Task
from zflow_constructs.core.states.fragment import StepNode
from zflow_constructs.core.states.run_variables import RUN
from zflow_constructs.core.values.references import RESULT, Parameter, StepOutput, Variable
from zflow_constructs.core.values.templates import Json, Scope
from zflow_constructs.local.lint import lint
from zflow_constructs.local.lint.integrations import INTEGRATION_RULES

EXPIRES: Json = "{% $run_expiry %}"
ANY_ERROR: Json = {"ErrorEquals": ["States.ALL"], "MaxAttempts": 8}


def key(step: str) -> Json:
    return {"run": "{% $run_key %}", "step": {"S": step}}


def n_shape(*, read: bool = True) -> dict[str, Json]:
    """Report comes after Extract, Deploy after Extract and Train."""
    deploy = step("Deploy", uses=["Extract", "Train"]) if read else step("Deploy", uses=["Train"], after=["Extract"])
    return compiled(step("Train"), step("Extract"), step("Report", uses=["Extract"]), deploy)


def states(machine: Mapping[str, Json]) -> dict[str, Mapping[str, Json]]:
    """All states, those in branches included."""
    found: dict[str, Mapping[str, Json]] = {}
    for name, state in mapping(machine["States"]).items():
        found[name] = mapping(state)
        branches = mapping(state).get("Branches", [])
        assert isinstance(branches, list)
        for branch in branches:
            found |= states(branch)
    return found


def test_the_first_state_makes_a_key_that_is_the_runs_own() -> None:
    assert states(n_shape())["Run key"] == {
        "Type": "Pass",
        "Assign": {
            "run_key": {"S": "{% $uuid() %}"},
            # Two timeouts of an hour, and the 90 days that Step Functions remembers an execution.
            "run_expiry": {"N": "{% $string($floor($millis() / 1000) + 7783200) %}"},
        },
        "Output": {},
        "Next": "Train, Extract in parallel",
    }


def test_who_waits_leaves_its_token_unless_the_other_is_done() -> None:
    assert states(n_shape())["Deploy waits for Extract"] == {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken",
        "Arguments": {
            "TableName": "Rendezvous",
            "Key": key("Extract"),
            "UpdateExpression": "SET waiter1=:t,expires=:e",
            "ConditionExpression": "attribute_not_exists(done)",
            "ExpressionAttributeValues": {
                ":t": {"S": "{% $states.context.Task.Token %}"},
                ":e": EXPIRES,
            },
        },
        "TimeoutSeconds": 900,
        "Retry": [
            {"ErrorEquals": ["States.Timeout"], "MaxAttempts": 1000, "BackoffRate": 1},
            {"ErrorEquals": ["DynamoDb.ConditionalCheckFailedException"], "MaxAttempts": 0},
            ANY_ERROR,
        ],
        "Catch": [{"ErrorEquals": ["DynamoDb.ConditionalCheckFailedException"], "Next": "Deploy reads Extract"}],
        "Output": {},
        "Next": "Deploy reads Extract",
    }


def test_what_it_reads_becomes_a_variable_of_its_branch() -> None:
    found = states(n_shape())
    assert found["Deploy reads Extract"] == {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:getItem",
        "Arguments": {
            "TableName": "Rendezvous",
            "Key": key("Extract"),
            "ConsistentRead": True,
            "ProjectionExpression": "done",
        },
        "TimeoutSeconds": 60,
        "Retry": [ANY_ERROR],
        "Assign": {
            "Deploy_reads_Extract": "{% " + Read(RESULT["Item"]["done"]["S"], plain=False).render(Scope()) + " %}"
        },
        "Output": {},
        "Next": "Deploy",
    }
    assert found["Deploy"]["Arguments"] == {
        "Extract": "{% $Deploy_reads_Extract.value %}",
        "Train": "{% $Train.value %}",
    }


def test_who_is_done_marks_that_stores_its_result_and_wakes_who_waits() -> None:
    found = states(n_shape())
    assert found["Extract is done"] == {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:updateItem",
        "Arguments": {
            "TableName": "Rendezvous",
            "Key": key("Extract"),
            "UpdateExpression": "SET done=:d,expires=:e",
            "ExpressionAttributeValues": {
                ":e": EXPIRES,
                ":d": {"S": "{% " + Written(Variable("Extract"), plain=False).render(Scope()) + " %}"},
            },
            "ReturnValues": "ALL_OLD",
        },
        "TimeoutSeconds": 60,
        "Retry": [ANY_ERROR],
        "Output": "{% [$states.result.Attributes.[waiter1.S]] %}",
        "Next": "Extract wakes Deploy",
    }
    assert found["Extract wakes Deploy"] == {
        "Type": "Map",
        "Items": "{% $states.input %}",
        "ItemProcessor": {
            "StartAt": "Wake Deploy",
            "States": {
                "Wake Deploy": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess",
                    "Arguments": {"TaskToken": "{% $states.input %}", "Output": "{}"},
                    "TimeoutSeconds": 60,
                    "Retry": [{"ErrorEquals": ["States.ALL"]}],
                    "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Deploy waits no more"}],
                    "Output": {},
                    "End": True,
                },
                "Deploy waits no more": {"Type": "Pass", "Output": {}, "End": True},
            },
        },
        "Output": {},
        "Next": "Report",
    }


def test_a_result_that_nobody_reads_is_not_stored() -> None:
    found = states(n_shape(read=False))
    assert "Deploy reads Extract" not in found
    values = mapping(mapping(found["Extract is done"]["Arguments"])["ExpressionAttributeValues"])
    assert values[":d"] == {"S": "{% $now() %}"}


def test_several_who_wait_for_one_are_woken_together() -> None:
    """The W: both D and E wait for B beside what they need of their own branches."""
    machine = compiled(
        step("A"),
        step("B"),
        step("C"),
        step("D", uses=["A", "B"]),
        step("E", uses=["B", "C"]),
        step("F", uses=["A"]),
        step("G", uses=["C"]),
    )
    found = states(machine)
    waits = [name for name in found if " waits for " in name]
    marks = [name for name in found if name.endswith(" is done")]
    wakes = [state for name, state in found.items() if " wakes " in name]
    assert len(wakes) == len(marks)
    tokens = [str(found[name]["Output"]).count("waiter") for name in marks]
    assert sum(tokens) == len(waits)
    assert [finding for finding in lint(machine) if finding.rule not in INTEGRATION_RULES] == []


def test_a_producer_of_two_waiters_hands_on_the_tokens_of_both() -> None:
    meeting = TableTasks("Rendezvous", RUN, 3600, waits=2)
    mark = meeting.marking("B", 2, None, plain=True, then="B wakes D, E").render(Scope())
    assert mark["Output"] == "{% [$states.result.Attributes.[waiter1.S,waiter2.S]] %}"


def test_a_skipped_step_is_marked_as_done_too() -> None:
    extract = step("Extract", when=Parameter("may") == True)  # noqa: E712
    machine = compiled(
        step("Train"), extract, step("Report", uses=["Extract"]), step("Deploy", uses=["Extract", "Train"])
    )
    found = states(machine)
    assert found["Extract: skipped"]["Next"] == found["Extract"]["Next"] == "Extract is done"
    assert mapping(found["Deploy?"]["Choices"][0])["Condition"] == "{% $Deploy_reads_Extract != null %}"  # type: ignore[index]
    assert found["Deploy reads Extract"]["Next"] == "Deploy?"


def test_an_optional_step_that_failed_is_marked_as_done_too() -> None:
    extract = replace(step("Extract"), optional=True)
    machine = compiled(
        step("Train"), extract, step("Report", uses=["Extract"]), step("Deploy", uses=["Extract", "Train"])
    )
    found = states(machine)
    assert found["Extract: failed"] == {
        "Type": "Pass",
        "Assign": {"Extract": "{% null %}"},
        "Output": {},
        "Next": "Extract is done",
    }


@pytest.mark.parametrize(
    ("timeout", "waits", "seconds"),
    [
        (60, 1, 900),
        (90_000, 20, 900),
        (604_800, 20, 6_048),
        (31_536_000, 20, 315_360),
        # 50 waits look 40 times each, 500 and more 4 times.
        (31_536_000, 50, 788_400),
        (31_536_000, 500, 7_884_000),
        (31_536_000, 5_000, 7_884_000),
    ],
)
def test_a_wait_looks_again_a_hundred_times_less_often_beside_many_others_and_never_within_a_quarter_of_an_hour(
    timeout: int, waits: int, seconds: int
) -> None:
    waiting = TableTasks("Rendezvous", RUN, timeout, waits).waiting("Extract", 1, then="Deploy").render(Scope())
    assert waiting["TimeoutSeconds"] == seconds


def long_named(number: int, *uses: str) -> StepNode:
    return step(f"{'Step' * 11}{number:06}", uses=uses)


def test_names_longer_than_aws_takes_are_cut_and_stay_different() -> None:
    producers = [long_named(number) for number in range(4)]
    waiters = [long_named(10 + number, *(each.name for each in producers[: number + 1])) for number in range(4)]
    others = [long_named(20 + number, producers[number].name) for number in range(4)]
    machine = compiled(*producers, *waiters, *others)
    names = list(state_names(machine))
    assert len(names) == len(set(names))
    assert max(map(len, names)) == 80
    assert any(re.search(r"waits for .*\.\.\.( \d+)?$", name) for name in names)
    assert [finding for finding in lint(machine) if finding.rule not in INTEGRATION_RULES] == []


def test_the_table_is_asked_for_once_and_only_if_branches_meet() -> None:
    asked: list[str] = []

    def table() -> str:
        asked.append("Rendezvous")
        return "Rendezvous"

    steps = [step("Train"), step("Extract"), step("Report", uses=["Extract"])]
    compile_workflow(steps, start={}, scope=Scope(), version="1.0", timeout_seconds=60, table=table)
    assert asked == []
    steps.append(step("Deploy", uses=["Extract", "Train"]))
    compile_workflow(steps, start={}, scope=Scope(), version="1.0", timeout_seconds=60, table=table)
    assert asked == ["Rendezvous"]


def test_a_branch_reads_a_result_from_the_table_once_whoever_uses_it_there_and_after_its_joins() -> None:
    machine = compiled(
        step("A"),
        step("B"),
        step("C", uses=["A"]),
        step("D", uses=["A", "B"]),
        step("E", uses=["D", "A"]),
        step("F", uses=["D", "B", "A"]),
        step("G", uses=["E", "F", "A"]),
    )
    assert [name for name in states(machine) if " reads " in name] == ["D reads A"]
    arguments = {name: states(machine)[name]["Arguments"] for name in ("D", "E", "F", "G")}
    assert {name: mapping(each)["A"] for name, each in arguments.items()} == {
        "D": "{% $D_reads_A.value %}",
        "E": "{% $D_reads_A.value %}",
        "F": "{% $D_reads_A.value %}",
        "G": "{% $D_reads_A.value %}",
    }


def test_a_result_without_numbers_is_stored_and_read_as_it_is() -> None:
    address = StepOutput("Extract", "Extract", ("value",), "string")
    reads = of_states("Deploy", {"Deploy": Task("arn:run", {"of": address, "train": value_of("Train")}, 60)})
    found = states(
        compiled(
            step("Train"), step("Extract"), of_states("Report", {"Report": Task("arn:run", {"of": address}, 60)}), reads
        )
    )
    stored = mapping(mapping(found["Extract is done"]["Arguments"])["ExpressionAttributeValues"])[":d"]
    assert stored == {"S": "{% $string($Extract) %}"}
    assert found["Deploy reads Extract"]["Assign"] == {
        "Deploy_reads_Extract": "{% $parse($states.result.Item.done.S) %}"
    }
