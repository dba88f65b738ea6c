"""How an endpoint's traffic moves from its old machines to the new ones.

https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Template

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
    def in_parts(self) -> bool:
        """Whether the traffic moves in parts."""
        match self.policy:
            case {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE"}}}:
                return False
        return True

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
