"""What cdk-nag's AwsSolutions pack finds in the stack and what stays so, each with its reason."""

from collections.abc import Iterable, Mapping

from aws_cdk import Acknowledgment, CfnElement, Stack, Token, Validations
from constructs import Construct

import zflow_constructs as zflow

_DATA = ("Extract/history", "Extract/holdout", "FitPreprocessor", "Preprocess", "Train", "Predict", "Report/report")
_READ_BY_SPARK = ("Extract/history", "Extract/holdout", "Predict", "Report/report")
_JOBS = (
    "training-job/riskscoring-fitpreprocessor-*",
    "model/riskscoring-preprocess-*",
    "transform-job/riskscoring-preprocess-*",
    "training-job/riskscoring-train-*",
    "model/riskscoring-predict-*",
    "transform-job/riskscoring-predict-*",
    "model/riskscoring-endpoint-*",
    "endpoint-config/riskscoring-endpoint-*",
)
_LOG_GROUPS = ("TrainingJobs", "TransformJobs", "Endpoints/risk-scoring")


def acknowledge_findings(workflow: zflow.MlWorkflow, *, sagemaker_steps: Iterable[zflow.Step]) -> None:
    """Acknowledge, one by one, the findings that the workflow can't be without: whatever is new is still found.

    Args:
        workflow: the workflow.
        sagemaker_steps: its steps that run on SageMaker.
    """
    stack = Stack.of(workflow)
    bucket = workflow.bucket.node.default_child
    assert isinstance(bucket, CfnElement)
    objects = f"<{stack.get_logical_id(bucket)}.Arn>/RiskScoring/*"
    place = f"{_or_token(stack.region, '<AWS::Region>')}:{_or_token(stack.account, '<AWS::AccountId>')}"
    partition = _or_token(stack.partition, "<AWS::Partition>")
    _acknowledge(
        stack,
        {
            **_wildcards(
                "Each run has a folder of its own, named after its execution, with any number of objects.",
                (f"{objects}/{name}/*" for name in _DATA),
            ),
            **_wildcards(
                "Each run has a folder of its own; Spark asks whether a data set's folder is an object.",
                (f"{objects}/{name}" for name in _READ_BY_SPARK),
            ),
            **_wildcards(
                "Each run names its jobs, models and configurations anew, after the workflow and the step.",
                (f"arn:{partition}:sagemaker:{place}:{job}" for job in _JOBS),
            ),
            **_wildcards(
                "SageMaker names log streams after the job and the machine.",
                (f"arn:{partition}:logs:{place}:log-group:/aws/sagemaker/{group}:*" for group in _LOG_GROUPS),
            ),
        },
    )
    for step in sagemaker_steps:
        reason = "A registry's token has no ARN; nor have metrics, which are kept to SageMaker's own namespaces."
        _acknowledge(step, _wildcards(reason, ["*"]))
    _acknowledge(
        workflow,
        {
            **_wildcards("The delivery of logs and the traces of X-Ray have no ARN.", ["*"]),
            "AwsSolutions-S1": "An example has no bucket for access logs: MlWorkflow(bucket=...) takes one that does.",
            "AwsSolutions-SQS3": "It is a dead-letter queue, of the schedule and of the rule.",
        },
    )


def _wildcards(reason: str, resources: Iterable[str]) -> Mapping[str, str]:
    return {f"AwsSolutions-IAM5[Resource::{resource}]": reason for resource in resources}


def _acknowledge(scope: Construct, reasons: Mapping[str, str]) -> None:
    rules = [Acknowledgment(id=f"AwsSolutions::{rule}", reason=reason) for rule, reason in reasons.items()]
    Validations.of(scope).acknowledge(*rules)


def _or_token(value: str, token: str) -> str:
    """The value, or its token as cdk-nag writes it."""
    return token if Token.is_unresolved(value) else value
