"""The five calls of the Jobs API that a step needs.

See https://docs.databricks.com/api/workspace/jobs
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from credentials import Credentials
from documents import Document, children, parse, text
from errors import AuthError, InvalidRequest
from run_state import DatabricksRun
from transport import Request, Response, Transport

API = "/api/2.2/jobs/runs"

LIST_LIMIT = 24
"""The most runs that one page of `runs/list` holds."""


@dataclass(frozen=True, kw_only=True)
class TaskOutput:
    """What a task left when it failed: the error, and its stack trace or the end of its log."""

    error: str
    trace: str
    logs: str


@dataclass(frozen=True, kw_only=True)
class JobsClient:
    """A workspace's Jobs API, for one invocation.

    Args:
        host: The workspace's URL.
        credentials: Its access token.
        transport: Sends the requests.
    """

    host: str
    credentials: Credentials
    transport: Transport

    def submit_run(self, run: Document) -> str:
        """Submit a one-time run; the same `idempotency_token` gives the same run. Returns its id."""
        answer = self._success(self._send("POST", "submit", {}, run))
        run_id = text(answer, "run_id")
        if not run_id:
            raise InvalidRequest(
                f"{self.host} accepted a run but named no run_id: is DATABRICKS_HOST really a workspace?"
            )
        return run_id

    def find_run(self, run_id: str) -> DatabricksRun | None:
        """The run with its first 100 tasks; None when Databricks doesn't know it (any more)."""
        response = self._send("GET", "get", {"run_id": run_id}, {})
        if _is_missing(response):
            return None
        return DatabricksRun.from_document(self._success(response))

    def full_run(self, run_id: str) -> DatabricksRun:
        """The run with all its tasks, of which a page holds 100."""
        pages = [self._success(self._send("GET", "get", {"run_id": run_id}, {}))]
        while token := text(pages[-1], "next_page_token"):
            query = {"run_id": run_id, "page_token": token}
            pages.append(self._success(self._send("GET", "get", query, {})))
        tasks = [task for page in pages for task in children(page, "tasks")]
        return DatabricksRun.from_document({**pages[0], "tasks": tasks})

    def task_output(self, task_run_id: str) -> TaskOutput:
        """The output of one task's run."""
        output = self._success(self._send("GET", "get-output", {"run_id": task_run_id}, {}))
        return TaskOutput(error=text(output, "error"), trace=text(output, "error_trace"), logs=text(output, "logs"))

    def cancel_run(self, run_id: str) -> None:
        """Ask for the cancellation of a run, which takes a while. One that has already ended is left as it is."""
        self._success(self._send("POST", "cancel", {}, {"run_id": int(run_id)}))

    def active_runs(self, *, name_prefix: str) -> Iterator[str]:
        """The ids of the one-time runs that haven't ended and whose names begin like this."""
        query = {"active_only": "true", "run_type": "SUBMIT_RUN", "limit": str(LIST_LIMIT)}
        token = ""
        while True:
            page = self._success(self._send("GET", "list", {**query, "page_token": token} if token else query, {}))
            for run in children(page, "runs"):
                if text(run, "run_name").startswith(name_prefix):
                    yield text(run, "run_id")
            token = text(page, "next_page_token")
            if not token:
                return

    def _send(self, method: str, call: str, query: dict[str, str], body: Document) -> Response:
        """One call; with a new access token, once, if Databricks refuses the one in use."""
        response = self._send_with(self.credentials.token(self.transport), method, call, query, body)
        if _refuses_token(response):
            response = self._send_with(self.credentials.renew(self.transport), method, call, query, body)
        return response

    def _send_with(self, token: str, method: str, call: str, query: dict[str, str], body: Document) -> Response:
        return self.transport.send(
            Request(
                method=method,
                url=f"{self.host}{API}/{call}?{urlencode(query)}".removesuffix("?"),
                headers={
                    "Authorization": f"Bearer {token}",
                    "Content-Type": "application/json",
                    "User-Agent": "zflow-constructs",
                },
                body=json.dumps(body).encode() if body else b"",
            )
        )

    def _success(self, response: Response) -> Document:
        """The body of a successful response.

        Raises:
            AuthError: 401 or 403.
            InvalidRequest: Any other error, or an answer that isn't the API's.
        """
        document = parse(response.body)
        if response.status == HTTPStatus.OK and (document or response.body.strip() in {b"", b"{}"}):
            return document
        problem = f"{text(document, 'error_code')}: {text(document, 'message')}" if document else str(response)
        if response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise AuthError(
                f"{self.host} refused the credentials (HTTP {response.status}, {problem}). Check the secret, and that "
                "its principal may create clusters or use the one that the step names, and that IP access lists let "
                "the function in."
            )
        if not document:
            raise InvalidRequest(f"{self.host} did not answer like a Databricks workspace ({problem}).")
        raise InvalidRequest(f"Databricks refused the request (HTTP {response.status}, {problem}).")


def _refuses_token(response: Response) -> bool:
    """Whether a new token may help: 401, and the 403 that some workspaces give for a token they don't know."""
    if response.status == HTTPStatus.FORBIDDEN:
        return b"token" in response.body.lower()
    return response.status == HTTPStatus.UNAUTHORIZED


def _is_missing(response: Response) -> bool:
    """Whether a run isn't known: 404, or a 400 whose message says so."""
    if response.status == HTTPStatus.BAD_REQUEST:
        message = text(parse(response.body), "message")
        return re.search(r"[Rr]un\b.*(does not|doesn't) exist", message) is not None
    return response.status == HTTPStatus.NOT_FOUND
