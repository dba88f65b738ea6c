"""The simulated services refuse what AWS refuses, and fail as told."""

from collections.abc import Mapping
from random import Random

import pytest

from tests.simulation.definition import Scope
from tests.simulation.execution import Status
from tests.simulation.n_shape import N_MACHINE
from tests.simulation.table import Table
from tests.simulation.tasks import ServiceError
from tests.simulation.world import SEND_TASK_SUCCESS, Execution, Faults, World
from zflow_constructs.core.values.templates import Json

KEY: Json = {"run": {"S": "1"}, "step": {"S": "Train"}}
MARK: dict[str, Json] = {
    "TableName": "Rendezvous",
    "Key": KEY,
    "UpdateExpression": "SET done=:done",
    "ExpressionAttributeValues": {":done": {"N": "7"}},
}
READ: dict[str, Json] = {
    "TableName": "Rendezvous",
    "Key": KEY,
    "ConsistentRead": True,
    "ProjectionExpression": "done, waiter1",
}


@pytest.fixture
def table() -> Table:
    return Table(Random(0))


def test_an_update_keeps_what_it_does_not_set_and_returns_what_was_there(table: Table) -> None:
    assert table.update_item({**MARK, "ReturnValues": "ALL_OLD"}) == {}
    other: dict[str, Json] = {
        **MARK,
        "UpdateExpression": "SET waiter1=:token,expires=:expires",
        "ExpressionAttributeValues": {":token": {"S": "x"}, ":expires": {"N": "12"}},
    }
    assert table.update_item(other) == {}
    assert table.get_item(READ) == {"Item": {"done": {"N": "7"}, "waiter1": {"S": "x"}}}
    before = {
        "run": {"S": "1"},
        "step": {"S": "Train"},
        "done": {"N": "7"},
        "waiter1": {"S": "x"},
        "expires": {"N": "12"},
    }
    assert table.update_item({**MARK, "ReturnValues": "ALL_OLD"}) == {"Attributes": before}


def test_a_condition_that_does_not_hold_changes_nothing(table: Table) -> None:
    conditional = {**MARK, "ConditionExpression": "attribute_not_exists(done)"}
    table.update_item(conditional)
    with pytest.raises(ServiceError, match=r"^DynamoDb\.ConditionalCheckFailedException: "):
        table.update_item(conditional)


def test_a_read_that_is_not_consistent_may_miss_the_last_change(table: Table) -> None:
    table.update_item(MARK)
    assert table.get_item({**READ, "Key": {"run": {"S": "2"}, "step": {"S": "Train"}}}) == {}
    seen = [table.get_item({**READ, "ConsistentRead": False}) for _ in range(20)]
    assert {} in [answer["Item"] for answer in seen]
    assert {"Item": {"done": {"N": "7"}}} in seen


@pytest.mark.parametrize(
    "wrong",
    [
        {"UpdateExpression": "REMOVE done"},
        {"ConditionExpression": "attribute_exists(done)"},
        {"ReturnValues": "UPDATED_NEW"},
        {"ExpressionAttributeNames": {"#done": "done"}},
        {"ExpressionAttributeValues": {":done": {"N": "7"}, ":unused": {"S": ""}}},
        {"ExpressionAttributeValues": {":done": {"N": "1e3"}}},
        {"ExpressionAttributeValues": {":done": {"S": None}}},
        {"ExpressionAttributeValues": {":done": {"BOOL": True}}},
        {"Key": {"run": {"S": "1"}}},
        {"Key": {"run": {"S": "1"}, "step": {"N": "1"}}},
        {"ReturnConsumedCapacity": "TOTAL"},
    ],
)
def test_dynamodb_refuses_what_is_not_simulated(table: Table, wrong: Mapping[str, Json]) -> None:
    with pytest.raises(AssertionError):
        table.update_item({**MARK, **wrong})


DURATIONS = {"Extract": 5, "Train": 9, "Deploy": 2, "Report": 1}


def executed(faults: Faults, seed: int, *, failures: float = 0, redrives: int = 0) -> tuple[World, Execution]:
    random = Random(seed)
    world = World(
        seed=seed,
        duration=lambda work: DURATIONS[work.step],
        faults=faults,
        fails=lambda _: random.random() < failures,
    )
    execution = world.start(Scope.of(N_MACHINE), {}, redrives=redrives)
    world.clock.run()
    return world, execution


def test_without_faults_the_n_takes_as_long_as_its_longest_path() -> None:
    for seed in range(50):
        world, execution = executed(Faults(), seed)
        assert execution.top.output == ["Report(Extract())", "Deploy(Extract(), Train())"]
        assert world.clock.now == 11


@pytest.mark.parametrize(
    ("faults", "slowest"),
    [
        (Faults(throttled=0.9), 30),
        (Faults(lost_response=0.9), 10_000),
        (Faults(lost_callback=1), 10_000),
        (Faults(throttled=0.3, lost_response=0.3, lost_callback=0.5), 10_000),
    ],
)
def test_no_fault_of_a_service_makes_the_n_fail_or_hang(faults: Faults, slowest: float) -> None:
    slowed = 0
    for seed in range(50):
        world, execution = executed(faults, seed)
        assert execution.top.output == ["Report(Extract())", "Deploy(Extract(), Train())"]
        assert 11 <= world.clock.now <= slowest
        slowed += world.clock.now > 11
    assert slowed > 25


def test_work_that_fails_is_redriven_until_all_ends_well_and_no_work_succeeds_twice() -> None:
    redriven = 0
    for seed in range(100):
        world, execution = executed(Faults(late=0.5), seed, failures=0.4, redrives=100)
        assert execution.top.output == ["Report(Extract())", "Deploy(Extract(), Train())"]
        assert sorted(work.step for work in world.work if work.outcome == "succeeded") == [
            "Deploy",
            "Extract",
            "Report",
            "Train",
        ]
        redriven += execution.redrives
    assert redriven > 100


@pytest.mark.parametrize(("in_a_row", "redriven"), [(1, False), (9, True)])
def test_a_call_without_an_answer_was_made_nevertheless_times_out_and_is_made_again(
    *, in_a_row: int, redriven: bool
) -> None:
    world, execution = executed(Faults(unanswered=1, in_a_row=in_a_row), seed=0, redrives=10)
    assert execution.top.output == ["Report(Extract())", "Deploy(Extract(), Train())"]
    assert (execution.redrives > 0) == redriven
    assert len(world.table.items) == 1


def test_a_token_that_nobody_waits_with_is_refused() -> None:
    wake: Json = {
        "Type": "Task",
        "Resource": SEND_TASK_SUCCESS,
        "Arguments": {"TaskToken": "token 1", "Output": "{}"},
        "End": True,
    }
    world = World()
    execution = world.start(Scope.of({"StartAt": "A", "States": {"A": wake}}), {})
    world.clock.run()
    assert execution.status is Status.FAILED
    assert execution.top.failure.error.startswith("Sfn.")
