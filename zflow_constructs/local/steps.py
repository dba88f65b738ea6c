"""A run's steps, as its execution's history shows them.

A step is the states whose names begin with its id: `Extract`, `Extract: wait`, `Extract: check`. What has no Task is
the machinery between the steps.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from zflow_constructs.local.honoured import states


class StepStatus(StrEnum):
    """Where a step is."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"
    SKIPPED = "skipped"
    NOT_RUN = "not run"


@dataclass
class StateVisit:
    """One visit of a state.

    Args:
        name: The state.
        entered: When.
        exited: When; empty if it wasn't.
    """

    name: str
    entered: str
    exited: str = ""


@dataclass
class Step:
    """A step of the workflow, and what became of it so far.

    Args:
        id: The step.
    """

    id: str
    status: StepStatus = StepStatus.WAITING
    started: datetime | None = None
    ended: datetime | None = None
    error: str = ""
    cause: str = ""
    last_line: str = ""
    jobs: list[str] = field(default_factory=list)
    visits: list[StateVisit] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long it has run, in seconds."""
        if self.started is None:
            return 0.0
        return ((self.ended or datetime.now(tz=UTC)) - self.started).total_seconds()


def step_of(state: str) -> str:
    """The step that a state belongs to.

    Args:
        state: The state's name.
    """
    return state.split(": ", 1)[0]


class Steps:
    """The steps of one execution.

    Args:
        definition: The machine in the Amazon States Language.
        on_change: Hears of each change of a step's status or last line.
    """

    def __init__(self, definition: Mapping[str, object], *, on_change: Callable[[Step], None]) -> None:
        self._states = dict(states(definition))
        self._on_change = on_change
        self._lock = threading.RLock()
        tasks = [name for name, state in self._states.items() if state["Type"] == "Task"]
        self._steps = {step: Step(step) for step in dict.fromkeys(step_of(task) for task in tasks)}
        self._state_of_event: dict[object, str] = {}

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps.values())

    def on_event(self, event: Mapping[str, object]) -> None:
        """Take an event of the execution's history.

        Args:
            event: The event, as GetExecutionHistory shows it.
        """
        with self._lock:
            kind = str(event["type"])
            details = _details(event)
            before = self._state_of_event.get(event["previousEventId"], "")
            state = str(details["name"]) if kind.endswith(("StateEntered", "StateExited")) else before
            self._state_of_event[event["id"]] = state
            if kind.endswith("StateEntered") and before and step_of(before) != step_of(state):
                self._finish(step_of(before))
            if step_of(state) in self._steps:
                self._advance(self._steps[step_of(state)], state, kind, event, details)

    def on_line(self, job: str, line: str) -> None:
        """Take a line of the log of a job, function or endpoint.

        Args:
            job: Its name.
            line: The line.
        """
        with self._lock:
            for step in self._steps.values():
                if job in step.jobs:
                    self.on_step_line(step.id, line)

    def on_step_line(self, step_id: str, line: str) -> None:
        """Take a line of the log of what a step runs.

        Args:
            step_id: The step.
            line: The line.
        """
        with self._lock:
            step = self._steps.get(step_id)
            if step is not None and step.status is StepStatus.RUNNING and line.strip():
                step.last_line = line.strip()
                self._on_change(step)

    def end(self, status: str) -> None:
        """Take the execution's end.

        Args:
            status: Its status.
        """
        with self._lock:
            for step in self._steps.values():
                if step.status is StepStatus.RUNNING:
                    self._set(step, StepStatus.FAILED if step.error and status == "FAILED" else StepStatus.ABORTED)
                elif step.status in {StepStatus.WAITING, StepStatus.NOT_RUN}:
                    self._set(step, StepStatus.SKIPPED if status == "SUCCEEDED" else StepStatus.NOT_RUN)

    def _advance(
        self, step: Step, state: str, kind: str, event: Mapping[str, object], details: Mapping[str, object]
    ) -> None:
        if kind.endswith("StateEntered"):
            step.visits.append(StateVisit(state, entered=str(event["timestamp"])))
            if kind == "TaskStateEntered":
                step.error = step.cause = ""
                step.started = step.started or datetime.now(tz=UTC)
                self._set(step, StepStatus.RUNNING)
        elif kind.endswith("StateExited"):
            for visit in reversed(step.visits):
                if visit.name == state and not visit.exited:
                    visit.exited = str(event["timestamp"])
                    break
            if self._states[state].get("End"):
                self._finish(step.id)
        elif kind == "TaskScheduled":
            step.jobs.extend(name for name in _job_names(details) if name not in step.jobs)
        elif kind == "TaskSucceeded":
            step.error = step.cause = ""
        elif "error" in details:
            step.error, step.cause = str(details["error"]), str(details.get("cause", ""))
            self._on_change(step)

    def _finish(self, name: str) -> None:
        step = self._steps.get(name)
        if step is not None and step.status is StepStatus.RUNNING:
            self._set(step, StepStatus.FAILED if step.error else StepStatus.SUCCEEDED)

    def _set(self, step: Step, status: StepStatus) -> None:
        if step.status is not status:
            step.status = status
            step.ended = None if status is StepStatus.RUNNING else datetime.now(tz=UTC)
            self._on_change(step)


def _details(event: Mapping[str, object]) -> Mapping[str, object]:
    for name, value in event.items():
        if name.endswith("EventDetails") and isinstance(value, Mapping):
            return value
    return {}


def _job_names(details: Mapping[str, object]) -> Iterator[str]:
    parameters = json.loads(str(details.get("parameters", "{}")))
    for name in ("TrainingJobName", "TransformJobName", "EndpointName", "FunctionName"):
        if isinstance(parameters.get(name), str):
            yield str(parameters[name]).rsplit(":function:", 1)[-1]
