"""Runs as the Jobs API shows them.

See https://docs.databricks.com/api/workspace/jobs/getrun, .../listruns and .../getrunoutput
"""

from collections.abc import Sequence

from zflow_constructs.local.databricks.conditions import JsonObject
from zflow_constructs.local.databricks.reading import Json
from zflow_constructs.local.databricks.shown import HistoryItem, Shown, ShownRun, ShownTask

_MAX_BYTES = 5 * 1024 * 1024


def render_run(run: ShownRun) -> JsonObject:
    """A run without its tasks, as in a list."""
    accepted = run.accepted
    rendered: JsonObject = {
        "job_id": run.job_id,
        "run_id": run.run_id,
        "number_in_job": run.run_id,
        "original_attempt_run_id": run.run_id,
        "creator_user_name": "local",
        "run_name": accepted.run_name,
        "run_type": "JOB_RUN" if accepted.job_id else "SUBMIT_RUN",
        "trigger": "ONE_TIME",
        "format": "MULTI_TASK",
        **_render_progress(run),
    }
    if accepted.job_parameters:
        rendered["job_parameters"] = list(accepted.job_parameters)
    if accepted.overriding_parameters:
        rendered["overriding_parameters"] = accepted.overriding_parameters
    return rendered


def render_tasks(tasks: Sequence[ShownTask]) -> list[JsonObject]:
    """Task runs, as in a run: the task as it was asked for, and how far it is."""
    return [
        {**task.body, "run_id": task.run_id, "attempt_number": task.attempt, **_render_progress(task)} for task in tasks
    ]


def render_history(items: Sequence[HistoryItem]) -> list[JsonObject]:
    """A run's first course and its repairs."""
    return [
        {
            "type": "REPAIR" if item.repair_id else "ORIGINAL",
            **({"id": item.repair_id} if item.repair_id else {}),
            "start_time": _milliseconds(item.started_at),
            "end_time": _milliseconds(item.ended_at),
            "task_run_ids": list(item.task_run_ids),
            **item.condition,
        }
        for item in items
    ]


def render_output(run: ShownRun, task: ShownTask) -> JsonObject:
    """What a task run has left, and how it failed."""
    output = task.output
    log = output.logs.encode()
    rendered: JsonObject = {
        "metadata": {
            **render_run(run),
            **_render_progress(task),
            "run_id": task.run_id,
            "parent_run_id": run.run_id,
            "run_type": "JOB_RUN",
            "task_key": task.key,
            "attempt_number": task.attempt,
            "tasks": render_tasks([task]),
        },
        "logs": log[-_MAX_BYTES:].decode(errors="ignore"),
        "logs_truncated": len(log) > _MAX_BYTES,
    }
    if output.error:
        rendered |= {"error": output.error, "error_trace": output.error_trace}
    if output.result is not None:
        result = output.result.encode()
        rendered["notebook_output"] = {
            "result": result[:_MAX_BYTES].decode(errors="ignore"),
            "truncated": len(result) > _MAX_BYTES,
        }
    if output.job_run_id:
        rendered["run_job_output"] = {"run_id": output.job_run_id}
    return {**rendered, **output.fields}


def render_job(job_id: int, settings: Json) -> JsonObject:
    """A job, as `jobs/get` shows it."""
    return {"job_id": job_id, "creator_user_name": "local", "run_as_user_name": "local", "settings": settings}


def _render_progress(progress: Shown) -> JsonObject:
    return {
        **progress.condition,
        "run_page_url": progress.page_url,
        "start_time": _milliseconds(progress.submitted_at),
        "end_time": _milliseconds(progress.ended_at),
        "setup_duration": 0,
        "execution_duration": max(0, _milliseconds(progress.ended_at - progress.started_at)),
        "cleanup_duration": 0,
        "run_duration": max(0, _milliseconds(progress.ended_at - progress.submitted_at)),
    }


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
