"""Cancelling a run, and seeing it end: Databricks cancels asynchronously.

See https://docs.databricks.com/api/workspace/jobs/cancelrun
"""

from dataclasses import dataclass

from client import JobsClient
from clock import Clock
from errors import InvalidRequest
from logs import Log
from metrics import Metrics
from transport import Transport

LOOK_SECONDS = 5
"""The pause between two looks at runs that are being cancelled."""


@dataclass(frozen=True, kw_only=True)
class Cancellation:
    """Ends runs for good.

    Args:
        client: The workspace's Jobs API.
        clock: Waits between two looks.
        transport: Knows how much time the invocation has left.
        log: Gets a line for each run cancelled.
        metrics: Counts the cancellations.
    """

    client: JobsClient
    clock: Clock
    transport: Transport
    log: Log
    metrics: Metrics

    def cancel(self, run_id: str) -> None:
        """Ask for a run's cancellation; whether it has ended is for a later look to tell."""
        try:
            self.client.cancel_run(run_id)
        except InvalidRequest as error:
            # The run may have ended just now. If it hasn't, the look that follows sees it go on.
            self.log.warning("cancellation refused", {"run_id": run_id, "problem": str(error)})
        else:
            self.metrics.add("Cancellations")
            self.log.info("cancellation asked for", {"run_id": run_id})

    def wait(self, run_id: str, *, seconds: float) -> None:
        """Wait until a run has ended, at most for so many seconds, or for the time left."""
        until = self.clock.now() + seconds
        while self.goes_on(run_id) and self.clock.now() < until and self.may_pause():
            self.pause()

    def goes_on(self, run_id: str) -> bool:
        """Whether a run hasn't ended; one that Databricks has forgotten has."""
        run = self.client.find_run(run_id)
        return run is not None and not run.state.final

    def may_pause(self) -> bool:
        """Whether there is time for another look."""
        return self.transport.time_left() > 2 * LOOK_SECONDS

    def pause(self) -> None:
        """Wait until the next look."""
        self.clock.sleep(LOOK_SECONDS)
