"""What is retried, by cause."""

import pytest
from aws_cdk import Stack

import zflow_constructs as zflow
from tests.asl import rendered_definition, state_machines
from tests.core.machines import mapping
from tests.parts import TRAIN_CODE, XGBOOST, bucket, count, data, model, stack
from tests.templates import Synthesized
from zflow_constructs.steps.retry import CAPACITY, LAMBDA, THROTTLING


def test_a_lack_of_machines_is_waited_out_for_hours() -> None:
    assert CAPACITY.render() == {
        "ErrorEquals": ["SageMaker.ResourceLimitExceededException"],
        "IntervalSeconds": 60,
        "MaxAttempts": 30,
        "BackoffRate": 1.5,
        "MaxDelaySeconds": 900,
        "JitterStrategy": "FULL",
    }


def test_throttling_is_retried_a_few_times_since_rejected_requests_bear_its_name() -> None:
    assert THROTTLING.render() == {
        "ErrorEquals": [
            "SageMaker.AmazonSageMakerException",
            "SageMaker.SageMakerException",
            "SageMaker.SdkClientException",
        ],
        "IntervalSeconds": 10,
        "MaxAttempts": 8,
        "MaxDelaySeconds": 120,
        "JitterStrategy": "FULL",
    }


def test_faults_of_the_lambda_service_are_retried_soon() -> None:
    assert LAMBDA.render() == {
        "ErrorEquals": [
            "Lambda.ServiceException",
            "Lambda.AWSLambdaException",
            "Lambda.SdkClientException",
            "Lambda.TooManyRequestsException",
        ],
        "IntervalSeconds": 2,
        "MaxAttempts": 6,
        "MaxDelaySeconds": 60,
        "JitterStrategy": "FULL",
    }


def test_a_job_that_failed_is_not_started_anew_by_default() -> None:
    assert zflow.Retry().job_retriers() == (CAPACITY, THROTTLING)
    assert zflow.Retry().failure_retriers() == ()


def test_a_job_that_ran_out_of_time_is_never_started_anew() -> None:
    errors = {error for retrier in zflow.Retry(job_failures=20).job_retriers() for error in retrier.errors}
    assert "States.TaskFailed" in errors
    assert not errors & {"States.ALL", "States.Timeout"}


@pytest.mark.parametrize(("failures", "seconds", "attempts"), [(0, 1, 0), (20, 86_400, 100)])
def test_the_bounds_themselves_are_allowed(failures: int, seconds: int, attempts: int) -> None:
    retry = zflow.Retry(
        job_failures=failures, interval_seconds=seconds, throttling_attempts=attempts, capacity_attempts=attempts
    )
    assert (retry.job_failures, retry.interval_seconds) == (failures, seconds)
    assert [each.max_attempts for each in retry.job_retriers()[:2]] == [attempts, attempts]


def test_what_is_never_tried_again_is_said_so_that_it_is_no_failed_job() -> None:
    """Without a retrier of its own, a throttled call would match States.TaskFailed."""
    capacity, throttling, failures = zflow.Retry(
        job_failures=2, throttling_attempts=0, capacity_attempts=0
    ).job_retriers()
    assert (capacity.errors, capacity.max_attempts) == (CAPACITY.errors, 0)
    assert (throttling.errors, throttling.max_attempts) == (THROTTLING.errors, 0)
    assert (failures.errors, failures.max_attempts) == (("States.TaskFailed",), 2)


class Group(zflow.StepGroup):
    """A step of a group, and a loop in it, which say nothing of retries."""

    def __init__(self, scope: Stack) -> None:
        super().__init__(scope, "Group")
        self.called = count(self, "Call")
        turn = zflow.BatchTransformStep(self, "Turn", containers=[model(scope)], data=data(scope))
        inner = zflow.ForEach(self, "Inner", items=[1, 2], item="number", steps=[turn])
        self.loop = zflow.ForEach(self, "Outer", items=["de", "fr"], steps=[inner])


def test_a_workflow_says_it_for_all_steps_that_say_nothing_themselves() -> None:
    scope = stack()

    def training(id: str, retry: zflow.Retry | None = None) -> zflow.TrainingStep:
        channels = {"train": data(scope)}
        return zflow.TrainingStep(scope, id, image=XGBOOST, code=TRAIN_CODE, channels=channels, retry=retry)

    own, said = zflow.Retry(job_failures=1), zflow.Retry(job_failures=3, throttling_attempts=2, capacity_attempts=4)
    group = Group(scope)
    zflow.MlWorkflow(scope, "Scoring", steps=[training("Silent"), training("Own", own), group], retry=said)
    made = Synthesized.of(scope)
    wanted = [each.render() for each in said.job_retriers()]
    assert [mapping(each).get("MaxAttempts", 3) for each in wanted] == [4, 2, 3]
    assert made.state("Silent")["Retry"] == made.state("Group Turn")["Retry"] == wanted
    assert made.state("Group Turn: model")["Retry"] == made.state("Group Turn: clean up")["Retry"] == wanted[1:2]
    assert made.state("Own")["Retry"] == [each.render() for each in own.job_retriers()]
    assert made.state("Group Call")["Retry"] == [LAMBDA.render(), wanted[2]]


def test_it_says_it_for_the_steps_at_its_end_too() -> None:
    scope = stack()
    said = zflow.Retry(job_failures=3)
    zflow.MlWorkflow(scope, "Scoring", steps=[count(scope, "Count")], finally_=[count(scope, "Tell")], retry=said)
    template = Synthesized.of(scope).template
    states = [mapping(rendered_definition(template, machine)["States"]) for machine in state_machines(template)]
    (tell,) = [mapping(each["Tell"]) for each in states if "Tell" in each]
    assert tell["Retry"] == [LAMBDA.render(), *(each.render() for each in said.failure_retriers())]


def test_steps_of_a_workflow_that_says_nothing_wait_throttling_and_a_lack_of_machines_out() -> None:
    scope = stack()
    group = Group(scope)
    zflow.MlWorkflow(scope, "Scoring", steps=[group])
    assert Synthesized.of(scope).state("Group Turn")["Retry"] == [CAPACITY.render(), THROTTLING.render()]


def test_the_calls_of_an_endpoint_are_made_again_as_its_workflow_says() -> None:
    scope = stack()
    step = zflow.InferencePipelineEndpoint(scope, "Endpoint", containers=[model(scope)])
    zflow.MlWorkflow(
        scope,
        "Scoring",
        steps=[step],
        retry=zflow.Retry(throttling_attempts=3, capacity_attempts=2),
        bucket=bucket(scope),
    )
    made = Synthesized.of(scope)
    for call in ("config", "create", "update", "check", "configurations"):
        retriers = made.state(f"Endpoint: {call}")["Retry"]
        assert isinstance(retriers, list)
        assert [mapping(each).get("MaxAttempts", 3) for each in retriers] == [2, 3]
