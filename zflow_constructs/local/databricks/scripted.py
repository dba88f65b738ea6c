"""Runs that follow a script: what happens to each, second by second, is said beforehand."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from zflow_constructs.local.databricks.conditions import JsonObject
from zflow_constructs.local.databricks.shown import Output

FIRST_RUN_ID = 9_007_199_254_740_993
"""One more than a double can tell from its neighbour."""

FIRST_REPAIR_ID = 8_007_199_254_740_993

JOB_OF_SUBMITTED = 77
"""The job of all one-time runs."""

_FINAL = {"TERMINATED", "SKIPPED", "INTERNAL_ERROR"}


def state(life_cycle: str, result: str = "", message: str = "", *, code: str = "", kind: str = "") -> JsonObject:
    """`state` and `status` of a run, as the API tells them; any words will do, those that no one knows too.

    Args:
        life_cycle: The life-cycle state.
        result: The result state. Default: none.
        message: What both say. Default: nothing.
        code: The code of the termination. Default: the result state.
        kind: Its type. Default: `SUCCESS` for a success, else `CLIENT_ERROR`.
    """
    old: JsonObject = {"life_cycle_state": life_cycle, "state_message": message}
    if result:
        old["result_state"] = result
    if life_cycle not in _FINAL:
        return {"state": old, "status": {"state": life_cycle}}
    details = {
        "code": code or result,
        "type": kind or ("SUCCESS" if result == "SUCCESS" else "CLIENT_ERROR"),
        "message": message,
    }
    return {"state": old, "status": {"state": "TERMINATED", "termination_details": details}}


PENDING, RUNNING, TERMINATING = state("PENDING"), state("RUNNING"), state("TERMINATING")
SUCCESS = state("TERMINATED", "SUCCESS")
CANCELED = state("TERMINATED", "CANCELED", "Run cancelled.", code="USER_CANCELED")
CLOUD_FAILURE = state("INTERNAL_ERROR", "FAILED", "No spot capacity.", code="CLOUD_FAILURE", kind="CLOUD_FAILURE")
FAILED = state("TERMINATED", "FAILED", "Task main failed with message: Workload failed.", code="RUN_EXECUTION_ERROR")

Timeline = Sequence[tuple[float, JsonObject]]
"""Since when there is which state."""


@dataclass(frozen=True)
class TaskScript:
    """What happens to one task run.

    Args:
        key: The task's key.
        timeline: Its states, in seconds after the run's submission or repair. Default: those of the run.
        attempt: Which attempt of the task it is. Default: the first.
        run_id: The task run's id. Default: one that is free.
        output: What it leaves. Default: nothing.
    """

    key: str
    timeline: Timeline = ()
    attempt: int = 0
    run_id: int = 0
    output: Output = field(default_factory=Output)


@dataclass(frozen=True)
class Script:
    """What happens to a run, in seconds after its submission or its repair.

    Args:
        timeline: Its states.
        tasks: Its task runs. Default: those that were asked for, or that are repaired.
        cancel_seconds: How long a cancellation takes.
        keeps_limit: Whether `timeout_seconds` ends the run. Default: the timeline says it all.
        forgotten_after: When nobody knows the run any more. Default: never.
        forgotten_status: The HTTP status of a get from then on: 400 or 404.
    """

    timeline: Timeline = ((0, PENDING), (10, RUNNING), (60, SUCCESS))
    tasks: Sequence[TaskScript] | None = None
    cancel_seconds: float = 8.0
    keeps_limit: bool = False
    forgotten_after: float = math.inf
    forgotten_status: int = 400


def ends(end: JsonObject, *, after: float = 60, tasks: Sequence[TaskScript] | None = None) -> Script:
    """A run that runs at once and ends so."""
    return Script(timeline=((0, RUNNING), (after, end)), tasks=tasks)


def goes_on(*, cancel_seconds: float = 8.0) -> Script:
    """A run that runs at once and never ends by itself."""
    return Script(timeline=((0, RUNNING),), cancel_seconds=cancel_seconds)


def is_final(document: JsonObject) -> bool:
    """Whether nothing comes after this `state` and `status`."""
    old = document.get("state")
    return "termination_details" in str(document.get("status")) or (
        isinstance(old, dict) and old.get("life_cycle_state") in _FINAL
    )
