"""Optional steps: their failure counts as a skip, of whatever states they are made."""

from dataclasses import replace

import pytest

from tests.core.machines import compiled, mapping, of_states, step
from tests.core.test_any_workflow import SHAPES, native, polled
from tests.simulation.definition import Scope
from tests.simulation.execution import Status
from tests.simulation.world import Execution, World
from zflow_constructs.core.states.asl import EXIT, Catcher, Choice, Fail, Pass, Rule, State, Task
from zflow_constructs.core.states.fragment import StepNode
from zflow_constructs.core.values.expressions import Condition, Jsonata
from zflow_constructs.core.values.references import StepOutput
from zflow_constructs.core.values.syntax import Error, Predicate
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.lint import lint
from zflow_constructs.local.lint.integrations import INTEGRATION_RULES

VALUE = {"value": Jsonata("$states.result.value")}
FAILED: Json = {"Type": "Pass", "Assign": {"Audit": "{% null %}"}, "Output": {}, "Next": "Report?"}


def optional(node: StepNode) -> StepNode:
    return replace(node, optional=True)


def executed(*steps: StepNode, failing: str = "Audit") -> tuple[Execution, set[str]]:
    """An execution in which the work of one step always fails, and the steps that ran."""
    world = World(fails=lambda work: work.step.removesuffix(" call") == failing)
    execution = world.start(Scope.of(compiled(*steps)), {})
    world.clock.run(until=10_000)
    return execution, {work.step for work in world.work}


