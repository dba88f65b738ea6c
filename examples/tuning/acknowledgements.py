"""What cdk-nag's AwsSolutions pack finds in the stack and what stays so, each with its reason."""

from collections.abc import Iterable

from aws_cdk import CfnElement, Stack

import zflow_constructs as zflow
from examples.acknowledging import acknowledge, partition, place, wildcards

_DATA = ("Split/history", "Split/holdout", "Tune", "Evaluate/evaluation", "Deploy/captured")
_JOBS = (
    "processing-job/tuning-split-*",
    "hyper-parameter-tuning-job/tuning-tune-*",
    "training-job/tuning-tune-*",
    "processing-job/tuning-evaluate-*",
    "model/credit-scoring-*",
    "endpoint-config/credit-scoring-*",
)
_LOG_GROUPS = ("ProcessingJobs", "TrainingJobs", "Endpoints/credit-scoring")


def acknowledge_findings(
    workflow: zflow.MlWorkflow, *, sagemaker_steps: Iterable[zflow.Step], approvals: zflow.ApprovalPage
) -> None:
    """Acknowledge, one by one, the findings that the workflow can't be without: whatever is new is still found.

    Args:
        workflow: the workflow.
        sagemaker_steps: its steps that run on SageMaker.
        approvals: where people approve.
    """
    stack = Stack.of(workflow)
    bucket = workflow.bucket.node.default_child
    assert isinstance(bucket, CfnElement)
    objects = f"<{stack.get_logical_id(bucket)}.Arn>/Tuning/*"
    aws, here = partition(stack), place(stack)
    acknowledge(
        stack,
        {
            **wildcards(
                "Each run has a folder of its own, named after its execution, with any number of objects.",
                [*(f"{objects}/{name}/*" for name in _DATA), f"{objects}/Evaluate/evaluation/metrics.json"],
            ),
            **wildcards(
                "Each run names its jobs, models and configurations anew, after the step or the endpoint.",
                (f"arn:{aws}:sagemaker:{here}:{job}" for job in _JOBS),
            ),
            **wildcards(
                "SageMaker names log streams after the job and the machine.",
                (f"arn:{aws}:logs:{here}:log-group:/aws/sagemaker/{group}:*" for group in _LOG_GROUPS),
            ),
            **wildcards(
                "The registry numbers the versions of a group.",
                [f"arn:{aws}:sagemaker:{here}:model-package/credit-scoring/*"],
            ),
            **wildcards(
                "What scales has no name before it is registered; Application Auto Scaling names its alarms.",
                [
                    f"arn:{aws}:application-autoscaling:{here}:scalable-target/*",
                    f"arn:{aws}:cloudwatch:{here}:alarm:TargetTracking-endpoint/credit-scoring/*",
                ],
            ),
        },
    )
    for step in sagemaker_steps:
        reason = "A registry's token has no ARN; nor have metrics, which are kept to SageMaker's own namespaces."
        acknowledge(step, wildcards(reason, ["*"]))
    acknowledge(
        approvals,
        {
            **wildcards("A task's token has no ARN: states:SendTaskSuccess knows no resources.", ["*"]),
            "AwsSolutions-IAM5[Action::kms:GenerateDataKey*]": (
                "A topic's publisher makes data keys of the topic's key alone."
            ),
        },
    )
    acknowledge(
        workflow,
        {
            **wildcards("The delivery of logs, X-Ray's traces and a list of configurations have no ARN.", ["*"]),
            "AwsSolutions-S1": "An example has no bucket for access logs: MlWorkflow(bucket=...) takes one that does.",
        },
    )
