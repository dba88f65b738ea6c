"""Compiled workflows in moto's real interpreter: at each rendezvous the waiter comes first, or the producer does.

A gate in a step's work sees to that: it opens when the item at the table says who has come.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeAlias

import pytest

from tests.local.aws.conftest import Ended, create, ended
from tests.local.aws.pipelines import SHAPES, expected, needs_of
from tests.local.aws.rendezvous import TABLE
from zflow_constructs.core.compiler import compile_workflow
from zflow_constructs.core.ordering.nesting import plan
from zflow_constructs.core.states.asl import EXIT, Choice, Pass, Rule, Task, Wait, states_in
from zflow_constructs.core.states.fragment import Fragment, Part, StepNode
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.references import StepOutput
from zflow_constructs.core.values.templates import Json, Scope, Template
from zflow_constructs.local.aws.server import AwsServer

RUNS = 1
SLOW_RUNS = 50
AT_ONCE = 5

Gates: TypeAlias = Mapping[str, Mapping[str, str]]
Case: TypeAlias = tuple[str, str, str, Gates, bool]
"""The shape, who is waited for, who waits, the gates, and whether the waiter finds the other done."""


@pytest.fixture(scope="module", autouse=True)
def table(aws: AwsServer) -> None:
    template = json.dumps({"Resources": {"Table": TABLE}})
    aws.clients.cloudformation.create_stack(StackName="arrivals", TemplateBody=template)


def step(name: str, needed: Sequence[str]) -> StepNode:
    """A step that begins once its gate is open, if the execution's input has one for it."""
    gate = f"$states.context.Execution.Input.{name}"
    item: dict[str, Template] = {"run": Jsonata("$run_key"), "step": {"S": Jsonata(f"{gate}.step")}}
    there = Jsonata(f"$exists($lookup($states.result.Item, {gate}.attribute))")
    states: dict[str, Part] = {
        name: Choice((Rule(Jsonata(f"$exists({gate})"), f"{name}: look"),), default=f"{name}: value"),
        f"{name}: look": Task(
            "arn:aws:states:::aws-sdk:dynamodb:getItem",
            {"TableName": "rendezvous", "Key": item, "ConsistentRead": True},
            60,
            output={"there": there},
            next=f"{name}: open?",
        ),
        f"{name}: open?": Choice((Rule(Jsonata("$states.input.there"), f"{name}: value"),), default=f"{name}: pause"),
        f"{name}: pause": Wait(2, f"{name}: look"),
        f"{name}: value": Pass(
            assign={name: {"value": [name, *(StepOutput(key, key, ("value",)) for key in needed)]}}, next=EXIT
        ),
    }
    return StepNode(name, name, Fragment(states, result=name))


def machine_of(shape: str) -> Mapping[str, Json]:
    nodes = [step(name, needed) for name, needed in needs_of(shape).items()]
    return compile_workflow(
        nodes, start={}, scope=Scope(), version="1.0", timeout_seconds=600, table=lambda: "rendezvous"
    )


def meetings(shape: str) -> Sequence[tuple[str, str]]:
    """Who waits for whom: (producer, waiter)."""
    return plan({name: tuple(needed) for name, needed in needs_of(shape).items()}).rendezvous


@cache
def attribute(shape: str, producer: str, waiter: str) -> str:
    """The attribute of the producer's item that takes the waiter's token."""
    waiting = dict(states_in(machine_of(shape)))[f"{waiter} waits for {producer}"]
    found = re.search(r"waiter\d+", str(waiting["Arguments"]))
    assert found
    return found[0]


def before(shape: str, producer: str, waiter: str) -> Iterator[str]:
    """What the waiter needs before it looks for the producer, and the producer doesn't need."""
    needs, waits = needs_of(shape), [each for each, other in meetings(shape) if other == waiter]

    def earlier(name: str) -> set[str]:
        return {name}.union(*(earlier(needed) for needed in needs[name]))

    later = waits[waits.index(producer) :]
    return (each for each in needs[waiter] if each not in later and each not in earlier(producer))


def cases() -> Iterator[Case]:
    for shape in SHAPES:
        for producer, waiter in meetings(shape):
            token = {"step": producer, "attribute": attribute(shape, producer, waiter)}
            yield shape, producer, waiter, {producer: token}, False
            for each in before(shape, producer, waiter):
                yield shape, producer, waiter, {each: {"step": producer, "attribute": "done"}}, True


def run(aws: AwsServer, shape: str, gates: Gates, runs: int) -> list[Ended]:
    machine = create(aws, shape, machine_of(shape))

    def one(_run: int) -> Ended:
        client = aws.clients.stepfunctions
        arn = client.start_execution(stateMachineArn=machine, input=json.dumps(gates))["executionArn"]
        return ended(aws, arn, look=0.1)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(runs)))


def found_done(execution: Ended) -> set[str]:
    """The waiting states that found who they wait for done."""
    events = {event["id"]: event for event in execution.history}
    return {_state(events, event) for event in execution.events("TaskFailed")}


def _state(events: Mapping[object, Mapping[str, object]], event: Mapping[str, object]) -> str:
    """The state that an event of a task belongs to."""
    details = event.get("stateEnteredEventDetails")
    if isinstance(details, Mapping):
        return str(details["name"])
    return _state(events, events[event["previousEventId"]])


@pytest.mark.parametrize("runs", [RUNS, pytest.param(SLOW_RUNS, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("shape", "producer", "waiter", "gates", "done"), list(cases()))
def test_whoever_comes_first_the_values_are_right(
    aws: AwsServer, *, shape: str, producer: str, waiter: str, gates: Gates, done: bool, runs: int
) -> None:
    for execution in run(aws, shape, gates, runs):
        assert (execution.output, execution.cause) == (expected(shape), "")
        assert (f"{waiter} waits for {producer}" in found_done(execution)) == done


def test_both_orders_are_tried_wherever_a_waiter_does_not_come_first_by_nature() -> None:
    first = [(shape, producer, waiter) for shape, producer, waiter, _, done in cases() if not done]
    later = {(shape, producer, waiter) for shape, producer, waiter, _, done in cases() if done}
    # They need the producer alone: nothing that comes before it in their branch can be late.
    assert [meeting for meeting in first if meeting not in later] == [
        ("forecast", "Clean", "Baseline"),
        ("forecast", "Model", "Plan"),
    ]
    assert len({shape for shape, _, _ in first}) == 10
