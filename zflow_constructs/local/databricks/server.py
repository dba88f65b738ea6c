"""A double of Databricks' Jobs API, over real HTTP on the loopback interface.

It knows what a workflow needs: one-time runs and runs of jobs, in versions 2.1 and 2.2.
See https://docs.databricks.com/api/workspace/jobs
"""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from zflow_constructs.local.databricks import reading
from zflow_constructs.local.databricks.auth import Authority, OAuthError, TokenRequest
from zflow_constructs.local.databricks.conditions import JsonObject
from zflow_constructs.local.databricks.errors import ApiError, invalid, malformed
from zflow_constructs.local.databricks.faults import Misbehaviour
from zflow_constructs.local.databricks.loopback import LoopbackServer
from zflow_constructs.local.databricks.pages import job_page, list_page, run_page
from zflow_constructs.local.databricks.render import render_output
from zflow_constructs.local.databricks.repairs import parse_repair
from zflow_constructs.local.databricks.requests import job_settings, parse_run_now, parse_submit
from zflow_constructs.local.databricks.shown import Runs, ShownRun, ShownTask

_JOBS = "/api/<any('2.1', '2.2'):version>/jobs"
"""Where the calls are, in the versions that answer alike."""


class DatabricksServer:
    """A Databricks workspace on this machine: it answers the Jobs API.

    Args:
        runs: What makes its runs: a `Scheduler`, which really runs them, or `ScriptedRuns`.
        authority: Who may call.
        misbehaviour: What it does wrong. Default: nothing.

    Example:
        runs = Scheduler(runner=ScriptRunner(...), folder=folder)
        with DatabricksServer(runs, authority=Authority(tokens=["secret"])) as databricks:
            requests.post(f"{databricks.url}/api/2.2/jobs/runs/submit", ...)
    """

    def __init__(
        self,
        runs: Runs,
        *,
        authority: Authority,
        misbehaviour: Misbehaviour | None = None,
    ) -> None:
        self.authority = authority
        self._runs = runs
        app = self._app()
        self._server = LoopbackServer(misbehaviour.before(app) if misbehaviour else app, name=app.name)

    @property
    def url(self) -> str:
        """The workspace's host, as clients are to be given it."""
        return f"http://{self._server.address}"

    def start(self) -> None:
        """Answer requests from now on."""
        self._server.start()

    def stop(self) -> None:
        """Cancel all runs, wait for their end, and answer no more."""
        self._runs.stop()
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
        app.post(f"{_JOBS}/runs/submit", endpoint="submit")(self._guarded(self._submit))
        app.get(f"{_JOBS}/runs/get", endpoint="get")(self._guarded(self._get))
        app.get(f"{_JOBS}/runs/get-output", endpoint="get-output")(self._guarded(self._get_output))
        app.post(f"{_JOBS}/runs/cancel", endpoint="cancel")(self._guarded(self._cancel))
        app.get(f"{_JOBS}/runs/list", endpoint="list")(self._guarded(self._list))
        app.post(f"{_JOBS}/runs/repair", endpoint="repair")(self._guarded(self._repair))
        app.post(f"{_JOBS}/run-now", endpoint="run-now")(self._guarded(self._run_now))
        app.get(f"{_JOBS}/get", endpoint="job")(self._guarded(self._get_job))
        app.register_error_handler(ApiError, _refusal)
        app.register_error_handler(OAuthError, _oauth_refusal)
        app.register_error_handler(HTTPException, _http_error)
        return app

    def _guarded(self, answer: Callable[[], JsonObject]) -> Callable[..., Response]:
        def view(**_version: str) -> Response:
            self.authority.check(request.headers.get("Authorization", ""))
            return jsonify(answer())

        return view

    def _token(self) -> Response:
        basic, form = request.authorization, request.form
        token = self.authority.issue(
            TokenRequest(
                grant_type=form.get("grant_type", ""),
                scope=form.get("scope", ""),
                client_id=(basic and basic.username) or form.get("client_id", ""),
                client_secret=(basic and basic.password) or form.get("client_secret", ""),
                subject_token=form.get("subject_token", ""),
                subject_token_type=form.get("subject_token_type", ""),
            )
        )
        return jsonify(access_token=token.value, token_type="Bearer", scope="all-apis", expires_in=token.expires_in)

    def _host_metadata(self) -> Response:
        return jsonify(oidc_endpoint=f"{self.url}/oidc")

    def _discovery(self) -> Response:
        oidc = f"{self.url}/oidc"
        return jsonify(issuer=oidc, authorization_endpoint=f"{oidc}/v1/authorize", token_endpoint=f"{oidc}/v1/token")

    def _submit(self) -> JsonObject:
        return {"run_id": self._runs.submit(parse_submit(request.get_json(force=True))).run_id}

    def _run_now(self) -> JsonObject:
        run = self._runs.submit(parse_run_now(request.get_json(force=True), self._runs.jobs))
        return {"run_id": run.run_id, "number_in_job": run.run_id}

    def _get(self) -> JsonObject:
        return run_page(self._runs.find(_id(request.args, "run_id")), request.args)

    def _get_output(self) -> JsonObject:
        run, task = self._task_run(_id(request.args, "run_id"))
        return render_output(run, task)

    def _get_job(self) -> JsonObject:
        job_id = _id(request.args, "job_id")
        return job_page(job_id, job_settings(job_id, self._runs.jobs), request.args)

    def _cancel(self) -> JsonObject:
        self._runs.cancel(_id(reading.body_map(request.get_json(force=True)), "run_id"))
        return {}

    def _repair(self) -> JsonObject:
        return {"repair_id": self._runs.repair(parse_repair(request.get_json(force=True)))}

    def _list(self) -> JsonObject:
        return list_page(self._runs.all_runs(), request.args)

    def _task_run(self, run_id: int) -> tuple[ShownRun, ShownTask]:
        run = self._runs.find(run_id)
        keys = {task.key for task in run.tasks}
        if run.run_id == run_id and len(keys) != 1:
            raise invalid(
                "Retrieving the output of runs with multiple tasks is not supported. Please retrieve the"
                " output of each individual task run instead."
            )
        return run, next((task for task in run.tasks if task.run_id == run_id), run.tasks[-1])


def _id(fields: Mapping[str, object], name: str) -> int:
    if name not in fields:
        raise invalid(f"Missing required field: {name}")
    try:
        return int(str(fields[name]))
    except ValueError:
        raise malformed(f"Could not parse request object: {name} {fields[name]!r} is not an integer") from None


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
