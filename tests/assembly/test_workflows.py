"""The workflows of a stack, and what their state machines say of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.drawing.pictures import DIAMOND
from tests.local.assemblies import call, write_assembly
from zflow_constructs.assembly.cloud_assembly import load_stack
from zflow_constructs.assembly.input_error import AssemblyError
from zflow_constructs.assembly.workflows import find_workflow, load_workflow
from zflow_constructs.core.states.run_parameters import RunParameters
from zflow_constructs.core.values.parameters import RunParameter

STATES = {"Call": call({}, End=True)}


def test_what_a_rule_starts_after_a_workflow_is_no_workflow_to_choose(tmp_path: Path) -> None:
    rule = {"EventPattern": {"source": ["aws.states"]}, "Targets": [{"Id": "Target0", "Arn": {"Ref": "Cleanup"}}]}
    more = {
        "Cleanup": {"Type": "AWS::StepFunctions::StateMachine"},
        "AtTheEnd": {"Type": "AWS::Events::Rule", "Properties": rule},
    }
    assert load_workflow(write_assembly(tmp_path, STATES, more=more)).logical_id == "Machine"


def test_a_workflow_that_an_event_starts_is_one(tmp_path: Path) -> None:
    rule = {"EventPattern": {"source": ["aws.s3"]}, "Targets": [{"Id": "Target0", "Arn": {"Ref": "Machine"}}]}
    more = {"OnUpload": {"Type": "AWS::Events::Rule", "Properties": rule}}
    assert load_workflow(write_assembly(tmp_path, STATES, more=more)).logical_id == "Machine"


def test_a_machine_that_works_for_workflows_is_none_to_choose(tmp_path: Path) -> None:
    watcher = {"Type": "AWS::StepFunctions::StateMachine", "Metadata": {"zflow:machinery": "Watches runs."}}
    assert load_workflow(write_assembly(tmp_path, STATES, more={"Watcher": watcher})).logical_id == "Machine"


def test_one_of_several_workflows_is_chosen_by_its_id(tmp_path: Path) -> None:
    other = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Metadata": {"aws:cdk:path": "Demo/Nightly/StateMachine/Resource"},
    }
    stack = load_stack(write_assembly(tmp_path, STATES, more={"NightlyStateMachine123": other}))
    assert find_workflow(stack, "Nightly").logical_id == "NightlyStateMachine123"
    assert find_workflow(stack, "Machine").logical_id == "Machine"
    with pytest.raises(AssemblyError, match="has 2 workflows; choose one with --workflow: Machine, Nightly"):
        find_workflow(stack)
    with pytest.raises(
        AssemblyError, match=r"has no workflow 'Nightli', but: Machine, Nightly\. Did you mean 'Nightly'\?"
    ):
        find_workflow(stack, "Nightli")


def test_an_id_that_another_one_begins_with_chooses_its_own_workflow(tmp_path: Path) -> None:
    machines = {
        f"{id}StateMachine123": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Metadata": {"aws:cdk:path": f"Demo/{id}/StateMachine/Resource"},
        }
        for id in ("Score", "ScoreNightly")
    }
    stack = load_stack(write_assembly(tmp_path, STATES, more=machines))
    assert find_workflow(stack, "Score").logical_id == "ScoreStateMachine123"
    assert find_workflow(stack, "ScoreNightly").logical_id == "ScoreNightlyStateMachine123"


def test_workflows_of_one_construct_are_told_apart_and_so_are_those_in_a_stage(tmp_path: Path) -> None:
    machines = {
        f"Team{id}StateMachine123": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Metadata": {"aws:cdk:path": f"Production/Demo/Team/{id}/StateMachine/Resource"},
        }
        for id in ("Daily", "Nightly")
    }
    stack = replace(load_stack(write_assembly(tmp_path, STATES, more=machines)), path="Production/Demo")
    assert find_workflow(stack, "Team/Nightly").logical_id == "TeamNightlyStateMachine123"
    with pytest.raises(AssemblyError, match="choose one with --workflow: Machine, Team/Daily, Team/Nightly"):
        find_workflow(stack)


def test_a_workflow_says_what_to_draw_and_which_run_parameters_it_has(tmp_path: Path) -> None:
    parameters = RunParameters.of("Demo", {"country": "de", "day": RunParameter.date(default="today")})
    metadata = {"zflow:graph": DIAMOND.to_json(), "zflow:parameters": parameters.metadata()}
    workflow = load_workflow(write_assembly(tmp_path, STATES, metadata=metadata))
    assert workflow.picture == DIAMOND
    assert workflow.parameters == parameters.declared


def test_a_state_machine_that_declares_no_parameters_has_none(tmp_path: Path) -> None:
    assert load_workflow(write_assembly(tmp_path, STATES)).parameters == {}


@pytest.mark.parametrize(
    "graph", [{}, {"name": "Demo"}, {"name": "Demo", "steps": "Train"}, {"name": "D", "steps": [1]}]
)
def test_a_picture_of_another_form_is_refused(tmp_path: Path, graph: object) -> None:
    workflow = load_workflow(write_assembly(tmp_path, STATES, metadata={"zflow:graph": graph}))
    with pytest.raises(AssemblyError, match=r"Machine of the stack Demo doesn't say what to draw: .* Synthesize it"):
        _ = workflow.picture


@pytest.mark.parametrize("parameter", [{}, {"type": "number", "default": "one"}, "de"])
def test_parameters_of_another_form_are_refused(tmp_path: Path, parameter: object) -> None:
    workflow = load_workflow(write_assembly(tmp_path, STATES, metadata={"zflow:parameters": {"country": parameter}}))
    with pytest.raises(AssemblyError, match=r"The run parameters of the state machine Machine .* can't be read"):
        _ = workflow.parameters
