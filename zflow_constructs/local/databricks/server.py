"""A double of Databricks' Jobs API, over real HTTP on the loopback interface.

It knows what a workflow needs: one-time runs (https://docs.databricks.com/api/workspace/jobs), versions 2.1 and 2.2.
"""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from zflow_constructs.local.databricks.auth import Authority, OAuthError
from zflow_constructs.local.databricks.endings import CANCELED
from zflow_constructs.local.databricks.errors import ApiError, invalid, malformed
from zflow_constructs.local.databricks.loopback import LoopbackServer
from zflow_constructs.local.databricks.pages import list_page, run_page
from zflow_constructs.local.databricks.render import JsonObject, render_output
from zflow_constructs.local.databricks.requests import parse_submit
from zflow_constructs.local.databricks.runner import TaskRunner
from zflow_constructs.local.databricks.runs import Run, TaskRun
from zflow_constructs.local.databricks.scheduler import RunReporter, Scheduler

_VERSIONS = ("2.1", "2.2")
_NO_CLIENTS: Mapping[str, str] = MappingProxyType({})


def ignore(run_name: str, line: str) -> None:
    """Drop a line: the reporter of those who don't listen."""


class DatabricksServer:
    """A Databricks workspace on this machine: it answers the Jobs API, and its runs are really run.

    Args:
        runner: Runs the tasks.
        folder: Gets a folder for each run.
        tokens: The personal access tokens that are valid. Default: none.
        clients: The secret of each service principal, by client id. Default: none.
        token_seconds: How long an OAuth access token lives. Default: 3600, as on Databricks.
        max_active_runs: How many runs may be active at once; the others are queued. Default: 2.
        on_line: Gets the run's name and each line that its tasks write. Default: nobody listens.

    Example:
        with DatabricksServer(runner=ScriptRunner(...), folder=folder, tokens=["secret"]) as databricks:
            requests.post(f"{databricks.url}/api/2.2/jobs/runs/submit", ...)
    """

    def __init__(
        self,
        *,
        runner: TaskRunner,
        folder: Path,
        tokens: Collection[str] = (),
        clients: Mapping[str, str] = _NO_CLIENTS,
        token_seconds: int = 3600,
        max_active_runs: int = 2,
        on_line: RunReporter = ignore,
    ) -> None:
        self.authority = Authority(tokens=tokens, clients=clients, token_seconds=token_seconds)
        self._scheduler = Scheduler(runner=runner, folder=folder, on_line=on_line, max_active_runs=max_active_runs)
        self._server = LoopbackServer(self._app())

    @property
    def url(self) -> str:
        """The workspace's host, as clients are to be given it."""
        return f"http://{self._server.address}"

    def start(self) -> None:
        """Answer requests from now on."""
        self._server.start()

    def stop(self) -> None:
        """Cancel all runs, wait for their end, and answer no more."""
        self._scheduler.stop()
        self._server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _app(self) -> Flask:
        app = Flask("databricks")
        app.json.sort_keys = False  # type: ignore[attr-defined]  # of Flask's default provider
        app.post("/oidc/v1/token")(self._token)
        app.get("/.well-known/databricks-config")(self._host_metadata)
        app.get("/oidc/.well-known/oauth-authorization-server")(self._discovery)
        for version in _VERSIONS:
            runs = f"/api/{version}/jobs/runs"
            app.post(f"{runs}/submit", endpoint=f"{version}-submit")(self._guarded(self._submit))
            app.get(f"{runs}/get", endpoint=f"{version}-get")(self._guarded(self._get))
            app.get(f"{runs}/get-output", endpoint=f"{version}-get-output")(self._guarded(self._get_output))
            app.post(f"{runs}/cancel", endpoint=f"{version}-cancel")(self._guarded(self._cancel))
            app.get(f"{runs}/list", endpoint=f"{version}-list")(self._guarded(self._list))
        app.register_error_handler(ApiError, _refusal)
        app.register_error_handler(OAuthError, _oauth_refusal)
        app.register_error_handler(HTTPException, _http_error)
        return app

    def _guarded(self, answer: Callable[[], JsonObject]) -> Callable[[], Response]:
        def view() -> Response:
            self.authority.check(request.headers.get("Authorization", ""))
            return jsonify(answer())

        return view

    def _token(self) -> Response:
        basic, form = request.authorization, request.form
        token = self.authority.issue(
            grant_type=form.get("grant_type", ""),
            scope=form.get("scope", ""),
            client_id=(basic and basic.username) or form.get("client_id", ""),
            client_secret=(basic and basic.password) or form.get("client_secret", ""),
        )
        return jsonify(access_token=token.value, token_type="Bearer", scope="all-apis", expires_in=token.expires_in)

    def _host_metadata(self) -> Response:
        return jsonify(oidc_endpoint=f"{self.url}/oidc")

    def _discovery(self) -> Response:
        oidc = f"{self.url}/oidc"
        return jsonify(issuer=oidc, authorization_endpoint=f"{oidc}/v1/authorize", token_endpoint=f"{oidc}/v1/token")

    def _submit(self) -> JsonObject:
        return {"run_id": self._scheduler.submit(parse_submit(request.get_json(force=True))).run_id}

    def _get(self) -> JsonObject:
        return run_page(self._run(_run_id(request.args.get("run_id"))), request.args)

    def _get_output(self) -> JsonObject:
        run, task = self._task_run(_run_id(request.args.get("run_id")))
        return render_output(run, task)

    def _cancel(self) -> JsonObject:
        body = request.get_json(force=True)
        if not isinstance(body, dict):
            raise malformed("Invalid JSON given in the body of the request - expected a map")
        self._run(_run_id(body.get("run_id"))).interrupt(CANCELED)
        return {}

    def _list(self) -> JsonObject:
        return list_page(self._scheduler.all_runs(), request.args)

    def _run(self, run_id: int) -> Run:
        for run in self._scheduler.all_runs():
            if run.run_id == run_id or run_id in (task.run_id for task in run.tasks):
                return run
        raise invalid(f"Run {run_id} does not exist.")

    def _task_run(self, run_id: int) -> tuple[Run, TaskRun]:
        run = self._run(run_id)
        if run.run_id == run_id and len(run.tasks) > 1:
            raise invalid(
                "Retrieving the output of runs with multiple tasks is not supported. Please retrieve the"
                " output of each individual task run instead."
            )
        return run, next((task for task in run.tasks if task.run_id == run_id), run.tasks[0])


def _run_id(value: object) -> int:
    if value is None:
        raise invalid("Missing required field: run_id")
    try:
        return int(str(value))
    except ValueError:
        raise malformed(f"Could not parse request object: run_id {value!r} is not an integer") from None


def _refusal(error: ApiError) -> tuple[Response, int]:
    return jsonify(error_code=error.error_code, message=error.message), error.status


def _oauth_refusal(error: OAuthError) -> tuple[Response, int]:
    return jsonify(error=error.error, error_description=error.description), error.status


def _http_error(error: HTTPException) -> tuple[Response, int]:
    if error.code in (404, 405):
        message = f"No API found for '{request.method} {request.path}'"
        return jsonify(error_code="ENDPOINT_NOT_FOUND", message=message), 404
    error_code = "MALFORMED_REQUEST" if error.code == 400 else "INTERNAL_ERROR"
    return jsonify(error_code=error_code, message=error.description), error.code or 500
