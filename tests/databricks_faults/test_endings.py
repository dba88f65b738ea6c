"""Only a success is a success: how each end of a run becomes the step's, by which name, after how many runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from tests.databricks_faults.test_submissions import message
from tests.databricks_faults.world import World
from zflow_constructs.local.databricks.conditions import JsonObject
from zflow_constructs.local.databricks.faults import answers
from zflow_constructs.local.databricks.scripted import (
    CANCELED,
    CLOUD_FAILURE,
    FAILED,
    PENDING,
    RUNNING,
    SUCCESS,
    Script,
    TaskScript,
    ends,
    goes_on,
    state,
)
from zflow_constructs.local.databricks.shown import Output

PARTIAL = state("TERMINATED", "SUCCESS_WITH_FAILURES", code="SUCCESS_WITH_FAILURES", kind="SUCCESS")


def client_error(code: str) -> JsonObject:
    return state("INTERNAL_ERROR", "FAILED", f"It failed by {code}.", code=code)


@dataclass(frozen=True)
class Case:
    """A run's end, and the step's.

    Args:
        end: How each attempt ends; the last one over and over.
        error: The step's error. Empty: it succeeds.
        told: What the cause says.
        left: The runs that exist in the end.
    """

    end: Sequence[JsonObject]
    error: str
    told: Sequence[str]
    left: Sequence[str]


FAILURE = "Databricks.RunFailed"
TRANSIENT = "Databricks.TransientRunFailure"
PERMANENT = [
    "LIBRARY_INSTALLATION_ERROR",
    "INVALID_CLUSTER_REQUEST",
    "INVALID_RUN_CONFIGURATION",
    "UNAUTHORIZED_ERROR",
    "RESOURCE_NOT_FOUND",
    "FEATURE_DISABLED",
    "BUDGET_POLICY_LIMIT_EXCEEDED",
    "DRIVER_ERROR",
    "A_CODE_OF_TOMORROW",
]
PASSING = [
    "CLUSTER_REQUEST_LIMIT_EXCEEDED",
    "WORKSPACE_RUN_LIMIT_EXCEEDED",
    "MAX_CONCURRENT_RUNS_EXCEEDED",
    "MAX_JOB_QUEUE_SIZE_EXCEEDED",
    "REPOSITORY_CHECKOUT_FAILED",
    "BREAKING_CHANGE",
]
CASES: Mapping[str, Case] = {
    "success": Case([SUCCESS], "", [], ["SUCCESS"]),
    "the script fails": Case([FAILED], FAILURE, ["ended FAILED / RUN_EXECUTION_ERROR"], ["FAILED"]),
    "the script fails, told as an internal error": Case(
        [client_error("RUN_EXECUTION_ERROR")], FAILURE, ["It failed by RUN_EXECUTION_ERROR."], ["FAILED"]
    ),
    "Databricks ends it at its limit": Case(
        [state("TERMINATED", "TIMEDOUT", "Run exceeded its limit.", code="CANCELED")],
        "Databricks.TimedOut",
        ["The time limit is 3600 s.", "a longer timeout or a larger cluster"],
        ["TIMEDOUT"],
    ),
    "somebody cancels it": Case([CANCELED], "Databricks.Canceled", ["ended CANCELED"], ["CANCELED"]),
    "it is skipped": Case(
        [state("SKIPPED", "", "The condition was not met.", code="SKIPPED")],
        "Databricks.Skipped",
        ["The condition was not met."],
        ["SKIPPED"],
    ),
    "some tasks fail": Case([PARTIAL], FAILURE, ["or let the step allow failures"], ["SUCCESS_WITH_FAILURES"]),
    "no machines, three times": Case(
        [CLOUD_FAILURE], TRANSIENT, ["No spot capacity.", "attempt 3", "2 of 2"], ["FAILED"] * 3
    ),
    "no machines at first": Case([CLOUD_FAILURE, SUCCESS], "", [], ["FAILED", "SUCCESS"]),
    "no machines, then the script fails": Case(
        [CLOUD_FAILURE, FAILED], FAILURE, ["ended FAILED / RUN_EXECUTION_ERROR"], ["FAILED", "FAILED"]
    ),
    "a fault of Databricks' own": Case(
        [state("INTERNAL_ERROR", "FAILED", "Oops.", code="INTERNAL_ERROR", kind="INTERNAL_ERROR"), SUCCESS],
        "",
        [],
        ["FAILED", "SUCCESS"],
    ),
    "skipped since too many run": Case(
        [state("SKIPPED", "MAXIMUM_CONCURRENT_RUNS_REACHED", code="MAX_CONCURRENT_RUNS_EXCEEDED"), SUCCESS],
        "",
        [],
        ["MAXIMUM_CONCURRENT_RUNS_REACHED", "SUCCESS"],
    ),
    **{code: Case([client_error(code)], FAILURE, [code], ["FAILED"]) for code in PERMANENT},
    **{code: Case([client_error(code), SUCCESS], "", [], ["FAILED", "SUCCESS"]) for code in PASSING},
    "ended without a word": Case([state("TERMINATED")], FAILURE, ["ended TERMINATED"], ["TERMINATED"]),
    "a result of tomorrow": Case([state("TERMINATED", "HALF_DONE")], FAILURE, ["ended HALF_DONE"], ["HALF_DONE"]),
}


SELDOM = {*PERMANENT[3:], *PASSING[2:]}
"""Codes that a unit test of the function has too: here with `--slow` alone."""


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=name, marks=[pytest.mark.slow] * (name in SELDOM)) for name, case in CASES.items()]
)
def test_an_end_becomes_the_steps_by_its_name_and_cause(world: World, case: Case) -> None:
    scripts = [ends(end) for end in case.end]

    end = world.run("One", *scripts, *[scripts[-1]] * 3)

    assert (end.status, end.error) == ("FAILED" if case.error else "SUCCEEDED", case.error)
    assert world.states() == list(case.left)
    if case.error:
        cause = message(end.cause)
        assert [part for part in case.told if part not in cause] == []
        last = max(world.workspace.runs)
        assert cause.startswith(f'Step "Extract": Databricks run {last} ended ')
        assert f"Run: {world.workspace.url}/?o=1#job/77/run/{last}" in cause
        assert f"/output/Extract/{last}.json" in cause


LIVES: Mapping[str, Script] = {
    "it has ended at the first look": Script(timeline=((0, SUCCESS),)),
    "it is queued for long": Script(timeline=((0, state("QUEUED")), (900, PENDING), (960, RUNNING), (1200, SUCCESS))),
    "it waits for a retry of Databricks' own": Script(
        timeline=((0, RUNNING), (60, state("WAITING_FOR_RETRY")), (120, RUNNING), (300, SUCCESS))
    ),
    "it is in a state that nobody knows": Script(timeline=((0, state("HIBERNATING")), (600, SUCCESS))),
    "its state is missing": Script(timeline=((0, {"state": {}, "status": {}}), (60, SUCCESS))),
    "its state is told in the new way alone": Script(
        timeline=tuple((at, {"status": document["status"]}) for at, document in ((0, RUNNING), (60, SUCCESS)))
    ),
    "its state is told in the old way alone": Script(
        timeline=tuple((at, {"state": document["state"]}) for at, document in ((0, RUNNING), (60, SUCCESS)))
    ),
    "it ends a moment after its limit": ends(SUCCESS, after=3700),
}


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
def test_a_run_is_waited_for_whatever_states_it_goes_through(world: World, life: Script) -> None:
    assert world.run("One", life).status == "SUCCEEDED"
    assert len(world.workspace.runs) == 1


@pytest.mark.parametrize("status", [400, 404])
def test_a_run_that_databricks_has_forgotten_is_no_success(world: World, status: int) -> None:
    end = world.run("One", Script(timeline=((0, RUNNING),), forgotten_after=300, forgotten_status=status))

    assert end.error == FAILURE
    assert "knows no run" in message(end.cause)
    assert "Redrive the execution to run the step again." in message(end.cause)


TASKS = [
    TaskScript("clean", timeline=((0, RUNNING), (20, SUCCESS))),
    TaskScript(
        "join",
        timeline=((0, RUNNING), (30, FAILED)),
        output=Output(error="KeyError: 'id'", error_trace="Traceback ...\nKeyError: 'id'"),
    ),
    TaskScript("write", timeline=((0, RUNNING), (31, state("TERMINATED", "UPSTREAM_FAILED", code="SKIPPED")))),
]


def test_the_cause_has_the_error_of_each_task_that_itself_failed(world: World) -> None:
    end = world.run("One", ends(FAILED, tasks=TASKS))

    cause = message(end.cause)
    assert 'Task "join"' in cause
    assert "KeyError: 'id'" in cause
    assert '"clean"' not in cause
    assert '"write"' not in cause


def test_a_run_whose_tasks_found_no_machines_is_run_again(world: World) -> None:
    tasks = [TaskScript("main", timeline=((0, PENDING), (50, CLOUD_FAILURE)))]

    assert world.run("One", ends(FAILED, tasks=tasks), ends(SUCCESS)).status == "SUCCEEDED"
    assert world.states() == ["FAILED", "SUCCESS"]


def test_failures_are_allowed_where_the_step_says_so(world: World) -> None:
    assert world.run("Lenient", ends(PARTIAL)).status == "SUCCEEDED"
    assert world.run("Lenient", ends(FAILED)).error == FAILURE
    assert world.states() == ["SUCCESS_WITH_FAILURES", "FAILED"]


@pytest.mark.parametrize(
    ("scripts", "error", "left"),
    [
        ([FAILED, FAILED, SUCCESS], "", ["FAILED", "FAILED", "SUCCESS"]),
        ([FAILED, FAILED, FAILED], FAILURE, ["FAILED"] * 3),
        ([CLOUD_FAILURE, FAILED, CLOUD_FAILURE, FAILED, SUCCESS], "", [*["FAILED"] * 4, "SUCCESS"]),
        ([CANCELED], "Databricks.Canceled", ["CANCELED"]),
        ([client_error("LIBRARY_INSTALLATION_ERROR")], FAILURE, ["FAILED"]),
    ],
    ids=["twice", "thrice", "of both kinds", "cancelled", "one that would come again"],
)
def test_a_step_that_asks_for_it_runs_anew_what_failed_by_itself(
    world: World, scripts: Sequence[JsonObject], error: str, left: Sequence[str]
) -> None:
    end = world.run("Patient", *(ends(script) for script in scripts))

    assert end.error == error
    assert world.states() == list(left)
    tokens = [run.request["idempotency_token"] for run in world.workspace.runs.values()]
    assert len(set(tokens)) == len(tokens)


@pytest.mark.parametrize("cancel_seconds", [8, 300], ids=["at once", "slowly"])
@pytest.mark.parametrize("workflow", ["One", "Job"])
def test_a_run_that_goes_on_beyond_its_limit_is_cancelled_and_seen_to_end(
    world: World, workflow: str, cancel_seconds: float
) -> None:
    end = world.run(workflow, goes_on(cancel_seconds=cancel_seconds))

    assert end.error == "Databricks.TimedOut"
    assert "The time limit is 3600 s." in message(end.cause)
    assert world.states() == ["CANCELED"]


def test_a_run_that_cannot_be_cancelled_is_given_up_loudly(world: World) -> None:
    end = world.run("One", goes_on(cancel_seconds=10**6))

    assert end.error == "Databricks.TimedOut"
    assert "Stop it by hand: " in message(end.cause)
    assert world.states() == ["TERMINATING"]


def test_a_cancellation_that_is_refused_is_tried_again(world: World) -> None:
    world.workspace.faults["cancel"].extend([answers(400, "INVALID_STATE", "It is not active."), answers(500)])

    assert world.run("One", goes_on()).error == "Databricks.TimedOut"
    assert world.states() == ["CANCELED"]


def exits(result: str | None) -> Script:
    return ends(SUCCESS, tasks=[TaskScript("Evaluate", output=Output(result=result))])


@pytest.mark.parametrize(
    ("result", "runs"), [('{"auc": 0.81}', 2), ('{"auc": 0.7, "rows": 12}', 1)], ids=["good", "not good enough"]
)
def test_a_condition_reads_what_a_notebook_exits_with(world: World, result: str, runs: int) -> None:
    assert world.run("Values", exits(result)).status == "SUCCEEDED"
    assert len(world.workspace.runs) == runs


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (None, "it has no notebook result"),
        ("done", "JSON object"),
        ('{"rows": 12}', '"rows"'),
        (f'{{"auc": "{"x" * 40_000}"}}', "32"),
    ],
    ids=["nothing", "a word", "another field", "too much"],
)
def test_a_value_that_cannot_be_had_fails_the_step(world: World, result: str | None, told: str) -> None:
    end = world.run("Values", exits(result))

    assert end.error == FAILURE
    assert told in message(end.cause)
    assert world.states() == ["SUCCESS"]
