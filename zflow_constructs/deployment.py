"""How an endpoint's traffic moves from its old machines to the new ones, and what moves it back.

https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from zflow_constructs.core.errors import WorkflowError
from zflow_constructs.core.templates import Template

_MOST_ALARMS = 10
_KEPT = Duration.minutes(5)


@dataclass(frozen=True)
class Capacity:
    """A part of an endpoint's machines.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CapacitySize.html

    Args:
        type: `CAPACITY_PERCENT` or `INSTANCE_COUNT`.
        value: the percentage, or the number of machines.

    Example:
        `Capacity.percent(10)`
    """

    type: str
    value: int

    @classmethod
    def percent(cls, percent: int) -> "Capacity":
        """A percentage of the machines.

        Args:
            percent: 1 to 100.
        """
        return cls("CAPACITY_PERCENT", percent)

    @classmethod
    def instances(cls, count: int) -> "Capacity":
        """A number of machines.

        Args:
            count: 1 or more.
        """
        return cls("INSTANCE_COUNT", count)

    @property
    def steps(self) -> int:
        """In how many steps of this size all machines are reached, at least."""
        return math.ceil(100 / self.value) if self.type == "CAPACITY_PERCENT" else 1

    def check(self, owner: str, *, least: int, most: int = 50) -> None:
        """Checks that a deployment may move such a part at a time; of a number of machines, SageMaker alone knows.

        Args:
            owner: the deployment, for messages: `Deployment.canary`.
            least: so many percent at least.
            most: so many percent at most. Default: half of them

        Raises:
            WorkflowError: it may not.
        """
        if self.type == "CAPACITY_PERCENT" and not least <= self.value <= most:
            raise WorkflowError(f"{owner}: it moves {self.value} % at a time. Give {least} to {most} %.")

    def render(self) -> dict[str, Template]:
        """`{"Type": "CAPACITY_PERCENT", "Value": 10}`."""
        return {"Type": self.type, "Value": self.value}


@dataclass(frozen=True)
class Deployment:
    """How an endpoint is updated: at once, or a part of the traffic first, each step watched by alarms.

    Args:
        policy: the update policy of SageMaker's DeploymentConfig.
        least_seconds: how long it waits at least, in all. Default: not at all

    Example:
        `Deployment.canary(Capacity.percent(10), wait_interval=Duration.minutes(10))`
    """

    policy: Mapping[str, Template]
    least_seconds: int = 0

    @classmethod
    def all_at_once(
        cls, *, termination_wait: Duration | None = None, max_duration: Duration | None = None
    ) -> "Deployment":
        """All traffic moves at once to new machines; the old ones stay while the alarms are watched.

        https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green-all-at-once.html

        Args:
            termination_wait: how long the old machines stay, an hour at most. Default: 5 minutes
            max_duration: the update is rolled back if it takes longer: 10 minutes to 8 hours. Default: SageMaker's own

        Raises:
            WorkflowError: max_duration is shorter than the wait.
        """
        wait = termination_wait or _KEPT
        routing: dict[str, Template] = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
        _check_duration("Deployment.all_at_once", max_duration, _seconds(wait))
        return cls(_blue_green(routing, wait, max_duration), _seconds(wait))

    @classmethod
    def canary(
        cls,
        size: Capacity,
        *,
        wait_interval: Duration,
        termination_wait: Duration | None = None,
        max_duration: Duration | None = None,
    ) -> "Deployment":
        """A small part of the traffic moves first, and the rest if no alarm rang.

        https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green-canary.html

        Args:
            size: the part, half of the machines at most.
            wait_interval: how long it is watched, an hour at most.
            termination_wait: how long the old machines stay when all traffic has moved. Default: 5 minutes
            max_duration: the update is rolled back if it takes longer: 10 minutes to 8 hours. Default: SageMaker's own

        Raises:
            WorkflowError: the size is out of bounds, or max_duration is shorter than the waits.
        """
        wait = termination_wait or _KEPT
        routing: dict[str, Template] = {"Type": "CANARY", **_interval(wait_interval), "CanarySize": size.render()}
        least = _seconds(wait_interval) + _seconds(wait)
        size.check("Deployment.canary", least=1)
        _check_duration("Deployment.canary", max_duration, least)
        return cls(_blue_green(routing, wait, max_duration), least)

    @classmethod
    def linear(
        cls,
        step: Capacity,
        *,
        wait_interval: Duration,
        termination_wait: Duration | None = None,
        max_duration: Duration | None = None,
    ) -> "Deployment":
        """The traffic moves in equal steps.

        https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green-linear.html

        Args:
            step: how much moves in each, 10 % to 50 % of the machines.
            wait_interval: how long each step is watched, an hour at most.
            termination_wait: how long the old machines stay when all traffic has moved. Default: 5 minutes
            max_duration: the update is rolled back if it takes longer: 10 minutes to 8 hours. Default: SageMaker's own

        Raises:
            WorkflowError: the step is out of bounds, or max_duration is shorter than the waits.
        """
        wait = termination_wait or _KEPT
        routing: dict[str, Template] = {"Type": "LINEAR", **_interval(wait_interval), "LinearStepSize": step.render()}
        least = step.steps * _seconds(wait_interval) + _seconds(wait)
        step.check("Deployment.linear", least=10)
        _check_duration("Deployment.linear", max_duration, least)
        return cls(_blue_green(routing, wait, max_duration), least)

    @classmethod
    def rolling(cls, batch: Capacity, *, wait_interval: Duration, max_duration: Duration | None = None) -> "Deployment":
        """Machines are replaced batch by batch: for types of which there are too few for a second fleet.

        https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-rolling.html

        Args:
            batch: how many at a time, 5 % to 50 %.
            wait_interval: how long each batch is watched, an hour at most.
            max_duration: the update is rolled back if it takes longer: 10 minutes to 8 hours. Default: SageMaker's own

        Raises:
            WorkflowError: the batch is out of bounds, or max_duration is shorter than the waits.
        """
        policy = {"MaximumBatchSize": batch.render(), **_interval(wait_interval), **_longest(max_duration)}
        least = batch.steps * _seconds(wait_interval)
        batch.check("Deployment.rolling", least=5)
        _check_duration("Deployment.rolling", max_duration, least)
        return cls({"RollingUpdatePolicy": policy}, least)

    @property
    def is_rolling(self) -> bool:
        """Whether machines are replaced batch by batch."""
        return "RollingUpdatePolicy" in self.policy

    def config(self, alarms: Sequence[cloudwatch.IAlarm]) -> dict[str, Template]:
        """The `DeploymentConfig` of UpdateEndpoint.

        Args:
            alarms: those that roll an update back.
        """
        named = [{"AlarmName": alarm.alarm_name} for alarm in alarms]
        return {**self.policy, "AutoRollbackConfiguration": {"Alarms": named}}


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


def _blue_green(
    routing: Mapping[str, Template], termination_wait: Duration, max_duration: Duration | None
) -> dict[str, Template]:
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": _seconds(termination_wait),
            **_longest(max_duration),
        }
    }


def _interval(duration: Duration) -> dict[str, Template]:
    return {"WaitIntervalInSeconds": _seconds(duration)}


def _longest(duration: Duration | None) -> dict[str, Template]:
    return {"MaximumExecutionTimeoutInSeconds": _seconds(duration)} if duration else {}


def _check_duration(owner: str, longest: Duration | None, least: int) -> None:
    if longest and _seconds(longest) <= least:
        raise WorkflowError(
            f"{owner}: max_duration is {_seconds(longest)} seconds, and its waits alone take {least}. Give more, or "
            "shorter waits."
        )


def _seconds(duration: Duration) -> int:
    return int(duration.to_seconds())
