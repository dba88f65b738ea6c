"""What the state machine and the rule on ended executions send."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal

from documents import Document, child, number, required_number, required_text, text
from errors import InvalidRequest
from run import Run

Call = Literal["submit", "run-now"]


@dataclass(frozen=True, kw_only=True)
class Execution:
    """An execution of a state machine."""

    arn: str

    @staticmethod
    def from_document(event: Document) -> "Execution":
        """Read `execution` from any event."""
        execution = Execution(arn=required_text(event, "execution"))
        if execution.arn.count(":") < 7:
            raise InvalidRequest(f'"execution" is "{execution.arn}"; expected the ARN of an execution.')
        return execution

    @property
    def name(self) -> str:
        """The machine's name and the execution's, as in "RiskScoring:night-1"."""
        return ":".join(self.arn.split(":")[6:8])

    @property
    def folder(self) -> str:
        """Where the bucket keeps what is known of the execution, as in "RiskScoring/night-1/"."""
        machine, execution = self.arn.split(":")[6:8]
        return f"{machine}/{execution}/"


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How many new attempts a step has, by the kind of failure, and the wait before the first of them."""

    transient: int
    failures: int
    interval_seconds: int


@dataclass(frozen=True, kw_only=True)
class StepEvent:
    """`{"action": "submit"}` or `{"action": "check"}`: an attempt of a step.

    Args:
        execution: The execution.
        started: When it was started, or redriven: milliseconds since the epoch.
        redrive: How often it was redriven.
        step: The step's name.
        item: The iteration of a loop, as in "2/0"; empty outside of loops.
        attempt: The number of the attempt.
        timeout_seconds: How long a run may take.
        retries: The new attempts that the step has.
        allow_failures: Whether a run some of whose tasks failed may be a success.
        values: The small results wanted: names of fields, and the tasks whose notebooks have them.
        call: A one-time run, or a run of an existing job.
        request: The call's body, without what this function adds.
        run: The run so far; None for the first attempt.
    """

    execution: Execution
    started: int
    redrive: int
    step: str
    item: str
    attempt: int
    timeout_seconds: int
    retries: Retries
    allow_failures: bool
    values: Mapping[str, str]
    call: Call
    request: Document
    run: Run | None

    @staticmethod
    def from_document(event: Document) -> "StepEvent":
        """Read the event."""
        timeout_seconds = number(event, "timeout_seconds")
        if timeout_seconds < 1:
            raise InvalidRequest('The event has no "timeout_seconds": a run without a time limit may never end.')
        retries, run = child(event, "retries"), child(event, "run")
        return StepEvent(
            execution=Execution.from_document(event),
            started=_milliseconds(required_text(event, "started")),
            redrive=required_number(event, "redrive"),
            step=required_text(event, "step"),
            item=text(event, "item"),
            attempt=required_number(event, "attempt"),
            timeout_seconds=timeout_seconds,
            retries=Retries(
                transient=number(retries, "transient"),
                failures=number(retries, "failures"),
                interval_seconds=number(retries, "interval_seconds"),
            ),
            allow_failures=event.get("allow_failures") is True,
            values={field: str(task) for field, task in child(event, "values").items()},
            call=_call(text(event, "call")),
            request=child(event, "request"),
            run=Run.from_document(run) if run else None,
        )

    @property
    def idempotency_token(self) -> str:
        """The same for every delivery of this attempt, another one for each attempt, map item and redrive."""
        parts = (self.execution.arn, self.step, self.item, str(self.attempt), str(self.redrive))
        return sha256("\n".join(parts).encode()).hexdigest()

    @property
    def body(self) -> Document:
        """The whole body of the call."""
        request = {**_with_numeric_job_ids(self.request), "idempotency_token": self.idempotency_token}
        if self.call == "run-now":
            return request
        return {
            **request,
            "run_name": f"{self.execution.name}:{self.step}",
            "timeout_seconds": self.timeout_seconds,
        }


@dataclass(frozen=True, kw_only=True)
class Stop:
    """`{"action": "stop"}`: an execution ended, and no run of its may go on.

    Args:
        execution: The execution.
        stopped: When it ended: milliseconds since the epoch.
    """

    execution: Execution
    stopped: int

    @staticmethod
    def from_document(event: Document) -> "Stop":
        """Read the event."""
        return Stop(execution=Execution.from_document(event), stopped=required_number(event, "stopped"))


def _call(value: str) -> Call:
    if value == "submit":
        return "submit"
    if value == "run-now":
        return "run-now"
    raise InvalidRequest(f'The event\'s "call" is "{value}"; expected "submit" or "run-now".')


def _milliseconds(value: str) -> int:
    try:
        return round(datetime.fromisoformat(value).timestamp() * 1000)
    except ValueError:
        raise InvalidRequest(
            f'The event\'s "started" is "{value}"; expected a time like "2026-01-31T03:00:00.123Z".'
        ) from None


def _with_numeric_job_ids(request: Document) -> Document:
    """The request with each id of a job as a number, which is what the API takes.

    Events have them as strings: JSONata would lose digits. A parameter that happens to be named "job_id" stays text.
    """
    return {key: _numeric(key, value) for key, value in request.items()}


def _numeric(key: str, value: object) -> object:
    if key == "job_id" and isinstance(value, str) and value.isdecimal():
        return int(value)
    if key in {"task", "for_each_task", "run_job_task"} and isinstance(value, Mapping):
        return {name: _numeric(name, item) for name, item in value.items()}
    if key == "tasks" and isinstance(value, list):
        return [_with_numeric_job_ids(task) if isinstance(task, Mapping) else task for task in value]
    return value
