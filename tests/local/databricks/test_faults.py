"""What a workspace does wrong when told to, seen from the other end of the connection."""

import http.client
import json
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.databricks.caller import TASK, Caller, send
from tests.local.databricks.held_runner import HeldRunner
from tests.waiting import LIMIT_SECONDS
from zflow_constructs.local.databricks.auth import Authority
from zflow_constructs.local.databricks.clock import SimulatedClock
from zflow_constructs.local.databricks.faults import (
    LOST,
    PROXY_PAGE,
    RESET,
    TRUNCATED,
    Fault,
    Misbehaviour,
    Received,
    answers,
)
from zflow_constructs.local.databricks.scheduler import Scheduler
from zflow_constructs.local.databricks.scripted import FIRST_RUN_ID
from zflow_constructs.local.databricks.scripted_workspace import Workspace
from zflow_constructs.local.databricks.server import DatabricksServer


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with Workspace(SimulatedClock()) as workspace:
        yield workspace


@pytest.fixture
def caller(workspace: Workspace) -> Caller:
    return Caller(workspace.url)


class TestAnswers:
    def test_an_answer_of_its_own_comes_without_the_work(self, workspace: Workspace, caller: Caller) -> None:
        workspace.faults["submit"].append(answers(429, "REQUEST_LIMIT_EXCEEDED", "Slow down.", Retry_After="30"))
        answer = caller.post("runs/submit", tasks=[TASK])
        assert (answer.status, answer.headers["Retry-After"]) == (429, "30")
        assert answer.document == {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "Slow down."}
        assert workspace.runs == {}

    def test_each_fault_happens_once_and_to_its_call_alone(self, workspace: Workspace, caller: Caller) -> None:
        workspace.faults["get"].extend([answers(500), answers(503)])
        run_id = caller.submit()
        assert [caller.get("runs/get", run_id=run_id).status for _ in range(3)] == [500, 503, 200]

    def test_a_proxy_answers_with_a_page(self, workspace: Workspace, caller: Caller) -> None:
        workspace.faults["get"].append(PROXY_PAGE)
        answer = caller.get("runs/get", run_id=1)
        assert (answer.status, answer.headers["Content-Type"]) == (502, "text/html")
        assert answer.text.startswith("<html>")

    def test_an_answer_may_promise_more_than_it_has(self, workspace: Workspace, caller: Caller) -> None:
        workspace.faults["get"].append(Fault(body={"run_id": 1}, headers={"Content-Length": "5000"}))
        with pytest.raises(http.client.IncompleteRead):
            caller.get("runs/get", run_id=1)

    @pytest.mark.parametrize("status", [401, 500])
    def test_an_error_page_repeats_the_credentials(self, workspace: Workspace, caller: Caller, status: int) -> None:
        workspace.faults["get"].append(Fault("echo", status))
        answer = caller.get("runs/get", run_id=1)
        assert (answer.status, answer.document["message"]) == (status, "Bearer personal-token-1")

    def test_one_of_the_token_request_repeats_its_form_too(self, workspace: Workspace) -> None:
        workspace.faults["token"].append(Fault("echo", 500))
        basic = {"Authorization": f"Basic {b64encode(b'client-1:client-secret-1').decode()}"}
        answer = send(f"{workspace.url}/oidc/v1/token", headers=basic, data=b"subject_token=jwt-1")
        assert answer.document["message"] == f"{basic['Authorization']}subject_token=jwt-1"


class TestConnections:
    def test_a_reset_comes_before_the_work(self, workspace: Workspace, caller: Caller) -> None:
        workspace.faults["submit"].append(RESET)
        with pytest.raises(ConnectionResetError):
            raw_submit(workspace)
        assert workspace.runs == {}

    def test_an_answer_is_lost_after_the_work(self, workspace: Workspace, caller: Caller) -> None:
        workspace.faults["submit"].append(LOST)
        with pytest.raises(http.client.RemoteDisconnected):
            raw_submit(workspace)
        assert list(workspace.runs) == [FIRST_RUN_ID]
        assert caller.submit(idempotency_token="t") == FIRST_RUN_ID

    def test_half_an_answer_comes_after_the_work(self, workspace: Workspace) -> None:
        workspace.faults["submit"].append(TRUNCATED)
        with pytest.raises(http.client.IncompleteRead) as error:
            raw_submit(workspace)
        assert error.value.partial == b'{"run_id":9007'
        assert list(workspace.runs) == [FIRST_RUN_ID]

    def test_a_slow_answer_takes_its_time_by_the_clock(self, workspace: Workspace, caller: Caller) -> None:
        workspace.faults["submit"].append(Fault("slow", seconds=90))
        run_id = caller.submit()
        assert workspace.clock.naps == [90]
        assert workspace.runs[run_id].submitted_at == 1_700_000_090

    def test_a_dripping_answer_comes_byte_by_byte(self, workspace: Workspace) -> None:
        workspace.faults["submit"].append(Fault("drip", seconds=0.002))
        begun = time.monotonic()
        assert json.loads(raw_submit(workspace)) == {"run_id": FIRST_RUN_ID}
        assert time.monotonic() - begun > 0.002 * len(f'{{"run_id":{FIRST_RUN_ID}}}')

    def test_a_caller_that_does_not_wait_for_all_of_it_gets_none(self, workspace: Workspace) -> None:
        workspace.faults["submit"].append(Fault("drip", seconds=0.2))
        with pytest.raises(TimeoutError):
            raw_submit(workspace, timeout=0.05)


