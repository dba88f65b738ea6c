"""The small results of a run: fields of the JSON objects that its notebooks exit with."""

import json
from collections.abc import Mapping

from databricks_run import DatabricksRun, TaskRun
from errors import RunFailed, Throttled
from outputs import Fetched

MOST_BYTES = 32 << 10
"""What all values of a step may take: they travel through the state machine, whose payloads hold 256 KiB."""


def read_values(wanted: Mapping[str, str], run: DatabricksRun, fetched: Mapping[str, Fetched]) -> Mapping[str, object]:
    """The values wanted, by their names.

    Args:
        wanted: The names of the fields, each with the key of the task whose notebook has it.
        run: The run.
        fetched: The outputs of its tasks.

    Raises:
        RunFailed: One of them isn't there, or they are too large.
        Throttled: Databricks didn't tell the output in time.
    """
    values = {field: _value(field, find_task(key, run), key, run, fetched) for field, key in wanted.items()}
    size = len(json.dumps(values))
    if size > MOST_BYTES:
        raise RunFailed(
            f"The values {_names(wanted)} take {size} bytes as JSON, and {MOST_BYTES} is the most. Write large results "
            "to S3, and let the notebook exit with their location."
        )
    return values


def find_task(key: str, run: DatabricksRun) -> TaskRun | None:
    """The task with this key; the only task of a run whatever its key."""
    if len(run.tasks) == 1:
        return run.tasks[0]
    return next((task for task in run.tasks if task.key == key), None)


def _value(field: str, task: TaskRun | None, key: str, run: DatabricksRun, fetched: Mapping[str, Fetched]) -> object:
    if task is None:
        found = _names([item.key for item in run.tasks])
        raise RunFailed(
            f'The value "{field}" is wanted of the task "{key}", which the run doesn\'t have. Name one of its tasks: '
            f"{found}."
        )
    document = _document(field, task, fetched.get(task.run_id))
    if field not in document:
        raise _failure(field, task, f"its result has no such field, but {_names(document) or 'none at all'}")
    value = document[field]
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        raise _failure(field, task, "it holds NaN or Infinity, which JSON hasn't") from None
    return value


def _document(field: str, task: TaskRun, fetched: Fetched | None) -> Mapping[str, object]:
    """The JSON object that a task's notebook exited with."""
    if fetched is None:
        raise _failure(field, task, "the outputs of too many tasks are wanted")
    if fetched.passing:
        raise Throttled(
            f'The output of the task "{task.key}", whose "{field}" is wanted, was not read in time: {fetched.problem}'
        )
    output = fetched.output
    if output is None:
        raise _failure(field, task, f"its output could not be read ({fetched.problem})")
    if output.result_truncated:
        raise _failure(field, task, "its result is longer than 5 MB, and Databricks cut it")
    if not output.result:
        raise _failure(field, task, "it has no notebook result")
    try:
        document: object = json.loads(output.result)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _failure(field, task, f"its result is no JSON object, but: {output.result[:200]}")
    return document


def _failure(field: str, task: TaskRun, problem: str) -> RunFailed:
    exit_call = f'dbutils.notebook.exit(json.dumps({{"{field}": ...}}))'
    return RunFailed(
        f'The run ended well, but the value "{field}" of its task "{task.key}" (run {task.run_id}) could not be had: '
        f"{problem}. End the task's notebook with `{exit_call}`."
    )


def _names(names: Mapping[str, object] | Mapping[str, str] | list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
