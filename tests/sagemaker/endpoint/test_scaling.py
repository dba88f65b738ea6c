"""The states that set up an endpoint's scaling, and take it away before an update that it would stop."""

from collections.abc import Sequence

import pytest
from aws_cdk import Duration, TimeZone
from aws_cdk import aws_applicationautoscaling as applicationautoscaling

import zflow_constructs as zflow
from tests.core.machines import evaluate, mapping, valued
from tests.templates import jsonata
from zflow_constructs.core.states.asl import Catcher
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.templates import Json, Scope
from zflow_constructs.sagemaker.endpoint.states.scaling import EndpointScaling, ScaledVariant

CALL = "arn:aws:states:::aws-sdk:applicationautoscaling:"
FAILED = Catcher(("States.ALL",), "Endpoint: check", {"why": Jsonata("$states.errorOutput.Cause")})
CAUGHT: list[Json] = [
    {
        "ErrorEquals": ["States.ALL"],
        "Assign": {"why": "{% $states.errorOutput.Cause %}"},
        "Next": "Endpoint: check",
    }
]
RETRY: list[Json] = [
    {
        "ErrorEquals": [
            "ApplicationAutoScaling.ConcurrentUpdateException",
            "ApplicationAutoScaling.InternalServiceException",
            "ApplicationAutoScaling.ApplicationAutoScalingException",
            "ApplicationAutoScaling.SdkClientException",
        ],
        "IntervalSeconds": 5,
        "MaxAttempts": 5,
        "MaxDelaySeconds": 60,
        "JitterStrategy": "FULL",
    }
]
REQUESTS = zflow.ScalingTarget.invocations_per_instance(750)
SCALES = zflow.AutoScaling(min_capacity=2, max_capacity=10, targets=[REQUESTS])
LARGE = ScaledVariant("A", SCALES, "ml.m5.large")
SERVERLESS = ScaledVariant(
    "S",
    zflow.AutoScaling(
        min_capacity=1, max_capacity=2, targets=[zflow.ScalingTarget.provisioned_concurrency_utilization(70)]
    ),
    "",
)


def scaling(*variants: ScaledVariant) -> EndpointScaling:
    return EndpointScaling("Endpoint", "scores", variants or [LARGE])


def on(machine: str, name: str = "A") -> dict[str, Json]:
    return {"VariantName": name, "ModelName": "m", "InstanceType": machine}


WITHOUT_MACHINES: dict[str, Json] = {"VariantName": "S", "ModelName": "m", "ServerlessConfig": {"MaxConcurrency": 5}}


@pytest.mark.parametrize(
    ("declared", "serving", "released"),
    [
        ([LARGE], [on("ml.m5.large")], []),
        ([LARGE], [on("ml.m5.xlarge")], ["A"]),
        ([LARGE], [on("ml.m5.large", "Gone")], ["Gone"]),
        ([LARGE], [on("ml.m5.large"), on("ml.m5.large", "Removed")], ["Removed"]),
        ([LARGE], [on("ml.m5.xlarge"), on("ml.c5.large", "Removed")], ["A", "Removed"]),
        ([LARGE, ScaledVariant("B", SCALES, "ml.c5.large")], [on("ml.m5.large"), on("ml.m5.large", "B")], ["B"]),
        ([SERVERLESS], [WITHOUT_MACHINES], []),
        ([SERVERLESS], [on("ml.m5.large", "S")], ["S"]),
        ([LARGE], [WITHOUT_MACHINES], ["S"]),
    ],
    ids=[
        "the same machine",
        "another machine",
        "a renamed variant",
        "a removed variant",
        "another machine and a removed variant",
        "another machine of the second variant",
        "still serverless",
        "serverless from now on",
        "serverless no more",
    ],
)
def test_a_variant_that_can_t_go_on_as_it_scales_is_taken_out(
    declared: Sequence[ScaledVariant], serving: Sequence[Json], released: Sequence[str]
) -> None:
    """One name is a list of one."""
    changed = scaling(*declared).changed().render(Scope())
    assert evaluate(changed, {"states": {"result": {"ProductionVariants": serving}}}) == released


