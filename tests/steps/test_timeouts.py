"""How long steps may take: as they say, else as their workflow says."""

from collections.abc import Callable, Mapping

import pytest
from aws_cdk import Duration, Stack

import zflow_constructs as zflow
from tests.core.machines import mapping
from tests.parts import (
    OWN_IMAGE,
    count,
    data,
    databricks_step,
    endpoint,
    function,
    model,
    process,
    stack,
    train,
    transform,
)
from tests.templates import Synthesized, inside
from zflow_constructs.core.values.templates import Json, Template

HOURS = 3600
LIMITS = zflow.Timeouts(
    job=Duration.hours(6),
    around_a_job=Duration.minutes(30),
    endpoint=Duration.hours(1),
    function=Duration.minutes(2),
)
Build = Callable[[Stack], zflow.Step]


def tune(
    scope: Stack,
    *,
    max_runtime: Duration | None = None,
    request_overrides: Mapping[str, Template] | None = None,
) -> zflow.TuningStep:
    return zflow.TuningStep(
        scope,
        "Tune",
        image=OWN_IMAGE,
        channels={"train": data(scope)},
        ranges={"depth": zflow.IntegerRange(1, 5)},
        maximize="auc",
        metrics={"auc": "auc=([0-9.]+)"},
        max_jobs=2,
        max_parallel_jobs=1,
        max_runtime=max_runtime,
        request_overrides=request_overrides,
    )


def made(build: Build, timeouts: zflow.Timeouts | None = None) -> Synthesized:
    scope = stack()
    zflow.MlWorkflow(scope, "Scoring", steps=[build(scope)], timeouts=timeouts)
    return Synthesized.of(scope)


def limits(made: Synthesized, state: str) -> tuple[Json, Json]:
    """The time limit of a job, and how long the state waits for it."""
    found = made.state(state)
    request = mapping(found["Arguments"])
    job = mapping(request.get("TrainingJobDefinition", request)).get("StoppingCondition", {})
    return mapping(job).get("MaxRuntimeInSeconds", 0), found["TimeoutSeconds"]


JOBS: Mapping[str, tuple[Build, str, int]] = {
    "training": (train, "Train", 1),
    "tuning": (tune, "Tune", 3),
    "processing": (process, "Evaluate", 1),
}


@pytest.mark.parametrize(("build", "state", "rounds"), JOBS.values(), ids=JOBS)
def test_a_job_takes_a_day_or_as_long_as_its_workflow_says(build: Build, state: str, rounds: int) -> None:
    assert limits(made(build), state) == (24 * HOURS, rounds * (24 * HOURS + 900))
    assert limits(made(build, LIMITS), state) == (6 * HOURS, rounds * (6 * HOURS + 1800))


@pytest.mark.parametrize(
    ("build", "state", "rounds"),
    [
        (lambda scope: train(scope, max_runtime=Duration.hours(2)), "Train", 1),
        (lambda scope: tune(scope, max_runtime=Duration.hours(2)), "Tune", 3),
        (lambda scope: process(scope, max_runtime=Duration.hours(2)), "Evaluate", 1),
        (
            lambda scope: train(scope, request_overrides={"StoppingCondition": {"MaxRuntimeInSeconds": 2 * HOURS}}),
            "Train",
            1,
        ),
        (
            lambda scope: tune(
                scope,
                request_overrides={"TrainingJobDefinition": {"StoppingCondition": {"MaxRuntimeInSeconds": 2 * HOURS}}},
            ),
            "Tune",
            3,
        ),
        (
            lambda scope: process(scope, request_overrides={"StoppingCondition": {"MaxRuntimeInSeconds": 2 * HOURS}}),
            "Evaluate",
            1,
        ),
    ],
    ids=[
        "training",
        "tuning",
        "processing",
        "training, overridden",
        "tuning, overridden",
        "processing, overridden",
    ],
)
def test_a_job_that_says_its_own_time_keeps_it(build: Build, state: str, rounds: int) -> None:
    assert limits(made(build, LIMITS), state) == (2 * HOURS, rounds * (2 * HOURS + 1800))


def test_a_job_on_spot_machines_waits_no_shorter_than_it_may_run() -> None:
    def spot(scope: Stack) -> zflow.Step:
        return train(scope, spot=True)

    for job, wait in ((Duration.hours(6), 48 * HOURS), (Duration.days(3), 72 * HOURS)):
        request = mapping(made(spot, zflow.Timeouts(job=job)).state("Train")["Arguments"])
        assert request["StoppingCondition"] == {
            "MaxRuntimeInSeconds": int(job.to_seconds()),
            "MaxWaitTimeInSeconds": wait,
        }


