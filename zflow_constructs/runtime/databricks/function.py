"""The function behind the handler: an event in, an answer or a named error out, and no secret in either."""

from collections.abc import Callable
from typing import NoReturn

from cancellation import Cancellation
from client import JobsClient
from clock import Clock
from concealment import Concealment
from credentials import Credentials, SecretsManager
from documents import Document, child, text
from errors import DatabricksError, InvalidRequest
from events import Answer, Check, Execution, Submit
from logs import Log
from report import fit
from runs import Runs
from settings import Settings
from transport import Transport

MARGIN_SECONDS = 5
"""The end of an invocation that is kept for telling its error."""


class DatabricksFunction:
    """Answers the events of the steps of one workspace; lives as long as its process.

    Args:
        settings: The workspace and the secret.
        secrets: A Secrets Manager client.
        clock: Tells the time and waits.
        write: Takes each line of the log.
    """

    def __init__(
        self, *, settings: Settings, secrets: SecretsManager, clock: Clock, write: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._write = write
        self._concealment = Concealment()
        self._credentials = Credentials(settings=settings, secrets=secrets, clock=clock, concealment=self._concealment)

    def answer(self, event: Document, *, remaining_seconds: Callable[[], float]) -> Answer:
        """Do what the event asks for.

        Args:
            event: One of `{"action": "submit"}`, `{"action": "check"}`, `{"action": "stop"}`.
            remaining_seconds: How long the invocation may still last.

        Raises:
            DatabricksError: Named for the state machine; its message tells the step, the run's page and the cause.
        """
        log = Log(write=self._write_hidden, fields=_log_fields(event))
        try:
            answer = self._dispatch(event, remaining_seconds, log)
        except DatabricksError as error:
            self._raise_hidden(event, error, log)
        log.info("answered", {"status": text(answer, "status"), "wait_seconds": answer.get("wait_seconds", 0)})
        return answer

    def _dispatch(self, event: Document, remaining_seconds: Callable[[], float], log: Log) -> Answer:
        transport = Transport(clock=self._clock, time_left=lambda: remaining_seconds() - MARGIN_SECONDS, log=log)
        client = JobsClient(host=self._settings.host, credentials=self._credentials, transport=transport)
        cancellation = Cancellation(client=client, clock=self._clock, transport=transport, log=log)
        runs = Runs(client=client, cancellation=cancellation, clock=self._clock, log=log)
        match text(event, "action"):
            case "submit":
                return runs.submit(Submit.from_document(event))
            case "check":
                return runs.check(Check.from_document(event))
            case "stop":
                return {"canceled": cancellation.stop(Execution.from_document(event))}
            case action:
                raise InvalidRequest(f'The event\'s "action" is "{action}"; expected "submit", "check" or "stop".')

    def _raise_hidden(self, event: Document, error: DatabricksError, log: Log) -> NoReturn:
        message = fit(self._concealment.hide(f"{_subject(event)}: {error}"))
        log.error("failed", {"error": type(error).__name__, "cause": message})
        # `from None`: the first error's text may hold a secret, and a chained error would show it.
        raise type(error)(message) from None

    def _write_hidden(self, line: str) -> None:
        self._write(self._concealment.hide(line))


def _subject(event: Document) -> str:
    """Whom an error is about: the step, or all steps of an execution."""
    step = text(event, "step")
    return f'Step "{step}"' if step else f"Execution {text(event, 'execution')}"


def _log_fields(event: Document) -> Document:
    return {
        "action": text(event, "action"),
        "execution": text(event, "execution"),
        "step": text(event, "step"),
        "run_id": text(child(event, "run"), "run_id"),
    }
