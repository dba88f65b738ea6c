import random

import pytest

from tests.runtime.databricks.conftest import Failure, MakeStep, Step
from tests.runtime.databricks.workspace import (
    CANCELED,
    CLOUD_FAILURE,
    FAILED,
    LOST,
    RESET,
    SUCCESS,
    Json,
    Script,
    Workspace,
    answers,
    ends,
    goes_on,
)

CALLS = ["token", "submit", "get", "get-output", "cancel", "list"]
PASSING = [
    RESET,
    LOST,
    answers(429, Retry_After="5"),
    answers(429, Retry_After="900"),
    answers(500),
    answers(503),
    answers(400, "COULD_NOT_ACQUIRE_LOCK"),
]
EXPECTED = {"Databricks.RunFailed", "Databricks.TransientRunFailure", "Databricks.Canceled", "Databricks.TimedOut"}


def misbehave(workspace: Workspace, dice: random.Random, rate: float) -> None:
    """Before each request, with this probability, plan a fault for it."""

    def plan(call: str) -> None:
        if dice.random() < rate:
            workspace.faults[call].append(dice.choice(PASSING))
        # Now and then, but never a token that was issued a moment ago: that is an AuthError, and rightly so.
        if len(workspace.received) % 50 == 0:
            workspace.revoke_tokens()

    workspace.on_call = plan


def any_script(dice: random.Random) -> Script:
    end = dice.choice([SUCCESS, SUCCESS, FAILED, CANCELED, CLOUD_FAILURE, None])
    return ends(end, after=dice.uniform(0, 5000)) if end else goes_on(cancel_seconds=dice.uniform(1, 300))


def persistent(step: Step, event: Json) -> Json | Failure:
    """An invocation, which the state machine tries again while it is throttled."""
    for _ in range(50):
        try:
            return step.invoke(event)
        except Exception as error:  # noqa: BLE001 (its class is made at run time; its name is what counts)
            if type(error).__name__ != "Databricks.Throttled":
                return Failure(type(error).__name__, str(error))
        step.clock.sleep(30)
    raise AssertionError("throttled for ever")


def outcome(step: Step) -> str:
    """How a step ends when its states run it: an error's name, or "DONE"."""
    event, attempt = step.submission(), 0
    while True:
        answer = persistent(step, event)
        if isinstance(answer, Failure):
            return answer.name
        if answer["status"] == "DONE":
            return "DONE"
        assert isinstance(answer["wait_seconds"], int)
        step.clock.sleep(answer["wait_seconds"])
        if answer["status"] == "SUBMIT":
            assert answer["attempt"] == attempt + 1
            attempt += 1
            event = step.submission(attempt=attempt)
        else:
            event = step.look(answer["run"])


@pytest.mark.parametrize("seed", range(30))
def test_no_run_is_submitted_twice_left_running_or_wrongly_a_success(
    make_step: MakeStep, workspace: Workspace, seed: int
) -> None:
    dice = random.Random(seed)
    step = make_step()
    workspace.scripts.extend(any_script(dice) for _ in range(3))
    misbehave(workspace, dice, rate=dice.choice([0.05, 0.2, 0.4]))

    end = outcome(step)

    runs, now = list(workspace.runs.values()), step.clock.now()
    assert all(run.is_final(now) for run in runs)
    assert end in EXPECTED | {"DONE"}
    last = workspace.state_of(str(runs[-1].run_id))
    assert (end == "DONE") == (last == "SUCCESS")
    # Only a transient failure is followed by another run.
    assert [run.at(now) for run in runs[:-1]] == [CLOUD_FAILURE] * (len(runs) - 1)
    assert len(runs) <= 3


@pytest.mark.parametrize("seed", range(10))
def test_stopping_leaves_nothing_running(make_step: MakeStep, workspace: Workspace, seed: int) -> None:
    dice = random.Random(seed)
    step = make_step()
    workspace.scripts.extend(any_script(dice) for _ in range(12))
    for n in range(12):
        step.step = f"Step {n}"
        step.submitted()
    misbehave(workspace, dice, rate=0.2)

    stop: Json = {"action": "stop", "execution": step.execution}
    while isinstance(answer := persistent(step, stop), Failure):
        assert answer.name == "Databricks.TimedOut"

    assert all(run.is_final(step.clock.now()) for run in workspace.runs.values())


def test_the_faults_do_happen(make_step: MakeStep, workspace: Workspace) -> None:
    step = make_step()
    misbehave(workspace, random.Random(1), rate=0.6)

    outcome(step)

    assert len([line for line in step.lines() if line["message"] == "try failed"]) > 5
