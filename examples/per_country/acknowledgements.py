"""What cdk-nag's AwsSolutions pack finds in the stack and what stays so, each with its reason."""

from collections.abc import Iterable

from aws_cdk import CfnElement, Stack

import zflow_constructs as zflow
from examples.acknowledging import acknowledge, partition, place, wildcards

_DATA = (
    *("Split/training/*", "Split/test/*", "Split/cars/*", "TrainCommon/*", "PredictCommon/*"),
    *("Train/*", "Predict/*", "Evaluate/quality/*"),
)
_REPORTS = ("Split/cars/cars.json", "Evaluate/quality/quality.json")
_JOBS = (
    *("processing-job/percountry-split-*", "processing-job/percountry-evaluate-*"),
    *("training-job/percountry-traincommon-*", "training-job/percountry-train-*"),
    *("transform-job/percountry-predictcommon-*", "transform-job/percountry-predict-*"),
    *("model/percountry-predictcommon-*", "model/percountry-predict-*"),
)
_LOG_GROUPS = ("ProcessingJobs", "TrainingJobs", "TransformJobs")


def acknowledge_findings(workflow: zflow.MlWorkflow, *, jobs: Iterable[zflow.Step]) -> None:
    """Acknowledge, one by one, the findings that the workflow can't be without: whatever is new is still found.

    Args:
        workflow: the workflow.
        jobs: its steps that are jobs of SageMaker's.
    """
    stack = Stack.of(workflow)
    bucket = workflow.bucket.node.default_child
    assert isinstance(bucket, CfnElement)
    objects = f"<{stack.get_logical_id(bucket)}.Arn>"
    aws, here = partition(stack), place(stack)
    acknowledge(
        stack,
        {
            **wildcards(
                "Each run has a folder of its own, named after its execution, with one in it for each iteration.",
                (f"{objects}/{path}" for path in ("reports/*", *(f"PerCountry/*/{each}" for each in _DATA + _REPORTS))),
            ),
            **wildcards(
                "Each run names its jobs and models anew, after the workflow and the step.",
                (f"arn:{aws}:sagemaker:{here}:{job}" for job in _JOBS),
            ),
            **wildcards(
                "The registry numbers a group's versions.",
                [f"arn:{aws}:sagemaker:{here}:model-package/miles-per-gallon/*"],
            ),
            **wildcards(
                "SageMaker names log streams after the job and the machine.",
                (f"arn:{aws}:logs:{here}:log-group:/aws/sagemaker/{group}:*" for group in _LOG_GROUPS),
            ),
            f"AwsSolutions-IAM4[Policy::arn:{aws}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]": (
                "It lets the function write its log, and do nothing else."
            ),
            "AwsSolutions-S1": "An example has no bucket for access logs.",
        },
    )
    for step in jobs:
        reason = "A registry's token has no ARN; nor have metrics, which are kept to SageMaker's own namespaces."
        acknowledge(step, wildcards(reason, ["*"]))
    acknowledge(workflow, wildcards("The delivery of logs and the traces of X-Ray have no ARN.", ["*"]))
