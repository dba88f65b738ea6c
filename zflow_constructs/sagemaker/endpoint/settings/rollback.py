"""What moves an endpoint's traffic back to its old machines: alarms.

https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from zflow_constructs.core.values.errors import WorkflowError

_MOST_ALARMS = 10


@dataclass(frozen=True)
class Rollback:
    """The alarms that roll an update back while its traffic moves: created by the step, or given.

    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html

    Args:
        error_percent: so many of a minute's requests fail with a server error; 0 for no such alarm. Default: 1
        latency_p99: the containers take longer than this for one request in a hundred. Default: no such alarm
        alarms: alarms of yours. Default: none

    Raises:
        WorkflowError: there is no alarm, or a value is out of bounds.

    Example:
        `Rollback(error_percent=0.5, latency_p99=Duration.millis(200))`
    """

    error_percent: float = 1
    latency_p99: Duration | None = None
    alarms: Sequence[cloudwatch.IAlarm] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if not 0 <= self.error_percent <= 100:
            raise WorkflowError(f"Rollback: error_percent is {self.error_percent}. Give 0 to 100.")
        if not self.error_percent and self.latency_p99 is None and not self.alarms:
            raise WorkflowError(
                "Rollback: there is no alarm, so nothing would roll an update back. Give error_percent, latency_p99 or "
                "alarms of yours."
            )

    def create(self, scope: Construct, *, endpoint: str, variants: Sequence[str]) -> list[cloudwatch.IAlarm]:
        """The alarms of an endpoint.

        Args:
            scope: the step that owns those that are created.
            endpoint: the endpoint's name.
            variants: the names of its variants.

        Raises:
            WorkflowError: there are more alarms than SageMaker takes.
        """
        alarms = list(self.alarms)
        for number, variant in enumerate(variants, start=1):
            if self.error_percent:
                alarms.append(
                    cloudwatch.Alarm(
                        scope,
                        f"Errors{number}",
                        alarm_description=f"{endpoint}: {self.error_percent} % of the requests of {variant} fail",
                        metric=variant_metric(endpoint, variant, "Invocation5XXErrors", "Average", Duration.minutes(1)),
                        threshold=self.error_percent / 100,
                        evaluation_periods=1,
                        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
                    )
                )
            if self.latency_p99 is not None:
                milliseconds = self.latency_p99.to_milliseconds()
                alarms.append(
                    cloudwatch.Alarm(
                        scope,
                        f"Latency{number}",
                        alarm_description=f"{endpoint}: the slowest 1 % of {variant} take over {milliseconds} ms",
                        metric=variant_metric(endpoint, variant, "ModelLatency", "p99", Duration.minutes(1)),
                        threshold=milliseconds * 1000,
                        # One slow minute may be the first request of each new machine.
                        evaluation_periods=2,
                        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
                        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
                    )
                )
        if len(alarms) > _MOST_ALARMS:
            raise WorkflowError(
                f"Rollback: {len(alarms)} alarms, and SageMaker watches {_MOST_ALARMS} at most. Put several into a "
                "CompositeAlarm, and give that one with error_percent=0."
            )
        return alarms


def variant_metric(
    endpoint: str, variant: str, name: str, statistic: str, period: Duration | None = None
) -> cloudwatch.Metric:
    """A metric of an endpoint's variant.

    https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html

    Args:
        endpoint: the endpoint's name.
        variant: the variant's name.
        name: the metric's name.
        statistic: such as `Sum` or `p99`.
        period: over which it is taken. Default: 5 minutes
    """
    return cloudwatch.Metric(
        namespace="AWS/SageMaker",
        metric_name=name,
        dimensions_map={"EndpointName": endpoint, "VariantName": variant},
        statistic=statistic,
        period=period or Duration.minutes(5),
    )
