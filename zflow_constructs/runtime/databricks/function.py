"""The function behind the handler: an event in, an answer or a named error out, and no secret in either."""

import json
from collections.abc import Callable
from typing import NoReturn

from answers import Answer
from aws import Clients
from clock import Clock
from concealment import Concealment
from credentials import Credentials, TokenSource
from documents import Document, child, number, parse, text
from errors import DatabricksError, InvalidRequest
from events import StepEvent, Stop
from federation import FederatedRole
from invocation import Invocation
from logs import Log
from metrics import Metrics
from oauth import TokenEndpoint
from objects import Objects
from report import fit
from settings import Settings
from stored_secret import StoredSecret
from transport import Transport

MARGIN_SECONDS = 5
"""The end of an invocation that is kept for telling its error."""


class DatabricksFunction:
    """Answers the events of the steps of one workspace; lives as long as its process.

    Args:
        settings: The workspace and its credentials.
        clients: The clients of AWS's services.
        clock: Tells the time and waits.
        write: Takes each line of the log.
    """

    def __init__(self, *, settings: Settings, clients: Clients, clock: Clock, write: Callable[[str], None]) -> None:
        self._settings = settings
        self._clock = clock
        self._write = write
        self._concealment = Concealment()
        for secret in settings.proxy.secrets if settings.proxy else ():
            self._concealment.add(secret)
        self._objects = Objects(s3=clients.s3, bucket=settings.bucket, concealment=self._concealment)
        self._credentials = Credentials(source=self._source(clients), clock=clock)

    def answer(self, event: Document, *, remaining_seconds: Callable[[], float]) -> Answer:
        """Do what the event asks for.

        Args:
            event: One of `{"action": "submit"}`, `{"action": "check"}`, `{"action": "stop"}`.
            remaining_seconds: How long the invocation may still last.

        Raises:
            DatabricksError: Named for the state machine; its message tells the step, the run's page and the cause.
        """
        fields = _log_fields(event)
        log = Log(write=self._write_hidden, fields=fields)
        metrics = Metrics()
        transport = Transport(
            clock=self._clock,
            time_left=lambda: remaining_seconds() - MARGIN_SECONDS,
            log=log,
            metrics=metrics,
            proxy=self._settings.proxy,
        )
        try:
            answer = self._dispatch(event, transport, log, metrics)
        except DatabricksError as error:
            metrics.fail(type(error).__name__)
            self._raise_hidden(event, error, log)
        else:
            status, seconds = text(answer, "status"), number(answer, "wait_seconds")
            if status in {"WAIT", "SUBMIT"}:
                metrics.add("WaitSeconds", seconds)
            log = log.having({"run_id": text(child(answer, "run"), "run_id")})
            log.info("answered", {"status": status, "wait_seconds": seconds})
            return dict(parse(self._concealment.hide(json.dumps(answer)).encode()))
        finally:
            self._tell(metrics, log)

    def _dispatch(self, event: Document, transport: Transport, log: Log, metrics: Metrics) -> Answer:
        invocation = Invocation(
            host=self._settings.host,
            credentials=self._credentials,
            objects=self._objects,
            clock=self._clock,
            transport=transport,
            log=log,
            metrics=metrics,
        )
        match text(event, "action"):
            case "submit":
                return invocation.submit(StepEvent.from_document(event))
            case "check":
                return invocation.check(StepEvent.from_document(event))
            case "stop":
                return {"canceled": invocation.stop(Stop.from_document(event))}
            case action:
                raise InvalidRequest(f'The event\'s "action" is "{action}"; expected "submit", "check" or "stop".')

    def _source(self, clients: Clients) -> TokenSource:
        endpoint = TokenEndpoint(host=self._settings.host, clock=self._clock, concealment=self._concealment)
        if self._settings.auth == "aws-iam":
            return FederatedRole(
                settings=self._settings, tokens=clients.tokens(), endpoint=endpoint, concealment=self._concealment
            )
        return StoredSecret(
            settings=self._settings, secrets=clients.secrets(), endpoint=endpoint, concealment=self._concealment
        )

    def _tell(self, metrics: Metrics, log: Log) -> None:
        document = metrics.document(workspace=self._settings.workspace, at=self._clock.now())
        if document:
            log.info("metrics", document)

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
    item = text(event, "item")
    if step:
        return f'Step "{step}" (item {item})' if item else f'Step "{step}"'
    return f"Execution {text(event, 'execution')}"


def _log_fields(event: Document) -> Document:
    # The run that a submission brings is that of the attempt before.
    run = child(event, "run") if text(event, "action") == "check" else {}
    return {
        "action": text(event, "action"),
        "execution": text(event, "execution"),
        "step": text(event, "step"),
        "item": text(event, "item"),
        "attempt": number(run or event, "attempt"),
        "run_id": text(run, "run_id"),
    }
