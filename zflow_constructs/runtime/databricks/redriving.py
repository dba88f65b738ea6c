"""What becomes of a run that failed when its execution is redriven.

A one-time run is submitted anew. A run of an existing job is repaired: its tasks that succeeded don't run again.
A repair takes no idempotency token; but Databricks refuses it while the run is active, and unless it names the latest
repair before it. So one that is sent twice is done once.
"""

from dataclasses import dataclass, replace

from answers import SHORTEST_WAIT_SECONDS, Answer, submit_again, wait, wait_seconds
from client import JobsClient
from clock import Clock
from databricks_run import DatabricksRun
from documents import Document
from errors import InvalidRequest
from events import StepEvent
from logs import Log
from metrics import Metrics
from records import Records, known
from run import Run
from submission import refuse_if_stopped

REPEATED_FIELDS = {
    "dbt_commands",
    "duration_target",
    "jar_params",
    "job_parameters",
    "notebook_params",
    "performance_target",
    "pipeline_params",
    "python_named_params",
    "python_params",
    "spark_submit_params",
    "sql_params",
}
"""What a repair takes of the run's own request: it forgets parameters that it isn't told again."""


@dataclass(frozen=True, kw_only=True)
class Redriving:
    """Goes on with the runs of a redriven execution.

    Args:
        client: The workspace's Jobs API.
        records: What is on record of the execution.
        clock: Tells when a run was repaired.
        log: Gets a line for each repair.
        metrics: Counts them.
    """

    client: JobsClient
    records: Records
    clock: Clock
    log: Log
    metrics: Metrics

    def find(self, event: StepEvent, run: Run) -> DatabricksRun | None:
        """The run, with its repairs if it may have to be repaired."""
        return self.client.find_run(run.run_id, history=is_redriven(event, run) and event.call == "run-now")

    def adopt(self, event: StepEvent, run: Run, found: DatabricksRun) -> Run:
        """The run as this redrive has repaired it already, if the answer to that was lost."""
        if found.repair is None or found.repair.started < event.started or not is_redriven(event, run):
            return run
        repaired = _repaired(event, run, at=found.repair.started // 1000)
        self.log.info("repaired already", {"repair_id": found.repair.id})
        self._confirm(event, repaired)
        return repaired

    def again(self, event: StepEvent, run: Run, found: DatabricksRun) -> Answer:
        """Repair a run that has ended without success, or have a new one submitted.

        Raises:
            Canceled: The execution was stopped again.
            DatabricksError: Databricks or S3 refused, or wasn't reached.
        """
        if event.call == "submit":
            return submit_again(run, attempt=0, seconds=1)
        refuse_if_stopped(event, self.records)
        body = _repair_body(event, found)
        self.records.write(replace(known(event, run), repair=body, pending=True))
        # Once more: a stop that listed the records before this one was written took the run for ended.
        refuse_if_stopped(event, self.records)
        try:
            self.client.repair_run(body)
        except InvalidRequest as error:
            return self._refused(event, run, error)
        self.metrics.add("Submissions")
        self.log.info("repair asked for", {})
        repaired = _repaired(event, run, at=int(self.clock.now()))
        self._confirm(event, repaired)
        return wait(repaired, seconds=wait_seconds(repaired, elapsed=0))

    def _refused(self, event: StepEvent, run: Run, error: InvalidRequest) -> Answer:
        """A refusal may mean that the same request got through before, and its answer was lost."""
        found = self.find(event, run)
        if found is not None:
            adopted = self.adopt(event, run, found)
            if adopted is run and not found.state.final:
                adopted = _repaired(event, run, at=int(self.clock.now()))
                self._confirm(event, adopted)
            if adopted is not run:
                return wait(adopted, seconds=SHORTEST_WAIT_SECONDS)
        self.log.warning("repair refused", {"problem": str(error)})
        self.records.write(replace(known(event, run), ended=True))
        return submit_again(run, attempt=0, seconds=1)

    def _confirm(self, event: StepEvent, run: Run) -> None:
        self.records.write(known(event, run))


def is_redriven(event: StepEvent, run: Run) -> bool:
    """Whether the execution was redriven since the run was submitted, or repaired."""
    return event.redrive > run.redrive


def _repair_body(event: StepEvent, found: DatabricksRun) -> Document:
    latest = {"latest_repair_id": int(found.repair.id)} if found.repair else {}
    repeated = {field: value for field, value in event.request.items() if field in REPEATED_FIELDS}
    return {"run_id": int(found.run_id), "rerun_all_failed_tasks": True, **latest, **repeated}


def _repaired(event: StepEvent, run: Run, *, at: int) -> Run:
    """The run, which begins anew: its time limit and its new attempts are counted from here."""
    return replace(run, redrive=event.redrive, attempt=0, submitted_at=at, transient_retries=0, failure_retries=0)
