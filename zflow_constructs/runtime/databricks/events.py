"""What the state machine sends, and what it gets back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256

from documents import Document, child, number, text
from errors import InvalidRequest

Answer = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Run:
    """A submitted run, as it travels through the state machine between two looks.

    Args:
        run_id: Databricks' id, 64 bits: a string, since JSON numbers lose digits in JSONata.
        url: The run's page in the workspace.
        attempt: 0 for the first attempt of the step.
        redrive: How often the execution had been redriven when the run was submitted.
        submitted_at: Seconds since the epoch.
        timeout_seconds: The time limit of the run.
        max_attempts: How many attempts the step has, the first one included.
    """

    run_id: str
    url: str
    attempt: int
    redrive: int
    submitted_at: int
    timeout_seconds: int
    max_attempts: int

    @staticmethod
    def from_document(document: Document) -> "Run":
        """Read a run from an event."""
        return Run(
            run_id=_required_text(document, "run_id"),
            url=text(document, "url"),
            attempt=_required_number(document, "attempt"),
            redrive=_required_number(document, "redrive"),
            submitted_at=_required_number(document, "submitted_at"),
            timeout_seconds=_required_number(document, "timeout_seconds"),
            max_attempts=_required_number(document, "max_attempts"),
        )


@dataclass(frozen=True, kw_only=True)
class Execution:
    """An execution of a state machine."""

    arn: str

    @staticmethod
    def from_document(event: Document) -> "Execution":
        """Read `execution` from any event."""
        execution = Execution(arn=_required_text(event, "execution"))
        if execution.arn.count(":") < 7:
            raise InvalidRequest(f'"execution" is "{execution.arn}"; expected the ARN of an execution.')
        return execution

    @property
    def run_name_prefix(self) -> str:
        """What the names of all runs of this execution begin with: the machine's name and the execution's."""
        return ":".join(self.arn.split(":")[6:8]) + ":"


@dataclass(frozen=True, kw_only=True)
class Submit:
    """`{"action": "submit"}`: submit a run for an attempt of a step."""

    execution: Execution
    step: str
    item: str
    attempt: int
    redrive: int
    max_attempts: int
    timeout_seconds: int
    request: Document

    @staticmethod
    def from_document(event: Document) -> "Submit":
        """Read the event."""
        request = child(event, "request")
        timeout_seconds = number(request, "timeout_seconds")
        if timeout_seconds < 1:
            raise InvalidRequest('The request has no "timeout_seconds": a run without a time limit may never end.')
        return Submit(
            execution=Execution.from_document(event),
            step=_required_text(event, "step"),
            item=text(event, "item"),
            attempt=_required_number(event, "attempt"),
            redrive=_required_number(event, "redrive"),
            max_attempts=_required_number(event, "max_attempts"),
            timeout_seconds=timeout_seconds,
            request=request,
        )

    @property
    def run_name(self) -> str:
        """The run's name in Databricks, which begins with the prefix of its execution."""
        return f"{self.execution.run_name_prefix}{self.step}"

    @property
    def idempotency_token(self) -> str:
        """The same for every delivery of this attempt, another one for each attempt, map item and redrive."""
        parts = (self.execution.arn, self.step, self.item, str(self.attempt), str(self.redrive))
        return sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Check:
    """`{"action": "check"}`: look how a run is doing."""

    redrive: int
    run: Run

    @staticmethod
    def from_document(event: Document) -> "Check":
        """Read the event."""
        return Check(redrive=_required_number(event, "redrive"), run=Run.from_document(child(event, "run")))

    @property
    def redriven(self) -> bool:
        """Whether the execution was redriven since the run was submitted."""
        return self.redrive > self.run.redrive


def wait(run: Run, *, seconds: int) -> Answer:
    """Answer that the run goes on: look again after so many seconds."""
    return {"status": "WAIT", "wait_seconds": seconds, "run": asdict(run)}


def submit_again(run: Run, *, attempt: int, seconds: int) -> Answer:
    """Answer that a new attempt is due after so many seconds."""
    return {"status": "SUBMIT", "wait_seconds": seconds, "attempt": attempt, "run": asdict(run)}


def done(run: Run) -> Answer:
    """Answer that the run succeeded."""
    result = {"run_id": run.run_id, "url": run.url, "state": "SUCCESS"}
    return {"status": "DONE", "run": asdict(run), "result": result}


def _required_text(document: Document, key: str) -> str:
    value = text(document, key)
    if not value:
        raise InvalidRequest(f'The event has no "{key}"; its fields: {_names(document)}.')
    return value


def _required_number(document: Document, key: str) -> int:
    if not isinstance(document.get(key), int | float):
        raise InvalidRequest(f'The event has no number "{key}"; its fields: {_names(document)}.')
    return number(document, key)


def _names(document: Mapping[str, object]) -> str:
    return ", ".join(sorted(document)) or "none"
