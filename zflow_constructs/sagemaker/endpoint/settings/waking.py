"""What starts a machine when a request waits and there is none: target tracking alone would wait for more.

https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html
"""

import json

from zflow_constructs.core.states.asl import Map, Retrier, State, Task, inline
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.templates import Template
from zflow_constructs.steps.retry import SCALING

_CALL_SECONDS = 60


def waking_name(endpoint: str) -> str:
    """What the policy and the alarm are called that start a machine when a request waits and there is none.

    Args:
        endpoint: the endpoint's name.
    """
    return f"{endpoint}-requests-wait"


def wake_up(step: str, endpoint: str) -> Map:
    """`Endpoint: wake up` -> for each variant, `Endpoint: waking policy` -> `Endpoint: waking alarm` (putMetricAlarm).

    Args:
        step: the step's name.
        endpoint: the endpoint's name.
    """
    policy = Jsonata(
        "$merge([$states.input, "
        + json.dumps(
            {
                "PolicyName": waking_name(endpoint),
                "PolicyType": "StepScaling",
                "StepScalingPolicyConfiguration": {
                    "AdjustmentType": "ChangeInCapacity",
                    "MetricAggregationType": "Average",
                    "Cooldown": 300,
                    "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
                },
            }
        )
        + "])"
    )
    alarm: dict[str, Template] = {
        "AlarmName": waking_name(endpoint),
        "AlarmDescription": f"Requests wait for {endpoint}, and it has no machine",
        "Namespace": "AWS/SageMaker",
        "MetricName": "HasBacklogWithoutCapacity",
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 2,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "missing",
        "AlarmActions": [Jsonata("$states.input.policy")],
    }
    states: dict[str, State] = {
        f"{step}: waking policy": Task(
            resource="arn:aws:states:::aws-sdk:applicationautoscaling:putScalingPolicy",
            arguments=policy,
            timeout_seconds=_CALL_SECONDS,
            # As the API spells it, or as Step Functions spells most ARNs.
            output={"policy": Jsonata("[$states.result.PolicyARN, $states.result.PolicyArn][0]")},
            retry=(SCALING,),
            next=f"{step}: waking alarm",
        ),
        f"{step}: waking alarm": Task(
            resource="arn:aws:states:::aws-sdk:cloudwatch:putMetricAlarm",
            arguments=alarm,
            timeout_seconds=_CALL_SECONDS,
            retry=(Retrier(("CloudWatch.CloudWatchException", "CloudWatch.SdkClientException"), 5),),
        ),
    }
    return Map(items=Jsonata("[$states.input.waking]"), processor=inline(states), output=Jsonata("$states.input"))
