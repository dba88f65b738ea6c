import random

import pytest
from botocore.awsrequest import AWSResponse

from tests.runtime.databricks.cloud import s3_refuses
from tests.runtime.databricks.conftest import Failure, Json, Step
from tests.sampling import sampled
from zflow_constructs.local.databricks.faults import LOST, RESET, answers
from zflow_constructs.local.databricks.scripted import CANCELED, CLOUD_FAILURE, FAILED, SUCCESS, Script, ends, goes_on
from zflow_constructs.local.databricks.scripted_workspace import Workspace

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


def misbehave(step: Step, dice: random.Random, rate: float) -> None:
    """Before each request to Databricks or S3, with this probability, plan a fault for it."""
    workspace = step.workspace

    def plan(call: str) -> None:
        if dice.random() < rate:
            workspace.faults[call].append(dice.choice(PASSING))
        # Now and then, but never a token that was issued a moment ago: that is an AuthError, and rightly so.
        if len(workspace.received) % 50 == 0:
            workspace.revoke_tokens()

    def refuse(_: str) -> AWSResponse | None:
        return s3_refuses(503, "SlowDown") if dice.random() < rate / 4 else None

    workspace.on_call = plan
    step.bucket.before = refuse


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


def outcome(step: Step, event: Json) -> tuple[str, Json]:
    """How a step ends when its states run it: an error's name, or "DONE"; and the last event."""
    while True:
        answer = persistent(step, event)
        if isinstance(answer, Failure):
            return answer.name, event
        if answer["status"] == "DONE":
            return "DONE", event
        assert isinstance(answer["wait_seconds"], int)
        step.clock.sleep(answer["wait_seconds"])
        if answer["status"] == "SUBMIT":
            assert isinstance(answer["attempt"], int)
            event = step.submission(attempt=answer["attempt"], run=answer["run"])
        else:
            event = step.look(answer["run"])


def stop(step: Step, event: Json) -> None:
    """Deliver a stop until it succeeds."""
    while isinstance(answer := persistent(step, event), Failure):
        assert answer.name == "Databricks.TimedOut"


@pytest.mark.parametrize("call", ["submit", "run-now"])
@pytest.mark.parametrize("seed", sampled(range(30), always=8))
def test_no_run_is_submitted_twice_left_running_or_wrongly_a_success(
    step: Step, workspace: Workspace, seed: int, call: str
) -> None:
    dice = random.Random(seed)
    if call == "run-now":
        step.run_job()
    workspace.scripts.extend(any_script(dice) for _ in range(3))
    misbehave(step, dice, rate=dice.choice([0.05, 0.2, 0.4]))

    end, _ = outcome(step, step.submission())

    runs, now = list(workspace.runs.values()), step.clock.now()
    assert all(run.is_final(now) for run in runs)
    assert end in EXPECTED | {"DONE"}
    last = workspace.state_of(str(runs[-1].run_id))
    assert (end == "DONE") == (last == "SUCCESS")
    # Only a transient failure is followed by another run.
    assert [run.at(now) for run in runs[:-1]] == [CLOUD_FAILURE] * (len(runs) - 1)
    assert len(runs) <= 3
    # Each was asked for with a token of its own.
    assert len({str(run.request["idempotency_token"]) for run in runs}) == len(runs)


@pytest.mark.parametrize("seed", sampled(range(30), always=8))
def test_each_redrive_repairs_a_run_once(step: Step, workspace: Workspace, seed: int) -> None:
    dice = random.Random(seed)
    step.run_job()
    step.retries = {"transient": 0, "failures": 0, "interval_seconds": 60}
    workspace.scripts.extend(any_script(dice) for _ in range(6))
    misbehave(step, dice, rate=dice.choice([0.05, 0.2, 0.4]))

    end, event = outcome(step, step.submission())
    redrives = 0
    while end != "DONE" and redrives < 4:
        redrives += 1
        step.redriven(after=dice.uniform(1, 3600))
        end, event = outcome(step, step.look(event["run"]))

    (run,) = workspace.runs.values()
    assert run.is_final(step.clock.now())
    assert len(run.repairs) == redrives
    assert (end == "DONE") == (workspace.state_of(str(run.run_id)) == "SUCCESS")


@pytest.mark.parametrize("seed", sampled(range(10), always=4))
def test_stopping_leaves_nothing_running(step: Step, workspace: Workspace, seed: int) -> None:
    dice = random.Random(seed)
    workspace.scripts.extend(any_script(dice) for _ in range(12))
    for n in range(12):
        step.step = f"Step {n}"
        step.submitted()
    misbehave(step, dice, rate=0.2)

    stop(step, step.stop())

    assert all(run.is_final(step.clock.now()) for run in workspace.runs.values())


@pytest.mark.parametrize("kind", ["submit", "run-now", "repair"])
@pytest.mark.parametrize("seed", sampled(range(20), always=6))
def test_a_stop_that_races_a_submission_leaves_nothing_running(
    step: Step, workspace: Workspace, seed: int, kind: str
) -> None:
    dice = random.Random(seed)
    event = step.submission()
    if kind != "submit":
        step.run_job()
        event = step.submission()
    if kind == "repair":
        workspace.scripts.append(ends(FAILED, after=0))
        run = step.submitted()
        step.redriven()
        event = step.look(run)
    workspace.scripts.extend([goes_on()] * 3)
    misbehave(step, dice, rate=0.3)
    stopped = step.stop()
    planned, refused = workspace.on_call, step.bucket.before
    racing = iter([True])

    def race() -> None:
        if dice.random() < 0.15 and next(racing, False):
            stop(step, stopped)

    def plan(call: str) -> None:
        race()
        planned(call)

    def refuse(call: str) -> AWSResponse | None:
        race()
        return refused(call)

    workspace.on_call, step.bucket.before, step.bucket.after = plan, refuse, lambda _: race()

    persistent(step, event)
    stop(step, stopped)

    assert all(run.is_final(step.clock.now()) for run in workspace.runs.values())
    assert len(workspace.runs) <= 1
    assert all(len(run.repairs) <= 1 for run in workspace.runs.values())


def test_the_faults_do_happen(step: Step) -> None:
    misbehave(step, random.Random(1), rate=0.6)

    outcome(step, step.submission())

    assert len(step.told("try failed")) > 5
    assert any("SlowDown" in str(line["cause"]) for line in step.told("failed"))