def raw_submit(workspace: Workspace, *, timeout: float = LIMIT_SECONDS) -> bytes:
    connection = http.client.HTTPConnection(workspace.url.removeprefix("http://"), timeout=timeout)
    body = json.dumps({"tasks": [TASK], "idempotency_token": "t"})
    try:
        connection.request(
            "POST", "/api/2.2/jobs/runs/submit", body, headers={"Authorization": "Bearer personal-token-1"}
        )
        return connection.getresponse().read()
    finally:
        connection.close()


class TestDecisions:
    def test_a_function_says_what_goes_wrong_with_each_request(self, workspace: Workspace, caller: Caller) -> None:
        def without_a_limit(received: Received) -> Fault | None:
            return None if "limit" in received.query else answers(503)

        workspace.misbehaviour.decide = without_a_limit
        assert [caller.get("runs/list", **query).status for query in ({}, {"limit": 5}, {})] == [503, 200, 503]

    def test_what_was_planned_comes_first(self, workspace: Workspace, caller: Caller) -> None:
        workspace.misbehaviour.decide = lambda _: answers(503)
        workspace.faults["list"].append(answers(500))
        assert [caller.get("runs/list").status for _ in range(2)] == [500, 503]

    def test_a_call_is_heard_of_before_its_fault_is_chosen(self, workspace: Workspace, caller: Caller) -> None:
        workspace.on_call = lambda call: workspace.faults[call].append(answers(500))
        assert caller.get("runs/list").status == 500


class TestReceived:
    def test_requests_are_kept_as_they_arrived(self, workspace: Workspace, caller: Caller) -> None:
        run_id = caller.submit(run_name="m:e:s")
        workspace.clock.advance(7.5)
        caller.get("runs/get", run_id=run_id, page_token=0)
        submit, get = workspace.received
        assert (submit.call, submit.document, submit.time) == (
            "submit",
            {"tasks": [TASK], "run_name": "m:e:s"},
            1_700_000_000,
        )
        assert (get.call, get.query, get.time) == ("get", {"run_id": str(run_id), "page_token": "0"}, 1_700_000_007.5)
        assert get.headers["Authorization"] == "Bearer personal-token-1"

    def test_each_call_has_its_name(self, workspace: Workspace, caller: Caller) -> None:
        gets = ["runs/get", "runs/get-output", "runs/list", "get"]
        for call in gets:
            caller.get(call)
        for call in ("runs/submit", "runs/cancel", "runs/repair", "run-now"):
            caller.post(call)
        send(f"{workspace.url}/oidc/v1/token", data=b"grant_type=none")
        assert [received.call for received in workspace.received] == [
            "get",
            "get-output",
            "list",
            "job",
            "submit",
            "cancel",
            "repair",
            "run-now",
            "token",
        ]
        assert len(workspace.calls("job")) == 1


class TestRateLimit:
    @pytest.fixture
    def workspace(self) -> Iterator[Workspace]:
        with Workspace(SimulatedClock(), requests_per_second=3) as workspace:
            yield workspace

    def test_requests_beyond_it_are_told_to_come_back(self, workspace: Workspace, caller: Caller) -> None:
        statuses = [caller.get("runs/list").status for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        refused = caller.get("runs/list")
        assert refused.headers["Retry-After"] == "1"
        assert refused.document == {
            "error_code": "REQUEST_LIMIT_EXCEEDED",
            "message": "More than 3 requests of list within a second.",
        }
        workspace.clock.advance(1)
        assert caller.get("runs/list").status == 200

    def test_it_is_one_for_each_call(self, workspace: Workspace, caller: Caller) -> None:
        for _ in range(3):
            caller.get("runs/list")
        assert caller.post("runs/submit", tasks=[TASK]).status == 200

    def test_the_rate_of_a_call_is_told(self, workspace: Workspace, caller: Caller) -> None:
        assert workspace.rate("list") == 0
        for seconds in (0, 0.5, 0.25, 0.5, 5):
            workspace.clock.advance(seconds)
            caller.get("runs/list")
        assert workspace.rate("list") == 3
        assert workspace.rate("list", seconds=10) == 5


def test_a_server_whose_runs_are_real_misbehaves_too(tmp_path: Path) -> None:
    misbehaviour = Misbehaviour()
    runner = HeldRunner()
    runner.finish("main")
    with DatabricksServer(
        Scheduler(runner=runner, folder=tmp_path),
        authority=Authority(tokens=["personal-token-1"]),
        misbehaviour=misbehaviour,
    ) as server:
        caller = Caller(server.url)
        misbehaviour.faults["submit"].append(LOST)
        begun = time.time()
        with pytest.raises(http.client.RemoteDisconnected):
            caller.submit(idempotency_token="t")
        run_id = caller.submit(idempotency_token="t")
        assert caller.get("runs/list").document["runs"][0]["run_id"] == run_id  # type: ignore[index]
        assert len(misbehaviour.calls("submit")) == 2
        assert begun <= misbehaviour.received[0].time <= time.time()


def test_many_callers_at_once_are_all_kept(workspace: Workspace, caller: Caller) -> None:
    ids: list[int] = []
    threads = [threading.Thread(target=lambda: ids.append(caller.submit(idempotency_token="same"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(ids) == {FIRST_RUN_ID}
    assert len(workspace.calls("submit")) == 20
