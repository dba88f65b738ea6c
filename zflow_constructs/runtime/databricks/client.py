"""The calls of the Jobs API that a step needs.

See https://docs.databricks.com/api/workspace/jobs
"""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from credentials import Credentials
from databricks_run import DatabricksRun
from documents import Document, child, children, parse, text
from errors import AuthError, InvalidRequest
from transport import Request, Response, Transport

API = "/api/2.2/jobs"

STARTING_CALLS = {"submit": "runs/submit", "run-now": "run-now"}


@dataclass(frozen=True, kw_only=True)
class TaskOutput:
    """What a task left: an error with its stack trace, a notebook's result, the end of the log.

    Args:
        error: The error's message.
        trace: Its stack trace.
        result: What a notebook gave to `dbutils.notebook.exit`; None without a call of it.
        result_truncated: Whether the result was longer than the API tells.
        logs: The end of what the task printed; empty for notebooks.
        logs_truncated: Whether it printed more than that.
    """

    error: str
    trace: str
    result: str | None
    result_truncated: bool
    logs: str
    logs_truncated: bool


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

    def start(self, call: str, body: Document) -> str:
        """Submit a one-time run, or start one of an existing job; the same token gives the same run. Returns its id."""
        answer = self._success(self._send("POST", STARTING_CALLS[call], {}, body))
        run_id = text(answer, "run_id")
        if not run_id:
            raise InvalidRequest(
                f"{self.host} accepted a run but named no run_id: is DATABRICKS_HOST really a workspace?"
            )
        return run_id

    def repair_run(self, body: Document) -> None:
        """Run the failed tasks of a run again. Refused unless the run has ended, and nobody repaired it meanwhile."""
        self._success(self._send("POST", "runs/repair", {}, body))

    def find_run(self, run_id: str, *, history: bool = False) -> DatabricksRun | None:
        """The run with its first 100 tasks; None when Databricks doesn't know it (any more).

        Args:
            run_id: The run's id.
            history: Whether its repairs are asked for too.
        """
        query = {"run_id": run_id, **({"include_history": "true"} if history else {})}
        response = self._send("GET", "runs/get", query, {})
        if _is_missing(response):
            return None
        return DatabricksRun.from_document(self._success(response))

    def full_run(self, run_id: str) -> DatabricksRun:
        """The run with all its tasks, of which a page holds 100."""
        pages = [self._success(self._send("GET", "runs/get", {"run_id": run_id}, {}))]
        while token := text(pages[-1], "next_page_token"):
            query = {"run_id": run_id, "page_token": token}
            pages.append(self._success(self._send("GET", "runs/get", query, {})))
        tasks = [task for page in pages for task in children(page, "tasks")]
        return DatabricksRun.from_document({**pages[0], "tasks": tasks, "next_page_token": ""})

    def task_output(self, task_run_id: str) -> TaskOutput:
        """The output of one task's run."""
        output = self._success(self._send("GET", "runs/get-output", {"run_id": task_run_id}, {}))
        notebook = child(output, "notebook_output")
        return TaskOutput(
            error=text(output, "error"),
            trace=text(output, "error_trace"),
            result=text(notebook, "result") if "result" in notebook else None,
            result_truncated=notebook.get("truncated") is True,
            logs=text(output, "logs"),
            logs_truncated=output.get("logs_truncated") is True,
        )

    def cancel_run(self, run_id: str) -> None:
        """Ask for the cancellation of a run, which takes a while. One that has already ended is left as it is."""
        self._success(self._send("POST", "runs/cancel", {}, {"run_id": int(run_id)}))

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
                f"{self.host} refused the credentials (HTTP {response.status}, {problem}). Check them, and that their "
                "principal may create clusters or use the one that the step names (for an existing job: manage its "
                "runs), and that IP access lists let the function in."
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
