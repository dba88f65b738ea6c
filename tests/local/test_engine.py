import contextlib
import json
import threading
from pathlib import Path

import pytest

from tests.core.machines import compiled, mapping, of_states
from tests.local.assemblies import call, with_legend, write_assembly
from tests.waiting import until
from zflow_constructs.assembly.input_error import AssemblyError, InputError
from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.core.states.asl import Pass
from zflow_constructs.core.states.run_parameters import RunParameters
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.deployed_workflow import DeployedWorkflow
from zflow_constructs.local.engine import Engine, RunResult, RunSettings
from zflow_constructs.local.record import step_logs
from zflow_constructs.local.steps import Step, StepStatus

PUT = {
    "Type": "Task",
    "Resource": "arn:aws:states:::aws-sdk:s3:putObject",
    "Arguments": {"Bucket": "${Bucket}", "Key": "out/result.json", "Body": {"n": "{% $states.input.n %}"}},
}


def run(assembly: Path, folder: Path, **parameters: object) -> tuple[RunResult, list[tuple[str, str]]]:
    changes: list[tuple[str, str]] = []

    def hear(step: Step) -> None:
        if (step.id, step.status.value) not in changes[-1:]:
            changes.append((step.id, step.status.value))

    with Engine(load_workflow(assembly), RunSettings(folder=folder, parameters=parameters), on_step=hear) as engine:
        return engine.deploy().run(), changes


def test_a_run_keeps_its_objects_logs_and_record(tmp_path: Path) -> None:
    states = {"Count": call({"n": "{% $states.input.start %}"}, Next="Store"), "Store": {**PUT, "End": True}}
    result, changes = run(write_assembly(tmp_path, states), tmp_path / "run", start=41)

    assert (result.status, result.undelivered) == ("SUCCEEDED", [])
    assert changes == [("Count", "running"), ("Count", "succeeded"), ("Store", "running"), ("Store", "succeeded")]
    objects = tmp_path / "run" / "objects" / result.outputs["BucketName"]
    assert json.loads((objects / "out/result.json").read_text(encoding="utf-8")) == {"n": 42}
    note = json.loads((objects / "notes/SUCCEEDED.json").read_text(encoding="utf-8"))
    assert note == {"do": "note", "execution": result.execution, "status": "SUCCEEDED"}

    record = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert (record["status"], record["input"]) == ("SUCCEEDED", {"start": 41})
    count, store = record["steps"]
    assert (count["id"], count["status"], [state["name"] for state in count["states"]]) == (
        "Count",
        "succeeded",
        ["Count"],
    )
    assert "handling" in (tmp_path / "run" / count["logs"][0]).read_text(encoding="utf-8")
    assert store["jobs"] == []


def test_a_failure_names_its_step_error_and_cause_and_reaches_the_rule(tmp_path: Path) -> None:
    fine = {"StartAt": "Fine", "States": {"Fine": call({}, End=True)}}
    bad = {"StartAt": "Bad", "States": {"Bad": call({"do": "raise"}, End=True)}}
    both = {"Type": "Parallel", "Branches": [fine, bad], "Next": "After"}
    result, _ = run(write_assembly(tmp_path, {"Both": both, "After": {**PUT, "End": True}}), tmp_path / "run")

    steps = {step.id: step for step in result.steps}
    assert (result.status, steps["Bad"].status) == ("FAILED", StepStatus.FAILED)
    assert (steps["Bad"].error, "asked to fail" in steps["Bad"].cause) == ("ValueError", True)
    assert steps["After"].status is StepStatus.NOT_RUN
    notes = tmp_path / "run" / "objects" / result.outputs["BucketName"] / "notes"
    assert [note.name for note in notes.iterdir()] == ["FAILED.json"]


