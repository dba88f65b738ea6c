"""A Databricks workspace on loopback whose runs follow a script, and which misbehaves when told to."""

import json
import threading
from base64 import b64decode
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs, urlsplit

Json = dict[str, object]

PAGE = 100
FIRST_REPAIR_ID = 8_007_199_254_740_993
FIRST_RUN_ID = 9_007_199_254_740_993  # One more than a double can tell from its neighbour.


class SimulatedClock:
    """Time that passes only when someone sleeps."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0
        self.naps: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.time += seconds


def state(life_cycle: str, result: str = "", message: str = "", *, code: str = "", kind: str = "") -> Json:
    """`state` and `status` of a run, as the API tells them."""
    ended = life_cycle in {"TERMINATED", "SKIPPED", "INTERNAL_ERROR"}
    details = {"code": code or result, "type": kind or ("SUCCESS" if result == "SUCCESS" else "CLIENT_ERROR")}
    old: Json = {"life_cycle_state": life_cycle, "state_message": message}
    if result:
        old["result_state"] = result
    status: Json = {"state": "TERMINATED" if ended else life_cycle}
    return {"state": old, "status": {**status, "termination_details": details} if ended else status}


PENDING, RUNNING, TERMINATING = state("PENDING"), state("RUNNING"), state("TERMINATING")
SUCCESS = state("TERMINATED", "SUCCESS")
CANCELED = state("TERMINATED", "CANCELED", "Run cancelled.", code="USER_CANCELED")
CLOUD_FAILURE = state("INTERNAL_ERROR", "FAILED", "No spot capacity.", code="CLOUD_FAILURE", kind="CLOUD_FAILURE")
FAILED = state("TERMINATED", "FAILED", "Task main failed with message: Workload failed.", code="RUN_EXECUTION_ERROR")


@dataclass(frozen=True)
class Script:
    """What happens to a run, in seconds after its submission."""

    timeline: Sequence[tuple[float, Json]] = ((0, PENDING), (10, RUNNING), (60, SUCCESS))
    tasks: Sequence[Json] = ()
    cancel_seconds: float = 8.0


def ends(end: Json, *, after: float = 60, tasks: Sequence[Json] = ()) -> Script:
    return Script(timeline=((0, RUNNING), (after, end)), tasks=tasks)


def goes_on(*, cancel_seconds: float = 8.0) -> Script:
    return Script(timeline=((0, RUNNING),), cancel_seconds=cancel_seconds)


@dataclass
class SubmittedRun:
    """A run that exists, with what was submitted."""

    run_id: int
    call: str
    request: Json
    submitted_at: float
    timeline: list[tuple[float, Json]]
    script: Script
    repairs: list[tuple[int, float]] = field(default_factory=list)

    def at(self, time: float) -> Json:
        return [document for since, document in self.timeline if since <= time][-1]

    def is_final(self, time: float) -> bool:
        return "termination_details" in str(self.at(time)["status"])

    def repair(self, repair_id: int, time: float, script: Script) -> None:
        self.repairs.append((repair_id, time))
        so_far = [(since, document) for since, document in self.timeline if since <= time]
        self.timeline = [*so_far, *((time + since, document) for since, document in script.timeline)]
        self.script = script

    def cancel(self, time: float) -> None:
        if not self.is_final(time) and self.at(time) is not TERMINATING:
            so_far = [(since, document) for since, document in self.timeline if since <= time]
            self.timeline = [*so_far, (time, TERMINATING), (time + self.script.cancel_seconds, CANCELED)]


@dataclass(frozen=True)
class Fault:
    """One misbehaviour.

    An answer of its own, a connection reset, an answer lost after the work was done, or an error page that repeats the
    request's credentials as debugging proxies do.
    """

    kind: Literal["answer", "reset", "lost", "echo"] = "answer"
    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


RESET, LOST = Fault("reset"), Fault("lost")


def answers(status: int, error_code: object = "ERROR", message: str = "", **headers: str) -> Fault:
    body = {"error_code": error_code, "message": message}
    return Fault(status=status, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


@dataclass(frozen=True)
class Received:
    """A request as it arrived."""

    call: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


class Workspace:
    """The server's state; its public attributes are what tests script and look at."""

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self.url = ""
        self.received: list[Received] = []
        self.runs: dict[int, SubmittedRun] = {}
        self.scripts: deque[Script] = deque()
        self.faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self.outputs: dict[str, Json] = {}
        self.clients = {"client-1": "client-secret-1"}
        self.tokens: dict[str, float] = {"personal-token-1": float("inf")}
        self.issued = 0
        self.federated: dict[str, str] = {}
        self.lifetime = 3600
        self.on_call: Callable[[str], None] = lambda _: None

    def calls(self, call: str) -> list[Received]:
        return [received for received in self.received if received.call == call]

    def state_of(self, run_id: str) -> str:
        document = self.runs[int(run_id)].at(self.clock.now())["state"]
        assert isinstance(document, dict)
        return str(document.get("result_state", document["life_cycle_state"]))

    def revoke_tokens(self) -> None:
        self.tokens.clear()

    # The calls, each with a status and a body.

    def token(self, request: Received) -> tuple[int, Json]:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if form["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange":
            return self.exchange(form)
        client, _, secret = b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode().partition(":")
        if form != {"grant_type": "client_credentials", "scope": "all-apis"}:
            return 400, {"error": "invalid_request"}
        if self.clients.get(client) != secret:
            return 401, {"error": "invalid_client", "error_description": "Client authentication failed"}
        return self.issue()

    def exchange(self, form: Mapping[str, str]) -> tuple[int, Json]:
        assert set(form) == {"grant_type", "subject_token", "subject_token_type", "scope", "client_id"}
        assert form["subject_token_type"] == "urn:ietf:params:oauth:token-type:jwt"
        assert form["scope"] == "all-apis"
        if self.federated.get(form["client_id"]) != form["subject_token"]:
            return 400, {"error": "invalid_grant", "error_description": "No federation policy matches the token"}
        return self.issue()

    def issue(self) -> tuple[int, Json]:
        self.issued += 1
        value = f"access-token-{self.issued}"
        self.tokens[value] = self.clock.now() + self.lifetime
        return 200, {"access_token": value, "token_type": "Bearer", "expires_in": self.lifetime}

    def start(self, request: Received) -> tuple[int, Json]:
        body = json.loads(request.body)
        for run in self.runs.values():
            if run.request["idempotency_token"] == body["idempotency_token"]:
                return 200, {"run_id": run.run_id}
        if request.call == "run-now":
            assert isinstance(body["job_id"], int)
            assert not {"run_name", "timeout_seconds"} & set(body)
        script = self.scripts.popleft() if self.scripts else Script()
        now, run_id = self.clock.now(), FIRST_RUN_ID + len(self.runs)
        timeline = [(now + since, document) for since, document in script.timeline]
        self.runs[run_id] = SubmittedRun(run_id, request.call, body, now, timeline, script)
        return 200, {"run_id": run_id}

    def repair(self, request: Received) -> tuple[int, Json]:
        body = json.loads(request.body)
        run, now = self.runs[body["run_id"]], self.clock.now()
        assert body["rerun_all_failed_tasks"] is True
        if not run.is_final(now):
            return 400, {"error_code": "INVALID_STATE", "message": "The run is active and cannot be repaired."}
        if body.get("latest_repair_id") != (run.repairs[-1][0] if run.repairs else None):
            return 400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "The latest repair ID is another one."}
        repair_id = FIRST_REPAIR_ID + len(run.repairs)
        run.repair(repair_id, now, self.scripts.popleft() if self.scripts else Script())
        return 200, {"repair_id": repair_id}

    def get(self, request: Received) -> tuple[int, Json]:
        run = self.runs.get(int(request.query["run_id"]))
        if run is None:
            return 400, {
                "error_code": "INVALID_PARAMETER_VALUE",
                "message": f"Run {request.query['run_id']} does not exist.",
            }
        first = int(request.query.get("page_token", 0))
        document: Json = {
            "run_id": run.run_id,
            "run_name": run.request.get("run_name", "A job of theirs"),
            "run_page_url": f"{self.url}/?o=1#job/77/run/{run.run_id}",
            "tasks": list(run.script.tasks[first : first + PAGE]),
            **run.at(self.clock.now()),
        }
        if first + PAGE < len(run.script.tasks):
            document["next_page_token"] = str(first + PAGE)
        if request.query.get("include_history") == "true":
            repairs: list[Json] = [
                {"type": "REPAIR", "id": repair_id, "start_time": round(at * 1000)} for repair_id, at in run.repairs
            ]
            document["repair_history"] = [{"type": "ORIGINAL", "start_time": round(run.submitted_at * 1000)}, *repairs]
        return 200, document

    def output(self, request: Received) -> tuple[int, Json]:
        output = self.outputs.get(request.query["run_id"])
        return (200, output) if output else (400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "No output."})

    def cancel(self, request: Received) -> tuple[int, Json]:
        self.runs[json.loads(request.body)["run_id"]].cancel(self.clock.now())
        return 200, {}

    def answer(self, request: Received) -> tuple[int, Json]:
        if request.call == "token":
            return self.token(request)
        bearer = request.headers["Authorization"].removeprefix("Bearer ")
        if self.tokens.get(bearer, 0.0) <= self.clock.now():
            return 401, {"error_code": 401, "message": "Credential was not sent or was of an unsupported type."}
        calls = {
            "submit": self.start,
            "run-now": self.start,
            "repair": self.repair,
            "get": self.get,
            "get-output": self.output,
            "cancel": self.cancel,
        }
        return calls[request.call](request)


