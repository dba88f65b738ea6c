"""What a test holds in its hands: when each task of a run ends, and how."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.waiting import LIMIT_SECONDS
from zflow_constructs.local.databricks.runner import TaskOutcome
from zflow_constructs.local.databricks.tasks import PythonFile, Task
from zflow_constructs.local.processes import Reporter

SUCCESS = TaskOutcome("SUCCESS")


class HeldRunner:
    """A task runner whose tasks go on until a test lets them end, by `finish`, or the server stops them."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self._outcomes: dict[str, TaskOutcome] = {}
        self._changed = threading.Condition()

    def finish(self, key: str, outcome: TaskOutcome = SUCCESS) -> None:
        with self._changed:
            self._outcomes[key] = outcome
            self._changed.notify_all()

    def forget(self, key: str) -> None:
        """Let the next run of a task go on."""
        with self._changed:
            del self._outcomes[key]

    def run(self, task: Task, *, folder: Path, on_line: Reporter, stopping: threading.Event) -> TaskOutcome:
        assert folder.is_dir()
        assert isinstance(task.work, PythonFile)
        on_line(f"{task.key} runs {task.work.uri} {' '.join(task.work.parameters)}")
        with self._changed:
            self.started.append(task.key)
            while not self._changed.wait_for(lambda: task.key in self._outcomes or stopping.is_set(), timeout=0.05):
                pass
            return TaskOutcome("CANCELED") if stopping.is_set() else self._outcomes[task.key]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.01)
