"""Paging: a list of runs, and a run with many tasks, a page at a time.

See https://docs.databricks.com/api/workspace/jobs/listruns and .../getrun
"""

from collections.abc import Mapping, Sequence

from zflow_constructs.local.databricks import reading
from zflow_constructs.local.databricks.conditions import JsonObject
from zflow_constructs.local.databricks.errors import invalid
from zflow_constructs.local.databricks.reading import Json
from zflow_constructs.local.databricks.render import render_history, render_job, render_run, render_tasks
from zflow_constructs.local.databricks.shown import ShownRun

_MAX_LIMIT = 25
_DEFAULT_LIMIT = 20
_TASKS_PER_PAGE = 100


def list_page(runs: Sequence[ShownRun], query: Mapping[str, str]) -> JsonObject:
    """The answer of `runs/list`: the latest run first.

    Args:
        runs: All there are, the latest first.
        query: The request's parameters: `active_only`, `completed_only`, `run_type`, `job_id`, `start_time_from`,
            `start_time_to`, `expand_tasks`, `limit` and `page_token`.
    """
    if _flag(query, "active_only") and _flag(query, "completed_only"):
        raise invalid("active_only and completed_only cannot both be true.")
    limit = _limit(query)
    matching = [run for run in runs if _matches(run, query)]
    # A token is the id of the last run seen: what is submitted meanwhile neither shifts nor repeats anything.
    last_seen = _token(query, default=2**63)
    rest = [run for run in matching if run.run_id < last_seen]
    page = rest[:limit]
    rendered = [render_run(run) for run in page]
    if _flag(query, "expand_tasks"):
        for run, entry in zip(page, rendered, strict=True):
            entry["tasks"] = render_tasks(run.tasks[:_TASKS_PER_PAGE])
    has_more = len(rest) > limit
    answer: JsonObject = {"has_more": has_more}
    if page:
        answer["runs"] = rendered
    if has_more:
        answer["next_page_token"] = str(page[-1].run_id)
    return answer


def run_page(run: ShownRun, query: Mapping[str, str]) -> JsonObject:
    """The answer of `runs/get`: the run with at most 100 of its tasks, and with `include_history` with its repairs."""
    start = _token(query, default=0)
    answer = {**render_run(run), "tasks": render_tasks(run.tasks[start : start + _TASKS_PER_PAGE])}
    if _flag(query, "include_history"):
        answer["repair_history"] = render_history(run.history)
    if start + _TASKS_PER_PAGE < len(run.tasks):
        answer["next_page_token"] = str(start + _TASKS_PER_PAGE)
    return answer


def job_page(job_id: int, settings: Json, query: Mapping[str, str]) -> JsonObject:
    """The answer of `jobs/get`: the job with at most 100 of its tasks."""
    start = _token(query, default=0)
    tasks = reading.objects(settings, "tasks")
    answer = render_job(job_id, {**settings, "tasks": list(tasks[start : start + _TASKS_PER_PAGE])})
    if start + _TASKS_PER_PAGE < len(tasks):
        answer["next_page_token"] = str(start + _TASKS_PER_PAGE)
    return answer


def _matches(run: ShownRun, query: Mapping[str, str]) -> bool:
    wanted = {"run_type": _type(run), "job_id": str(run.job_id)}
    since, until = (
        _number(query, name, default) for name, default in (("start_time_from", 0), ("start_time_to", 2**63))
    )
    return (
        all(query.get(name, value) == value for name, value in wanted.items())
        and not (_flag(query, "active_only") and not run.is_active)
        and not (_flag(query, "completed_only") and run.is_active)
        and since <= run.submitted_at * 1000 <= until
    )


def _type(run: ShownRun) -> str:
    return "JOB_RUN" if run.accepted.job_id else "SUBMIT_RUN"


def _flag(query: Mapping[str, str], name: str) -> bool:
    value = query.get(name, "false").lower()
    if value not in ("true", "false"):
        raise invalid(f"{name} is '{value}'. It must be true or false.")
    return value == "true"


def _limit(query: Mapping[str, str]) -> int:
    value = query.get("limit", str(_DEFAULT_LIMIT))
    if not value.isdecimal() or int(value) > _MAX_LIMIT:
        raise invalid(
            f"limit is '{value}'. It must be a whole number from 1 to {_MAX_LIMIT}; 0 is the same as {_MAX_LIMIT}."
        )
    return int(value) or _MAX_LIMIT


def _token(query: Mapping[str, str], *, default: int) -> int:
    return _number(query, "page_token", default)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    value = query.get(name, str(default))
    if not value.isdecimal():
        raise invalid(f"Invalid {name} '{value}'.")
    return int(value)
