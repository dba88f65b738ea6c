"""How runs and task runs end, and what the end of one task means for the next.

See https://docs.databricks.com/api/workspace/jobs/getrun (`result_state`, `termination_details`) and `run_if` there.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Ending:
    """How a run or a task run ended.

    Args:
        result_state: For example `SUCCESS`, `FAILED`, `TIMEDOUT`; "" where it never began.
        code: The termination code, for example `RUN_EXECUTION_ERROR`.
        type: `SUCCESS`, `CLIENT_ERROR`, `CLOUD_FAILURE` or `INTERNAL_ERROR`.
        message: One line for people. Default: none.
        life_cycle_state: `TERMINATED`, `SKIPPED` or `INTERNAL_ERROR`. Default: `TERMINATED`.
    """

    result_state: str
    code: str
    type: str
    message: str = ""
    life_cycle_state: str = "TERMINATED"


SUCCESS = Ending("SUCCESS", "SUCCESS", "SUCCESS")
SUCCESS_WITH_FAILURES = Ending("SUCCESS_WITH_FAILURES", "SUCCESS_WITH_FAILURES", "SUCCESS")
CANCELED = Ending("CANCELED", "USER_CANCELED", "CLIENT_ERROR", "Run cancelled.")
TIMED_OUT = Ending("TIMEDOUT", "CANCELED", "CLIENT_ERROR", "Run exceeded its timeout_seconds.")
TOO_MANY_RUNS = Ending(
    "", "MAX_CONCURRENT_RUNS_EXCEEDED", "CLIENT_ERROR", "The job has as many active runs as it may have.", "SKIPPED"
)
UPSTREAM_FAILED = Ending("UPSTREAM_FAILED", "SKIPPED", "CLIENT_ERROR", "An upstream task failed.")
UPSTREAM_CANCELED = Ending("UPSTREAM_CANCELED", "SKIPPED", "CLIENT_ERROR", "An upstream task was cancelled.")
EXCLUDED = Ending("EXCLUDED", "SKIPPED", "SUCCESS", "The condition of run_if was not met.")

_FAILED = {"FAILED", "TIMEDOUT", "UPSTREAM_FAILED"}
_CANCELED = {"CANCELED", "UPSTREAM_CANCELED"}


def is_failure(result_state: str) -> bool:
    """Whether a task that ended so keeps its run from being a success."""
    return result_state in _FAILED | _CANCELED


def may_run(run_if: str, upstream: Sequence[str]) -> bool:
    """Whether a task may run after the tasks that it depends on.

    Args:
        run_if: The task's own rule.
        upstream: The result states of the tasks before; with none of them, it may.
    """
    succeeded = [result == "SUCCESS" for result in upstream]
    failed = [is_failure(result) for result in upstream]
    return (
        not upstream
        or {
            "ALL_SUCCESS": all(succeeded),
            "ALL_DONE": True,
            "NONE_FAILED": not any(failed) and any(succeeded),
            "AT_LEAST_ONE_SUCCESS": any(succeeded),
            "ALL_FAILED": all(failed),
            "AT_LEAST_ONE_FAILED": any(failed),
        }[run_if]
    )


def ending_of_skipped(upstream: Sequence[str]) -> Ending:
    """The end of a task that may not run after tasks that ended so."""
    if _FAILED & set(upstream):
        return UPSTREAM_FAILED
    return UPSTREAM_CANCELED if _CANCELED & set(upstream) else EXCLUDED
