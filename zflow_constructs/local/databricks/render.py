"""Runs as the Jobs API shows them.

See https://docs.databricks.com/api/workspace/jobs/getrun, .../listruns and .../getrunoutput
"""

from collections.abc import Mapping, Sequence

from zflow_constructs.local.databricks.runs import Progress, Run, TaskRun

JsonObject = dict[str, object]

_MAX_LOG_BYTES = 5 * 1024 * 1024


def render_run(run: Run) -> JsonObject:
    """A run without its tasks, as in a list."""
    return {
        "job_id": run.job_id,
        "run_id": run.run_id,
        "number_in_job": run.run_id,
        "original_attempt_run_id": run.run_id,
        "creator_user_name": "local",
        "run_name": run.name,
        "run_type": "SUBMIT_RUN",
        "trigger": "ONE_TIME",
        "format": "MULTI_TASK",
        **_render_progress(run),
    }


def render_tasks(tasks: Sequence[TaskRun]) -> list[JsonObject]:
    """Task runs, as in a run: the task as submitted, and how far it is."""
    return [{**task.task.body, "run_id": task.run_id, "attempt_number": 0, **_render_progress(task)} for task in tasks]


def render_output(run: Run, task: TaskRun) -> JsonObject:
    """What a task run has written, and how it failed."""
    log = "".join(f"{line}\n" for line in task.log).encode()
    output: JsonObject = {
        "metadata": {
            **render_run(run),
            **_render_progress(task),
            "run_id": task.run_id,
            "parent_run_id": run.run_id,
            "run_type": "JOB_RUN",
            "task_key": task.name,
            "tasks": render_tasks([task]),
        },
        "logs": log[-_MAX_LOG_BYTES:].decode(errors="ignore"),
        "logs_truncated": len(log) > _MAX_LOG_BYTES,
    }
    if task.error:
        output |= {"error": task.error, "error_trace": task.error_trace}
    return output


def _render_progress(progress: Progress) -> JsonObject:
    return {
        "state": _render_state(progress),
        "status": _render_status(progress),
        # A local run has no page; its folder holds the scripts and logs, and outlives the server.
        "run_page_url": progress.folder.resolve().as_uri(),
        "start_time": _milliseconds(progress.submitted_at),
        "end_time": _milliseconds(progress.ended_at),
        "setup_duration": 0,
        "execution_duration": max(0, _milliseconds(progress.ended_at - progress.started_at)),
        "cleanup_duration": 0,
        "run_duration": max(0, _milliseconds(progress.ended_at - progress.submitted_at)),
    }


def _render_state(progress: Progress) -> Mapping[str, object]:
    if not progress.ended.is_set():
        return {
            "life_cycle_state": progress.state,
            "state_message": "",
            "user_cancelled_or_timedout": progress.stopping.is_set(),
        }
    ending = progress.ending
    return {
        "life_cycle_state": ending.life_cycle_state,
        "result_state": ending.result_state,
        "state_message": ending.message,
        "user_cancelled_or_timedout": ending.result_state in ("CANCELED", "TIMEDOUT"),
    }


def _render_status(progress: Progress) -> Mapping[str, object]:
    state = progress.state
    if state == "QUEUED":
        details = {"code": "ACTIVE_RUNS_LIMIT_REACHED", "message": "Queued until an active run has ended."}
        return {"state": state, "queue_details": details}
    if state == "TERMINATING":
        ending = progress.interruption
    elif state == "TERMINATED":
        ending = progress.ending
    else:
        return {"state": state}
    return {
        "state": state,
        "termination_details": {"code": ending.code, "type": ending.type, "message": ending.message},
    }


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
