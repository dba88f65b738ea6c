"""What `runs/repair` accepts: the body, checked and made a value.

See https://docs.databricks.com/api/workspace/jobs/repairrun
"""

from dataclasses import dataclass

from zflow_constructs.local.databricks import reading
from zflow_constructs.local.databricks.errors import invalid
from zflow_constructs.local.databricks.names import REPAIR


@dataclass(frozen=True)
class RepairRequest:
    """A repair of a run.

    Args:
        run_id: The run.
        rerun_all_failed_tasks: Whether all that was no success is run again.
        rerun_tasks: The keys of the tasks that are run again.
        latest_repair_id: The repair before; 0 is none.
    """

    run_id: int
    rerun_all_failed_tasks: bool
    rerun_tasks: tuple[str, ...]
    latest_repair_id: int


def parse_repair(body: object) -> RepairRequest:
    """Check the body of `runs/repair`.

    Raises:
        ApiError: It isn't what Databricks accepts.
    """
    request = reading.body_map(body)
    reading.check_names(request, REPAIR, "The body of runs/repair")
    all_failed, keys = reading.flag(request, "rerun_all_failed_tasks"), reading.strings(request, "rerun_tasks")
    if all_failed == bool(keys):
        raise invalid("Exactly one of rerun_tasks and rerun_all_failed_tasks must be given.")
    return RepairRequest(
        run_id=reading.identifier(request, "run_id"),
        rerun_all_failed_tasks=all_failed,
        rerun_tasks=keys,
        latest_repair_id=reading.identifier(request, "latest_repair_id", default=0),
    )
