"""What a user reads when a run didn't succeed: the run's page, and why each task failed."""

import json
import re
from collections.abc import Mapping

from client import TaskOutput
from databricks_run import DatabricksRun, TaskRun
from outputs import Fetched

CAUSE_BYTES = 24_000
"""Step Functions takes a cause of 32 KiB; Lambda adds the stack trace and JSON's escapes."""

REPORTED_TASKS = 10

TASK_CHARACTERS = 4_000

LOG_LINES = 20

TERMINAL_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def describe_failure(run: DatabricksRun, fetched: Mapping[str, Fetched]) -> str:
    """Tell how a run ended, where to look, and the error of each failed task in its latest attempt."""
    failed = run.failed_tasks
    lines = [f"Databricks run {run.run_id} ended {run.state.verdict}: {run.state.message}".rstrip(": ")]
    lines.append(f"Run: {run.url}")
    lines += [_describe_task(task, fetched.get(task.run_id)) for task in failed[:REPORTED_TASKS]]
    if len(failed) > REPORTED_TASKS:
        keys = ", ".join(f'"{task.key}"' for task in failed[REPORTED_TASKS:])
        lines.append(shorten(f"{len(failed) - REPORTED_TASKS} more tasks failed: {keys}", characters=TASK_CHARACTERS))
    return "\n".join(lines)


def _describe_task(task: TaskRun, fetched: Fetched | None) -> str:
    if fetched and fetched.output:
        detail = _detail(fetched.output)
    else:
        # The run's failure is what counts: that its output can't be read is told beside it.
        reason = fetched.problem if fetched else "too many tasks"
        detail = f"(its output could not be read: {shorten(reason, characters=300)})"
    head = f'Task "{task.key}" (run {task.run_id}, attempt {task.attempt + 1}) ended {task.state.verdict}: '
    return shorten(f"{head}{task.state.message}\n{detail}".strip(), characters=TASK_CHARACTERS)


def _detail(output: TaskOutput) -> str:
    """The error with its stack trace; without one, the end of the log."""
    trace = output.trace or "\n".join(output.logs.splitlines()[-LOG_LINES:])
    parts = [part for part in (output.error, trace) if part]
    return TERMINAL_COLOURS.sub("", "\n".join(parts))


def shorten(text: str, *, characters: int) -> str:
    """The text with its middle cut out if it is too long: an error's first and last lines say most."""
    if len(text) <= characters:
        return text
    head = characters // 4
    return f"{text[:head]}\n... {len(text) - characters} characters left out ...\n{text[head - characters :]}"


def fit(text: str) -> str:
    """The text, cut so that it fits into a cause however its characters are escaped in JSON."""
    size = len(json.dumps(text))
    if size <= CAUSE_BYTES:
        return text
    return fit(shorten(text, characters=min(len(text) * CAUSE_BYTES // size, len(text) * 9 // 10)))
