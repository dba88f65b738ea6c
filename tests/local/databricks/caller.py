"""Calls of the Jobs API without an SDK between: what is sent, and what comes back, as they are."""

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

from tests.waiting import LIMIT_SECONDS
from zflow_constructs.local.databricks.conditions import JsonObject

TASK = {"task_key": "main", "notebook_task": {"notebook_path": "/train"}}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def document(self) -> JsonObject:
        document: JsonObject = json.loads(self.text)
        return document


class Caller:
    """Whoever has a token for a workspace."""

    def __init__(self, url: str, *, token: str = "personal-token-1", version: str = "2.2") -> None:
        self._jobs = f"{url}/api/{version}/jobs"
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, call: str, **query: object) -> Answer:
        return send(f"{self._jobs}/{call}?{urllib.parse.urlencode(query)}", headers=self.headers)

    def post(self, call: str, **body: object) -> Answer:
        headers = {**self.headers, "Content-Type": "application/json"}
        return send(f"{self._jobs}/{call}", headers=headers, data=json.dumps(body).encode())

    def submit(self, **fields: object) -> int:
        """Submit a run of one task, and get its id."""
        answer = self.post("runs/submit", **{"tasks": [TASK], **fields})
        assert answer.status == 200, answer.text
        run_id = answer.document["run_id"]
        assert isinstance(run_id, int)
        return run_id

    def run(self, run_id: int, **query: object) -> JsonObject:
        return self.get("runs/get", run_id=run_id, **query).document


def send(url: str, *, headers: dict[str, str] | None = None, data: bytes | None = None) -> Answer:
    request = urllib.request.Request(url, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_SECONDS) as response:
            return Answer(response.status, dict(response.headers), response.read().decode())
    except urllib.error.HTTPError as error:
        with error as response:
            return Answer(response.code, dict(response.headers), response.read().decode())
