"""Cancelling runs, and seeing them end: Databricks cancels asynchronously.

See https://docs.databricks.com/api/workspace/jobs/cancelrun
"""

from collections.abc import Iterable
from dataclasses import dataclass

from client import JobsClient
from clock import Clock
from errors import DatabricksError, InvalidRequest, TimedOut
from events import Execution
from logs import Log
from transport import Transport

LOOK_SECONDS = 5
"""The pause between two looks at runs that are being cancelled."""

SETTLE_SECONDS = 5
"""A submission under way when its execution stopped shows in the list of runs within this time."""


@dataclass(frozen=True, kw_only=True)
class Cancellation:
    """Ends runs for good.

    Args:
        client: The workspace's Jobs API.
        clock: Waits between two looks.
        transport: Knows how much time the invocation has left.
        log: Gets a line for each run cancelled.
    """

    client: JobsClient
    clock: Clock
    transport: Transport
    log: Log

    def cancel(self, run_id: str) -> None:
        """Ask for a run's cancellation; whether it has ended is for a later look to tell."""
        try:
            self.client.cancel_run(run_id)
        except InvalidRequest as error:
            # The run may have ended just now. If it hasn't, the look that follows sees it go on.
            self.log.warning("cancellation refused", {"run_id": run_id, "problem": str(error)})
        else:
            self.log.info("cancellation asked for", {"run_id": run_id})

    def wait(self, run_id: str, *, seconds: float) -> None:
        """Wait until a run has ended, at most for so many seconds, or for the time left."""
        until = self.clock.now() + seconds
        while self._going_on([run_id]) and self.clock.now() < until and self._may_pause():
            self.clock.sleep(LOOK_SECONDS)

    def stop(self, execution: Execution) -> list[str]:
        """Cancel every run of an execution that has ended, and see them end.

        Returns:
            The ids of the runs that were cancelled.

        Raises:
            TimedOut: A run hasn't ended in the time of this invocation. The next delivery of the event goes on.
        """
        canceled: list[str] = []
        going_on: list[str] = []
        problems: list[str] = []
        settled_at = self.clock.now() + SETTLE_SECONDS
        while True:
            listed = self.client.active_runs(name_prefix=execution.run_name_prefix)
            new = [run_id for run_id in listed if run_id not in canceled]
            canceled += new
            for run_id in new:
                try:
                    self.cancel(run_id)
                except DatabricksError as error:  # One refusal must not spare the other runs.
                    problems.append(f"Run {run_id}: {error}")
            going_on = self._going_on(going_on + new)
            if not going_on and self.clock.now() >= settled_at:
                return canceled
            if not self._may_pause():
                raise TimedOut("\n".join([f"Not seen to end after their cancellation: {going_on}.", *problems]))
            self.clock.sleep(LOOK_SECONDS)

    def _going_on(self, run_ids: Iterable[str]) -> list[str]:
        """Those of the runs that haven't ended; one that Databricks has forgotten has."""
        found = {run_id: self.client.find_run(run_id) for run_id in run_ids}
        return [run_id for run_id, run in found.items() if run is not None and not run.state.final]

    def _may_pause(self) -> bool:
        return self.transport.time_left() > 2 * LOOK_SECONDS