def test_a_task_catches_all_errors_and_its_variable_is_null_then() -> None:
    states = mapping(compiled(optional(step("Audit")), step("Report", uses=["Audit"]))["States"])
    audit = mapping(states["Audit"])
    assert audit["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "Audit: failed"}]
    assert audit["Next"] == "Report?"
    assert states["Audit: failed"] == FAILED
    assert mapping(states["Report?"])["Choices"] == [{"Condition": "{% $Audit != null %}", "Next": "Report"}]


def test_a_task_keeps_what_it_catches_itself() -> None:
    own = Catcher(("E",), EXIT, {"Audit": {"value": "caught"}})
    task = Task("arn:run", {}, 60, assign={"Audit": VALUE}, catch=(own,))
    states = mapping(compiled(optional(of_states("Audit", {"Audit": task})), step("Last", after=["Audit"]))["States"])
    assert mapping(states["Audit"])["Catch"] == [
        {"ErrorEquals": ["E"], "Assign": {"Audit": {"value": "caught"}}, "Next": "Last"},
        {"ErrorEquals": ["States.ALL"], "Next": "Audit: failed"},
    ]


def test_a_task_that_catches_all_itself_is_left_as_it_is_and_what_comes_after_it_is_caught() -> None:
    clean_up: dict[str, State] = {
        "Audit": Task("arn:run", {}, 60, assign={"Audit": VALUE}, catch=(Catcher(("States.ALL",), "Audit: undo"),)),
        "Audit: undo": Task("arn:run", {}, 60, next="Audit: lost"),
        "Audit: lost": Fail("Work.Failed", "it did"),
    }
    states = mapping(compiled(optional(of_states("Audit", clean_up)), step("Last", after=["Audit"]))["States"])
    assert mapping(states["Audit"])["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "Audit: undo"}]
    assert mapping(states["Audit: undo"])["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "Audit: failed"}]
    assert states["Audit: lost"] == {"Type": "Pass", "Output": {}, "Next": "Audit: failed"}


def test_a_native_chain_is_caught_as_a_whole() -> None:
    node = optional(of_states("Audit", native("Audit", {})))
    states = mapping(compiled(node, step("Report", uses=["Audit"]))["States"])
    assert mapping(states["Audit"])["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "Audit: failed"}]


def test_each_task_of_several_states_is_caught() -> None:
    states = mapping(
        compiled(optional(of_states("Audit", polled("Audit", {}))), step("Last", after=["Audit"]))["States"]
    )
    caught = [name for name, state in states.items() if "Catch" in mapping(state)]
    assert caught == ["Audit"]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_workflow_goes_on_without_what_failed_and_skips_what_needs_it(shape: object) -> None:
    assert callable(shape)
    audit = optional(of_states("Audit", shape("Audit", {})))
    otherwise = StepOutput("Audit", "Audit").is_absent()
    steps = [
        audit,
        step("Train"),
        step("Report", uses=["Audit"]),
        step("Else", when=otherwise),
        step("Last", after=["Audit", "Train"]),
    ]
    execution, ran = executed(*steps)
    assert execution.status is Status.SUCCEEDED
    assert {name.removesuffix(" call") for name in ran} == {"Audit", "Train", "Else", "Last"}
    assert [finding for finding in lint(compiled(*steps)) if finding.rule not in INTEGRATION_RULES] == []


def test_a_workflow_fails_with_any_other_step() -> None:
    execution, _ = executed(optional(step("Audit")), step("Train"), failing="Train")
    assert execution.status is Status.FAILED


def test_an_optional_step_at_the_end_outputs_null_if_it_failed() -> None:
    execution, _ = executed(step("Train"), optional(step("Audit", uses=["Train"])))
    assert execution.top.output == {"Audit": None}


def test_a_step_that_is_skipped_and_optional_leads_on_in_both_cases() -> None:
    states = mapping(compiled(optional(step("Audit", when=Jsonata("1") >= 1)), step("Last", after=["Audit"]))["States"])
    assert mapping(states["Audit: skipped"])["Next"] == mapping(states["Audit: failed"])["Next"] == "Last"


def test_a_choice_without_a_way_out_of_its_own_leads_to_what_is_caught() -> None:
    checked: dict[str, State] = {
        "Audit": Choice((Rule(Jsonata("1 = 1") == True, "Audit: no"),), default=EXIT),  # noqa: E712
        "Audit: no": Fail("No", "never"),
    }
    node = replace(
        of_states("Audit", {"Audit: begin": Pass(assign={"Audit": {}}, next="Audit"), **checked}), optional=True
    )
    execution, _ = executed(node, step("Last", after=["Audit"]))
    assert execution.status is Status.SUCCEEDED


@pytest.mark.parametrize(
    "condition",
    [
        StepOutput("First", "First", ("missing",)) > 1,
        StepOutput("First", "First", ("value",)) > 1,
        Predicate("exists", (Error("no such thing"),)),
    ],
    ids=["of a field that is missing", "of another type", "that fails"],
)
def test_a_condition_that_has_no_value_fails_the_optional_step_alone(condition: Condition) -> None:
    audit = replace(optional(step("Audit")), when=condition)
    execution, ran = executed(step("First"), audit, step("Report", uses=["Audit"]), step("Last", uses=["First"]))
    assert execution.status is Status.SUCCEEDED, execution.top.failure
    assert ran == {"First", "Last"}
    assert execution.top.output == {"Report": None, "Last": {"value": "Last(First())"}}
    failed, _ = executed(step("First"), replace(audit, optional=False))
    assert failed.status is Status.FAILED


def test_a_condition_of_an_optional_step_is_evaluated_where_its_failure_can_be_caught() -> None:
    audit = replace(optional(step("Audit")), when=StepOutput("First", "First", ("n",)) > 1)
    states = mapping(compiled(step("First"), audit, step("Last", after=["Audit"]))["States"])
    assert states["Audit: condition"] == {
        "Type": "Parallel",
        "Branches": [
            {
                "StartAt": "Audit: evaluation",
                "States": {"Audit: evaluation": {"Type": "Pass", "Output": "{% $First.n > 1 %}", "End": True}},
            }
        ],
        "Output": "{% $states.result[0] %}",
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Audit: failed"}],
        "Next": "Audit?",
    }
    assert mapping(states["Audit?"])["Choices"] == [{"Condition": "{% $states.input %}", "Next": "Audit"}]
