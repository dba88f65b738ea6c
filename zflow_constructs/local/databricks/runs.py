"""Runs and task runs that are really run: where they are in their life, and how they ended.

Words and states are those of https://docs.databricks.com/api/workspace/jobs/getrun
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zflow_constructs.local.databricks import conditions
from zflow_constructs.local.databricks.conditions import JsonObject
from zflow_constructs.local.databricks.endings import SUCCESS, Ending
from zflow_constructs.local.databricks.reading import Json
from zflow_constructs.local.databricks.requests import RunRequest
from zflow_constructs.local.databricks.shown import HistoryItem, Output
from zflow_constructs.local.databricks.tasks import Task


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
    def page_url(self) -> str:
        """A local run has no page; its folder holds the scripts and logs, and outlives the server."""
        return self.folder.resolve().as_uri()

    @property
    def is_active(self) -> bool:
        """Whether it has not ended."""
        return not self.ended.is_set()

    @property
    def condition(self) -> JsonObject:
        """Its state: `QUEUED`, `BLOCKED`, `PENDING`, `RUNNING`, `TERMINATING`, or how it ended."""
        if self.ended.is_set():
            return conditions.ended(self._ending)
        return conditions.terminating(self._interruption) if self.stopping.is_set() else conditions.active(self._state)

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

    def reopen(self) -> None:
        """Begin again after the last state."""
        self.stopping.clear()
        self.ended_at = 0.0
        self._state = "PENDING"
        self._interruption = SUCCESS
        self.ended.clear()


class TaskRun(Progress):
    """One task of a run, under way."""

    def __init__(self, task: Task, *, run_id: int, folder: Path, attempt: int = 0) -> None:
        super().__init__(run_id=run_id, name=task.key, folder=folder)
        self.task = task
        self.attempt = attempt
        self.error = ""
        self.error_trace = ""
        self.job_run_id = 0
        self.log: deque[str] = deque(maxlen=100_000)
        if task.depends_on:
            self.move_to("BLOCKED")

    @property
    def key(self) -> str:
        """The task's key."""
        return self.task.key

    @property
    def body(self) -> Json:
        """The task as it was received."""
        return self.task.body

    @property
    def output(self) -> Output:
        """What it has left so far."""
        return Output(
            error=self.error,
            error_trace=self.error_trace,
            logs="".join(f"{line}\n" for line in list(self.log)),
            job_run_id=self.job_run_id,
        )


@dataclass(frozen=True)
class Course:
    """What ran from a run's start, or from a repair, to its end.

    Args:
        repair_id: 0 for the first course.
        started_at: When it started.
        tasks: What ran in it.
    """

    repair_id: int
    started_at: float
    tasks: tuple[TaskRun, ...]


class Run(Progress):
    """A run and its task runs.

    Args:
        request: What was asked for.
        run_id: Its id.
        job_id: The job; a one-time run has one of its own.
        folder: Where its files are.
        tasks: Its task runs.
        heard_as: What its lines are heard as. Default: its name, or its id if it is a job's.
    """

    def __init__(
        self,
        request: RunRequest,
        *,
        run_id: int,
        job_id: int,
        folder: Path,
        tasks: Sequence[TaskRun],
        heard_as: str = "",
    ) -> None:
        super().__init__(run_id=run_id, name=request.run_name, folder=folder)
        self.heard_as = heard_as or (str(run_id) if request.job_id else request.run_name)
        self.job_id = job_id
        self.accepted = request
        self._courses = [Course(0, self.submitted_at, tuple(tasks))]
        self._past: list[HistoryItem] = []

    @property
    def tasks(self) -> tuple[TaskRun, ...]:
        """The task runs, all attempts, the oldest first."""
        return tuple(task for course in self._courses for task in course.tasks)

    @property
    def latest(self) -> list[TaskRun]:
        """The latest attempt of each task."""
        return list({task.key: task for task in self.tasks}.values())

    @property
    def due(self) -> tuple[TaskRun, ...]:
        """What is to be run now: all tasks, or those of the latest repair."""
        return self._courses[-1].tasks

    @property
    def history(self) -> list[HistoryItem]:
        """The first course and the repairs."""
        return [*self._past, self._present()]

    def interrupt(self, reason: Ending) -> None:
        """Ask the run and each of its tasks to stop."""
        super().interrupt(reason)
        for task in self.due:
            task.interrupt(reason)

    def repair(self, repair_id: int, tasks: Sequence[TaskRun]) -> None:
        """Begin again, with new attempts of some tasks."""
        self._past.append(self._present())
        self._courses.append(Course(repair_id, time.time(), tuple(tasks)))
        self.reopen()

    def leaves(self) -> list[TaskRun]:
        """The tasks that no other depends on: their outcomes decide on the run's."""
        upstream = {key for task in self.latest for key in task.task.depends_on}
        return [task for task in self.latest if task.key not in upstream]

    def _present(self) -> HistoryItem:
        course = self._courses[-1]
        return HistoryItem(
            repair_id=course.repair_id,
            started_at=course.started_at,
            ended_at=self.ended_at,
            condition=self.condition,
            task_run_ids=[task.run_id for task in course.tasks],
        )
