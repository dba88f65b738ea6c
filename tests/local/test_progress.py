"""What a run of any shape looks like, step by step."""

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from tests.local.assemblies import write_assembly
from tests.local.shapes import MORE, loop, machine_of, step
from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.core.states.asl import Native
from zflow_constructs.core.states.fragment import Fragment, StepNode
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.references import StepOutput
from zflow_constructs.core.values.templates import Json, Template
from zflow_constructs.local.console import RunConsole, report
from zflow_constructs.local.engine import Engine, RunResult, RunSettings
from zflow_constructs.local.progress import Steps
from zflow_constructs.local.steps import StepStatus


def run(folder: Path, *steps: StepNode) -> tuple[RunResult, list[str]]:
    """The result of a run, and what its console said before the outputs, without the times."""
    assembly, output = write_assembly(folder, machine_of(*steps), more=MORE), io.StringIO()
    console = Console(file=output, width=200)
    with RunConsole(console) as shown:
        settings = RunSettings(folder=folder / "run")
        with Engine(load_workflow(assembly), settings, on_step=shown.on_step) as engine:
            result = engine.deploy().run()
        report(console, result, folder / "run")
    said = output.getvalue().partition("The workflow outputs\n")[0]
    return result, [line.split(" after ")[0] for line in said.splitlines()]


def steps_by_id(folder: Path) -> Mapping[str, Mapping[str, object]]:
    record = json.loads((folder / "run" / "run.json").read_text(encoding="utf-8"))
    return {entry["id"]: entry for entry in record["steps"]}


def test_each_step_is_one_line_whatever_machinery_is_around_it(tmp_path: Path) -> None:
    shape = [step("A"), step("B"), step("C", uses=["A"]), step("D", uses=["A", "B"])]
    unlikely = step("Unlikely", uses=["C"], when=StepOutput("C", "C", ("n",)) > 100)
    flaky, last = step("Flaky", uses=["D"], do="raise", optional=True), step("Last", uses=["D"])
    result, lines = run(tmp_path, *shape, unlikely, flaky, last)
    assert result.status == "SUCCEEDED", result.cause
    assert {step.id: step.status for step in result.steps} == {
        "A": StepStatus.SUCCEEDED,
        "B": StepStatus.SUCCEEDED,
        "C": StepStatus.SUCCEEDED,
        "D": StepStatus.SUCCEEDED,
        "Unlikely": StepStatus.SKIPPED,
        "Flaky": StepStatus.FAILED,
        "Last": StepStatus.SUCCEEDED,
    }
    (failed,) = [step for step in result.steps if step.error]
    assert (failed.id, failed.error, "asked to fail" in failed.cause) == ("Flaky", "ValueError", True)
    assert sorted(lines[:-1]) == sorted(
        [
            *(f"{name}: {status}" for name in "ABCD" for status in ("running", "succeeded")),
            "Unlikely: skipped",
            "Flaky: running",
            "Flaky: failed",
            "Last: running",
            "Last: succeeded",
        ]
    )
    assert lines[-1] == "Flaky failed, and the workflow went on"


def test_steps_that_are_called_as_the_machinery_is_are_shown_too(tmp_path: Path) -> None:
    names = ["Train", "Train is done", "Outcome", "Outputs", "split", "join", "Report waits for Train", "Run key"]
    others = [step(name) for name in names]
    shape = [step("Extract"), step("Report", uses=["Extract", "Train"]), step("Train reads prices", uses=["Train"])]
    result, lines = run(tmp_path, *others, *shape)
    assert result.status == "SUCCEEDED", result.cause
    shown = [*names, "Extract", "Report", "Train reads prices"]
    assert {step.id: step.status for step in result.steps} == dict.fromkeys(shown, StepStatus.SUCCEEDED)
    assert sorted(lines) == sorted(f"{name}: {status}" for name in shown for status in ("running", "succeeded"))


