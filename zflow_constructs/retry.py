"""What is retried, and how patiently: the defaults that fit each service's errors.

Throttling and a lack of capacity pass; a rejected request never gets better, and a job that ran out of time would run
out of it again. https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from dataclasses import dataclass

from zflow_constructs.core.asl import Retrier
from zflow_constructs.core.errors import WorkflowError

LAMBDA = Retrier(
    (
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
    ),
    interval_seconds=2,
    max_attempts=6,
    max_delay_seconds=60,
)
CAPACITY = Retrier(
    ("SageMaker.ResourceLimitExceededException",),
    interval_seconds=60,
    max_attempts=30,
    backoff_rate=1.5,
    max_delay_seconds=900,
)
# Step Functions gives throttling and other faults of SageMaker one name, which rejected requests bear too: hence few.
THROTTLING = Retrier(
    ("SageMaker.AmazonSageMakerException", "SageMaker.SageMakerException", "SageMaker.SdkClientException"),
    interval_seconds=10,
    max_attempts=8,
)
SAGEMAKER = (CAPACITY, THROTTLING)
SCALING = Retrier(
    (
        "ApplicationAutoScaling.ConcurrentUpdateException",
        "ApplicationAutoScaling.InternalServiceException",
        "ApplicationAutoScaling.ApplicationAutoScalingException",
        "ApplicationAutoScaling.SdkClientException",
    ),
    interval_seconds=5,
    max_attempts=5,
    max_delay_seconds=60,
)


@dataclass(frozen=True)
class Retry:
    """How often a job that itself failed is started anew, each time under a new name.

    Throttling and a lack of capacity are retried in any case.

    Args:
        job_failures: how many new jobs. Default: 0, since most failures are the script's and would come again
        interval_seconds: before the first new job. Default: 60 seconds, then doubled each time

    Raises:
        WorkflowError: a number is out of its bounds.

    Example:
        `Retry(job_failures=2)`
    """

    job_failures: int = 0
    interval_seconds: int = 60

    def __post_init__(self) -> None:
        if not 0 <= self.job_failures <= 20:
            raise WorkflowError(f"Retry: job_failures is {self.job_failures}. Give a number from 0 to 20.")
        if not 1 <= self.interval_seconds <= 86_400:
            raise WorkflowError(f"Retry: interval_seconds is {self.interval_seconds}. Give 1 to 86400 seconds.")

    def failure_retriers(self) -> tuple[Retrier, ...]:
        """The retrier of what itself failed, if it is wanted."""
        if not self.job_failures:
            return ()
        return (Retrier(("States.TaskFailed",), self.interval_seconds, self.job_failures, max_delay_seconds=3600),)

    def job_retriers(self) -> tuple[Retrier, ...]:
        """The retriers of a SageMaker job: those of the service first, so that throttling is no failed job."""
        return (*SAGEMAKER, *self.failure_retriers())