@contextmanager
def serve(workspace: Workspace) -> Iterator[Workspace]:
    """Serve a workspace at 127.0.0.1 as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.respond()

        def do_POST(self) -> None:
            self.respond()

        def respond(self) -> None:
            parts = urlsplit(self.path)
            request = Received(
                call=parts.path.rpartition("/")[2],
                headers=dict(self.headers),
                query={name: values[0] for name, values in parse_qs(parts.query).items()},
                body=self.rfile.read(int(self.headers.get("Content-Length", 0))),
            )
            workspace.received.append(request)
            workspace.on_call(request.call)
            faults = workspace.faults[request.call]
            fault = faults.popleft() if faults else None
            if fault and fault.kind == "answer":
                self.send(fault.status, fault.body, fault.headers)
                return
            if fault and fault.kind == "echo":
                credentials = request.headers.get("Authorization", "") + request.body.decode()
                self.send(fault.status, {"message": credentials, "error_description": credentials}, {})
                return
            status, body = (0, {}) if fault == RESET else workspace.answer(request)
            if fault:
                self.close_connection = True
            else:
                self.send(status, body, {})

        def send(self, status: int, body: object, headers: Mapping[str, str]) -> None:
            payload = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", headers.get("Content-Length", str(len(payload))))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    workspace.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield workspace
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
