"""What `runs/submit` and `run-now` accept: the body, checked and made a value.

See https://docs.databricks.com/api/workspace/jobs/submit and .../runnow
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from zflow_constructs.local.databricks import names, reading
from zflow_constructs.local.databricks.errors import invalid
from zflow_constructs.local.databricks.reading import Json
from zflow_constructs.local.databricks.tasks import Task, parse_tasks

NO_JOBS: Mapping[int, Json] = MappingProxyType({})

_MAX_LEGACY_BYTES = 10_000

# The parameters that replace those of a task, by the task's kind.
_REPLACED = {
    "jar_params": ("spark_jar_task", "parameters"),
    "python_params": ("spark_python_task", "parameters"),
    "spark_submit_params": ("spark_submit_task", "parameters"),
    "dbt_commands": ("dbt_task", "commands"),
}
# Those that are merged with a task's own.
_MERGED = {
    "notebook_params": ("notebook_task", "base_parameters"),
    "python_named_params": ("python_wheel_task", "named_parameters"),
    "sql_params": ("sql_task", "parameters"),
}


@dataclass(frozen=True)
class RunRequest:
    """A run that was asked for.

    Args:
        run_name: The run's name.
        idempotency_token: A repeated token gets the first run's id; "" is none.
        timeout_seconds: How long the run may take; 0 is without limit.
        tasks: At least one; they depend on each other without a cycle.
        body: What was received.
        job_id: The job that is run; 0 is none, a one-time run.
        job_parameters: Name, default and value of each of the job's parameters.
        overriding_parameters: The parameters of the kind that were used before there were job parameters.
        max_concurrent_runs: How many runs the job may have at once; 0 is without limit.
        is_queued: Whether a run beyond that limit waits; otherwise it is skipped.
    """

    run_name: str
    idempotency_token: str
    timeout_seconds: int
    tasks: tuple[Task, ...]
    body: Json
    job_id: int = 0
    job_parameters: tuple[Json, ...] = ()
    overriding_parameters: Json | None = None
    max_concurrent_runs: int = 0
    is_queued: bool = False


def parse_submit(body: object) -> RunRequest:
    """Check the body of `runs/submit`.

    Raises:
        ApiError: It isn't what Databricks accepts.
    """
    request = reading.body_map(body)
    reading.check_names(request, names.SUBMIT, "The body of runs/submit")
    return RunRequest(
        run_name=reading.string(request, "run_name", default="Untitled"),
        idempotency_token=reading.token(request),
        timeout_seconds=reading.seconds(request),
        tasks=parse_tasks(request),
        body=request,
    )


def parse_run_now(body: object, jobs: Mapping[int, Json]) -> RunRequest:
    """Check the body of `run-now`.

    Args:
        body: The body.
        jobs: The settings of the jobs that there are, by their ids.

    Raises:
        ApiError: It isn't what Databricks accepts, or there is no such job.
    """
    request = reading.body_map(body)
    reading.check_names(request, names.RUN_NOW, "The body of run-now")
    job_id = reading.identifier(request, "job_id")
    settings = job_settings(job_id, jobs)
    given = reading.string_map(request, "job_parameters")
    legacy = {name: request[name] for name in sorted(names.LEGACY_PARAMETERS) if name in request}
    _check_parameters(given, legacy)
    declared = {reading.string(entry, "name"): entry for entry in reading.objects(settings, "parameters")}
    defaults = {name: reading.string(entry, "default", default="") for name, entry in declared.items()}
    job_parameters = tuple(
        {"name": name, "default": defaults.get(name, ""), "value": value}
        for name, value in {**defaults, **given}.items()
    )
    values = {**defaults, **given}
    return RunRequest(
        run_name=reading.string(settings, "name", default="Untitled"),
        idempotency_token=reading.token(request),
        timeout_seconds=reading.seconds(settings),
        tasks=parse_tasks(_with_parameters(settings, values, legacy), known=names.JOB_TASK),
        body=request,
        job_id=job_id,
        job_parameters=job_parameters,
        overriding_parameters=legacy or None,
        max_concurrent_runs=reading.identifier(settings, "max_concurrent_runs", default=1),
        is_queued=_is_queued(request, settings),
    )


def job_settings(job_id: int, jobs: Mapping[int, Json]) -> Json:
    """The settings of a job.

    Raises:
        ApiError: There is no such job.
    """
    try:
        return jobs[job_id]
    except KeyError:
        raise invalid(f"Job {job_id} does not exist.") from None


def _check_parameters(given: Json, legacy: Json) -> None:
    if len(legacy) > 1 or (given and legacy):
        kinds = sorted([*legacy, *(["job_parameters"] if given else [])])
        raise invalid(f"The parameters {', '.join(kinds)} don't mix. Give one kind of them, best job_parameters.")
    for name, value in {**legacy, "job_parameters": given}.items():
        size = len(json.dumps(value).encode())
        if size > _MAX_LEGACY_BYTES:
            raise invalid(f"{name} has {size} bytes as JSON. It may have at most {_MAX_LEGACY_BYTES}.")


def _is_queued(request: Json, settings: Json) -> bool:
    queue = request.get("queue", settings.get("queue"))
    return isinstance(queue, dict) and reading.flag(queue, "enabled")


def _with_parameters(settings: Json, values: Mapping[str, str], legacy: Json) -> Json:
    """The job's settings whose tasks got the run's parameters."""
    tasks = [_filled(task, values) for task in reading.objects(settings, "tasks")]
    for task in tasks:
        wheel = task.get("python_wheel_task")
        if values and isinstance(wheel, dict) and not wheel.get("parameters"):
            # Job parameters reach, by themselves, the tasks that take parameters by name.
            wheel["named_parameters"] = {**reading.string_map(wheel, "named_parameters"), **values}
        for name, value in legacy.items():
            _override(task, name, value)
    return {**settings, "tasks": tasks}


def _override(task: dict[str, object], name: str, value: object) -> None:
    kind, field = _REPLACED.get(name) or _MERGED.get(name, ("", ""))
    if name == "python_params" and "python_wheel_task" in task:
        kind = "python_wheel_task"
    work = task.get(kind)
    if not isinstance(work, dict):
        return
    if kind == "python_wheel_task":
        # It has parameters of one kind alone: the run's.
        work.pop("parameters" if field == "named_parameters" else "named_parameters", None)
    own = work.get(field)
    work[field] = {**own, **value} if isinstance(own, dict) and isinstance(value, dict) else value


def _filled(task: Json, values: Mapping[str, str]) -> dict[str, object]:
    """A copy of a task in which `{{job.parameters.NAME}}` is the parameter's value."""

    def value(match: re.Match[str]) -> str:
        # It goes into a JSON string: its quotes must not end that.
        return json.dumps(values.get(match[1], match[0]))[1:-1]

    text = re.sub(r"\{\{\s*job\.parameters\.([\w.-]+?)\s*\}\}", value, json.dumps(task))
    filled: dict[str, object] = json.loads(text)
    return filled
