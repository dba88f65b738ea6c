"""What follows from a run that has ended: its results, a new attempt, or the error that the step fails with."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from answers import Answer, done, submit_again
from client import JobsClient
from databricks_run import DatabricksRun
from errors import Canceled, DatabricksError, RunFailed, TimedOut, TransientRunFailure
from events import StepEvent
from logs import Log
from outputs import Fetched, Outputs
from records import Records, known
from redriving import Redriving, is_redriven
from report import describe_failure
from results import read_values
from run import Run

LONGEST_INTERVAL_SECONDS = 3600
"""The longest wait before a new attempt."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """Ends attempts.

    Args:
        client: The workspace's Jobs API.
        outputs: Fetches and keeps what the tasks left.
        records: What is on record of the execution.
        redriving: Goes on with a failed run of a redriven execution.
        log: Gets a line when the record can't be kept.
    """

    client: JobsClient
    outputs: Outputs
    records: Records
    redriving: Redriving
    log: Log

    def end(self, event: StepEvent, run: Run, found: DatabricksRun, *, late: bool) -> Answer:
        """Tell what follows.

        Args:
            event: The look that found the end.
            run: The run.
            found: What Databricks tells of it.
            late: Whether its time was up.

        Raises:
            DatabricksError: The run failed, and no new attempt is left.
        """
        self.note(event, run)
        well = found.ended_well(allow_failures=event.allow_failures)
        if not well and is_redriven(event, run):
            return self.redriving.again(event, run, found)
        full = found if found.complete else self.client.full_run(run.run_id)
        return self._succeed(event, run, full) if well else self._fail(event, run, full, late=late)

    def note(self, event: StepEvent, run: Run) -> None:
        """Keep on record that a run has ended: a stop then asks nothing about it."""
        try:
            self.records.write(replace(known(event, run), ended=True))
        except DatabricksError as error:
            self.log.warning("record not kept", {"problem": str(error)})

    def _succeed(self, event: StepEvent, run: Run, found: DatabricksRun) -> Answer:
        fetched, output = self._keep(event, run, found)
        try:
            values = read_values(event.values, found, fetched)
        except RunFailed as error:
            raise RunFailed(
                _join(f"Databricks run {run.run_id}: {error}", f"Run: {run.url}", _pointer(output))
            ) from None
        state = "SUCCESS" if found.state.succeeded else "SUCCESS_WITH_FAILURES"
        return done(run, values=values, output=output, state=state)

    def _fail(self, event: StepEvent, run: Run, found: DatabricksRun, *, late: bool) -> Answer:
        failure = TimedOut if late and found.failure is Canceled else found.failure
        fetched, output = self._keep(event, run, found)
        again = _new_attempt(event, run, failure, found)
        if again:
            return again
        raise failure(
            _join(
                describe_failure(found, fetched),
                _attempts(event, run),
                _remedy(event, failure, found),
                _pointer(output),
            )
        )

    def _keep(self, event: StepEvent, run: Run, found: DatabricksRun) -> tuple[Mapping[str, Fetched], str]:
        fetched = self.outputs.fetch(found, wanted=list(event.values.values()))
        return fetched, self.outputs.write(event, found, fetched, url=run.url, attempt=run.attempt)


def _new_attempt(event: StepEvent, run: Run, failure: type[DatabricksError], found: DatabricksRun) -> Answer | None:
    """The answer that a new attempt is due, if one is left for this kind of failure."""
    attempt, retries = run.attempt + 1, event.retries
    if failure is TransientRunFailure and run.transient_retries < retries.transient:
        counted = replace(run, transient_retries=run.transient_retries + 1)
        return submit_again(counted, attempt=attempt, seconds=_interval(event, run.transient_retries))
    if failure is RunFailed and found.may_fail_otherwise and run.failure_retries < retries.failures:
        counted = replace(run, failure_retries=run.failure_retries + 1)
        return submit_again(counted, attempt=attempt, seconds=_interval(event, run.failure_retries))
    return None


def _interval(event: StepEvent, retries: int) -> int:
    return min(event.retries.interval_seconds << min(retries, 12), LONGEST_INTERVAL_SECONDS)


def _attempts(event: StepEvent, run: Run) -> str:
    retries = event.retries
    if not retries.transient and not retries.failures:
        return ""
    return (
        f"This was attempt {run.attempt + 1}. New attempts: {run.transient_retries} of {retries.transient} after "
        f"transient failures, {run.failure_retries} of {retries.failures} after failures of the job itself."
    )


def _remedy(event: StepEvent, failure: type[DatabricksError], found: DatabricksRun) -> str:
    if failure is TimedOut:
        return (
            f"The time limit is {event.timeout_seconds} s. Give the step a longer timeout or a larger cluster, "
            "and start the workflow anew."
        )
    if failure is TransientRunFailure:
        return "The cause may pass: redrive the execution later."
    if found.state.succeeded_with_failures:
        return "Mend the tasks that failed, or let the step allow failures, and redrive the execution."
    return "Mend the cause in Databricks or in the step's data, and redrive the execution: it goes on from this step."


def _pointer(output: str) -> str:
    return f"Full output: {output}" if output else ""


def _join(*lines: str) -> str:
    return "\n".join(line for line in lines if line)
