"""The states that set up the scaling of an endpoint's variants, and take it away before an update that it would stop.

https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam

from zflow_constructs.core.states.asl import EXIT, Catcher, Map, Pass, State, Task, inline
from zflow_constructs.core.values.expressions import Expression, Jsonata
from zflow_constructs.core.values.references import Variable
from zflow_constructs.core.values.templates import Template
from zflow_constructs.requests.aws import validate_request
from zflow_constructs.sagemaker.endpoint.settings.autoscaling import AutoScaling, scalable, scaling_requests
from zflow_constructs.sagemaker.endpoint.settings.waking import wake_up, waking_name
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.retry import SCALING

_CALL_SECONDS = 60
_SERVICE = "application-autoscaling"
_NO_TARGET = "ApplicationAutoScaling.ObjectNotFoundException"
_ITEM = Variable("states")["input"]


@dataclass(frozen=True)
class ScaledVariant:
    """A variant that scales.

    Args:
        name: its name.
        scaling: how it scales.
        machine: SageMaker's name of its machine. Empty: it is serverless, and its provisioned concurrency scales
    """

    name: str
    scaling: AutoScaling
    machine: str

    @property
    def serverless(self) -> bool:
        """Whether it is its provisioned concurrency that scales."""
        return not self.machine


@dataclass(frozen=True)
class EndpointScaling:
    """The scaling of an endpoint's variants.

    Args:
        step: the step's name.
        endpoint: the endpoint's name.
        variants: those that scale: at least one.

    Raises:
        WorkflowError: Application Auto Scaling would refuse it.
    """

    step: str
    endpoint: str
    variants: Sequence[ScaledVariant]

    def __post_init__(self) -> None:
        for requests in self._requests():
            for kind, operation in (
                ("target", "RegisterScalableTarget"),
                ("policies", "PutScalingPolicy"),
                ("scheduled", "PutScheduledAction"),
            ):
                for request in requests[kind]:
                    validate_request(self.step, _SERVICE, operation, request)

    @property
    def to_zero(self) -> bool:
        """Whether a variant has no machine at times, and is woken."""
        return any(variant.scaling.to_zero for variant in self.variants)

    def changed(self) -> Expression:
        """Of the configuration that serves, the variants that can't go on scaling.

        They have another machine from now on, or no scaling: `[$states.result.ProductionVariants[...].VariantName]`.
        """
        unchanged = " or ".join(
            f"VariantName = {json.dumps(each.name)} and "
            + (f"InstanceType = {json.dumps(each.machine)}" if each.machine else "$not($exists(InstanceType))")
            for each in self.variants
        )
        return Jsonata(f"[$states.result.ProductionVariants[$not({unchanged})].VariantName]")

    def release(self, variants: Expression, *, then: str, failed: Catcher) -> Map:
        """Takes variants out of scaling: SageMaker changes no machine type of a variant that scales.

        `Endpoint: release scaling` -> for each variant, `Endpoint: release variant` (deregisterScalableTarget)

        Args:
            variants: the list of their names.
            then: the state that follows.
            failed: where it goes on when that fails.
        """
        name = f"{self.step}: release variant"
        resource = f"endpoint/{self.endpoint}/variant/" + _ITEM
        request = {**scalable(self.endpoint, "", serverless=False), "ResourceId": resource}
        return Map(
            items=variants,
            processor=inline({name: self._deregister(request), self._gone: Pass()}),
            next=then,
            catch=(failed,),
        )

    def set_up(self, *, then: str, failed: Catcher) -> Map:
        """Sets up the scaling as it is declared, and nothing else: what there was before is taken away first.

        `Endpoint: scaling` -> for each variant, `Endpoint: reset scaling` (deregisterScalableTarget),
        `Endpoint: scalable target`, `Endpoint: scaling policies`, `Endpoint: scheduled capacity`, and for those that go
        down to no machine `Endpoint: wake up`.

        Args:
            then: the state that follows.
            failed: where it goes on when that fails.
        """
        name = self.step
        states: dict[str, State] = {
            f"{name}: reset scaling": Task(
                resource=_call("deregisterScalableTarget"),
                arguments=_ITEM["variant"],
                timeout_seconds=_CALL_SECONDS,
                output=_ITEM,
                retry=(SCALING,),
                catch=(Catcher((_NO_TARGET,), f"{name}: nothing to reset"),),
                next=f"{name}: scalable target",
            ),
            # What a state before it caught is its input: the item is read from the context.
            f"{name}: nothing to reset": Pass(
                output=Jsonata("$states.context.Map.Item.Value"), next=f"{name}: scalable target"
            ),
            f"{name}: scalable target": self._task(
                "registerScalableTarget", _ITEM["target"][0], then=f"{name}: scaling policies"
            ),
            f"{name}: scaling policies": self._each(
                "policies", "scaling policy", "putScalingPolicy", then=f"{name}: scheduled capacity"
            ),
            f"{name}: scheduled capacity": self._each(
                "scheduled", "scheduled action", "putScheduledAction", then=f"{name}: wake up" if self.to_zero else EXIT
            ),
        }
        if self.to_zero:
            states[f"{name}: wake up"] = wake_up(self.step, self.endpoint)
        return Map(
            items=[self._item(each, requests) for each, requests in zip(self.variants, self._requests(), strict=True)],
            processor=inline(states),
            next=then,
            catch=(failed,),
        )

    def bind(self, binding: Binding) -> None:
        """Lets the state machine set up scaling for this endpoint's variants, and Application Auto Scaling obey.

        https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_id-based-policy-examples.html

        Args:
            binding: the workflow.
        """
        stack = Stack.of(binding.workflow)
        actions = ["DeregisterScalableTarget", "RegisterScalableTarget", "PutScalingPolicy", "PutScheduledAction"]
        binding.role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=[f"application-autoscaling:{action}" for action in actions],
                # A target has no name before it is registered: the kind of target is the limit.
                resources=[stack.format_arn(service=_SERVICE, resource="scalable-target", resource_name="*")],
                conditions={"StringEquals": {"application-autoscaling:service-namespace": "sagemaker"}},
            )
        )
        # Asked of who sets it up, in whose name Application Auto Scaling does it.
        endpoint = stack.format_arn(service="sagemaker", resource="endpoint", resource_name=self.endpoint)
        binding.allow(["sagemaker:UpdateEndpointWeightsAndCapacities"], [endpoint])
        alarms = [f"TargetTracking-endpoint/{self.endpoint}/*", *([waking_name(self.endpoint)] if self.to_zero else [])]
        binding.allow(
            ["cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"],
            [
                stack.format_arn(
                    service="cloudwatch",
                    resource="alarm",
                    resource_name=alarm,
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                )
                for alarm in alarms
            ],
        )
        principal = "sagemaker.application-autoscaling.amazonaws.com"
        binding.role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["iam:CreateServiceLinkedRole"],
                resources=[
                    stack.format_arn(
                        service="iam",
                        region="",
                        resource="role",
                        resource_name=f"aws-service-role/{principal}/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
                    )
                ],
                conditions={"StringEquals": {"iam:AWSServiceName": principal}},
            )
        )

    @property
    def _gone(self) -> str:
        return f"{self.step}: did not scale"

    def _requests(self) -> list[Mapping[str, Sequence[Mapping[str, Template]]]]:
        return [
            scaling_requests(self.endpoint, each.name, each.scaling, serverless=each.serverless)
            for each in self.variants
        ]

    def _item(
        self, variant: ScaledVariant, requests: Mapping[str, Sequence[Mapping[str, Template]]]
    ) -> dict[str, Template]:
        named = scalable(self.endpoint, variant.name, serverless=variant.serverless)
        waking = [named] if variant.scaling.to_zero else []
        return {"variant": named, **requests, **({"waking": waking} if self.to_zero else {})}

    def _task(self, action: str, arguments: Template, *, then: str = EXIT) -> Task:
        return Task(
            resource=_call(action),
            arguments=arguments,
            timeout_seconds=_CALL_SECONDS,
            output=_ITEM,
            retry=(SCALING,),
            next=then,
        )

    def _deregister(self, request: Mapping[str, Template]) -> Task:
        return Task(
            resource=_call("deregisterScalableTarget"),
            arguments=request,
            timeout_seconds=_CALL_SECONDS,
            retry=(SCALING,),
            catch=(Catcher((_NO_TARGET,), self._gone),),
        )

    def _each(self, key: str, state: str, action: str, *, then: str) -> Map:
        # In brackets: JSONata makes a value of a list of one.
        return Map(
            items=Jsonata(f"[$states.input.{key}]"),
            processor=inline({f"{self.step}: {state}": self._task(action, _ITEM)}),
            output=_ITEM,
            next=then,
        )


def _call(action: str) -> str:
    return f"arn:aws:states:::aws-sdk:applicationautoscaling:{action}"
