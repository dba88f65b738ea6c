"""Asking Databricks for runs: each is on record before it is asked for, so that a stop finds it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from answers import Answer, wait, wait_seconds
from client import JobsClient
from clock import Clock
from errors import AuthError, Canceled, DatabricksError, InvalidRequest
from events import StepEvent
from logs import Log
from metrics import Metrics
from records import Records, asked
from run import Run


@dataclass(frozen=True, kw_only=True)
class Submission:
    """Submits and starts runs.

    Args:
        client: The workspace's Jobs API.
        records: What is on record of the execution.
        clock: Tells when a run was submitted.
        log: Gets a line for each run.
        metrics: Counts them.
    """

    client: JobsClient
    records: Records
    clock: Clock
    log: Log
    metrics: Metrics

    def submit(self, event: StepEvent) -> Answer:
        """Ask for the run of an attempt: once, however often the event is delivered.

        Raises:
            Canceled: The execution was stopped.
            DatabricksError: Databricks or S3 refused, or wasn't reached.
        """
        submitted_at = int(self.clock.now())
        refuse_if_stopped(event, self.records)
        record = asked(event)
        version = self.records.create(record)
        try:
            # Once more: a stop that listed the records before this one was written hasn't seen it.
            refuse_if_stopped(event, self.records)
            run_id = self.client.start(record.call, record.request)
        except (AuthError, Canceled, InvalidRequest):
            if version:  # Otherwise an earlier delivery may have got through: a stop asks Databricks.
                self.records.close(record, version=version)
            raise
        self.metrics.add("Submissions")
        self.log.info("submitted", {"run_id": run_id, "call": event.call})
        url = self._url(run_id)
        self.records.write(replace(record, pending=False, run_id=run_id, url=url))
        run = _run(event, run_id=run_id, url=url, submitted_at=submitted_at)
        return wait(run, seconds=wait_seconds(run, elapsed=0))

    def _url(self, run_id: str) -> str:
        """The run's page; that of all runs when the first look fails, which must not lose the run."""
        try:
            found = self.client.find_run(run_id)
        except DatabricksError as error:
            self.log.warning("no first look", {"run_id": run_id, "problem": str(error)})
            found = None
        return found.url if found else f"{self.client.host}/jobs/runs"


def refuse_if_stopped(event: StepEvent, records: Records) -> None:
    """Let nothing be asked for on behalf of an execution that is over.

    Raises:
        Canceled: It ended after it was started, or redriven.
    """
    stopped = records.stopped()
    if stopped >= event.started:
        at = datetime.fromtimestamp(stopped / 1000, UTC).isoformat(timespec="milliseconds")
        raise Canceled(f"The execution ended at {at}: nothing more is started for it.")


def _run(event: StepEvent, *, run_id: str, url: str, submitted_at: int) -> Run:
    """The run of an attempt, which goes on counting the new attempts of this redrive."""
    before = event.run if event.run and event.run.redrive == event.redrive else None
    return Run(
        run_id=run_id,
        url=url,
        attempt=event.attempt,
        redrive=event.redrive,
        submitted_at=submitted_at,
        token=event.idempotency_token,
        transient_retries=before.transient_retries if before else 0,
        failure_retries=before.failure_retries if before else 0,
    )
