"""What `runs/submit` accepts: the body, checked and made a value.

See https://docs.databricks.com/api/workspace/jobs/submit
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import cast

from zflow_constructs.local.databricks.errors import ApiError, invalid, malformed

RUN_IF = ("ALL_SUCCESS", "ALL_DONE", "NONE_FAILED", "AT_LEAST_ONE_SUCCESS", "ALL_FAILED", "AT_LEAST_ONE_FAILED")

_MAX_TASKS = 1000
_MAX_TOKEN = 64
_TASK_KEY = re.compile(r"[\w-]{1,100}")
_S3_URI = re.compile(r"s3://[^/]+/.+")

Json = Mapping[str, object]


@dataclass(frozen=True)
class Task:
    """One task of a run.

    Args:
        key: Its name within the run.
        python_file: The S3 URI of the script.
        parameters: The script's command-line arguments.
        libraries: What the task wants installed, for example `scikit-learn==1.5.0`.
        depends_on: The keys of the tasks that come before.
        run_if: Which outcomes of those let this task run; one of `RUN_IF`.
        timeout_seconds: How long it may run; 0 is without limit.
        body: The task as it was received.
    """

    key: str
    python_file: str
    parameters: tuple[str, ...]
    libraries: tuple[str, ...]
    depends_on: tuple[str, ...]
    run_if: str
    timeout_seconds: int
    body: Json


@dataclass(frozen=True)
class SubmitRequest:
    """A one-time run, as `runs/submit` received it.

    Args:
        run_name: The run's name.
        idempotency_token: A repeated token gets the first run's id; "" is none.
        timeout_seconds: How long the run may take; 0 is without limit.
        tasks: At least one; they depend on each other without a cycle.
    """

    run_name: str
    idempotency_token: str
    timeout_seconds: int
    tasks: tuple[Task, ...]


def parse_submit(body: object) -> SubmitRequest:
    """Check the body of `runs/submit`.

    Raises:
        ApiError: It isn't what Databricks accepts, or what this server can run.
    """
    if not isinstance(body, dict):
        raise malformed("Invalid JSON given in the body of the request - expected a map")
    token = _string(body, "idempotency_token", default="")
    if len(token) > _MAX_TOKEN:
        raise invalid(f"idempotency_token has {len(token)} characters. It must have at most {_MAX_TOKEN} characters.")
    environments = {_string(entry, "environment_key") for entry in _objects(body, "environments")}
    tasks = tuple(_task(entry, environments) for entry in _objects(body, "tasks"))
    if not 1 <= len(tasks) <= _MAX_TASKS:
        raise invalid(f"tasks has {len(tasks)} entries. A run has 1 to {_MAX_TASKS} tasks.")
    _check_order(tasks)
    return SubmitRequest(
        run_name=_string(body, "run_name", default="Untitled"),
        idempotency_token=token,
        timeout_seconds=_seconds(body),
        tasks=tasks,
    )


def _task(body: Json, environments: set[str]) -> Task:
    key = _string(body, "task_key")
    if not _TASK_KEY.fullmatch(key):
        raise invalid(f"Invalid task_key '{key}'. It may hold letters, digits, - and _, at most 100 of them.")
    kinds = sorted(name for name in body if name.endswith("_task"))
    if len(kinds) != 1:
        raise invalid(f"Task '{key}' must have exactly one type of task, but has {kinds or 'none'}.")
    if kinds != ["spark_python_task"]:
        raise ApiError(400, "FEATURE_DISABLED", f"Task '{key}' is a {kinds[0]}; only spark_python_task runs locally.")
    _check_compute(body, key, environments)
    script = body["spark_python_task"]
    if not isinstance(script, dict):
        raise malformed(f"spark_python_task of task '{key}' is not a map")
    python_file = _string(script, "python_file")
    if not _S3_URI.fullmatch(python_file):
        raise invalid(f"python_file of task '{key}' is '{python_file}'. Locally it must be an s3:// URI.")
    run_if = _string(body, "run_if", default="ALL_SUCCESS")
    if run_if not in RUN_IF:
        raise invalid(f"run_if of task '{key}' is '{run_if}'. It must be one of {', '.join(RUN_IF)}.")
    return Task(
        key=key,
        python_file=python_file,
        parameters=_strings(script, "parameters"),
        libraries=tuple(_library(entry) for entry in _objects(body, "libraries")),
        depends_on=tuple(_string(entry, "task_key") for entry in _objects(body, "depends_on")),
        run_if=run_if,
        timeout_seconds=_seconds(body),
        body=body,
    )


def _check_compute(body: Json, key: str, environments: set[str]) -> None:
    compute = [name for name in ("new_cluster", "existing_cluster_id", "environment_key") if name in body]
    if len(compute) != 1:
        raise invalid(
            f"Task '{key}' must specify exactly one of new_cluster, existing_cluster_id, environment_key,"
            f" but has {' and '.join(compute) or 'none'}."
        )
    if compute == ["environment_key"] and body["environment_key"] not in environments:
        raise invalid(f"environment_key '{body['environment_key']}' of task '{key}' is not among the environments.")


def _check_order(tasks: tuple[Task, ...]) -> None:
    keys = [task.key for task in tasks]
    for task in tasks:
        if keys.count(task.key) > 1:
            raise invalid(f"task_key '{task.key}' is used more than once. It must be unique within the run.")
        for upstream in task.depends_on:
            if upstream not in keys:
                raise invalid(f"Task '{task.key}' depends on '{upstream}', which is not a task of this run.")
    try:
        TopologicalSorter({task.key: task.depends_on for task in tasks}).prepare()
    except CycleError as error:
        raise invalid(f"The tasks depend on each other in a cycle: {' -> '.join(error.args[1])}.") from error


def _library(entry: Json) -> str:
    kind, value = next(iter(entry.items()), ("", ""))
    if isinstance(value, dict):
        return str(value.get("package", value.get("coordinates", "")))
    return f"{kind} {value}"


def _string(body: Json, name: str, *, default: str | None = None) -> str:
    value = body.get(name, default)
    if value is None:
        raise invalid(f"Missing required field: {name}")
    if not isinstance(value, str):
        raise malformed(f"Expected a string for field {name}, got {value!r}")
    return value


def _strings(body: Json, name: str) -> tuple[str, ...]:
    value = body.get(name, [])
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise malformed(f"Expected a list of strings for field {name}, got {value!r}")
    return tuple(value)


def _objects(body: Json, name: str) -> tuple[Json, ...]:
    value = body.get(name, [])
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise malformed(f"Expected a list of maps for field {name}, got {value!r}")
    return tuple(cast("list[Json]", value))


def _seconds(body: Json) -> int:
    value = body.get("timeout_seconds", 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise invalid(f"timeout_seconds is {value!r}. It must be a whole number, 0 (no timeout) or more.")
    return value
