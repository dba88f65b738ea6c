"""What a patient caller lives through on a workspace that misbehaves: runs start once, are seen to their end, or stop.

The caller is the least that Databricks' documentation asks of one: the same token when it submits again, and new tries
of what may pass. What it keeps to is what the workspace must give it.
"""

import http.client
import json
import random
from collections.abc import Callable, Iterator

import pytest

from tests.local.databricks.caller import Answer, Caller, send
from zflow_constructs.local.databricks.clock import SimulatedClock
from zflow_constructs.local.databricks.conditions import JsonObject
from zflow_constructs.local.databricks.faults import LOST, PROXY_PAGE, RESET, TRUNCATED, Fault, Received, answers
from zflow_constructs.local.databricks.scripted import (
    CANCELED,
    CLOUD_FAILURE,
    FAILED,
    FIRST_RUN_ID,
    SUCCESS,
    Script,
    ends,
    goes_on,
    is_final,
    state,
)
from zflow_constructs.local.databricks.scripted_workspace import Workspace

SLOW = Fault("slow", seconds=20)
PASSING = [
    RESET,
    LOST,
    TRUNCATED,
    PROXY_PAGE,
    answers(429, "REQUEST_LIMIT_EXCEEDED", Retry_After="5"),
    answers(500, "INTERNAL_ERROR"),
    answers(503, "TEMPORARILY_UNAVAILABLE"),
    answers(400, "COULD_NOT_ACQUIRE_LOCK"),
]


class Patient:
    """A caller that tries again, with a new access token when its own is refused."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._caller = Caller(workspace.url, token="none-yet")

    def submit(self, token: str) -> int:
        run_id = self._ask(lambda: self._caller.post("runs/submit", tasks=TASKS, idempotency_token=token))["run_id"]
        assert isinstance(run_id, int)
        return run_id

    def look(self, run_id: int) -> JsonObject:
        return self._ask(lambda: self._caller.get("runs/get", run_id=run_id))

    def see_to_end(self, run_id: int) -> str:
        while not is_final(self.look(run_id)):
            self.workspace.clock.sleep(60)
        return self.workspace.state_of(str(run_id))

    def stop_all(self) -> None:
        """Cancel whatever is active, page by page, until nothing is."""
        while runs := self._ask(lambda: self._caller.get("runs/list", active_only="true", limit=20)).get("runs"):
            assert isinstance(runs, list)
            for run in runs:
                self._ask(lambda run_id=run["run_id"]: self._caller.post("runs/cancel", run_id=run_id))  # type: ignore[misc]
            self.workspace.clock.sleep(10)

    def _ask(self, call: Callable[[], Answer]) -> JsonObject:
        for _ in range(100):
            try:
                answer = call()
                if answer.status == 200:
                    return answer.document
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                continue
            if answer.status == 401:
                self._renew()
            elif answer.status == 400:
                assert answer.document["error_code"] == "COULD_NOT_ACQUIRE_LOCK"
            self.workspace.clock.sleep(float(answer.headers.get("Retry-After", 1)))
        raise AssertionError("it never passed")

    def _renew(self) -> None:
        form = b"grant_type=client_credentials&scope=all-apis&client_id=client-1&client_secret=client-secret-1"
        try:
            answer = send(f"{self.workspace.url}/oidc/v1/token", data=form)
        except (OSError, http.client.HTTPException):
            return
        if answer.status == 200:
            self._caller = Caller(self.workspace.url, token=str(answer.document["access_token"]))


TASKS = [{"task_key": "main", "notebook_task": {"notebook_path": "/train"}}]


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with Workspace(SimulatedClock()) as workspace:
        yield workspace


@pytest.fixture
def patient(workspace: Workspace) -> Patient:
    return Patient(workspace)


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.kind if fault.kind != "answer" else fault.status)
@pytest.mark.parametrize("call", ["token", "submit", "get", "list", "cancel"])
def test_each_call_survives_each_fault(workspace: Workspace, patient: Patient, call: str, fault: Fault) -> None:
    workspace.scripts.append(goes_on())
    workspace.faults[call].extend([fault, fault])

    run_id = patient.submit("t")
    patient.look(run_id)
    patient.stop_all()

    assert list(workspace.runs) == [FIRST_RUN_ID]
    assert workspace.state_of(str(run_id)) == "CANCELED"
    assert not workspace.faults[call]


@pytest.mark.parametrize(
    ("end", "result"),
    [
        (SUCCESS, "SUCCESS"),
        (FAILED, "FAILED"),
        (CLOUD_FAILURE, "FAILED"),
        (CANCELED, "CANCELED"),
        (state("TERMINATED", "TIMEDOUT"), "TIMEDOUT"),
        (state("SKIPPED", code="MAX_CONCURRENT_RUNS_EXCEEDED"), "SKIPPED"),
        (state("TERMINATED", "EXCELLENT"), "EXCELLENT"),
    ],
)
def test_every_end_is_seen(workspace: Workspace, patient: Patient, end: JsonObject, result: str) -> None:
    workspace.scripts.append(ends(end, after=2 * 3600))
    assert patient.see_to_end(patient.submit("t")) == result
    assert 0 <= workspace.clock.now() - 1_700_000_000 - 2 * 3600 < 90


def any_script(dice: random.Random) -> Script:
    end = dice.choice([SUCCESS, SUCCESS, FAILED, CANCELED, CLOUD_FAILURE])
    return ends(end, after=dice.uniform(0, 2000))


def misbehave(workspace: Workspace, dice: random.Random, rate: float) -> None:
    def decide(received: Received) -> Fault | None:
        # Now and then, but never the token that was issued a moment ago.
        if len(workspace.received) % 50 == 0 and received.call != "token":
            workspace.revoke_tokens()
        return dice.choice([*PASSING, SLOW]) if dice.random() < rate else None

    workspace.misbehaviour.decide = decide


@pytest.mark.parametrize("seed", range(10))
def test_whatever_goes_wrong_each_token_is_one_run_that_ends_as_its_script_says(
    workspace: Workspace, patient: Patient, seed: int
) -> None:
    dice = random.Random(seed)
    scripts = [any_script(dice) for _ in range(4)]
    workspace.scripts.extend(scripts)
    misbehave(workspace, dice, rate=dice.choice([0.05, 0.2, 0.4]))

    run_ids = [patient.submit(f"token-{number}") for number in range(4)]
    for run_id in run_ids:
        patient.see_to_end(run_id)

    assert list(workspace.runs) == run_ids
    assert [run.condition for run in workspace.runs.values()] == [script.timeline[-1][1] for script in scripts]


@pytest.mark.parametrize("seed", range(5))
def test_stopping_leaves_nothing_active(workspace: Workspace, patient: Patient, seed: int) -> None:
    dice = random.Random(seed)
    workspace.scripts.extend(goes_on(cancel_seconds=dice.uniform(1, 100)) for _ in range(30))
    misbehave(workspace, dice, rate=0.2)
    for number in range(30):
        patient.submit(f"token-{number}")

    patient.stop_all()

    assert len(workspace.runs) == 30
    assert not any(run.is_active for run in workspace.runs.values())


def test_a_callers_rate_is_held_against_a_limit(workspace: Workspace, patient: Patient) -> None:
    workspace.misbehaviour.requests_per_second = 2
    workspace.scripts.append(ends(SUCCESS, after=600))
    patient.see_to_end(patient.submit("t"))
    assert workspace.rate("get") <= 2
    assert workspace.rate("get", seconds=61) <= 3
