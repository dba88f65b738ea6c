"""Stopping an execution: no run that it asked for may go on, whatever became of the answers."""

from dataclasses import dataclass, replace

from cancellation import Cancellation
from client import JobsClient
from errors import DatabricksError, InvalidRequest, TimedOut
from events import Stop
from logs import Log
from records import Record, Records

PATIENCE_SECONDS = 20
"""How long one call is tried for: a run that can't be reached must not spare the others."""


@dataclass(frozen=True, kw_only=True)
class Stopping:
    """Cancels the runs of an execution that has ended.

    Args:
        client: The workspace's Jobs API; its patience is `PATIENCE_SECONDS`, and so is the cancellation's.
        cancellation: Ends a run.
        records: What is on record of the execution.
        log: Gets a line for each run that never began.
    """

    client: JobsClient
    cancellation: Cancellation
    records: Records
    log: Log

    def stop(self, event: Stop) -> list[str]:
        """Cancel every run that the execution has asked for, and see them end.

        Returns:
            The ids of the runs that were cancelled.

        Raises:
            TimedOut: A run hasn't ended in the time of this invocation. The next delivery of the event goes on.
            DatabricksError: The records could not be read.
        """
        stopped = self.records.stop(event.stopped)
        # What was started later belongs to a redrive, which goes on.
        going_on = [record for record in self.records.open() if record.started <= stopped]
        canceled: list[str] = []
        while going_on:
            problems: list[str] = []
            left: list[Record] = []
            for record in going_on:
                try:
                    advanced = self._advance(record, canceled)
                except DatabricksError as error:  # One refusal must not spare the other runs.
                    problems.append(f"{_name(record)}: {error}")
                    advanced = record
                if advanced is not None:
                    left.append(advanced)
            going_on = left
            if going_on and not self.cancellation.may_pause():
                names = ", ".join(_name(record) for record in going_on)
                raise TimedOut("\n".join([f"Not seen to end after their cancellation: {names}.", *problems]))
            if going_on:
                self.cancellation.pause()
        return canceled

    def _advance(self, record: Record, canceled: list[str]) -> Record | None:
        """Bring a run nearer to its end; None once it has ended."""
        settled = self._settle(record) if record.pending else record
        if settled.run_id and self.cancellation.goes_on(settled.run_id):
            if settled.run_id not in canceled:
                self.cancellation.cancel(settled.run_id)
                canceled.append(settled.run_id)
            return settled
        self._note(replace(settled, ended=True))
        return None

    def _settle(self, record: Record) -> Record:
        """Learn what became of a call whose answer isn't known, by the same call.

        The token gives the run that there is, or one that no later delivery of the submission can start again. And the
        repair that comes second is refused.
        """
        try:
            if record.repair:
                self.client.repair_run(record.repair)
                run_id = record.run_id
            else:
                run_id = self.client.start(record.call, record.request)
        except InvalidRequest as error:
            self.log.info("nothing to stop", {"step": record.step, "item": record.item, "problem": str(error)})
            run_id = record.run_id
        settled = replace(record, pending=False, run_id=run_id)
        self._note(settled)
        return settled

    def _note(self, record: Record) -> None:
        """Bring a record up to date; without that, the next delivery of the event only asks once more."""
        try:
            self.records.write(record)
        except DatabricksError as error:
            self.log.warning("record not kept", {"run_id": record.run_id, "problem": str(error)})


def _name(record: Record) -> str:
    run = f"run {record.run_id}" if record.run_id else "a run whose submission was under way"
    return f"{run} of the step {record.step}{f' ({record.item})' if record.item else ''}"
