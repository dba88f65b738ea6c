"""Compiled workflows of every shape in moto's real interpreter: the right values, in the right order, in any race."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from tests.local.aws.conftest import Ended, create, ended
from tests.local.aws.pipelines import SHAPES, expected, needs_of
from tests.local.aws.rendezvous import TABLE
from zflow_constructs.core.compiler import compile_workflow
from zflow_constructs.core.states.asl import EXIT, Pass, Wait
from zflow_constructs.core.states.fragment import Fragment, Part, StepNode
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.references import StepOutput
from zflow_constructs.core.values.templates import Json, Scope
from zflow_constructs.local.aws.server import AwsServer

RUNS = 5
SLOW_RUNS = 50
AT_ONCE = 5
LONGEST_SECONDS = 8


@pytest.fixture(scope="module", autouse=True)
def table(aws: AwsServer) -> None:
    aws.clients.cloudformation.create_stack(
        StackName="shapes", TemplateBody=json.dumps({"Resources": {"Table": TABLE}})
    )


def step(name: str, needed: Sequence[str]) -> StepNode:
    """A step that waits as long as the execution's input says, and whose value names all that it has used."""
    values = [StepOutput(key, key, ("value",)) for key in needed]
    states: dict[str, Part] = {
        name: Wait(Jsonata(f"$states.context.Execution.Input.{name}"), f"{name}: value"),
        f"{name}: value": Pass(assign={name: {"value": [name, *values]}}, next=EXIT),
    }
    return StepNode(name, name, Fragment(states, result=name))


def machine_of(shape: str) -> Mapping[str, Json]:
    nodes = [step(name, needed) for name, needed in needs_of(shape).items()]
    return compile_workflow(
        nodes, start={}, scope=Scope(), version="1.0", timeout_seconds=600, table=lambda: "rendezvous"
    )


def delays(shape: str, runs: int) -> Iterator[Mapping[str, int]]:
    """How long each step takes: in every other run nothing, so that all race; else now this one longest, now that."""
    for seed in range(runs):
        random = Random(f"{shape} {seed}")
        longest = LONGEST_SECONDS if seed % 2 else 0
        yield {name: random.randint(0, longest) for name in needs_of(shape)}


def run(aws: AwsServer, shape: str, runs: int) -> list[Ended]:
    machine = create(aws, shape, machine_of(shape))

    def one(given: Mapping[str, int]) -> Ended:
        client = aws.clients.stepfunctions
        arn = client.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
        return ended(aws, arn, look=0.1)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, delays(shape, runs)))


def entered_at(execution: Ended) -> Mapping[str, int]:
    """When each state was entered, as the number of the event."""
    found = {}
    for number, event in enumerate(execution.history):
        details = event.get("stateEnteredEventDetails")
        if isinstance(details, Mapping):
            found[str(details["name"])] = number
    return found


@pytest.mark.parametrize("runs", [RUNS, pytest.param(SLOW_RUNS, marks=pytest.mark.slow)])
@pytest.mark.parametrize("shape", SHAPES)
def test_each_run_has_the_right_values_in_the_right_order(aws: AwsServer, shape: str, runs: int) -> None:
    for execution in run(aws, shape, runs):
        assert (execution.output, execution.cause) == (expected(shape), "")
        entered = entered_at(execution)
        for name, needed in needs_of(shape).items():
            assert all(entered[f"{each}: value"] < entered[name] for each in needed)


def test_shapes_that_nesting_can_t_express_are_among_them() -> None:
    meeting = [shape for shape in SHAPES if '"Run key"' in json.dumps(machine_of(shape))]
    assert len(meeting) > 7
