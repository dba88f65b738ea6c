"""The life of a step's run: submitted, looked at until it ends, then done, tried anew, or failed."""

from dataclasses import dataclass, replace

from cancellation import Cancellation
from client import JobsClient
from clock import Clock
from errors import Canceled, DatabricksError, RunFailed, TimedOut, TransientRunFailure
from events import Answer, Check, Run, Submit, done, submit_again, wait
from logs import Log
from report import describe_failure
from run_state import DatabricksRun

SHORTEST_WAIT_SECONDS = 10

LONGEST_WAIT_SECONDS = 120

NEW_ATTEMPT_SECONDS = 60
"""The wait before the second attempt; it doubles for each later one."""

GRACE_SECONDS = 300
"""Databricks ends a run at its time limit by itself; so much later it is cancelled from here."""

CONFIRMATION_SECONDS = 30
"""How long one check waits for a cancellation before it leaves the waiting to the state machine."""

CANCELLATION_SECONDS = 1800
"""A run that hasn't ended so long after its first cancellation is given up, loudly."""


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Submits and checks runs.

    Args:
        client: The workspace's Jobs API.
        cancellation: Ends a run that is late.
        clock: Tells how long a run has been going on.
        log: Gets a line for each thing done.
    """

    client: JobsClient
    cancellation: Cancellation
    clock: Clock
    log: Log

    def submit(self, event: Submit) -> Answer:
        """Submit the run of an attempt: once, however often the event is delivered."""
        submitted_at = int(self.clock.now())
        run_id = self.client.submit_run(
            {**event.request, "run_name": event.run_name, "idempotency_token": event.idempotency_token}
        )
        self.log.info("submitted", {"run_id": run_id, "attempt": event.attempt})
        run = Run(
            run_id=run_id,
            url=self._url(run_id),
            attempt=event.attempt,
            redrive=event.redrive,
            submitted_at=submitted_at,
            timeout_seconds=event.timeout_seconds,
            max_attempts=event.max_attempts,
        )
        return wait(run, seconds=SHORTEST_WAIT_SECONDS)

    def check(self, event: Check) -> Answer:
        """Look at a run: wait on, submit anew, or done.

        Raises:
            DatabricksError: The run ended without success and no attempt is left, or it can't be looked at.
        """
        found = self.client.find_run(event.run.run_id)
        elapsed = self.clock.now() - event.run.submitted_at
        overtime = elapsed - event.run.timeout_seconds - GRACE_SECONDS
        if found and not found.state.final and overtime >= 0:
            self.log.warning("late", {"overtime_seconds": overtime})
            self.cancellation.cancel(found.run_id)
            self.cancellation.wait(found.run_id, seconds=CONFIRMATION_SECONDS)
            found = self.client.find_run(found.run_id)
        if not found:
            return _forgotten(event)
        self.log.info("looked", {"life_cycle": found.state.life_cycle, "result": found.state.result})
        run = replace(event.run, url=found.url or event.run.url)
        if found.state.final:
            return self._end(replace(event, run=run), found, late=overtime >= 0)
        if overtime < 0:
            return wait(run, seconds=wait_seconds(elapsed))
        if overtime < CANCELLATION_SECONDS:
            return wait(run, seconds=SHORTEST_WAIT_SECONDS)
        raise TimedOut(
            f"Databricks run {run.run_id} is still {found.state.life_cycle} {elapsed:.0f} s after its submission, "
            f"although it was cancelled at its time limit of {run.timeout_seconds} s. Stop it by hand: {run.url}"
        )

    def _end(self, event: Check, found: DatabricksRun, *, late: bool) -> Answer:
        """What follows from a run that has ended."""
        run = event.run
        if found.state.succeeded:
            return done(run)
        if event.redriven:
            return submit_again(run, attempt=0, seconds=1)
        full = self.client.full_run(run.run_id)
        failure = TimedOut if late and full.failure is Canceled else full.failure
        if failure is TransientRunFailure and run.attempt + 1 < run.max_attempts:
            return submit_again(run, attempt=run.attempt + 1, seconds=NEW_ATTEMPT_SECONDS * 2**run.attempt)
        raise failure(f"{describe_failure(full, self.client)}\n{_remedy(failure, run)}")

    def _url(self, run_id: str) -> str:
        """The run's page; that of all runs when the first look fails, which must not lose the run."""
        try:
            found = self.client.find_run(run_id)
        except DatabricksError as error:
            self.log.warning("no first look", {"run_id": run_id, "problem": str(error)})
            found = None
        return found.url if found else f"{self.client.host}/jobs/runs"


def wait_seconds(elapsed: float) -> int:
    """A tenth of the time elapsed, from 10 s to 120 s.

    The end of a run is noticed within 10% of its length, and a run of three days fits into an execution's history.
    """
    return int(min(max(elapsed / 10, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS))


def _forgotten(event: Check) -> Answer:
    if event.redriven:
        return submit_again(event.run, attempt=0, seconds=1)
    raise RunFailed(
        f"Databricks knows no run {event.run.run_id} any more (runs are kept for 60 days, and can be deleted), so that "
        f"its result can't be told. Its page was {event.run.url}. Redrive the execution to run the step again."
    )


def _remedy(failure: type[DatabricksError], run: Run) -> str:
    if failure is TimedOut:
        return (
            f"The time limit is {run.timeout_seconds} s. Give the step a longer timeout or a larger cluster, "
            "and start the workflow anew."
        )
    if failure is TransientRunFailure:
        attempts = f"attempt {run.attempt + 1} of {run.max_attempts}"
        return f"This was {attempts}. The cause may pass: redrive the execution later."
    return "Mend the cause in Databricks or in the step's data, and redrive the execution: it goes on from this step."
