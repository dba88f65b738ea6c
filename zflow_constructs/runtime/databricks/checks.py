"""A look at a run: it goes on, is late, has ended, or is forgotten."""

from dataclasses import dataclass, replace

from answers import SHORTEST_WAIT_SECONDS, Answer, submit_again, wait, wait_seconds
from cancellation import Cancellation
from clock import Clock
from databricks_run import DatabricksRun
from ending import Ending
from errors import InvalidRequest, RunFailed, TimedOut
from events import StepEvent
from logs import Log
from metrics import Metrics
from redriving import Redriving, is_redriven
from run import Run

GRACE_SECONDS = {"submit": 300, "run-now": 0}
"""Databricks ends a one-time run at its time limit by itself; so much later it is cancelled from here.

A run of an existing job has no time limit but ours.
"""

CONFIRMATION_SECONDS = 30
"""How long one check waits for a cancellation before it leaves the waiting to the state machine."""

CANCELLATION_SECONDS = 1800
"""A run that hasn't ended so long after its first cancellation is given up, loudly."""


@dataclass(frozen=True, kw_only=True)
class Checks:
    """Looks at runs.

    Args:
        cancellation: Ends a run that is late.
        redriving: Finds runs, and goes on with those of a redriven execution.
        ending: Knows what follows from a run's end.
        clock: Tells how long a run has been going on.
        log: Gets a line for each look.
        metrics: Counts the looks.
    """

    cancellation: Cancellation
    redriving: Redriving
    ending: Ending
    clock: Clock
    log: Log
    metrics: Metrics

    def check(self, event: StepEvent) -> Answer:
        """Look at a run: wait on, submit anew, or done.

        Raises:
            DatabricksError: The run ended without success and no attempt is left, or it can't be looked at.
        """
        if event.run is None:
            raise InvalidRequest('The event has no "run": a check needs the one that the last answer had.')
        self.metrics.add("Looks")
        found = self.redriving.find(event, event.run)
        if found is None:
            return self._forgotten(event, event.run)
        run = self.redriving.adopt(event, event.run, found)
        overtime = self._elapsed(run) - event.timeout_seconds - GRACE_SECONDS[event.call]
        if not found.state.final and overtime >= 0:
            self.log.warning("late", {"overtime_seconds": overtime})
            self.cancellation.cancel(found.run_id)
            self.cancellation.wait(found.run_id, seconds=CONFIRMATION_SECONDS)
            found = self.redriving.find(event, run)
            if found is None:
                return self._forgotten(event, run)
        self.log.info("looked", {"life_cycle": found.state.life_cycle, "result": found.state.result})
        run = replace(run, url=found.url or run.url)
        if found.state.final:
            return self.ending.end(event, run, found, late=overtime >= 0)
        return self._wait(event, run, found, overtime)

    def _wait(self, event: StepEvent, run: Run, found: DatabricksRun, overtime: float) -> Answer:
        elapsed = self._elapsed(run)
        if overtime < 0:
            seconds = wait_seconds(run, elapsed=elapsed)
            # The limit of a run that has none of its own is not to be slept through.
            return wait(run, seconds=max(1, min(seconds, int(-overtime))) if event.call == "run-now" else seconds)
        if overtime < CANCELLATION_SECONDS:
            return wait(run, seconds=SHORTEST_WAIT_SECONDS)
        raise TimedOut(
            f"Databricks run {run.run_id} is still {found.state.life_cycle} {elapsed:.0f} s after its submission, "
            f"although it was cancelled at its time limit of {event.timeout_seconds} s. Stop it by hand: {run.url}"
        )

    def _forgotten(self, event: StepEvent, run: Run) -> Answer:
        self.ending.note(event, run)
        if is_redriven(event, run):
            return submit_again(run, attempt=0, seconds=1)
        raise RunFailed(
            f"Databricks knows no run {run.run_id} any more (runs are kept for 60 days, and can be deleted), so that "
            f"its result can't be told. Its page was {run.url}. Redrive the execution to run the step again."
        )

    def _elapsed(self, run: Run) -> float:
        return self.clock.now() - run.submitted_at
