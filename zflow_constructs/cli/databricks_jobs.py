"""Databricks jobs from the command line: what a local run has in place of the workspace's own."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from zflow_constructs.assembly.input_error import InputError
from zflow_constructs.local.databricks.errors import ApiError
from zflow_constructs.local.databricks.names import JOB_TASK
from zflow_constructs.local.databricks.tasks import parse_tasks

OPTION = "--databricks-job"


def databricks_jobs(given: Sequence[str]) -> Mapping[int, Mapping[str, object]]:
    """The settings of jobs, by their ids.

    Args:
        given: `ID=FILE`, where the file is JSON as `databricks jobs get ID` prints it, or the settings alone. A script
            or wheel in it may be the path of a file, from there: a local run has neither workspaces nor repositories.

    Raises:
        InputError: One isn't `ID=FILE`, is given twice, or its file isn't a job.
    """
    jobs: dict[int, Mapping[str, object]] = {}
    for text in given:
        digits, _, file = text.partition("=")
        if not digits.isdecimal() or not file:
            raise InputError(f"{OPTION} {text!r} is not ID=FILE, with the job's id as digits")
        id = int(digits)
        if id in jobs:
            raise InputError(f"{OPTION} gives job {id} twice: give one file for it")
        jobs[id] = _settings(id, Path(file))
    return jobs


def _settings(id: int, file: Path) -> Mapping[str, object]:
    wrong = f"{OPTION} {id}: {file}"
    expected = f"It must hold what `databricks jobs get {id}` prints, or the job's settings alone."
    try:
        job = json.loads(file.read_text(encoding="utf-8"), object_hook=lambda entry: _located(entry, file.parent))
    except OSError as error:
        raise InputError(f"{wrong} can't be read: {error.strerror}. {expected}") from error
    except ValueError as error:
        raise InputError(f"{wrong} is no JSON: {error}. {expected}") from error
    if not isinstance(job, dict):
        raise InputError(f"{wrong} holds no JSON object, but {type(job).__name__}. {expected}")
    if str(job.get("job_id", id)) != str(id):
        raise InputError(f"{wrong} is of job {job['job_id']}. {expected}")
    settings = job.get("settings", job)
    if not isinstance(settings, dict) or not settings.get("tasks"):
        raise InputError(f"{wrong} has no tasks. {expected}")
    try:
        parse_tasks(settings, known=JOB_TASK)
    except ApiError as error:
        raise InputError(f"{wrong} is no job that Databricks takes: {error.message}") from error
    return settings


def _located(entry: dict[str, object], folder: Path) -> dict[str, object]:
    """The entry, in which the path of code that is a file is its URI."""
    files = {name: folder / str(entry[name]) for name in ("python_file", "whl") if name in entry}
    return {**entry, **{name: path.resolve().as_uri() for name, path in files.items() if path.is_file()}}