def test_variants_are_taken_out_of_scaling_one_by_one() -> None:
    released = scaling().release(Jsonata("$step_Endpoint_released"), then="Endpoint: update", failed=FAILED)
    state = released.render(Scope())
    assert state == {
        "Type": "Map",
        "Items": "{% $step_Endpoint_released %}",
        "ItemProcessor": {
            "StartAt": "Endpoint: release variant",
            "States": {
                "Endpoint: release variant": {
                    "Type": "Task",
                    "Resource": f"{CALL}deregisterScalableTarget",
                    "Arguments": {
                        "ServiceNamespace": "sagemaker",
                        "ResourceId": '{% "endpoint/scores/variant/" & $states.input %}',
                        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
                    },
                    "TimeoutSeconds": 60,
                    "Output": {},
                    "Retry": RETRY,
                    "Catch": [
                        {
                            "ErrorEquals": ["ApplicationAutoScaling.ObjectNotFoundException"],
                            "Next": "Endpoint: did not scale",
                        }
                    ],
                    "End": True,
                },
                "Endpoint: did not scale": {"Type": "Pass", "Output": {}, "End": True},
            },
        },
        "Output": {},
        "Catch": CAUGHT,
        "Next": "Endpoint: update",
    }


TARGET: dict[str, Json] = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/scores/variant/A",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


def call(action: str, arguments: Json, *, then: str = "") -> dict[str, Json]:
    """A Task of Application Auto Scaling whose output is its input."""
    return {
        "Type": "Task",
        "Resource": f"{CALL}{action}",
        "Arguments": arguments,
        "TimeoutSeconds": 60,
        "Output": "{% $states.input %}",
        "Retry": RETRY,
        **({"Next": then} if then else {"End": True}),
    }


def each(key: str, state: str, action: str, *, then: str = "") -> dict[str, Json]:
    """A loop over the requests of one kind."""
    return {
        "Type": "Map",
        "Items": f"{{% [$states.input.{key}] %}}",
        "ItemProcessor": {
            "StartAt": f"Endpoint: {state}",
            "States": {f"Endpoint: {state}": call(action, "{% $states.input %}")},
        },
        "Output": "{% $states.input %}",
        **({"Next": then} if then else {"End": True}),
    }


