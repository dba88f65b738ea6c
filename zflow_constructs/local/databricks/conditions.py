"""Where a run or a task run is, as the API tells it: `state`, and the newer `status` with its `termination_details`.

See https://docs.databricks.com/api/workspace/jobs/getrun
"""

from zflow_constructs.local.databricks.endings import Ending

JsonObject = dict[str, object]


def active(state: str) -> JsonObject:
    """What has not ended and was not told to stop."""
    status: JsonObject = {"state": state}
    if state == "QUEUED":
        message = "Queued until an active run has ended."
        status["queue_details"] = {"code": "ACTIVE_RUNS_LIMIT_REACHED", "message": message}
    return {"state": _state(state, stopped=False), "status": status}


def terminating(reason: Ending) -> JsonObject:
    """What was told to stop, and has not ended yet."""
    return {
        "state": _state("TERMINATING", stopped=True),
        "status": {"state": "TERMINATING", "termination_details": _details(reason)},
    }


def ended(ending: Ending) -> JsonObject:
    """What has ended."""
    stopped = ending.result_state in ("CANCELED", "TIMEDOUT")
    state = _state(ending.life_cycle_state, stopped=stopped, message=ending.message)
    if ending.result_state:
        state["result_state"] = ending.result_state
    return {"state": state, "status": {"state": "TERMINATED", "termination_details": _details(ending)}}


def _state(life_cycle_state: str, *, stopped: bool, message: str = "") -> JsonObject:
    return {
        "life_cycle_state": life_cycle_state,
        "state_message": message,
        "user_cancelled_or_timedout": stopped,
    }


def _details(ending: Ending) -> JsonObject:
    return {"code": ending.code, "type": ending.type, "message": ending.message}
