"""What cdk-nag's AwsSolutions pack finds in the stack and what stays so, each with its reason."""

from collections.abc import Iterable

from aws_cdk import CfnElement, Stack

import zflow_constructs as zflow
from examples.acknowledging import acknowledge, partition, place, wildcards

_DATA = ("Extract/history", "Extract/holdout", "FitPreprocessor", "Preprocess", "Train", "Predict", "Report/report")
_READ_BY_SPARK = ("Extract/history", "Extract/holdout", "Predict", "Report/report")
_JOBS = (
    "training-job/riskscoring-fitpreprocessor-*",
    "model/riskscoring-preprocess-*",
    "transform-job/riskscoring-preprocess-*",
    "training-job/riskscoring-train-*",
    "model/riskscoring-predict-*",
    "transform-job/riskscoring-predict-*",
    "model/risk-scoring-*",
    "endpoint-config/risk-scoring-*",
)
_LOG_GROUPS = ("TrainingJobs", "TransformJobs", "Endpoints/risk-scoring")


def acknowledge_findings(
    workflow: zflow.MlWorkflow, databricks: zflow.DatabricksWorkspace, *, sagemaker_steps: Iterable[zflow.Step]
) -> None:
    """Acknowledge, one by one, the findings that the workflow can't be without: whatever is new is still found.

    Args:
        workflow: the workflow.
        databricks: the Databricks workspace of its steps.
        sagemaker_steps: its steps that run on SageMaker.
    """
    stack = Stack.of(workflow)
    bucket = workflow.bucket.node.default_child
    runs = databricks.bucket.node.default_child
    assert isinstance(bucket, CfnElement)
    assert isinstance(runs, CfnElement)
    objects = f"<{stack.get_logical_id(bucket)}.Arn>/RiskScoring/*"
    aws, here = partition(stack), place(stack)
    acknowledge(
        stack,
        {
            **wildcards(
                "Each run has a folder of its own, named after its execution, with any number of objects.",
                (f"{objects}/{name}/*" for name in _DATA),
            ),
            **wildcards(
                "Each run has a folder of its own; Spark asks whether a data set's folder is an object.",
                (f"{objects}/{name}" for name in _READ_BY_SPARK),
            ),
            **wildcards(
                "Each run names its jobs, models and configurations anew, after the step or the endpoint.",
                (f"arn:{aws}:sagemaker:{here}:{job}" for job in _JOBS),
            ),
            **wildcards(
                "The Databricks function names its records and outputs after executions and runs.",
                [f"<{stack.get_logical_id(runs)}.Arn>/*"],
            ),
            **wildcards(
                "SageMaker names log streams after the job and the machine.",
                (f"arn:{aws}:logs:{here}:log-group:/aws/sagemaker/{group}:*" for group in _LOG_GROUPS),
            ),
        },
    )
    for step in sagemaker_steps:
        reason = "A registry's token has no ARN; nor have metrics, which are kept to SageMaker's own namespaces."
        acknowledge(step, wildcards(reason, ["*"]))
    acknowledge(
        workflow,
        {
            **wildcards("The delivery of logs, X-Ray's traces and a list of configurations have no ARN.", ["*"]),
            "AwsSolutions-S1": "An example has no bucket for access logs: MlWorkflow(bucket=...) takes one that does.",
            "AwsSolutions-SQS3": "It is a dead-letter queue, of the schedule and of the rule.",
        },
    )
    no_logs = "An example has no bucket for access logs: DatabricksWorkspace(bucket=...) takes one that does."
    acknowledge(databricks, {"AwsSolutions-S1": no_logs})
