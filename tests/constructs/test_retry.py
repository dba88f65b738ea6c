"""What is retried, by cause."""

import pytest

import zflow_constructs as zflow
from zflow_constructs.retry import CAPACITY, LAMBDA, SAGEMAKER, THROTTLING


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
        "BackoffRate": 2,
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
        "BackoffRate": 2,
        "MaxDelaySeconds": 60,
        "JitterStrategy": "FULL",
    }


def test_a_job_that_failed_is_not_started_anew_by_default() -> None:
    assert zflow.Retry().job_retriers() == SAGEMAKER
    assert zflow.Retry().failure_retriers() == ()


def test_a_job_that_ran_out_of_time_is_never_started_anew() -> None:
    errors = {error for retrier in zflow.Retry(job_failures=20).job_retriers() for error in retrier.errors}
    assert "States.TaskFailed" in errors
    assert not errors & {"States.ALL", "States.Timeout"}


@pytest.mark.parametrize(("failures", "seconds"), [(0, 1), (20, 86_400)])
def test_the_bounds_themselves_are_allowed(failures: int, seconds: int) -> None:
    retry = zflow.Retry(job_failures=failures, interval_seconds=seconds)
    assert (retry.job_failures, retry.interval_seconds) == (failures, seconds)