def test_a_run_with_wrong_parameters_ends_before_its_first_step(tmp_path: Path) -> None:
    machine = compiled(of_states("Count", {"Count": Pass()}), start=RunParameters.of("Demo", {"n": 1}).start())
    states = {**mapping(machine["States"]), "Count": call({"n": "{% $parameters.n %}"}, End=True)}
    result, changes = run(write_assembly(tmp_path, states), tmp_path / "run", n="one")

    assert (result.status, result.error) == ("FAILED", "Zflow.InvalidParameters")
    assert result.cause == 'MlWorkflow "Demo" can\'t run with this input: "n" is "one", and must be a number.'
    assert changes == [("Count", "not run")]


def test_a_step_whose_condition_is_false_is_skipped(tmp_path: Path) -> None:
    states = {
        "Deploy: when": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% false %}", "Next": "Deploy"}],
            "Default": "End",
        },
        "Deploy": call({}, Next="End"),
        "End": {"Type": "Succeed"},
    }
    result, _ = run(write_assembly(tmp_path, states), tmp_path / "run")
    assert [(step.id, step.status) for step in result.steps] == [("Deploy", StepStatus.SKIPPED)]


def test_a_step_of_several_states_ends_once(tmp_path: Path) -> None:
    states: dict[str, Json] = {
        "Extract": call({}, Next="Extract: wait"),
        "Extract: wait": {"Type": "Wait", "Seconds": 1, "Next": "Extract: check"},
        "Extract: check": call({}, Next="Extract: done?"),
        "Extract: done?": {"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Next": "Last"}]},
        "Last": call({}, End=True),
    }
    machine = with_legend(states, {name: "Last" if name == "Last" else "Extract" for name in states})
    _, changes = run(write_assembly(tmp_path, machine), tmp_path / "run")
    assert changes == [("Extract", "running"), ("Extract", "succeeded"), ("Last", "running"), ("Last", "succeeded")]


def test_a_caught_error_is_the_step_s_own_business_when_it_goes_on(tmp_path: Path) -> None:
    caught = [{"ErrorEquals": ["ValueError"], "Next": "Try: again"}]
    states: dict[str, Json] = {"Try": call({"do": "raise"}, Catch=caught, End=True), "Try: again": call({}, End=True)}
    machine = with_legend(states, dict.fromkeys(states, "Try"))
    result, _ = run(write_assembly(tmp_path, machine), tmp_path / "run")
    assert [(step.id, step.status, step.error) for step in result.steps] == [("Try", StepStatus.SUCCEEDED, "")]


def test_a_failed_run_is_redriven_from_where_it_failed(tmp_path: Path) -> None:
    get = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
        "Arguments": {"Bucket": "${Bucket}", "Key": "late.json"},
        "Output": "{% $states.result.Body %}",
        "End": True,
    }
    assembly = write_assembly(tmp_path, {"First": call({}, Next="Get"), "Get": get})
    with Engine(load_workflow(assembly), RunSettings(folder=tmp_path / "run")) as engine:
        workflow = engine.deploy()
        failed = workflow.run()
        assert failed.error == "S3.NoSuchKeyException"
        engine.aws.clients.s3.put_object(Bucket=workflow.outputs["BucketName"], Key="late.json", Body=b"{}")
        assert workflow.redrive(failed).status == "SUCCEEDED"
        assert (tmp_path / "run").exists()


