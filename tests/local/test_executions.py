"""What rules start when a run has ended, and what a run starts itself."""

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.local.assemblies import call, write_assembly
from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.cli.main import main
from zflow_constructs.core.states.legend import Legend, StatePlace, StateRole
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.engine import Engine, RunResult, RunSettings
from zflow_constructs.local.steps import StepStatus

NO_PLACES: Mapping[str, StatePlace] = {}
LOOK: Mapping[str, Json] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::aws-sdk:sfn:describeExecution",
    "Arguments": {"ExecutionArn": "{% $states.input.execution %}"},
    "Assign": {"status": "{% $states.result.Status %}"},
    "Output": {},
    "Next": "Clean",
}


def machine(states: Mapping[str, Json], *, places: Mapping[str, StatePlace] = NO_PLACES) -> Mapping[str, object]:
    """A machine, which says of itself what its states are for if that is given."""
    comment = Legend("1.0", places).comment({"States": states}) if places else ""
    definition = {"Comment": comment, "QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}
    return {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
            "DefinitionString": json.dumps(definition),
            "DefinitionSubstitutions": {"Function": {"Fn::GetAtt": ["Function", "Arn"]}},
        },
    }


def at_the_end(
    payload: Mapping[str, Json], *, statuses: tuple[str, ...] = ("SUCCEEDED", "FAILED", "ABORTED")
) -> Mapping[str, object]:
    """A machine that a rule starts when the workflow has ended, as CDK's `targets.SfnStateMachine` writes it."""
    transformer = {
        "InputPathsMap": {"detail-executionArn": "$.detail.executionArn"},
        "InputTemplate": '{"execution":<detail-executionArn>}',
    }
    target = {
        "Id": "Target0",
        "Arn": {"Ref": "Cleanup"},
        "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
        "InputTransformer": transformer,
        "RetryPolicy": {"MaximumRetryAttempts": 3},
    }
    pattern = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"status": list(statuses), "stateMachineArn": [{"Ref": "Machine"}]},
    }
    rule = {"EventPattern": pattern, "State": "ENABLED", "Targets": [target]}
    return {
        "Cleanup": machine(
            {"Outcome": LOOK, "Clean": call(payload, End=True)},
            places={"Outcome": StatePlace(StateRole.WORKFLOW), "Clean": StatePlace(StateRole.WORK, "Clean")},
        ),
        "AtTheEnd": {"Type": "AWS::Events::Rule", "Properties": rule},
    }


NOTE: Mapping[str, Json] = {"do": "note", "status": "{% 'after-' & $status %}"}


def run(folder: Path, states: Mapping[str, object], more: Mapping[str, object]) -> RunResult:
    assembly = write_assembly(folder, states, more=more)
    with Engine(load_workflow(assembly), RunSettings(folder=folder / "run")) as engine:
        return engine.deploy().run()


@pytest.mark.parametrize(("do", "status"), [("", "SUCCEEDED"), ("raise", "FAILED")])
def test_a_run_waits_for_what_follows_it_and_keeps_its_steps(tmp_path: Path, do: str, status: str) -> None:
    result = run(tmp_path, {"Work": call({"do": do}, End=True)}, at_the_end(NOTE))
    assert [step.id for step in result.steps] == ["Work"]
    (cleanup,) = result.follow_ups
    assert (result.status, cleanup.status, [step.id for step in cleanup.steps]) == (status, "SUCCEEDED", ["Clean"])
    assert result.succeeded is (status == "SUCCEEDED")
    notes = tmp_path / "run" / "objects" / result.outputs["BucketName"] / "notes"
    assert (notes / f"after-{status}.json").is_file()
    record = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert [(follow_up["status"], follow_up["steps"][0]["id"]) for follow_up in record["follow_ups"]] == [
        ("SUCCEEDED", "Clean")
    ]


def test_what_no_rule_has_started_is_skipped(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, {"Work": call({}, End=True)}, more=at_the_end(NOTE, statuses=("FAILED",)))
    with Engine(load_workflow(assembly), RunSettings(folder=tmp_path / "run")) as engine:
        deployed = engine.deploy()
        assert [step.id for step in deployed.steps] == ["Work", "Clean"]
        assert deployed.run().follow_ups == []
        assert [step.status for step in deployed.steps] == [StepStatus.SUCCEEDED, StepStatus.SKIPPED]


def test_a_failed_cleanup_fails_the_command_and_is_said(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, {"Work": call({}, End=True)}, more=at_the_end({"do": "raise"}))
    ended = CliRunner().invoke(main, ["local", "run", str(assembly), "--run-folder", str(tmp_path / "run")])
    lines = ended.output.splitlines()
    assert ended.exit_code == 1, ended.output
    assert "Clean failed: ValueError" in lines
    assert [line for line in lines if "ran after the workflow, ended FAILED: ValueError" in line]


def test_an_interrupted_run_is_cleaned_up_after_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assembly = write_assembly(
        tmp_path, {"Wait": {"Type": "Wait", "Seconds": 100_000, "End": True}}, more=at_the_end(NOTE)
    )
    with Engine(load_workflow(assembly), RunSettings(folder=tmp_path / "run")) as engine:
        deployed = engine.deploy()
        interrupt_once(monkeypatch)
        with pytest.raises(KeyboardInterrupt):
            deployed.run()
    assert (tmp_path / "run" / "objects" / deployed.outputs["BucketName"] / "notes" / "after-ABORTED.json").is_file()


def interrupt_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first look at a run be interrupted, as by Ctrl-C."""
    sleep, interrupts = time.sleep, [KeyboardInterrupt]

    def interrupted(seconds: float) -> None:
        if threading.current_thread() is threading.main_thread() and interrupts:
            raise interrupts.pop()
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", interrupted)


def test_a_step_that_runs_another_workflow_says_what_goes_on_there(tmp_path: Path) -> None:
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": {"StateMachineArn": "${Child}", "Input": {}},
        "Output": "{% $states.result.Output.n %}",
        "End": True,
    }
    more = {"Child": machine({"Score": call({"n": 41}, End=True)})}
    assembly = write_assembly(tmp_path, {"Sub": start}, more=more)
    template = json.loads((assembly / "Demo.template.json").read_text(encoding="utf-8"))
    template["Resources"]["Machine"]["Properties"]["DefinitionSubstitutions"]["Child"] = {"Ref": "Child"}
    (assembly / "Demo.template.json").write_text(json.dumps(template), encoding="utf-8")
    lines: list[str] = []
    workflow, settings = load_workflow(assembly, workflow="Machine"), RunSettings(folder=tmp_path / "run")
    with Engine(workflow, settings, on_step=lambda step: lines.append(f"{step.id}: {step.last_line}")) as engine:
        result = engine.deploy().run()
    assert (result.output, [step.id for step in result.steps], result.follow_ups) == (42, ["Sub"], [])
    assert "Sub: Score: handling" in lines
