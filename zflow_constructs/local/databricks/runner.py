"""What runs the tasks of a run: the seam between the Jobs API and the scripts."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from zflow_constructs.local.databricks.tasks import Task
from zflow_constructs.local.processes import Reporter


@dataclass(frozen=True)
class TaskOutcome:
    """How a task ended.

    Args:
        state: `CANCELED` where the task was told to stop.
        error: One line that says why it failed. Default: none.
        error_trace: The traceback. Default: none.
        code: Databricks' termination code of a failure. Default: `RUN_EXECUTION_ERROR`.
        type: Whose fault a failure is, by Databricks' `termination_details.type`. Default: `CLIENT_ERROR`.
    """

    state: Literal["SUCCESS", "FAILED", "CANCELED"]
    error: str = ""
    error_trace: str = ""
    code: str = "RUN_EXECUTION_ERROR"
    type: str = "CLIENT_ERROR"


class TaskRunner(Protocol):
    """Runs one task at a time per call; called from several threads at once."""

    def run(self, task: Task, *, folder: Path, on_line: Reporter, stopping: threading.Event) -> TaskOutcome:
        """Run a task to its end.

        Args:
            task: What to run.
            folder: An empty folder for its files and its log.
            on_line: Gets each line of its output.
            stopping: When set, the task must be ended soon, and with it all that it started.
        """
        ...
