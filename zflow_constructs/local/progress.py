"""How an execution's steps go on, as its history shows it."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

from zflow_constructs.core.states.legend import StatePlace, StateRole
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.history import databricks_runs, details_of, job_names, json_object, started_executions
from zflow_constructs.local.layout import BETWEEN_STEPS, Standing, layout
from zflow_constructs.local.steps import Items, Iteration, StateVisit, Step, StepStatus

_OF_WAITING = {"DynamoDb.ConditionalCheckFailedException", "States.Timeout"}
"""What a wait for another step ends with when it needn't go on, or looks again."""
_LONGEST_ITEM = 40
_BEGINS = {"TaskStateEntered", "ParallelStateEntered"}
"""What an attempt of a step that is no loop begins with: its error so far is that of an earlier one."""
_MADE_GOOD = {"ParallelStateSucceeded", "MapStateSucceeded"}


@dataclass(frozen=True)
class _Origin:
    """Where in the machine an event happened."""

    state: str = ""
    items: Items = ()


class Steps:
    """The steps of one execution.

    Args:
        definition: The machine in the Amazon States Language.
        on_change: Hears of each change of a step's status or last line.
        lock: Held while it hears: one for all executions whose steps hear of each other. Default: one of its own.
    """

    def __init__(
        self,
        definition: Mapping[str, Json],
        *,
        on_change: Callable[[Step], None],
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        found = layout(definition)
        self._standings = found.standings
        self._loops = found.loops
        self._distributed = found.distributed
        self._on_change = on_change
        self._lock = lock or threading.RLock()
        self._loops_around = {step: found.around(step) for step in found.steps}
        self._steps = {
            step: Step(step, loop or "", len(self._loops_around[step])) for step, loop in found.steps.items()
        }
        self._origins: dict[object, _Origin] = {}
        self._item_names: dict[tuple[str, Items], str] = {}
        self._unclaimed: dict[str, str] = {}

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps.values())

    def place_of(self, state: str) -> StatePlace:
        """What a state is for.

        Args:
            state: The state.
        """
        return self._standings.get(state, BETWEEN_STEPS).place

    def on_event(self, event: Mapping[str, object]) -> None:
        """Take an event of the execution's history.

        Args:
            event: The event, as GetExecutionHistory shows it.
        """
        with self._lock:
            kind = str(event["type"])
            details = details_of(event)
            before = self._origins.get(event["previousEventId"], _Origin())
            here = self._origin(kind, details, before)
            self._origins[event["id"]] = here
            if kind.endswith("StateEntered"):
                self._leave(before, here)
            step = self._standing(here).place.step
            if step is not None:
                self._advance(self._steps[step], here, kind, event, details)
            if kind.startswith("MapIteration"):
                self._count(here, kind)

    def on_line(self, job: str, line: str) -> None:
        """Take a line of the log of a job, function, endpoint, or started execution.

        Args:
            job: Its name.
            line: The line.
        """
        with self._lock:
            owners = [step.id for step in self._steps.values() if job in step.jobs]
            for owner in owners:
                self.on_step_line(owner, line)
            if not owners and line.strip():
                # A job's run on Databricks may write before it is known whose it is.
                self._unclaimed[job] = line

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
                for iteration in step.iterations.values() or [step.iteration(())]:
                    self._end(step, iteration, status)
                if step.repeating:
                    step.repeating = False
                    self._on_change(step)

    def _origin(self, kind: str, details: Mapping[str, object], before: _Origin) -> _Origin:
        if not kind.endswith(("StateEntered", "StateExited")) and not kind.startswith("MapIteration"):
            return before
        state = str(details["name"])
        items = before.items[: self._standings.get(state, BETWEEN_STEPS).depth]
        if kind.startswith("MapIteration"):
            items += (int(str(details["index"])),)
        return _Origin(state, items)

    def _standing(self, origin: _Origin) -> Standing:
        return self._standings.get(origin.state, BETWEEN_STEPS)

    def _leave(self, before: _Origin, here: _Origin) -> None:
        left, entered = self._standing(before), self._standing(here)
        step = left.place.step
        going_on = left.scope == entered.scope and step != entered.place.step and left.place.role is not StateRole.ITEM
        if step is not None and going_on:
            self._finish(self._steps[step], before.items)

    def _advance(
        self, step: Step, here: _Origin, kind: str, event: Mapping[str, object], details: Mapping[str, object]
    ) -> None:
        standing, iteration = self._standing(here), self._iteration(step, here.items)
        place = standing.place
        if place.role is StateRole.ITEM:
            self._name_item(step, here, details)
        elif kind.endswith("StateEntered"):
            step.visits.append(StateVisit(here.state, entered=str(event["timestamp"])))
            self._enter(step, iteration, standing, kind, details)
        elif kind.endswith("StateExited"):
            self._exit(step, iteration, here, str(event["timestamp"]))
        elif kind == "TaskScheduled":
            step.jobs.extend(name for name in job_names(details) if name not in step.jobs)
        elif kind == "TaskSubmitted":
            step.jobs.extend(started_executions(details))
        elif kind == "TaskSucceeded":
            self._succeed(step, iteration, details)
        elif kind in _MADE_GOOD and place.works and step.id not in self._loops:
            # A native chain that has caught its error has not failed.
            iteration.error = iteration.cause = ""
        elif kind == "MapStateStarted" and place.works and step.id in self._loops:
            iteration.items, iteration.error, iteration.cause = int(str(details["length"])), "", ""
        elif "error" in details and not (place.role is StateRole.WAIT and details["error"] in _OF_WAITING):
            iteration.error, iteration.cause = str(details["error"]), str(details.get("cause", ""))
            self._on_change(step)

    def _succeed(self, step: Step, iteration: Iteration, details: Mapping[str, object]) -> None:
        """Take the end of a Task, whose earlier attempts may have failed."""
        if iteration.status is not StepStatus.FAILED:
            iteration.error = iteration.cause = ""
        self._claim(step, databricks_runs(details))

    def _claim(self, step: Step, runs: Iterator[str]) -> None:
        for run in runs:
            if run not in step.jobs:
                step.jobs.append(run)
                self.on_step_line(step.id, self._unclaimed.pop(run, ""))

    def _enter(
        self, step: Step, iteration: Iteration, standing: Standing, kind: str, details: Mapping[str, object]
    ) -> None:
        begins = kind == "MapStateEntered" if step.id in self._loops else kind in _BEGINS
        match standing.place.role:
            case StateRole.WORK | StateRole.DECISION if begins or iteration.status is StepStatus.WAITING:
                iteration.error = iteration.cause = ""
                iteration.items, iteration.done, iteration.optional = 0, 0, False
                iteration.started = iteration.started or datetime.now(tz=UTC)
                self._set(step, iteration, StepStatus.RUNNING)
                self._repeat(step, repeating=True)
            case StateRole.WAIT:
                iteration.waits_for = standing.place.producer or ""
                self._on_change(step)
            case StateRole.SKIPPED:
                self._set(step, iteration, StepStatus.SKIPPED)
            case StateRole.FAILED:
                error = json_object(details.get("input"))
                iteration.error = iteration.error or str(error.get("Error", "States.TaskFailed"))
                iteration.cause = iteration.cause or str(error.get("Cause", ""))
                iteration.optional = True
                self._set(step, iteration, StepStatus.FAILED)
                self._repeat(step, repeating=False)
            case StateRole.DONE | StateRole.WAKE | StateRole.RESULTS if iteration.status is StepStatus.RUNNING:
                self._finish(step, self._items_of(step, iteration))

    def _exit(self, step: Step, iteration: Iteration, here: _Origin, when: str) -> None:
        iteration.waits_for = ""
        for visit in reversed(step.visits):
            if visit.name == here.state and not visit.exited:
                visit.exited = when
                break
        if self._standing(here).ends:
            self._finish(step, here.items)

    def _iteration(self, step: Step, items: Items) -> Iteration:
        """The iteration of a step in which a state is: the machinery's own Maps make no iterations."""
        own = items[: step.depth]
        iteration = step.iteration(own)
        iteration.item = self._item_names.get((step.loop, own), iteration.item)
        return iteration

    def _name_item(self, loop: Step, here: _Origin, details: Mapping[str, object]) -> None:
        """Call an item by its name, or what it is, if that is short: `de`."""
        given = json_object(details.get("input")).get("value", here.items[-1])
        named = given.get("name", given) if isinstance(given, Mapping) else given
        text = named if isinstance(named, str) else json.dumps(named)
        self._item_names.setdefault((loop.id, here.items), text if len(text) <= _LONGEST_ITEM else f"{here.items[-1]}")

    def _blame(self, loop: Step, items: Items) -> None:
        """Let a loop's failure be that of the step in it that failed first."""
        iteration = loop.iteration(items[:-1])
        for step in self._steps.values():
            for inner, failed in step.iterations.items():
                if step.loop == loop.id and inner == items and failed.error and not iteration.error:
                    iteration.error, iteration.cause = (
                        failed.error,
                        f"{step.id} failed for {failed.item}: {failed.cause}",
                    )

    def _items_of(self, step: Step, iteration: Iteration) -> Items:
        return next(items for items, each in step.iterations.items() if each is iteration)

    def _count(self, here: _Origin, kind: str) -> None:
        """Take the beginning or end of an item of a loop."""
        place = self._standing(here).place
        if place.step is None or place.step not in self._loops or not place.works:
            return
        loop = self._steps[place.step]
        if kind == "MapIterationSucceeded":
            loop.iteration(here.items[:-1]).done += 1
            self._on_change(loop)
        elif kind != "MapIterationStarted":
            self._break_off(loop, here.items)
            if kind == "MapIterationFailed" and loop.id not in self._distributed:
                self._blame(loop, here.items)

    def _break_off(self, loop: Step, items: Items) -> None:
        """End what runs in an item of a loop that has failed or was aborted."""
        for step in self._steps.values():
            for inner, iteration in step.iterations.items():
                within = loop.id in self._loops_around[step.id] and inner[: len(items)] == items
                if within and iteration.status is StepStatus.RUNNING:
                    self._set(step, iteration, StepStatus.FAILED if iteration.error else StepStatus.ABORTED)

    def _finish(self, step: Step, items: Items) -> None:
        iteration = self._iteration(step, items)
        if iteration.status is StepStatus.RUNNING:
            self._set(step, iteration, StepStatus.FAILED if iteration.error else StepStatus.SUCCEEDED)
            self._repeat(step, repeating=False)

    def _repeat(self, loop: Step, *, repeating: bool) -> None:
        """Tell the steps of an outermost loop whether more iterations of them may come."""
        for step in self._steps.values():
            if not loop.loop and loop.id in self._loops_around[step.id]:
                step.repeating = repeating
                self._on_change(step)

    def _end(self, step: Step, iteration: Iteration, status: str) -> None:
        iteration.waits_for = ""
        if iteration.status is StepStatus.RUNNING or (iteration.error and iteration.status is StepStatus.WAITING):
            failed = iteration.error and status == "FAILED"
            self._set(step, iteration, StepStatus.FAILED if failed else StepStatus.ABORTED)
        elif iteration.status in {StepStatus.WAITING, StepStatus.NOT_RUN}:
            self._set(step, iteration, StepStatus.SKIPPED if status == "SUCCEEDED" else StepStatus.NOT_RUN)

    def _set(self, step: Step, iteration: Iteration, status: StepStatus) -> None:
        if iteration.status is not status:
            iteration.status = status
            iteration.ended = None if status is StepStatus.RUNNING else datetime.now(tz=UTC)
            self._on_change(step)
