"""What is retried, and how patiently: the defaults that fit each service's errors.

Throttling and a lack of capacity pass; a rejected request never gets better, and a job that ran out of time would run
out of it again. https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from dataclasses import dataclass, replace

from zflow_constructs.core.states.asl import Retrier
from zflow_constructs.core.values.errors import WorkflowError

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
# Each call of the workspace's Lambda may be repeated without harm: a call that was lost is made again.
DATABRICKS_SUBMIT = (
    LAMBDA,
    Retrier(("States.Timeout", "Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError"), interval_seconds=10),
    Retrier(("Databricks.Throttled",), interval_seconds=10, max_attempts=8),
)
# A run that goes on loses nothing by being looked at later: about two hours without Databricks' API are waited out,
# the patience of the calls themselves included.
DATABRICKS_LOOK = (
    *DATABRICKS_SUBMIT[:2],
    Retrier(("Databricks.Throttled",), interval_seconds=10, max_attempts=30, max_delay_seconds=300),
)
EXECUTION = Retrier(
    (
        "StepFunctions.AWSStepFunctionsException",
        "StepFunctions.ExecutionLimitExceededException",
        "StepFunctions.SdkClientException",
    ),
    interval_seconds=10,
    max_attempts=8,
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
    """How often what failed is tried again: a job that itself failed, each time under a new name, and a refused call.

    A step takes one, and so does `MlWorkflow`: for its steps that were given none.

    Args:
        job_failures: how many new jobs. Default: 0, since most failures are the script's and would come again
        interval_seconds: before the first new job. Default: 60 seconds, then doubled each time
        throttling_attempts: how often a call is made again that SageMaker throttled. Rejected requests bear the same
            name, and are sent again as often. Default: 8, in about 10 minutes
        capacity_attempts: how often a job is asked for again when there is no machine for it, or no quota.
            Default: 30, in about 6 hours

    Raises:
        WorkflowError: a number is out of its bounds.

    Example:
        `Retry(job_failures=2, capacity_attempts=10)`
    """

    job_failures: int = 0
    interval_seconds: int = 60
    throttling_attempts: int = THROTTLING.max_attempts
    capacity_attempts: int = CAPACITY.max_attempts

    def __post_init__(self) -> None:
        if not 0 <= self.job_failures <= 20:
            raise WorkflowError(f"Retry: job_failures is {self.job_failures}. Give a number from 0 to 20.")
        if not 1 <= self.interval_seconds <= 86_400:
            raise WorkflowError(f"Retry: interval_seconds is {self.interval_seconds}. Give 1 to 86400 seconds.")
        for name, attempts in (
            ("throttling_attempts", self.throttling_attempts),
            ("capacity_attempts", self.capacity_attempts),
        ):
            if not 0 <= attempts <= 100:
                raise WorkflowError(f"Retry: {name} is {attempts}. Give a number from 0 to 100.")

    def failure_retriers(self) -> tuple[Retrier, ...]:
        """The retrier of what itself failed, if it is wanted."""
        if not self.job_failures:
            return ()
        return (Retrier(("States.TaskFailed",), self.interval_seconds, self.job_failures, max_delay_seconds=3600),)

    def job_retriers(self) -> tuple[Retrier, ...]:
        """The retriers of a SageMaker job: those of the service first, so that throttling is no failed job."""
        return (*self.service_retriers(), *self.failure_retriers())

    def service_retriers(self) -> tuple[Retrier, ...]:
        """The retriers of a call of SageMaker that needs machines, such as CreateEndpoint, or may meet a quota."""
        return (replace(CAPACITY, max_attempts=self.capacity_attempts), *self.call_retriers())

    def call_retriers(self) -> tuple[Retrier, ...]:
        """The retriers of a call of SageMaker that starts nothing that could fail, such as CreateModel."""
        return (replace(THROTTLING, max_attempts=self.throttling_attempts),)
