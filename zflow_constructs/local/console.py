"""A run as one line per step: its state, its time, its last log line. Live on a terminal, plain lines elsewhere."""

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from zflow_constructs.local.record import step_logs
from zflow_constructs.local.run import FollowUp, RunResult
from zflow_constructs.local.steps import Step, StepStatus

_STYLES = {
    StepStatus.WAITING: "dim",
    StepStatus.RUNNING: "cyan",
    StepStatus.SUCCEEDED: "green",
    StepStatus.FAILED: "bold red",
    StepStatus.ABORTED: "yellow",
    StepStatus.SKIPPED: "dim",
    StepStatus.NOT_RUN: "dim",
}
_ENDED = {StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.ABORTED, StepStatus.SKIPPED, StepStatus.NOT_RUN}
_COUNTED = (StepStatus.SUCCEEDED, StepStatus.RUNNING, StepStatus.SKIPPED, StepStatus.FAILED)
_FAILED_ITEMS = 5
_LOG_LINES = 15
_OUTPUT_CHARACTERS = 200


class RunConsole:
    """Shows a run while it runs.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._steps: Sequence[Step] = ()
        self._said: dict[str, StepStatus] = {}
        self._live = Live(get_renderable=self._table, console=console, refresh_per_second=4, transient=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Show nothing more. Idempotent."""
        self._live.stop()

    def show(self, steps: Sequence[Step]) -> None:
        """Show these steps from now on.

        Args:
            steps: The workflow's steps.
        """
        self._steps = steps

    def on_step(self, step: Step) -> None:
        """Take a change of a step.

        Args:
            step: The step.
        """
        if self._console.is_terminal:
            return
        with self._lock:
            if step.status is not self._said.get(step.id, StepStatus.WAITING):
                self._said[step.id] = step.status
                self._console.print(_line(step), soft_wrap=True)

    def say(self, text: str) -> None:
        """Show a line of its own.

        Args:
            text: The line.
        """
        with self._lock:
            self._console.print(Text(text), soft_wrap=True)

    def _table(self) -> Table:
        table = Table(box=None, show_header=False, pad_edge=False)
        for justify in ("left", "left", "right"):
            table.add_column(justify=justify, no_wrap=True)
        # The one column that may get narrower: a long line is cut, and the others stay.
        table.add_column(no_wrap=False)
        for step in list(self._steps):
            style = _STYLES[step.status]
            seconds = f"{step.seconds:.1f} s" if step.started else ""
            style_of_remark = "red" if step.error else "dim"
            remark = Text(_remark(step), style=style_of_remark, no_wrap=True, overflow="ellipsis")
            table.add_row(f"{'  ' * step.depth}{step.id}", Text(step.status, style=style), seconds, remark)
        return table


def report(console: Console, result: RunResult, folder: Path) -> None:
    """Say how a run ended: a failure's step, reason and log first, or what it outputs.

    Args:
        console: Where to.
        result: What became of the run.
        folder: The run folder.
    """
    for step in _failed(result.steps):
        if _went_on(step, result.steps):
            console.print(Text(f"{step.id} failed, and the workflow went on", style="yellow"), soft_wrap=True)
        else:
            _report_failure(console, step, folder)
    if result.status != "SUCCEEDED":
        said = any(not _went_on(step, result.steps) for step in _failed(result.steps))
        reason = "" if said else f": {result.error} {result.cause}"
        console.print(Text(f"The workflow ended {result.status}{reason}", style="bold red"), soft_wrap=True)
    _report_output(console, result.output)
    for follow_up in result.follow_ups:
        _report_follow_up(console, follow_up, folder)
    for failure in result.undelivered:
        console.print(Text(f"A function failed on an event: {failure}", style="red"), soft_wrap=True)
    console.print(Text(f"Everything is in {folder}"), soft_wrap=True)


