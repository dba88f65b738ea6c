"""What an endpoint's update has besides the names of the endpoint and of its new configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam

from zflow_constructs.core.values.templates import Template
from zflow_constructs.sagemaker.endpoint.settings.deployment import Deployment
from zflow_constructs.sagemaker.endpoint.states.scaling import EndpointScaling
from zflow_constructs.steps.binding import Binding

# What an update keeps of a variant that scales: its number of instances, and no more.
_KEEPS_INSTANCES: Mapping[str, Template] = {
    "RetainAllVariantProperties": True,
    "ExcludeRetainedVariantProperties": [
        {"VariantPropertyType": "DesiredWeight"},
        {"VariantPropertyType": "DataCaptureConfig"},
    ],
}


@dataclass(frozen=True)
class EndpointUpdate:
    """How an endpoint is updated, and put back to the configuration before.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateEndpoint.html

    Args:
        deployment: How the traffic moves. `None`: as SageMaker does
        alarms: The alarms that roll an update back.
        scaling: The scaling of the endpoint's variants. `None`: none of them scales
    """

    deployment: Deployment | None
    alarms: Sequence[cloudwatch.IAlarm]
    scaling: EndpointScaling | None

    @property
    def fields(self) -> dict[str, Template]:
        """The fields of an update to this run's configuration: `{"DeploymentConfig": {...}}`."""
        return self._deployed(None if self.deployment is None else self.deployment.config(self.alarms))

    @property
    def put_back_fields(self) -> dict[str, Template]:
        """The fields of an update to the configuration before."""
        if self.deployment is None or not self.deployment.is_rolling:
            # At once, whatever the alarms say.
            return self._deployed(None)
        # Where there are too few instances for a second fleet, there still are.
        return self._deployed(self.deployment.policy)

    def bind(self, binding: Binding, roles: Sequence[iam.IRole]) -> None:
        """Let SageMaker look at the alarms while traffic moves, in the name of who updates and of who serves.

        Args:
            binding: The workflow.
            roles: The roles that serve.
        """
        if not self.alarms:
            return
        for watching in (binding.role, *roles):
            watching.add_to_principal_policy(
                iam.PolicyStatement(
                    actions=["cloudwatch:DescribeAlarms"], resources=[alarm.alarm_arn for alarm in self.alarms]
                )
            )

    def _deployed(self, config: Mapping[str, Template] | None) -> dict[str, Template]:
        # Where there may be no instance, one starts: else nobody would see the new model start.
        keeps = self.scaling is not None and not self.scaling.to_zero
        return {
            **(_KEEPS_INSTANCES if keeps else {}),
            **({} if config is None else {"DeploymentConfig": config}),
        }
