"""Which step each state of a compiled machine belongs to."""

from collections.abc import Mapping

from tests.local.shapes import loop, states_of, step
from zflow_constructs.core.states.fragment import StepNode
from zflow_constructs.core.values.references import StepOutput
from zflow_constructs.local.layout import Layout, Place, Role, layout


def laid_out(*steps: StepNode) -> Layout:
    return layout({"States": states_of(*steps)})


def n_shape() -> tuple[StepNode, ...]:
    return step("A"), step("B"), step("C", uses=["A"]), step("D", uses=["B", "A"])


def roles(found: Layout, step_id: str) -> Mapping[str, Role]:
    return {name: place.role for name, place in found.places.items() if place.step == step_id}


def test_the_machinery_of_a_rendezvous_belongs_to_its_steps() -> None:
    found = laid_out(*n_shape())
    assert sorted(found.steps) == ["A", "B", "C", "D"]
    assert roles(found, "A") == {
        "A": Role.WORK,
        "A is done": Role.MACHINERY,
        "A wakes D": Role.MACHINERY,
        "Wake D": Role.MACHINERY,
        "D waits no more": Role.MACHINERY,
    }
    assert roles(found, "D") == {"D waits for A": Role.WAIT, "D reads A": Role.MACHINERY, "D": Role.WORK}
    assert found.places["D waits for A"].producer == "A"
    assert found.places["Run key"].step == ""


def test_a_step_s_condition_and_failure_belong_to_it() -> None:
    found = laid_out(step("A"), step("B", when=[StepOutput("A", "A", ("n",)) > 1], optional=True))
    assert roles(found, "B") == {
        "B?": Role.MACHINERY,
        "B: skipped": Role.SKIP,
        "B": Role.WORK,
        "B: failed": Role.FAILURE,
        "B: results": Role.WORK,
    }


def test_a_loop_is_a_step_that_comes_before_those_in_it() -> None:
    inner = loop("PerModel", ["x"], step("Train"))
    found = laid_out(step("First"), loop("PerCountry", ["de", "fr"], inner, step("Check")))
    assert found.steps == {
        "First": "",
        "PerCountry": "",
        "PerModel": "PerCountry",
        "Train": "PerModel",
        "Check": "PerCountry",
    }
    assert found.loops == {"PerCountry", "PerModel"}
    assert found.around("Train") == ["PerModel", "PerCountry"]
    assert (found.places["Train"].depth, found.places["PerCountry: item"].role) == (2, Role.ITEM)


def test_a_step_may_be_called_as_machinery_is() -> None:
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"}
    names = ["Model is done", "Team waits for Approval", "Ready?", "Check: all?", "Check: 2"]
    found = layout({"States": dict.fromkeys(names, task)})
    assert list(found.steps) == ["Model is done", "Team waits for Approval", "Ready?", "Check"]
    assert {place.role for place in found.places.values()} == {Role.WORK}


def test_a_map_of_a_step_s_own_states_is_no_loop() -> None:
    each = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
    processor = {"StartAt": "Check: each", "States": {"Check: each": each}}
    found = layout({"States": {"Check: all": {"Type": "Map", "ItemProcessor": processor, "End": True}}})
    assert (found.steps, found.loops) == ({"Check": ""}, frozenset())
    assert found.places["Check: all"] == Place("Check", Role.WORK, "", 0, ends=True)
    # An item's end is not the step's: more states of the step may follow.
    assert found.places["Check: each"] == Place("Check", Role.WORK, "/Check: all/0", 1, ends=False)
