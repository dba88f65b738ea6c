"""A submitted run, as it travels through the state machine between two looks."""

from dataclasses import dataclass

from documents import Document, number, required_number, required_text, text


@dataclass(frozen=True, kw_only=True)
class Run:
    """What an answer tells of a run, and the next event brings back.

    Args:
        run_id: Databricks' id, 64 bits: a string, since JSON numbers lose digits in JSONata.
        url: The run's page in the workspace.
        attempt: 0 for the first attempt of the step, in this redrive.
        redrive: How often the execution had been redriven when the run was submitted, or repaired.
        submitted_at: When the run was submitted, or repaired: seconds since the epoch.
        token: The idempotency token that the run was submitted with, which names its record.
        transient_retries: How many attempts were made anew after transient failures.
        failure_retries: How many were after failures of the job itself.
    """

    run_id: str
    url: str
    attempt: int
    redrive: int
    submitted_at: int
    token: str
    transient_retries: int = 0
    failure_retries: int = 0

    @staticmethod
    def from_document(document: Document) -> "Run":
        """Read a run from an event."""
        return Run(
            run_id=required_text(document, "run_id"),
            url=text(document, "url"),
            attempt=required_number(document, "attempt"),
            redrive=required_number(document, "redrive"),
            submitted_at=required_number(document, "submitted_at"),
            token=required_text(document, "token"),
            transient_retries=number(document, "transient_retries"),
            failure_retries=number(document, "failure_retries"),
        )
