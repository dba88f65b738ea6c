"""What the bucket knows of an execution: the runs that it asked for, and whether it was stopped.

    RiskScoring/night-1/runs/<idempotency token>.json
    RiskScoring/night-1/stopped.json                     {"stopped": 1700000000123}

A submission writes its record, and then reads whether the execution was stopped; a stop writes that it was, and then
lists the records. S3 is strongly consistent: whichever comes first, one of the two sees the other.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from documents import Document, child, number, text
from events import Execution, StepEvent
from objects import Objects
from run import Run


@dataclass(frozen=True, kw_only=True)
class Record:
    """A run that was asked for.

    Args:
        token: The idempotency token of its submission.
        step: The step's name.
        item: The iteration of a loop.
        attempt: The number of the attempt.
        redrive: How often the execution was redriven.
        started: When the execution was started, or redriven: milliseconds since the epoch.
        call: The Jobs API's call that starts it, "submit" or "run-now".
        request: That call's body.
        repair: The body of the run's repair, if it is repaired.
        pending: Whether the answer to the last of these calls isn't known.
        ended: Whether the run was seen to end, or never began.
        run_id: The run's id, once it is known.
        url: The run's page.
    """

    token: str
    step: str
    item: str
    attempt: int
    redrive: int
    started: int
    call: str
    request: Document
    repair: Document
    pending: bool
    ended: bool
    run_id: str
    url: str

    @staticmethod
    def from_document(document: Document) -> "Record":
        """Read a record."""
        return Record(
            token=text(document, "token"),
            step=text(document, "step"),
            item=text(document, "item"),
            attempt=number(document, "attempt"),
            redrive=number(document, "redrive"),
            started=number(document, "started"),
            call=text(document, "call"),
            request=child(document, "request"),
            repair=child(document, "repair"),
            pending=document.get("pending") is True,
            ended=document.get("ended") is True,
            run_id=text(document, "run_id"),
            url=text(document, "url"),
        )


@dataclass(frozen=True, kw_only=True)
class Records:
    """The records of one execution.

    Args:
        objects: The workspace's bucket.
        execution: The execution.
    """

    objects: Objects
    execution: Execution

    def create(self, record: Record) -> str:
        """Write a record, and tell the version written; nothing if there is one with its token."""
        return self.objects.create(self._key(record), asdict(record))

    def close(self, record: Record, *, version: str) -> None:
        """Write that a run never began, unless somebody has written since: a stop that asked for the run itself."""
        ended = replace(record, pending=False, ended=True)
        self.objects.replace(self._key(record), asdict(ended), version=version)

    def write(self, record: Record) -> None:
        """Write a record over an older one."""
        self.objects.write(self._key(record), asdict(record))

    def open(self) -> Iterator[Record]:
        """The records of the runs that aren't known to have ended."""
        for key in self.objects.keys(f"{self.execution.folder}runs/"):
            record = Record.from_document(self.objects.read(key) or {"ended": True})
            if not record.ended:
                yield record

    def stopped(self) -> int:
        """When the execution was stopped, the last time; 0 if it never was."""
        return number(self.objects.read(self._stopped_key) or {}, "stopped")

    def stop(self, at: int) -> int:
        """Write that the execution was stopped, and tell when it was, the last time."""
        stopped = max(at, self.stopped())
        self.objects.write(self._stopped_key, {"stopped": stopped})
        return stopped

    @property
    def _stopped_key(self) -> str:
        return f"{self.execution.folder}stopped.json"

    def _key(self, record: Record) -> str:
        return f"{self.execution.folder}runs/{record.token}.json"


def asked(event: StepEvent) -> Record:
    """The record of a run that is about to be asked for."""
    return Record(
        token=event.idempotency_token,
        step=event.step,
        item=event.item,
        attempt=event.attempt,
        redrive=event.redrive,
        started=event.started,
        call=event.call,
        request=event.body,
        repair={},
        pending=True,
        ended=False,
        run_id="",
        url="",
    )


def known(event: StepEvent, run: Run) -> Record:
    """The record of a run that there is."""
    return replace(
        asked(event),
        token=run.token,
        attempt=run.attempt,
        redrive=run.redrive,
        request={**event.body, "idempotency_token": run.token},
        pending=False,
        run_id=run.run_id,
        url=run.url,
    )
