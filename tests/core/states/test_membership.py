"""Whether steps belong together: each message whole, and what is allowed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from tests.core.machines import of_states, step, value_of
from zflow_constructs.core.states.asl import Task
from zflow_constructs.core.states.fragment import Fragment, Loop, StepNode
from zflow_constructs.core.states.membership import check_at_the_end, check_members
from zflow_constructs.core.states.outcome import Outcome
from zflow_constructs.core.states.run_parameters import RunParameters
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.iterations import Item
from zflow_constructs.core.values.references import Parameter, RunLocation
from zflow_constructs.core.values.templates import Template

PARAMETERS = RunParameters.of("Scoring", {"country": "de"})


def given(name: str, value: Template) -> StepNode:
    return of_states(name, {name: Task("arn:run", {"given": value}, 60, assign={name: {}})})


def loop(
    name: str,
    *steps: StepNode,
    items: Template = ("de", "fr"),
    item: str = "item",
    outputs: Mapping[str, Template] | None = None,
) -> StepNode:
    repeated = Loop(
        name=name,
        items=items,
        item=item,
        steps=steps,
        outputs=outputs or {},
        max_concurrency=40,
        distributed=False,
        most_items=2,
    )
    return StepNode(name, name, Fragment({name: repeated}, result=name))


def refused(*steps: StepNode, outputs: Template = None, last: Sequence[StepNode] = ()) -> str:
    with pytest.raises(WorkflowError) as raised:
        checked(*steps, outputs=outputs, last=last)
    return str(raised.value)


def checked(*steps: StepNode, outputs: Template = None, last: Sequence[StepNode] = ()) -> None:
    check_members("Scoring", steps, PARAMETERS, outputs)
    check_at_the_end("Scoring", steps, last, PARAMETERS)


@pytest.mark.parametrize("missing", [step("Train", uses=["Clean data"]), step("Train", after=["Team/Clean data"])])
def test_a_need_that_is_not_listed(missing: StepNode) -> None:
    assert refused(missing) == (
        'MlWorkflow "Scoring": step "Train" needs step "Clean data", which is not among its steps. '
        "Add it: steps=[..., clean_data]."
    )


def test_a_need_of_the_outputs_that_is_not_listed() -> None:
    assert refused(step("Train"), outputs={"auc": value_of("Test")}) == (
        'MlWorkflow "Scoring": outputs= needs step "Test", which is not among its steps. Add it: steps=[..., test].'
    )


@pytest.mark.parametrize(
    "user",
    [
        step("Report", uses=["Train"]),
        step("Report", after=["Train"]),
        given("Report", RunLocation("Train", "Train", "Train/model")),
        replace(step("Report"), when=value_of("Train") > 1),
        loop("Report", step("Other", uses=["Train"])),
    ],
    ids=["uses", "after", "location", "when", "in a loop"],
)
def test_a_repeated_step_used_outside(user: StepNode) -> None:
    inner = "Other" if user.repeated else "Report"
    assert refused(loop("Each", step("Train")), user) == (
        f'MlWorkflow "Scoring": step "{inner}" needs step "Train", which the loop "Each" repeats: there is one for '
        "each item. Use the loop's outputs, a list: ForEach(outputs={...}). To come after it, put the loop into after=."
    )


def test_a_repeated_step_that_uses_its_own_loop() -> None:
    assert refused(loop("Each", step("Train", uses=["Each"]))) == (
        'MlWorkflow "Scoring": step "Train" uses the outputs of the loop "Each" that repeats it, which are there when '
        "it has ended. Use the outputs of the loop's other steps."
    )


def test_a_loop_whose_outputs_are_none_of_its_steps() -> None:
    each = loop("Each", step("Train"), outputs={"auc": value_of("Test")})
    assert refused(each) == (
        'MlWorkflow "Scoring": outputs= of step "Each" needs step "Test", which is not among its steps. '
        "Add it: steps=[..., test]."
    )


@pytest.mark.parametrize(("name", "hint"), [("contry", ' Did you mean "country"?'), ("model", "")])
def test_an_item_that_no_loop_around_has(name: str, hint: str) -> None:
    assert refused(loop("Each", given("Train", Item(name)), item="country")) == (
        f'MlWorkflow "Scoring": step "Train" uses the item "{name}", which no loop around it has.{hint} '
        f'It has: "country". Put it into the steps of a ForEach(item="{name}").'
    )


@pytest.mark.parametrize(
    ("steps", "user"),
    [
        ([given("Train", Item("country"))], 'step "Train"'),
        ([loop("Each", step("Train"), items=Item("country"), item="country")], 'step "Each"'),
        ([loop("Each", step("Train"), item="country"), given("Last", Item("country"))], 'step "Last"'),
    ],
    ids=["no loop", "the loop's own list", "after the loop"],
)
def test_an_item_outside_of_loops(steps: Sequence[StepNode], user: str) -> None:
    assert refused(*steps) == (
        f'MlWorkflow "Scoring": {user} uses the item "country", which no loop around it has. It has: none. '
        'Put it into the steps of a ForEach(item="country").'
    )


@pytest.mark.parametrize("wrap", [lambda node: node, lambda node: loop("Each", node)], ids=["outside", "in a loop"])
def test_an_outcome_before_the_end(wrap: object) -> None:
    assert callable(wrap)
    assert refused(wrap(given("Train", Outcome("status")))) == (
        'MlWorkflow "Scoring": step "Train" uses the outcome of the run, which has none yet. '
        "Put the step into finally_=[...]."
    )


def test_an_unknown_parameter_in_a_loop() -> None:
    assert refused(loop("Each", given("Train", Parameter("contry")))) == (
        'MlWorkflow "Scoring": step "Train" uses the run parameter "contry", which it does not declare. '
        'Did you mean "country"? It has: "country". Declare it with its default: parameters={...}.'
    )


@pytest.mark.parametrize("last", [step("Tell", uses=["Train"]), replace(step("Tell"), when=value_of("Train") > 1)])
def test_an_output_at_the_end(last: StepNode) -> None:
    assert refused(step("Train"), last=[last]) == (
        'MlWorkflow "Scoring": step "Tell" runs at the end, and uses an output of step "Train", which is not there '
        "when the run failed. Use what is known before: run parameters, locations of data, "
        'zflow.Outcome("status").'
    )


def test_a_step_at_the_end_that_comes_after_one_of_the_run() -> None:
    assert refused(step("Train"), last=[step("Tell", after=["Train"])]) == (
        'MlWorkflow "Scoring": step "Tell" runs at the end, after all steps of steps=[...]. '
        'Take step "Train" out of its after=.'
    )


def test_steps_find_what_is_around_them() -> None:
    inner = loop(
        "Models",
        given("Fit", [Item("model"), Item("country"), Parameter("country"), value_of("Clean"), value_of("Extract")]),
        items=Item("country", ("models",)),
        item="model",
        outputs={"auc": value_of("Fit"), "country": Item("country")},
    )
    each = loop(
        "Countries",
        step("Clean", uses=["Extract"]),
        inner,
        step("Report", uses=["Models"], after=["Clean"]),
        items=value_of("Extract"),
        item="country",
        outputs={"report": value_of("Report"), "model": Item("country")},
    )
    tell = given("Tell", [Outcome("status"), Parameter("country"), RunLocation("Extract", "Extract", "Extract/x")])
    again = loop("Again", given("Post", [Item("who"), Outcome("cause")]), items=["a"], item="who")
    checked(
        step("Extract"),
        each,
        step("Last", uses=["Countries"]),
        outputs={"all": value_of("Countries")},
        last=[tell, replace(again, after=("Tell",))],
    )
