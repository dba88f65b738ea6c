"""The tasks of a run: each one checked and made a value.

See https://docs.databricks.com/api/workspace/jobs/submit
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from zflow_constructs.local.databricks import names, reading
from zflow_constructs.local.databricks.errors import invalid, malformed
from zflow_constructs.local.databricks.reading import Json

RUN_IF = ("ALL_SUCCESS", "ALL_DONE", "NONE_FAILED", "AT_LEAST_ONE_SUCCESS", "ALL_FAILED", "AT_LEAST_ONE_FAILED")

_MAX_TASKS = 1000
_TASK_KEY = re.compile(r"[\w-]{1,100}")
_COMPUTE = ("new_cluster", "existing_cluster_id", "environment_key", "job_cluster_key")
_NEED_COMPUTE = ("dbt_task", "python_wheel_task", "spark_jar_task", "spark_python_task", "spark_submit_task")
_SQL = ("query", "dashboard", "alert", "file")


@dataclass(frozen=True)
class PythonFile:
    """A script.

    Args:
        uri: Where it is.
        parameters: Its command-line arguments.
    """

    uri: str
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class PythonWheel:
    """An entry point of a wheel.

    Args:
        package: The name of the distribution, or of the module that has the function.
        entry_point: The name of the entry point, or of the function.
        parameters: Its command-line arguments; those by name come as `--name=value`.
        wheels: Where the wheels are, as far as they are not on an index.
    """

    package: str
    entry_point: str
    parameters: tuple[str, ...]
    wheels: tuple[str, ...]


@dataclass(frozen=True)
class RunJob:
    """Another job, which is run and waited for.

    Args:
        job_id: The job.
        body: Its parameters, as `run-now` takes them.
    """

    job_id: int
    body: Json


@dataclass(frozen=True)
class OtherWork:
    """What is accepted, and does not run on this machine.

    Args:
        kind: For example `notebook_task`.
    """

    kind: str


Work = PythonFile | PythonWheel | RunJob | OtherWork


@dataclass(frozen=True)
class Task:
    """One task of a run.

    Args:
        key: Its name within the run.
        work: What it does.
        libraries: What the task wants installed, for example `scikit-learn==1.5.0`.
        depends_on: The keys of the tasks that come before.
        run_if: Which outcomes of those let this task run; one of `RUN_IF`.
        timeout_seconds: How long it may run; 0 is without limit.
        body: The task as it was received.
    """

    key: str
    work: Work
    libraries: tuple[str, ...]
    depends_on: tuple[str, ...]
    run_if: str
    timeout_seconds: int
    body: Json


def parse_tasks(body: Json, *, known: Collection[str] = names.TASK) -> tuple[Task, ...]:
    """Check the tasks of a submitted run, or of a job.

    Args:
        body: What has `tasks`, and `environments` and `job_clusters` if it wants.
        known: The names of a task's fields. Default: those of a submitted run's.

    Raises:
        ApiError: A task isn't what Databricks accepts.
    """
    environments = {reading.string(entry, "environment_key"): entry for entry in reading.objects(body, "environments")}
    tasks = tuple(_task(entry, environments, known) for entry in reading.objects(body, "tasks"))
    if not 1 <= len(tasks) <= _MAX_TASKS:
        raise invalid(f"tasks has {len(tasks)} entries. A run has 1 to {_MAX_TASKS} tasks.")
    _check_order(tasks)
    return tasks


def _task(body: Json, environments: Mapping[str, Json], known: Collection[str]) -> Task:
    key = reading.string(body, "task_key")
    if not _TASK_KEY.fullmatch(key):
        raise invalid(f"Invalid task_key '{key}'. It may hold letters, digits, - and _, at most 100 of them.")
    reading.check_names(body, known, f"Task '{key}'")
    kinds = sorted(name for name in body if name.endswith("_task"))
    if len(kinds) != 1:
        raise invalid(f"Task '{key}' must have exactly one type of task, but has {kinds or 'none'}.")
    (kind,) = kinds
    _check_compute(body, key, kind, environments)
    run_if = reading.string(body, "run_if", default="ALL_SUCCESS")
    if run_if not in RUN_IF:
        raise invalid(f"run_if of task '{key}' is '{run_if}'. It must be one of {', '.join(RUN_IF)}.")
    libraries = reading.objects(body, "libraries")
    environment = environments.get(str(body.get("environment_key")), {})
    return Task(
        key=key,
        work=_work(body, key, kind, wheels=_wheels(libraries, environment)),
        libraries=tuple(_library(entry) for entry in libraries),
        depends_on=tuple(reading.string(entry, "task_key") for entry in reading.objects(body, "depends_on")),
        run_if=run_if,
        timeout_seconds=reading.seconds(body),
        body=body,
    )


def _work(body: Json, key: str, kind: str, *, wheels: tuple[str, ...]) -> Work:
    work = body[kind]
    if not isinstance(work, dict):
        raise malformed(f"{kind} of task '{key}' is not a map")
    if kind in names.KINDS:
        reading.check_names(work, names.KINDS[kind].split(), f"{kind} of task '{key}'")
    if kind == "spark_python_task":
        return PythonFile(reading.string(work, "python_file"), reading.strings(work, "parameters"))
    if kind == "python_wheel_task":
        return _python_wheel(work, key, wheels)
    if kind == "run_job_task":
        return RunJob(reading.identifier(work, "job_id"), work)
    if kind == "sql_task" and len([name for name in _SQL if name in work]) != 1:
        raise invalid(f"sql_task of task '{key}' must have exactly one of {', '.join(_SQL)}.")
    _check_required(work, kind)
    return OtherWork(kind)


def _check_required(work: Json, kind: str) -> None:
    if kind == "dbt_task" and not reading.strings(work, "commands"):
        raise invalid("Missing required field: commands")
    required = {
        "notebook_task": "notebook_path",
        "pipeline_task": "pipeline_id",
        "spark_jar_task": "main_class_name",
        "sql_task": "warehouse_id",
    }
    if kind in required:
        reading.string(work, required[kind])


def _python_wheel(work: Json, key: str, wheels: tuple[str, ...]) -> PythonWheel:
    named = reading.string_map(work, "named_parameters")
    parameters = reading.strings(work, "parameters")
    if named and parameters:
        raise invalid(f"python_wheel_task of task '{key}' has both parameters and named_parameters. Give one of them.")
    return PythonWheel(
        package=reading.string(work, "package_name"),
        entry_point=reading.string(work, "entry_point"),
        parameters=parameters or tuple(f"--{name}={value}" for name, value in named.items()),
        wheels=wheels,
    )


def _check_compute(body: Json, key: str, kind: str, environments: Mapping[str, Json]) -> None:
    compute = [name for name in _COMPUTE if name in body]
    if len(compute) > 1 or (not compute and kind in _NEED_COMPUTE):
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


def _wheels(libraries: tuple[Json, ...], environment: Json) -> tuple[str, ...]:
    spec = environment.get("spec", {})
    dependencies = reading.strings(spec, "dependencies") if isinstance(spec, dict) else ()
    own = [str(entry["whl"]) for entry in libraries if "whl" in entry]
    return (*own, *(entry for entry in dependencies if entry.endswith(".whl")))


def _library(entry: Json) -> str:
    kind, value = next(iter(entry.items()), ("", ""))
    if isinstance(value, dict):
        return str(value.get("package", value.get("coordinates", "")))
    return f"{kind} {value}"
