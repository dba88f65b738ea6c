"""Which step each state of a machine belongs to."""

from collections.abc import Mapping

from tests.local.shapes import loop, machine_of, step
from zflow_constructs.core.states.asl import Map, Pass, Task, inline
from zflow_constructs.core.states.fragment import Fragment, StepNode
from zflow_constructs.core.states.legend import StatePlace, StateRole
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.references import StepOutput
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.layout import Layout, Standing, layout


def laid_out(*steps: StepNode) -> Layout:
    return layout(machine_of(*steps))


def n_shape() -> tuple[StepNode, ...]:
    return step("A"), step("B"), step("C", uses=["A"]), step("D", uses=["B", "A"])


def roles(found: Layout, step_id: str) -> Mapping[str, StateRole]:
    return {name: standing.place.role for name, standing in found.standings.items() if standing.place.step == step_id}


def test_the_machinery_of_a_rendezvous_belongs_to_its_steps() -> None:
    found = laid_out(*n_shape())
    assert sorted(found.steps) == ["A", "B", "C", "D"]
    assert roles(found, "A") == {
        "A": StateRole.WORK,
        "A is done": StateRole.DONE,
        "A wakes D": StateRole.WAKE,
        "Wake D": StateRole.WAKE,
        "D waits no more": StateRole.WAKE,
    }
    assert roles(found, "D") == {"D waits for A": StateRole.WAIT, "D reads A": StateRole.READ, "D": StateRole.WORK}
    assert found.standings["D waits for A"].place.producer == "A"
    assert found.standings["Run key"].place == StatePlace(StateRole.WORKFLOW)


def test_a_step_s_condition_and_failure_belong_to_it() -> None:
    found = laid_out(step("A"), step("B", when=StepOutput("A", "A", ("n",)) > 1, optional=True))
    assert roles(found, "B") == {
        "B: condition": StateRole.GUARD,
        "B: evaluation": StateRole.GUARD,
        "B?": StateRole.GUARD,
        "B: skipped": StateRole.SKIPPED,
        "B": StateRole.WORK,
        "B: failed": StateRole.FAILED,
        "B: results": StateRole.RESULTS,
    }


def test_a_loop_is_a_step_that_comes_before_those_in_it() -> None:
    inner = loop("PerModel", ["x"], step("Train"))
    found = laid_out(step("First"), loop("PerCountry", ["de", "fr"], inner, step("Check")))
    assert found.steps == {
        "First": None,
        "PerCountry": None,
        "PerModel": "PerCountry",
        "Train": "PerModel",
        "Check": "PerCountry",
    }
    assert found.loops == {"PerCountry", "PerModel"}
    assert found.around("Train") == ["PerModel", "PerCountry"]
    assert found.standings["Train"].depth == 2
    assert found.standings["PerCountry: item"].place.role == StateRole.ITEM


def test_in_a_machine_that_says_nothing_of_itself_each_task_is_a_step() -> None:
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"}
    names = ["Model is done", "Team waits for Approval", "Ready?", "Check: all?", "Check: 2"]
    found = layout({"States": {**dict.fromkeys(names, task), "Pause": {"Type": "Wait", "Seconds": 1}}})
    assert list(found.steps) == names
    assert found.standings["Pause"].place.step is None


def test_the_states_of_an_iterator_are_found_as_those_of_an_item_processor() -> None:
    each: Json = {"StartAt": "Each", "States": {"Each": {"Type": "Task", "Resource": "arn:run", "End": True}}}
    found = layout({"States": {"All": {"Type": "Map", "Iterator": each, "End": True}}})
    assert list(found.steps) == ["Each"]
    assert found.standings["Each"].depth == 1


def test_a_map_of_a_step_s_own_states_is_no_loop() -> None:
    each = {"Check: each": Task("arn:aws:states:::lambda:invoke", {}, 60)}
    every = Map(Jsonata("[1, 2]"), inline(each), next="Check: last")
    check = StepNode("Check", "Check", Fragment({"Check": every, "Check: last": Pass(assign={"Check": 1})}, "Check"))
    found = laid_out(check)
    assert (found.steps, found.loops) == ({"Check": None}, frozenset())
    work = StatePlace(StateRole.WORK, "Check")
    assert found.standings["Check"] == Standing(work, "", 0, ends=False)
    # An item's end is not the step's: more states of the step follow.
    assert found.standings["Check: each"] == Standing(work, "/Check/0", 1, ends=False)
    assert found.standings["Check: last"] == Standing(work, "", 0, ends=True)