def test_scaling_is_set_up_as_declared_and_nothing_else() -> None:
    morning = zflow.ScheduledCapacity(
        "morning",
        applicationautoscaling.Schedule.cron(hour="7", minute="0"),
        min_capacity=4,
        max_capacity=20,
        time_zone=TimeZone.EUROPE_BERLIN,
    )
    scales = zflow.AutoScaling(
        min_capacity=2,
        max_capacity=10,
        targets=[REQUESTS],
        scale_in_cooldown=Duration.minutes(10),
        scale_out_cooldown=Duration.seconds(30),
        scheduled=[morning],
    )
    state = scaling(ScaledVariant("A", scales, "ml.m5.large")).set_up(then="Endpoint", failed=FAILED).render(Scope())
    assert state["Items"] == [
        {
            "variant": TARGET,
            "target": [{**TARGET, "MinCapacity": 2, "MaxCapacity": 10}],
            "policies": [
                {
                    **TARGET,
                    "PolicyName": "scores-A-invocations",
                    "PolicyType": "TargetTrackingScaling",
                    "TargetTrackingScalingPolicyConfiguration": {
                        "TargetValue": 750,
                        "PredefinedMetricSpecification": {
                            "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
                        },
                        "ScaleInCooldown": 600,
                        "ScaleOutCooldown": 30,
                    },
                }
            ],
            "scheduled": [
                {
                    **TARGET,
                    "ScheduledActionName": "scores-A-morning",
                    "Schedule": "cron(0 7 * * ? *)",
                    "Timezone": "Europe/Berlin",
                    "ScalableTargetAction": {"MinCapacity": 4, "MaxCapacity": 20},
                }
            ],
        }
    ]
    assert {name: value for name, value in state.items() if name not in ("Items", "ItemProcessor")} == {
        "Type": "Map",
        "Output": {},
        "Catch": CAUGHT,
        "Next": "Endpoint",
    }
    assert state["ItemProcessor"] == {
        "StartAt": "Endpoint: reset scaling",
        "States": {
            "Endpoint: reset scaling": {
                **call("deregisterScalableTarget", "{% $states.input.variant %}", then="Endpoint: scalable target"),
                "Catch": [
                    {
                        "ErrorEquals": ["ApplicationAutoScaling.ObjectNotFoundException"],
                        "Next": "Endpoint: nothing to reset",
                    }
                ],
            },
            "Endpoint: nothing to reset": {
                "Type": "Pass",
                "Output": "{% $states.context.Map.Item.Value %}",
                "Next": "Endpoint: scalable target",
            },
            "Endpoint: scalable target": call(
                "registerScalableTarget", "{% $states.input.target[0] %}", then="Endpoint: scaling policies"
            ),
            "Endpoint: scaling policies": each(
                "policies", "scaling policy", "putScalingPolicy", then="Endpoint: scheduled capacity"
            ),
            "Endpoint: scheduled capacity": each("scheduled", "scheduled action", "putScheduledAction"),
        },
    }


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_list_of_requests_stays_a_list_whatever_its_length(number: int) -> None:
    targets = [REQUESTS, zflow.ScalingTarget.cpu_utilization(70)][:number]
    night = zflow.ScheduledCapacity(
        "night", applicationautoscaling.Schedule.cron(hour="20", minute="0"), min_capacity=1, max_capacity=2
    )
    scales = zflow.AutoScaling(min_capacity=2, max_capacity=10, targets=targets, scheduled=[night])
    state = scaling(ScaledVariant("A", scales, "ml.m5.large")).set_up(then="Endpoint", failed=FAILED).render(Scope())
    items = state["Items"]
    assert isinstance(items, list)
    loops = mapping(mapping(state["ItemProcessor"])["States"])

    def looped(name: str) -> Json:
        return valued(mapping(loops[f"Endpoint: {name}"])["Items"], {"states": {"input": items[0]}})

    assert looped("scaling policies") == mapping(items[0])["policies"]
    assert looped("scheduled capacity") == mapping(items[0])["scheduled"]
    assert valued(jsonata("$states.input.target[0]"), {"states": {"input": items[0]}}) == {
        **TARGET,
        "MinCapacity": 2,
        "MaxCapacity": 10,
    }


@pytest.mark.parametrize(
    ("scales", "wakes"),
    [
        (zflow.AutoScaling(min_capacity=0, max_capacity=2, targets=[REQUESTS]), True),
        (zflow.AutoScaling(min_capacity=1, max_capacity=2, targets=[REQUESTS]), False),
        (
            zflow.AutoScaling(
                min_capacity=1,
                max_capacity=2,
                scheduled=[
                    zflow.ScheduledCapacity(
                        "night", applicationautoscaling.Schedule.cron(hour="20"), min_capacity=0, max_capacity=2
                    )
                ],
            ),
            True,
        ),
    ],
    ids=["always", "never", "at night"],
)
def test_what_has_no_machine_at_times_is_woken(scales: zflow.AutoScaling, wakes: bool) -> None:  # noqa: FBT001
    state = scaling(ScaledVariant("A", scales, "ml.m5.large")).set_up(then="Endpoint", failed=FAILED).render(Scope())
    items = state["Items"]
    assert isinstance(items, list)
    assert mapping(items[0]).get("waking", []) == ([TARGET] if wakes else [])
    assert ("Endpoint: wake up" in mapping(mapping(state["ItemProcessor"])["States"])) == wakes