def test_steps_that_share_a_function_show_their_own_lines_alone(tmp_path: Path) -> None:
    lines: dict[str, set[str]] = {"Left": set(), "Right": set()}
    assembly = write_assembly(tmp_path, machine_of(step("Left", do="left"), step("Right", do="right")))
    with Engine(
        load_workflow(assembly),
        RunSettings(folder=tmp_path / "run"),
        on_step=lambda shown: lines[shown.id].add(shown.last_line),
    ) as engine:
        assert engine.deploy().run().status == "SUCCEEDED"
    assert {name: {line for line in heard if line.startswith("handling")} for name, heard in lines.items()} == {
        "Left": {"handling left"},
        "Right": {"handling right"},
    }


def test_a_loop_is_a_line_and_a_step_in_it_another(tmp_path: Path) -> None:
    per_country = loop("PerCountry", ["de", "fr", "it"], step("Train"), step("Check", uses=["Train"]))
    result, lines = run(tmp_path, per_country)
    assert result.status == "SUCCEEDED", result.cause
    assert sorted(lines) == sorted(
        f"{name}: {status}" for name in ("PerCountry", "Train", "Check") for status in ("running", "succeeded")
    )
    entries = steps_by_id(tmp_path)
    assert (entries["PerCountry"]["items"], entries["PerCountry"]["items_done"]) == (3, 3)
    assert entries["Train"]["loop"] == "PerCountry"
    iterations = entries["Train"]["iterations"]
    assert isinstance(iterations, list)
    assert sorted((iteration["item"], iteration["status"]) for iteration in iterations) == [
        ("de", "succeeded"),
        ("fr", "succeeded"),
        ("it", "succeeded"),
    ]


def test_an_item_that_is_an_object_is_called_by_its_name(tmp_path: Path) -> None:
    items: list[Template] = [{"name": "de", "rows": 5}, {"rows": 5}, {"name": "x" * 41}]
    run(tmp_path, loop("PerCountry", items, step("Train")))
    iterations = steps_by_id(tmp_path)["Train"]["iterations"]
    assert isinstance(iterations, list)
    assert sorted(iteration["item"] for iteration in iterations) == ["2", "de", '{"rows": 5}']


RAISES_FOR_FR = Jsonata("$PerCountry_item.value = 'fr' ? 'raise' : ''")


def test_a_failed_item_names_itself_and_its_step(tmp_path: Path) -> None:
    result, lines = run(tmp_path, loop("PerCountry", ["fr"], step("Train", do=RAISES_FOR_FR)))
    steps = {step.id: step for step in result.steps}
    assert (result.status, steps["PerCountry"].status) == ("FAILED", StepStatus.FAILED)
    assert (steps["PerCountry"].error, steps["PerCountry"].cause.partition(":")[0]) == (
        "ValueError",
        "Train failed for fr",
    )
    assert [line for line in lines if "failed:" in line] == ["Train failed: ValueError"]


def test_an_optional_step_is_not_blamed_for_another_one_s_failure(tmp_path: Path) -> None:
    flaky, bad = step("Flaky", do="raise", optional=True), replace(step("Bad", do="raise"), after=("Flaky",))
    result, lines = run(tmp_path, flaky, bad)
    assert (result.status, result.error) == ("FAILED", "ValueError")
    said = ("Flaky failed, and the workflow went on", "Flaky failed: ValueError", "Bad failed: ValueError")
    assert [line in lines for line in said] == [True, False, True]


def test_an_optional_loop_fails_and_the_workflow_goes_on(tmp_path: Path) -> None:
    optional = replace(loop("PerCountry", ["fr"], step("Train", do=RAISES_FOR_FR)), optional=True)
    result, _ = run(tmp_path, optional)
    steps = {step.id: (step.status, step.error) for step in result.steps}
    assert result.status == "SUCCEEDED"
    assert steps["PerCountry"] == steps["Train"] == (StepStatus.FAILED, "ValueError")


