"""How long steps may take that don't say so themselves."""

from dataclasses import dataclass, field
from functools import cached_property

from aws_cdk import Duration

from zflow_constructs.steps.durations import whole_seconds

_DAY = 86_400


@dataclass(frozen=True)
class Timeouts:
    """How long the steps of a workflow may take that have no `max_runtime` or `timeout` of their own.

    `MlWorkflow` takes one. Steps that wait for people have times of their own in any case.

    Args:
        job: a job of SageMaker's, or a run on Databricks, 28 days at most; processing jobs 9 days. Default: 1 day
        around_a_job: what SageMaker may take besides, to start and to stop the machines of a training or processing
            job. Default: 15 minutes
        endpoint: until an endpoint serves. Default: 2 hours
        function: a Lambda. Default: 15 minutes, the longest that one runs

    Raises:
        WorkflowError: a time is out of bounds.

    Example:
        `MlWorkflow(self, "Scoring", steps=[...], timeouts=Timeouts(job=Duration.hours(6)))`
    """

    job: Duration = field(default_factory=lambda: Duration.days(1))
    around_a_job: Duration = field(default_factory=lambda: Duration.minutes(15))
    endpoint: Duration = field(default_factory=lambda: Duration.hours(2))
    function: Duration = field(default_factory=lambda: Duration.minutes(15))

    def __post_init__(self) -> None:
        for name, duration, least, most in (
            ("job", self.job, 60, 28 * _DAY),
            ("around_a_job", self.around_a_job, 0, _DAY),
            ("endpoint", self.endpoint, 60, _DAY),
            ("function", self.function, 1, 900),
        ):
            whole_seconds("Timeouts", name, duration, least=least, most=most)

    @cached_property
    def job_seconds(self) -> int:
        """`job` in seconds."""
        return int(self.job.to_seconds())

    @cached_property
    def around_a_job_seconds(self) -> int:
        """`around_a_job` in seconds."""
        return int(self.around_a_job.to_seconds())

    @cached_property
    def endpoint_seconds(self) -> int:
        """`endpoint` in seconds."""
        return int(self.endpoint.to_seconds())

    @cached_property
    def function_seconds(self) -> int:
        """`function` in seconds."""
        return int(self.function.to_seconds())


DEFAULTS = Timeouts()
"""What goes for a workflow that says nothing."""