def test_a_template_that_can_t_be_honoured_is_refused_before_anything_starts(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, {"Call": call({}, End=True)}, more={"Job": {"Type": "AWS::Glue::Job"}})
    with pytest.raises(AssemblyError, match="Job: AWS::Glue::Job"):
        Engine(load_workflow(assembly), RunSettings(folder=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_step_s_logs_are_those_of_its_function_and_of_its_databricks_runs(tmp_path: Path) -> None:
    step = Step("Extract: all?", jobs=["watcher"])
    for log in (
        "functions/watcher/log.txt",
        "databricks/Extract_all_-42/Extract/log.txt",
        "databricks/Extract-43/log.txt",
    ):
        (tmp_path / log).parent.mkdir(parents=True)
        (tmp_path / log).touch()
    logs = [log.relative_to(tmp_path).as_posix() for log in step_logs(tmp_path, step)]
    assert logs == ["functions/watcher/log.txt", "databricks/Extract_all_-42/Extract/log.txt"]


def test_a_folder_that_keeps_an_earlier_run_is_refused(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, {"Call": call({}, End=True)})
    (tmp_path / "run.json").touch()
    with pytest.raises(InputError, match="keeps an earlier run: choose another --run-folder, or remove it"):
        Engine(load_workflow(assembly), RunSettings(folder=tmp_path))


@pytest.mark.parametrize("folder", ["/proc", "/proc/run", "/dev/null/run"])
def test_a_folder_that_can_t_be_written_is_refused(tmp_path: Path, folder: str) -> None:
    assembly = write_assembly(tmp_path, {"Call": call({}, End=True)})
    with pytest.raises(InputError, match=rf"{folder} can't be written: .*\. Choose another --run-folder\."):
        Engine(load_workflow(assembly), RunSettings(folder=Path(folder)))


def test_an_engine_that_can_t_start_leaves_nothing_running(tmp_path: Path) -> None:
    workflow = load_workflow(write_assembly(tmp_path, {"Call": call({}, End=True)}))
    with Engine(workflow, RunSettings(folder=tmp_path / "first")) as first:
        with pytest.raises(RuntimeError, match="another local run is going on in this process"):
            Engine(workflow, RunSettings(folder=tmp_path / "second"))
        assert first.deploy().run().status == "SUCCEEDED"
    with Engine(workflow, RunSettings(folder=tmp_path / "third")) as third:
        assert third.deploy().outputs.keys() == {"BucketName"}


def test_a_parameter_that_only_the_account_knows_is_refused(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, {"Call": call({}, End=True)})
    template = json.loads((assembly / "Demo.template.json").read_text(encoding="utf-8"))
    template["Parameters"]["Vpc"] = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/network/vpc"}
    (assembly / "Demo.template.json").write_text(json.dumps(template), encoding="utf-8")
    with (
        Engine(load_workflow(assembly), RunSettings(folder=tmp_path / "run")) as engine,
        pytest.raises(AssemblyError, match="reads the SSM parameter '/network/vpc', by its parameter Vpc"),
    ):
        engine.deploy()


def test_a_template_that_cloudformation_refuses_is_said_with_its_reason(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, {"Call": {"Type": "Dance"}})
    with (
        Engine(load_workflow(assembly), RunSettings(folder=tmp_path / "run")) as engine,
        pytest.raises(
            AssemblyError, match=r"can't be created: Machine \(AWS::StepFunctions::StateMachine\): InvalidDefinition"
        ),
    ):
        engine.deploy()


def test_an_integration_that_can_t_be_honoured_is_refused_before_the_run(tmp_path: Path) -> None:
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:glue:startJobRun", "Arguments": {}, "End": True}
    assembly = write_assembly(tmp_path, {"Glue": task})
    with (
        Engine(load_workflow(assembly), RunSettings(folder=tmp_path / "run")) as engine,
        pytest.raises(AssemblyError, match="Glue: arn:aws:states:::aws-sdk:glue:startJobRun"),
    ):
        engine.deploy()


def test_closing_an_engine_in_the_middle_of_a_run_leaves_nothing_running(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, {"Sleep": call({"do": "sleep"}, End=True)})
    running: list[str] = []
    engine = Engine(
        load_workflow(assembly),
        RunSettings(folder=tmp_path / "run"),
        on_step=lambda step: running.append(step.last_line),
    )
    threading.Thread(target=_run_until_closed, args=(engine.deploy(),), daemon=True).start()
    until(lambda: "handling sleep" in running)
    engine.close()
    assert not list(_processes_in(tmp_path))


def _run_until_closed(workflow: DeployedWorkflow) -> None:
    with contextlib.suppress(Exception):  # Its AWS is gone in the middle of a call.
        workflow.run()


def _processes_in(folder: Path) -> list[Path]:
    """The processes whose working folder is within a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve().is_relative_to(folder.resolve()):
                found.append(process)
        except OSError:
            continue
    return found