def test_tolerated_failures_are_counted(tmp_path: Path) -> None:
    train = step("Train", do=RAISES_FOR_FR)
    tolerant = loop("PerCountry", ["de", "fr", "it"], train, distributed=True, tolerated=40)
    result, lines = run(tmp_path, tolerant)
    steps = {step.id: step for step in result.steps}
    assert result.status == "SUCCEEDED", result.cause
    assert (steps["PerCountry"].status, steps["PerCountry"].done) == (StepStatus.SUCCEEDED, 2)
    assert steps["Train"].counts == {StepStatus.SUCCEEDED: 2, StepStatus.FAILED: 1}
    assert "Train failed, and the workflow went on" in lines


def test_what_a_job_s_run_wrote_before_it_was_known_whose_it_is_is_shown_then() -> None:
    steps = Steps(machine_of(step("Nightly")), on_change=lambda _step: None)
    steps.on_line("620", "reading")
    steps.on_line("620", "12 rows")
    for number, (kind, details) in enumerate(
        [
            ("TaskStateEntered", {"name": "Nightly"}),
            ("TaskSucceeded", {"output": json.dumps({"Payload": {"run": {"run_id": "620"}}})}),
        ],
        start=1,
    ):
        event = {"id": number, "previousEventId": number - 1, "type": kind, "timestamp": "t"}
        steps.on_event({**event, "someEventDetails": details})
    (nightly,) = steps
    assert (nightly.jobs, nightly.last_line) == (["620"], "12 rows")
    steps.on_line("620", "done")
    assert nightly.last_line == "done"


def test_a_native_step_that_has_caught_its_own_error_has_succeeded() -> None:
    task: Json = {"Type": "Task", "Resource": "arn:run", "End": True}
    branch: Json = {"StartAt": "Call", "States": {"Call": task, "Caught": {"Type": "Pass", "End": True}}}
    chain = Native({"Type": "Parallel", "Branches": [branch]}, {}, {"Notify": 1})
    notify = StepNode("Notify", "Notify", Fragment({"Notify": chain}, result="Notify"))
    steps = Steps(machine_of(notify), on_change=lambda _step: None)
    for number, (kind, details) in enumerate(
        [
            ("ParallelStateEntered", {"name": "Notify"}),
            ("TaskStateEntered", {"name": "Call"}),
            ("TaskFailed", {"error": "Sns.Throttled", "cause": "Too many."}),
            ("TaskStateExited", {"name": "Call"}),
            ("PassStateEntered", {"name": "Caught"}),
            ("PassStateExited", {"name": "Caught"}),
            ("ParallelStateSucceeded", {"name": "Notify"}),
            ("ParallelStateExited", {"name": "Notify"}),
        ],
        start=1,
    ):
        event = {"id": number, "previousEventId": number - 1, "type": kind, "timestamp": "t"}
        steps.on_event({**event, "someEventDetails": details})
    (step_of_the_chain,) = steps
    assert (step_of_the_chain.status, step_of_the_chain.error) == (StepStatus.SUCCEEDED, "")


def test_a_failed_item_is_none_of_another_loop_s() -> None:
    loops = [loop("Left", ["x"], step("Train")), loop("Right", ["x"], step("Score"))]
    steps = Steps(machine_of(*loops), on_change=lambda _step: None)
    for number, (kind, name) in enumerate(
        [
            ("MapStateEntered", "Left"),
            ("MapIterationStarted", "Left"),
            ("TaskStateEntered", "Train"),
            ("MapStateEntered", "Right"),
            ("MapIterationStarted", "Right"),
            ("TaskStateEntered", "Score"),
            ("MapIterationFailed", "Right"),
        ],
        start=1,
    ):
        details = {"name": name, "index": 0}
        beginning = number - 1 if kind != "MapStateEntered" else 0
        event = {"id": number, "previousEventId": beginning, "type": kind, "timestamp": "t"}
        steps.on_event({**event, "nameEventDetails": details})
    statuses = {step.id: step.counts for step in steps}
    assert statuses["Train"] == {StepStatus.RUNNING: 1}
    assert statuses["Score"] == {StepStatus.ABORTED: 1}
