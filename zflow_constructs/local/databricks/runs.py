"""Runs and task runs: where they are in their life, and how they ended.

Words and states are those of https://docs.databricks.com/api/workspace/jobs/getrun
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from zflow_constructs.local.databricks.endings import SUCCESS, Ending
from zflow_constructs.local.databricks.requests import SubmitRequest, Task


class Progress:
    """What a run and a task run have in common: an id, a state that moves forward, and an end.

    Args:
        run_id: Unique over runs and task runs.
        name: Used in messages and in the folder's name.
        folder: Where its files are.
    """

    def __init__(self, *, run_id: int, name: str, folder: Path) -> None:
        self.run_id = run_id
        self.name = name
        self.folder = folder
        self.submitted_at = time.time()
        self.started_at = 0.0
        self.ended_at = 0.0
        self.ended = threading.Event()
        self.stopping = threading.Event()
        self._state = "PENDING"
        self._interruption: Ending = SUCCESS
        self._ending: Ending = SUCCESS
        self._lock = threading.Lock()

    @property
    def state(self) -> str:
        """`QUEUED`, `BLOCKED`, `PENDING`, `RUNNING`, `TERMINATING` or `TERMINATED`."""
        if self.ended.is_set():
            return "TERMINATED"
        return "TERMINATING" if self.stopping.is_set() else self._state

    @property
    def ending(self) -> Ending:
        """How it ended. Only to be asked of what has ended."""
        assert self.ended.is_set()
        return self._ending

    @property
    def interruption(self) -> Ending:
        """Why it was told to stop; `SUCCESS` where it was not."""
        return self._interruption

    def move_to(self, state: str) -> None:
        """Go on to the next state of its life."""
        self._state = state
        if state == "RUNNING":
            self.started_at = time.time()

    def interrupt(self, reason: Ending) -> None:
        """Ask it to stop. The first reason counts."""
        with self._lock:
            if not self.stopping.is_set():
                self._interruption = reason
                self.stopping.set()

    def end(self, ending: Ending) -> None:
        """Reach the last state."""
        self._ending = ending
        self.ended_at = time.time()
        self.ended.set()


class TaskRun(Progress):
    """One task of a run, under way."""

    def __init__(self, task: Task, *, run_id: int, folder: Path) -> None:
        super().__init__(run_id=run_id, name=task.key, folder=folder)
        self.task = task
        self.error = ""
        self.error_trace = ""
        self.log: deque[str] = deque(maxlen=100_000)
        if task.depends_on:
            self.move_to("BLOCKED")


class Run(Progress):
    """A one-time run and its task runs."""

    def __init__(
        self, request: SubmitRequest, *, run_id: int, job_id: int, folder: Path, tasks: Sequence[TaskRun]
    ) -> None:
        super().__init__(run_id=run_id, name=request.run_name, folder=folder)
        self.job_id = job_id
        self.request = request
        self.tasks = tuple(tasks)

    def interrupt(self, reason: Ending) -> None:
        """Ask the run and each of its tasks to stop."""
        super().interrupt(reason)
        for task in self.tasks:
            task.interrupt(reason)

    def leaves(self) -> list[TaskRun]:
        """The tasks that no other depends on: their outcomes decide on the run's."""
        upstream = {key for task in self.tasks for key in task.task.depends_on}
        return [task for task in self.tasks if task.name not in upstream]
