import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.console import RunConsole, reason, report
from zflow_constructs.local.engine import RunResult
from zflow_constructs.local.progress import Steps
from zflow_constructs.local.steps import Step

TASK: Mapping[str, Json] = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
MACHINE: Mapping[str, Json] = {"StartAt": "Train", "States": {"Train": TASK, "Deploy": TASK}}
ENTERED = {
    "id": 1,
    "previousEventId": 0,
    "type": "TaskStateEntered",
    "timestamp": "t",
    "stateEnteredEventDetails": {"name": "Train"},
}
FAILED = {
    "id": 2,
    "previousEventId": 1,
    "type": "TaskFailed",
    "timestamp": "t",
    "taskFailedEventDetails": {"error": "States.TaskFailed", "cause": json.dumps({"FailureReason": "no data\nat all"})},
}


def test_a_terminal_shows_all_steps_in_one_table_with_their_last_line() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=100)
    with RunConsole(console) as shown:
        steps = Steps(MACHINE, on_change=shown.on_step)
        shown.show(list(steps))
        steps.on_event(ENTERED)
        steps.on_step_line("Train", "epoch 3")
    text = output.getvalue()
    assert "Train" in text
    assert "running" in text
    assert "epoch 3" in text
    assert "waiting" in text


def test_a_long_line_is_cut_and_the_steps_stay_readable() -> None:
    output = io.StringIO()
    with RunConsole(Console(file=output, force_terminal=True, width=60)) as shown:
        steps = Steps(MACHINE, on_change=shown.on_step)
        shown.show(list(steps))
        steps.on_event(ENTERED)
        steps.on_step_line("Train", "a line that goes on " * 30)
    train = [line for line in output.getvalue().splitlines() if "Train" in line][-1]
    assert "running" in train
    assert "a line that goes on" in train
    assert "…" in train


def test_without_a_terminal_each_change_is_a_line_of_its_own() -> None:
    output = io.StringIO()
    with RunConsole(Console(file=output, width=40)) as shown:
        steps = Steps(MACHINE, on_change=shown.on_step)
        steps.on_event(ENTERED)
        steps.on_step_line("Train", "epoch 3")
        steps.on_event(FAILED)
        steps.end("FAILED")
    assert [line.split(" after ")[0] for line in output.getvalue().splitlines()] == [
        "Train: running",
        "Train: failed",
        "Deploy: not run",
    ]
    assert output.getvalue().splitlines()[1].endswith("s: States.TaskFailed: no data")


def test_a_line_that_is_json_is_shown_as_its_message() -> None:
    output = io.StringIO()
    shown = RunConsole(Console(file=output, width=80))
    steps = Steps(MACHINE, on_change=shown.on_step)
    steps.on_event(ENTERED)
    steps.on_step_line("Train", json.dumps({"level": "INFO", "message": "epoch 3"}))
    steps.end("ABORTED")
    assert output.getvalue().splitlines()[1].endswith("s: epoch 3")


def test_a_report_says_the_failed_step_its_reason_and_the_end_of_its_log(tmp_path: Path) -> None:
    steps = Steps(MACHINE, on_change=lambda _step: None)
    for event in (ENTERED, FAILED):
        steps.on_event(event)
    steps.end("FAILED")
    (train, _) = steps
    train.jobs.append("job-1")
    log = tmp_path / "jobs" / "job-1" / "log.txt"
    log.parent.mkdir(parents=True)
    log.write_text("\n".join(f"line {number}" for number in range(40)), encoding="utf-8")
    output = io.StringIO()
    report(Console(file=output, width=40), _result(list(steps)), tmp_path)
    lines = output.getvalue().splitlines()
    assert lines[:3] == ["Train failed: States.TaskFailed", "no data", "at all"]
    assert lines[3] == f"Its log, {log}, ends:"
    assert lines[4:19] == [f"  line {number}" for number in range(25, 40)]
    assert lines[-2:] == ["The workflow ended FAILED", f"Everything is in {tmp_path}"]


def test_a_failure_that_no_step_has_is_said_too(tmp_path: Path) -> None:
    output = io.StringIO()
    report(Console(file=output, width=40), _result([]), tmp_path)
    assert output.getvalue().splitlines()[0] == "The workflow ended FAILED: States.Runtime no such state"


def test_the_outputs_of_the_workflow_are_shown_each_on_a_line_and_null_where_a_step_was_skipped(tmp_path: Path) -> None:
    output = io.StringIO()
    given = {"auc": 0.75, "decision": "rejected", "live": None, "scores": [1] * 100}
    result = replace(_result([]), status="SUCCEEDED", output=given)
    report(Console(file=output, width=40), result, tmp_path)
    assert output.getvalue().splitlines() == [
        "The workflow outputs",
        "  auc: 0.75",
        "  decision: rejected",
        "  live: null",
        f"  scores: {str([1] * 100)[:200]}...",
        f"Everything is in {tmp_path}",
    ]


def test_a_cause_is_read_as_what_it_says() -> None:
    assert reason(json.dumps({"FailureReason": "bad data", "TrainingJobStatus": "Failed"})) == "bad data"
    assert reason(json.dumps({"errorType": "E", "errorMessage": "bad event"})) == "bad event"
    inner = {"ExecutionArn": "arn", "Error": "E", "Cause": json.dumps({"errorMessage": "bad event"})}
    assert reason(json.dumps(inner)) == "E: bad event"
    assert reason("plain words") == "plain words"


def _result(steps: list[Step]) -> RunResult:
    return RunResult(
        execution="arn",
        input={},
        status="FAILED",
        output=None,
        error="States.Runtime",
        cause="no such state",
        steps=steps,
        outputs={},
        endpoints=[],
        undelivered=[],
        follow_ups=[],
    )
