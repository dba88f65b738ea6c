"""A Databricks workspace on loopback, as far as a check of it asks: who signs in, and what is there."""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import parse_qs, urlsplit

Json = Mapping[str, object]

CLIENT, CLIENT_SECRET = "client-1", "client-secret-1"
PERSONAL_TOKEN = "personal-token-1"
ACCESS_TOKEN = "access-token-1"
POLICY, POOL, CLUSTER = "9C62", "pool-1", "0123-456789-abc"
WAREHOUSE, PIPELINE, JOB = "5a0f", "7d1e", "42"
PROFILE = "arn:aws:iam::123456789012:instance-profile/clusters"


@dataclass(frozen=True)
class Answer:
    """What is answered."""

    status: int
    body: object
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"error_code": code, "message": message})


@dataclass
class DatabricksServer:
    """What is in the workspace; `answers` has what is answered instead, by path, and nothing is before `answering`."""

    url: str = ""
    me: dict[str, object] = field(
        default_factory=lambda: {"userName": "7a1c-0001", "displayName": "zflow-prod", "active": True}
    )
    answers: dict[str, Answer] = field(default_factory=dict)
    answering: Event = field(default_factory=Event)

    def answer(self, path: str, query: Mapping[str, str], authorization: str) -> Answer:
        self.answering.wait()
        if path in self.answers:
            return self.answers[path]
        if path == "/oidc/.well-known/oauth-authorization-server":
            return Answer(200, {"token_endpoint": f"{self.url}/oidc/v1/token"})
        if path == "/oidc/v1/token":
            return self._token(authorization)
        if not path.startswith("/api/"):
            return Answer(404, "<html>Not found</html>")
        if authorization not in {f"Bearer {ACCESS_TOKEN}", f"Bearer {PERSONAL_TOKEN}"}:
            return refusal(401, "UNAUTHENTICATED", "Credential was not sent or was of an unsupported type.")
        return self._thing(path, query)

    def _token(self, authorization: str) -> Answer:
        if b64decode(authorization.removeprefix("Basic ")).decode() != f"{CLIENT}:{CLIENT_SECRET}":
            return Answer(401, {"error": "invalid_client", "error_description": "Client authentication failed"})
        return Answer(200, {"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 3600})

    def _thing(self, path: str, query: Mapping[str, str]) -> Answer:
        key = f"{path}?{'&'.join(query.values())}" if query else path
        things: Mapping[str, object] = {
            "/api/2.0/preview/scim/v2/Me": self.me,
            "/api/2.1/clusters/spark-versions": {"versions": [{"key": "16.4.x-scala2.12", "name": "16.4 LTS"}]},
            "/api/2.1/clusters/list-node-types": {
                "node_types": [
                    _node("m5.xlarge"),
                    {**_node("m4.large"), "node_info": {"status": ["NotEnabledOnSubscription"]}},
                ]
            },
            "/api/2.0/instance-profiles/list": {"instance_profiles": [{"instance_profile_arn": PROFILE}]},
            f"/api/2.0/policies/clusters/get?{POLICY}": {"policy_id": POLICY, "name": "Jobs"},
            f"/api/2.0/permissions/cluster-policies/{POLICY}": {
                "access_control_list": [{"service_principal_name": "7a1c-0001"}]
            },
            f"/api/2.0/instance-pools/get?{POOL}": {
                "instance_pool_id": POOL,
                "instance_pool_name": "warm",
                "state": "ACTIVE",
            },
            f"/api/2.1/clusters/get?{CLUSTER}": {"cluster_name": "shared", "state": "TERMINATED"},
            f"/api/2.0/sql/warehouses/{WAREHOUSE}": {"name": "small", "state": "STOPPED"},
            f"/api/2.0/pipelines/{PIPELINE}": {"pipeline_id": PIPELINE, "name": "bronze", "state": "IDLE"},
            f"/api/2.2/jobs/get?{JOB}": {"job_id": int(JOB), "settings": {"name": "nightly"}},
        }
        if key in things:
            return Answer(200, things[key])
        return refusal(404, "RESOURCE_DOES_NOT_EXIST", "It does not exist.")


def _node(name: str) -> Json:
    return {
        "node_type_id": name,
        "memory_mb": 1,
        "num_cores": 1.0,
        "description": name,
        "instance_type_id": name,
        "category": "General",
    }


@contextmanager
def serve_databricks() -> Iterator[DatabricksServer]:
    """A workspace that answers at its `url`."""
    workspace = DatabricksServer()
    workspace.answering.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self._answer()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            answer = workspace.answer(parts.path, query, self.headers.get("Authorization", ""))
            body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "text/html" if isinstance(answer.body, str) else "application/json")
            self.end_headers()
            self.wfile.write(body.encode())

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        workspace.url = f"http://127.0.0.1:{server.server_address[1]}"
        Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        try:
            yield workspace
        finally:
            workspace.answering.set()
            server.shutdown()