def _report_output(console: Console, output: object) -> None:
    if not isinstance(output, Mapping) or not output:
        return
    console.print(Text("The workflow outputs"), soft_wrap=True)
    for name, value in output.items():
        said = value if isinstance(value, str) else json.dumps(value)
        shown = said if len(said) <= _OUTPUT_CHARACTERS else f"{said[:_OUTPUT_CHARACTERS]}..."
        console.print(Text(f"  {name}: {shown}"), soft_wrap=True)


def _report_follow_up(console: Console, follow_up: FollowUp, folder: Path) -> None:
    if follow_up.status != "SUCCEEDED":
        for step in _failed(follow_up.steps):
            _report_failure(console, step, folder)
        text = f"{follow_up.machine}, which ran after the workflow, ended {follow_up.status}: {follow_up.error}"
        console.print(Text(text, style="bold red"), soft_wrap=True)


def _failed(steps: Sequence[Step]) -> list[Step]:
    """The steps that failed, without the loops that failed because of them."""
    failed = [step for step in steps if step.status is StepStatus.FAILED]
    return [step for step in failed if not any(inner.loop == step.id for inner in failed)]


def _went_on(step: Step, steps: Sequence[Step]) -> bool:
    """Whether the workflow went on after a step, or a loop around it, failed."""
    around = next((loop for loop in steps if loop.id == step.loop), step)
    return step.optional or (around is not step and (around.status is not StepStatus.FAILED or _went_on(around, steps)))


def _report_failure(console: Console, step: Step, folder: Path) -> None:
    console.print(Text(f"{step.id} failed: {step.error}", style="bold red"), soft_wrap=True)
    console.print(Text(reason(step.cause)), soft_wrap=True)
    for log in step_logs(folder, step)[-1:]:
        console.print(Text(f"Its log, {log}, ends:", style="dim"), soft_wrap=True)
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]:
            console.print(Text(f"  {line}"), soft_wrap=True)


def reason(cause: str) -> str:
    """What a cause says: a job's FailureReason, a function's message, another workflow's cause, or the whole text.

    Args:
        cause: The cause of an execution's or a task's failure.
    """
    try:
        value = json.loads(cause)
    except ValueError:
        return cause
    match value:
        case {"FailureReason": str(text)} | {"errorMessage": str(text)}:
            return text
        case {"ExecutionArn": str(), "Error": str(error), "Cause": str(inner)}:
            return f"{error}: {reason(inner)}"
        case _:
            return cause


def _line(step: Step) -> Text:
    seconds = f" after {step.seconds:.1f} s" if step.status in _ENDED and step.started else ""
    remark = f": {_remark(step)}" if _remark(step) and step.status in _ENDED else ""
    return Text(f"{step.id}: {step.status}{seconds}{remark}")


def _remark(step: Step) -> str:
    """What is to say of a step: what it waits for, how far its loop is, its error, its last log line."""
    if step.waits_for and step.status is not StepStatus.RUNNING:
        return f"waits for {step.waits_for}"
    error = f"{step.error}: {reason(step.cause)}".splitlines()[0] if step.error else ""
    return " · ".join(part for part in (_progress(step), error or _message(step.last_line)) if part)


def _message(line: str) -> str:
    """What a line of a log says: of one that is JSON, its message."""
    try:
        value = json.loads(line)
    except ValueError:
        return line
    match value:
        case {"message": str(text)}:
            return text
        case _:
            return line


def _progress(step: Step) -> str:
    """`3 of 8` of a loop's items, `3 succeeded, 1 failed (de)` of a step's iterations in it."""
    if step.items:
        return f"{step.done} of {step.items}"
    if not step.loop:
        return ""
    failed = [iteration.item for iteration in step.iterations.values() if iteration.status is StepStatus.FAILED]
    names = f" ({', '.join(failed[:_FAILED_ITEMS])}{', ...' if len(failed) > _FAILED_ITEMS else ''})"
    counted = {status: f"{count} {status}" for status, count in step.counts.items() if status in _COUNTED}
    if failed:
        counted[StepStatus.FAILED] += names
    return ", ".join(counted[status] for status in _COUNTED if status in counted)
