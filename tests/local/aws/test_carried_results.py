"""Compiled workflows in moto's real interpreter: what travels of large results, and conditions that have no value."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.local.aws.conftest import Ended, create, ended
from tests.local.aws.rendezvous import TABLE
from zflow_constructs.core.compiler import compile_workflow
from zflow_constructs.core.states.asl import Pass
from zflow_constructs.core.states.fragment import Fragment, StepNode
from zflow_constructs.core.values.expressions import Condition, Jsonata
from zflow_constructs.core.values.references import StepOutput
from zflow_constructs.core.values.syntax import Predicate
from zflow_constructs.core.values.templates import Scope, Template
from zflow_constructs.local.aws.server import AwsServer

LARGE = Jsonata('$join([1..20000].("12345"))')
"""A text of 100 kB."""
EXACT = 0.8512340188026428


@pytest.fixture(scope="module", autouse=True)
def table(aws: AwsServer) -> None:
    template = json.dumps({"Resources": {"Table": TABLE}})
    aws.clients.cloudformation.create_stack(StackName="carried", TemplateBody=template)


def step(name: str, result: Mapping[str, Template], *, when: Condition | None = None) -> StepNode:
    return StepNode(name, name, Fragment({name: Pass(assign={name: result})}, result=name), when=when, unbounded=True)


def auc(name: str) -> StepOutput:
    return StepOutput(name, name, ("auc",))


def executed(aws: AwsServer, name: str, *steps: StepNode) -> Ended:
    machine = compile_workflow(
        steps, start={}, scope=Scope(), version="1.0", timeout_seconds=600, table=lambda: "rendezvous"
    )
    arn = create(aws, name, machine)
    started = aws.clients.stepfunctions.start_execution(stateMachineArn=arn, input="{}")
    return ended(aws, started["executionArn"], look=0.1)


def outputs_of(execution: Ended) -> list[int]:
    """How many bytes each state put out."""
    details = [event.get("stateExitedEventDetails") for event in execution.history]
    return [len(str(each["output"]).encode()) for each in details if isinstance(each, Mapping)]


def test_of_large_results_only_what_is_read_crosses_a_join_and_the_table(aws: AwsServer) -> None:
    large: Mapping[str, Template] = {"auc": EXACT, "rows": LARGE}
    execution = executed(
        aws,
        "Large",
        step("A", large),
        step("B", large),
        step("C", {"auc": auc("A"), "rows": LARGE}),
        step("D", {"auc": [auc("A"), auc("B")], "rows": LARGE}),
        step("Last", {"c": auc("C"), "d": auc("D")}),
    )
    assert execution.output == {"Last": {"c": EXACT, "d": [EXACT, EXACT]}}
    assert max(outputs_of(execution)) < 1_000


def test_results_that_do_not_fit_together_at_the_end_are_left_out_and_the_others_come_out(aws: AwsServer) -> None:
    large: Mapping[str, Template] = {"auc": EXACT, "rows": LARGE}
    steps = [step("A", large), step("B", large), step("C", {"auc": EXACT})]
    left_out = "left out: more than 86700 bytes of JSON. List what the workflow outputs: outputs={...}."
    assert executed(aws, "Ending", *steps).output == {"A": left_out, "B": left_out, "C": {"auc": EXACT}}


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("Missing", StepOutput("First", "First", ("missing",)) > 1),
        ("OfAnotherType", Predicate("contains", (auc("First"), "x"))),
    ],
)
def test_a_condition_without_a_value_fails_an_optional_step_alone(
    aws: AwsServer, name: str, condition: Condition
) -> None:
    first, last = step("First", {"auc": EXACT}), step("Last", {"auc": auc("First")})
    audit = replace(step("Audit", {"auc": 1}, when=condition), optional=True)
    report = step("Report", {"of": auc("Audit")})
    execution = executed(aws, name, first, audit, report, last)
    assert (execution.output, execution.cause) == ({"Report": None, "Last": {"auc": EXACT}}, "")
