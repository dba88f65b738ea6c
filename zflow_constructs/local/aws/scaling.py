"""Application Auto Scaling for endpoints: it is kept what was asked for, and nothing scales.

moto knows no provisioned concurrency, forgets no policy of a target that is gone, and calls a missing one by another
name. See https://docs.aws.amazon.com/autoscaling/application/APIReference/
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.core.common_types import TYPE_RESPONSE
from moto.core.responses import ActionResult

from zflow_constructs.local.aws.errors import ApiError
from zflow_constructs.local.aws.hooks import all_replaced

Request = Mapping[str, object]
_SERVICE = "sagemaker"


class Scaling:
    """The scalable targets of endpoints, their policies and scheduled actions.

    Args:
        region: The AWS region that ARNs name.
        account: The AWS account that ARNs name.
        serves: Whether a variant is in service, by the endpoint's and its own name.
    """

    def __init__(self, *, region: str, account: str, serves: Callable[[str, str], bool]) -> None:
        self._arn = f"arn:aws:autoscaling:{region}:{account}:scalingPolicy:local:resource/sagemaker"
        self._serves = serves
        self._targets: dict[tuple[str, str], Request] = {}
        self._kept: dict[str, dict[tuple[str, str, str], Request]] = {"policy": {}, "scheduled": {}}
        self.actions: Mapping[str, Callable[[Request], Mapping[str, object]]] = {
            "RegisterScalableTarget": self._register,
            "DeregisterScalableTarget": self._deregister,
            "DescribeScalableTargets": lambda _: {"ScalableTargets": list(self._targets.values())},
            "PutScalingPolicy": self._put_policy,
            "DescribeScalingPolicies": lambda _: {"ScalingPolicies": list(self._kept["policy"].values())},
            "PutScheduledAction": self._put_scheduled,
            "DescribeScheduledActions": lambda _: {"ScheduledActions": list(self._kept["scheduled"].values())},
        }

    def scales(self, endpoint: str, variant: str) -> bool:
        """Whether a variant's machines scale.

        Args:
            endpoint: The endpoint.
            variant: The variant.
        """
        return (f"endpoint/{endpoint}/variant/{variant}", "sagemaker:variant:DesiredInstanceCount") in self._targets

    def forget(self, endpoint: str) -> None:
        """Deregister all variants of an endpoint, as its deletion does.

        Args:
            endpoint: The endpoint.
        """
        for resource, dimension in [key for key in self._targets if key[0].split("/")[1] == endpoint]:
            self._remove(resource, dimension)

    def _register(self, request: Request) -> Mapping[str, object]:
        resource, dimension = _target(request)
        _, endpoint, _, variant = resource.split("/")
        if not self._serves(endpoint, variant):
            raise ApiError("ValidationException", f"SageMaker resource not found or not in service: {resource}")
        self._targets[resource, dimension] = {**self._targets.get((resource, dimension), {}), **request}
        return {"ScalableTargetARN": f"{self._arn}/{resource}"}

    def _deregister(self, request: Request) -> Mapping[str, object]:
        resource, dimension = self._found(request)
        self._remove(resource, dimension)
        return {}

    def _put_policy(self, request: Request) -> Mapping[str, object]:
        arn = f"{self._arn}/{request['ResourceId']}:policyName/{request['PolicyName']}"
        self._kept["policy"][*self._found(request), str(request["PolicyName"])] = {**request, "PolicyARN": arn}
        return {"PolicyARN": arn, "Alarms": []}

    def _put_scheduled(self, request: Request) -> Mapping[str, object]:
        self._kept["scheduled"][*self._found(request), str(request["ScheduledActionName"])] = request
        return {}

    def _found(self, request: Request) -> tuple[str, str]:
        target = _target(request)
        if target not in self._targets:
            raise ApiError("ObjectNotFoundException", f"No scalable target registered for {target[0]} ({target[1]})")
        return target

    def _remove(self, resource: str, dimension: str) -> None:
        del self._targets[resource, dimension]
        for kept in self._kept.values():
            for key in [key for key in kept if key[:2] == (resource, dimension)]:
                del kept[key]


@contextmanager
def application_autoscaling(scaling: Scaling) -> Iterator[None]:
    """Answer Application Auto Scaling's API for SageMaker; moto answers for other services.

    Args:
        scaling: Answers.
    """
    of_moto = ApplicationAutoScalingResponse.call_action

    def call_action(self: ApplicationAutoScalingResponse) -> TYPE_RESPONSE:
        request = json.loads(self.body)
        action = self._get_action()
        if request.get("ServiceNamespace") != _SERVICE:
            return of_moto(self)
        try:
            if action not in scaling.actions:
                message = f"The local engine doesn't have Application Auto Scaling's {action}."
                raise ApiError("ValidationException", message)
            result: object = scaling.actions[action](request)
        except ApiError as error:
            result = error
        status, headers, body = self.serialized(ActionResult(result))
        headers, body = self._enrich_response(headers, body)
        return status, headers, body

    with all_replaced((ApplicationAutoScalingResponse, "call_action", call_action)):
        yield


def _target(request: Request) -> tuple[str, str]:
    return str(request["ResourceId"]), str(request["ScalableDimension"])
