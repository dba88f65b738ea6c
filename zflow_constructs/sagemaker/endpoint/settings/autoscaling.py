"""How an endpoint's variants scale: what they aim at, between which bounds, and when these bounds change.

https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import Duration, TimeZone
from aws_cdk import aws_applicationautoscaling as applicationautoscaling

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Template


@dataclass(frozen=True)
class ScalingTarget:
    """A figure that is kept near a value by more machines or fewer.

    https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking.html

    Args:
        kind: what the policy is called.
        value: the value that the figure is kept near.
        metric: the metric: `{"PredefinedMetricType": ...}`, or one of CloudWatch, without its dimensions.
        dimensions: those of a metric of CloudWatch: `EndpointName`, `VariantName`. Default: none, Application Auto
            Scaling knows the metric by its name

    Raises:
        WorkflowError: the value is none that it could be kept near.

    Example:
        `ScalingTarget.invocations_per_instance(750)`
    """

    kind: str
    value: float
    metric: Mapping[str, Template]
    dimensions: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.value <= 0:
            raise WorkflowError(f"ScalingTarget: {self.kind} is to be kept near {self.value}. Give more than 0.")

    @classmethod
    def invocations_per_instance(cls, per_minute: float) -> "ScalingTarget":
        """So many requests a minute for each machine: about 60 times what one serves in a second, with some room.

        Args:
            per_minute: the requests a minute.
        """
        return cls("invocations", per_minute, {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"})

    @classmethod
    def concurrent_requests_per_instance(cls, requests: float) -> "ScalingTarget":
        """So many requests at once for each machine, looked at every ten seconds: for slow models.

        Args:
            requests: the requests at once.
        """
        metric = "SageMakerVariantConcurrentRequestsPerModelHighResolution"
        return cls("concurrency", requests, {"PredefinedMetricType": metric})

    @classmethod
    def cpu_utilization(cls, percent: float) -> "ScalingTarget":
        """So much of the processors.

        Args:
            percent: 100 for each core: a machine of four has 400.
        """
        metric = {"Namespace": "/aws/sagemaker/Endpoints", "MetricName": "CPUUtilization", "Unit": "Percent"}
        return cls("cpu", percent, {**metric, "Statistic": "Average"}, ("EndpointName", "VariantName"))

    @classmethod
    def backlog_per_instance(cls, requests: float) -> "ScalingTarget":
        """So many waiting requests for each machine: for asynchronous endpoints.

        Args:
            requests: the requests that wait.
        """
        metric = {"Namespace": "AWS/SageMaker", "MetricName": "ApproximateBacklogSizePerInstance"}
        return cls("backlog", requests, {**metric, "Statistic": "Average"}, ("EndpointName",))

    @classmethod
    def provisioned_concurrency_utilization(cls, percent: float) -> "ScalingTarget":
        """So much of the provisioned concurrency: for serverless variants that have one.

        Args:
            percent: 0 to 90, of what is provisioned.
        """
        metric = "SageMakerVariantProvisionedConcurrencyUtilization"
        return cls("provisioned", percent / 100, {"PredefinedMetricType": metric})

    def specification(self, endpoint: str, variant: str) -> dict[str, Template]:
        """The metric as a policy names it: `{"PredefinedMetricSpecification": {"PredefinedMetricType": ...}}`.

        Args:
            endpoint: the endpoint's name.
            variant: the variant's name.
        """
        if not self.dimensions:
            return {"PredefinedMetricSpecification": self.metric}
        values = {"EndpointName": endpoint, "VariantName": variant}
        dimensions = [{"Name": name, "Value": values[name]} for name in self.dimensions]
        return {"CustomizedMetricSpecification": {**self.metric, "Dimensions": dimensions}}


@dataclass(frozen=True)
class ScheduledCapacity:
    """Other bounds from a time on, until the next one comes: more machines in the morning, fewer at night.

    https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scheduled-scaling.html

    Args:
        name: its name: letters, digits and `-`.
        schedule: when it begins.
        min_capacity: the least number of machines from then on.
        max_capacity: the greatest.
        time_zone: the zone of the schedule. Default: UTC

    Raises:
        WorkflowError: the bounds make no sense.

    Example:
        `ScheduledCapacity("morning", Schedule.cron(hour="7", minute="0"), min_capacity=4, max_capacity=20)`
    """

    name: str
    schedule: applicationautoscaling.Schedule
    min_capacity: int
    max_capacity: int
    time_zone: TimeZone = field(default_factory=lambda: TimeZone.ETC_UTC)

    def __post_init__(self) -> None:
        if not 0 <= self.min_capacity <= self.max_capacity:
            raise WorkflowError(
                f'ScheduledCapacity "{self.name}": min_capacity is {self.min_capacity} and max_capacity '
                f"{self.max_capacity}. Give a least number from 0 and a greatest that is no smaller."
            )


@dataclass(frozen=True)
class AutoScaling:
    """How many machines a variant has, or how much provisioned concurrency: between bounds, and near its targets.

    The workflow sets it up when the endpoint is in service, and again after each update, which keeps the number of
    machines that it had scaled to.
    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html

    Args:
        min_capacity: the least. 0 is for asynchronous endpoints alone, which start a machine when a request waits.
        max_capacity: the greatest.
        targets: what it is kept near; of several, the one that asks for most decides. Default: none, only the schedule
        scale_in_cooldown: how long it waits after it took machines away. Default: 5 minutes
        scale_out_cooldown: how long it waits after it added some. Default: 1 minute
        scheduled: bounds that change with the time. Default: none

    Raises:
        WorkflowError: the bounds make no sense, or nothing would ever scale.

    Example:
        `AutoScaling(min_capacity=2, max_capacity=10, targets=[ScalingTarget.invocations_per_instance(750)])`
    """

    min_capacity: int
    max_capacity: int
    targets: Sequence[ScalingTarget] = ()
    scale_in_cooldown: Duration = field(default_factory=lambda: Duration.minutes(5))
    scale_out_cooldown: Duration = field(default_factory=lambda: Duration.minutes(1))
    scheduled: Sequence[ScheduledCapacity] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.min_capacity <= self.max_capacity or not self.max_capacity:
            raise WorkflowError(
                f"AutoScaling: min_capacity is {self.min_capacity} and max_capacity {self.max_capacity}. Give a least "
                "number from 0 and a greatest that is no smaller, at least 1."
            )
        if not self.targets and not self.scheduled:
            raise WorkflowError(
                "AutoScaling: it has neither targets nor scheduled, so nothing would ever scale. Give "
                "targets=[ScalingTarget.invocations_per_instance(...)], or remove it."
            )
        for what, names in (
            ("targets", [target.kind for target in self.targets]),
            ("scheduled", [action.name for action in self.scheduled]),
        ):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise WorkflowError(f'AutoScaling: {what} has "{twice[0]}" twice. Give each once.')

    @property
    def to_zero(self) -> bool:
        """Whether there is no machine at times."""
        return not all([self.min_capacity, *(action.min_capacity for action in self.scheduled)])


def scaling_requests(
    endpoint: str, variant: str, scaling: AutoScaling, *, serverless: bool
) -> Mapping[str, Sequence[Mapping[str, Template]]]:
    """The requests that set up a variant's scaling: `{"target": [...], "policies": [...], "scheduled": [...]}`.

    Args:
        endpoint: the endpoint's name.
        variant: the variant's name.
        scaling: how it scales.
        serverless: whether it is its provisioned concurrency that scales, not its machines.
    """
    of_variant: dict[str, Template] = scalable(endpoint, variant, serverless=serverless)
    cooldowns: dict[str, Template] = {
        "ScaleInCooldown": int(scaling.scale_in_cooldown.to_seconds()),
        "ScaleOutCooldown": int(scaling.scale_out_cooldown.to_seconds()),
    }
    return {
        "target": [{**of_variant, "MinCapacity": scaling.min_capacity, "MaxCapacity": scaling.max_capacity}],
        "policies": [
            {
                **of_variant,
                "PolicyName": f"{endpoint}-{variant}-{target.kind}",
                "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration": {
                    "TargetValue": target.value,
                    **target.specification(endpoint, variant),
                    **cooldowns,
                },
            }
            for target in scaling.targets
        ],
        "scheduled": [
            {
                **of_variant,
                "ScheduledActionName": f"{endpoint}-{variant}-{action.name}",
                "Schedule": action.schedule.expression_string,
                "Timezone": action.time_zone.timezone_name,
                "ScalableTargetAction": {"MinCapacity": action.min_capacity, "MaxCapacity": action.max_capacity},
            }
            for action in scaling.scheduled
        ],
    }


def scalable(endpoint: str, variant: str, *, serverless: bool) -> dict[str, Template]:
    """What scales, as Application Auto Scaling names it.

    Args:
        endpoint: the endpoint's name.
        variant: the variant's name.
        serverless: whether it is its provisioned concurrency.
    """
    dimension = "DesiredProvisionedConcurrency" if serverless else "DesiredInstanceCount"
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/{variant}",
        "ScalableDimension": f"sagemaker:variant:{dimension}",
    }
