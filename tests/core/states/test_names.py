"""Names in a state machine: those of steps are their own, and what the compiler adds gives way to them."""

import pytest

from tests.core.machines import of_states, step
from zflow_constructs.core.states.asl import Pass
from zflow_constructs.core.states.legend import StatePlace, StateRole
from zflow_constructs.core.states.names import Names
from zflow_constructs.core.values.errors import WorkflowError

PLACE = StatePlace(StateRole.WORKFLOW)


def test_what_the_compiler_adds_is_numbered_where_a_step_has_the_name() -> None:
    names = Names([step("Train"), step("Train is done"), step("Train is done 2")], {})
    assert [names.state("Train is done", PLACE) for _ in range(2)] == ["Train is done 3", "Train is done 4"]
    assert [names.variable("Train reads A") for _ in range(2)] == ["Train_reads_A", "Train_reads_A_2"]


def test_a_name_that_is_too_long_for_aws_is_cut_before_its_number() -> None:
    names = Names([], {})
    long = "x" * 100
    assert [names.state(long, PLACE) for _ in range(2)] == ["x" * 77 + "...", "x" * 75 + "... 2"]


def test_the_workflow_s_own_states_give_way_and_lead_to_each_other_by_their_new_names() -> None:
    names = Names([step("Parameters")], {"Parameters": Pass(next="Refused"), "Refused": Pass()})
    assert [*names.start] == ["Parameters 2", "Refused"]
    assert names.start["Parameters 2"] == Pass(next="Refused")


def test_a_parallel_is_called_by_the_steps_with_which_it_starts_as_far_as_they_fit() -> None:
    names = Names([], {})
    assert names.parallel(["Train", "Audit"]) == ("Train, Audit in parallel", "Train_Audit_in_parallel")
    name, _ = names.parallel([f"A step with a long name {number}" for number in range(9)])
    assert name == "A step with a long name 0, A step with a long name 1, ... in parallel"


def test_each_state_is_kept_with_what_it_is_for() -> None:
    asking = of_states("Ask", {"Ask: begin": Pass(next="Ask"), "Ask": Pass()})
    names = Names([asking], {"Parameters": Pass()})
    assert names.places == {
        "Ask: begin": StatePlace(StateRole.WORK, "Ask"),
        "Ask": StatePlace(StateRole.WORK, "Ask"),
        "Parameters": PLACE,
    }


def test_two_steps_of_one_name_are_refused() -> None:
    first, second = of_states("A b", {"Same": Pass()}), of_states("A-b", {"Same": Pass()})
    with pytest.raises(WorkflowError) as raised:
        Names([first, second], {})
    assert str(raised.value) == (
        'Two steps, A b and A-b, both use the name "Same" in the state machine. Rename one of them: ids must differ in '
        "more than spaces and hyphens."
    )