def test_a_processing_job_takes_nine_days_at_most() -> None:
    assert limits(made(process, zflow.Timeouts(job=Duration.days(20))), "Evaluate")[0] == 9 * 24 * HOURS


def test_transforms_runs_and_functions_take_as_long_as_their_workflow_says() -> None:
    assert made(transform).state("Predict")["TimeoutSeconds"] == 24 * HOURS
    assert made(transform, LIMITS).state("Predict")["TimeoutSeconds"] == 6 * HOURS
    submitted = mapping(mapping(made(databricks_step, LIMITS).state("Extract")["Arguments"])["Payload"])
    assert submitted["timeout_seconds"] == 6 * HOURS

    def counting(scope: Stack) -> zflow.Step:
        return count(scope, "Count")

    assert made(counting).state("Count")["TimeoutSeconds"] == 900
    assert made(counting, LIMITS).state("Count")["TimeoutSeconds"] == 120


def test_transforms_runs_and_functions_that_say_their_own_time_keep_it() -> None:
    def predicting(scope: Stack) -> zflow.Step:
        return zflow.BatchTransformStep(
            scope, "Predict", containers=[model(scope)], data=data(scope), timeout=Duration.hours(9)
        )

    def counting(scope: Stack) -> zflow.Step:
        return zflow.LambdaStep(scope, "Count", function=function(scope, "Counter"), timeout=Duration.minutes(5))

    def extracting(scope: Stack) -> zflow.Step:
        return databricks_step(scope, timeout=Duration.hours(9))

    assert made(predicting, LIMITS).state("Predict")["TimeoutSeconds"] == 9 * HOURS
    assert made(counting, LIMITS).state("Count")["TimeoutSeconds"] == 300
    submitted = mapping(mapping(made(extracting, LIMITS).state("Extract")["Arguments"])["Payload"])
    assert submitted["timeout_seconds"] == 9 * HOURS


def test_an_endpoint_is_waited_for_as_long_as_it_says_or_else_its_workflow() -> None:
    def patient(scope: Stack) -> zflow.Step:
        return zflow.InferencePipelineEndpoint(scope, "Endpoint", containers=[model(scope)], timeout=Duration.hours(3))

    def deadline(build: Build) -> str:
        attempt = mapping(mapping(made(build, LIMITS).state("Endpoint: config")["Assign"])["step_Endpoint_attempt"])
        return inside(attempt["deadline"])

    assert deadline(endpoint) == "$millis() + 3600000"
    assert deadline(patient) == "$millis() + 10800000"


def test_an_update_that_waits_longer_than_its_workflow_lets_it_is_refused_there() -> None:
    def slow(scope: Stack) -> zflow.Step:
        tenth = zflow.Deployment.linear(zflow.Capacity.percent(10), wait_interval=Duration.minutes(10))
        return zflow.InferencePipelineEndpoint(
            scope, "Endpoint", containers=[model(scope)], deployment=tenth, instance_count=10
        )

    assert made(slow).state("Endpoint: update")
    with pytest.raises(zflow.WorkflowError) as raised:
        made(slow, LIMITS)
    assert str(raised.value) == (
        'Step "Endpoint": timeout is 3600 seconds, and the waits of its deployment alone take 6300. Give a longer '
        "timeout, or shorter waits."
    )


def test_the_steps_of_a_loop_take_as_long_as_their_workflow_says() -> None:
    def loop(scope: Stack) -> zflow.Step:
        return zflow.ForEach(scope, "Each", items=["de", "fr"], steps=[train(scope)])

    assert limits(made(loop, LIMITS), "Train") == (6 * HOURS, 6 * HOURS + 1800)


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda: zflow.Timeouts(job=Duration.days(29)), "job is 2505600 seconds. Give 60 to 2419200 seconds"),
        (
            lambda: zflow.Timeouts(around_a_job=Duration.days(2)),
            "around_a_job is 172800 seconds. Give 0 to 86400 seconds",
        ),
        (lambda: zflow.Timeouts(endpoint=Duration.seconds(5)), "endpoint is 5 seconds. Give 60 to 86400 seconds"),
        (lambda: zflow.Timeouts(function=Duration.hours(1)), "function is 3600 seconds. Give 1 to 900 seconds"),
    ],
    ids=["job", "around_a_job", "endpoint", "function"],
)
def test_a_time_out_of_bounds_is_refused(build: Callable[[], zflow.Timeouts], told: str) -> None:
    with pytest.raises(zflow.WorkflowError) as raised:
        build()
    assert str(raised.value) == f"Timeouts: {told} (Duration.hours(...))."
