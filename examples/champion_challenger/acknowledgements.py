"""What cdk-nag's AwsSolutions pack finds in the stack and what stays so, each with its reason."""

from collections.abc import Sequence

from aws_cdk import CfnElement, Stack
from constructs import Construct

import zflow_constructs as zflow
from examples.acknowledging import acknowledge, partition, place, wildcards


def acknowledge_findings(workflow: zflow.MlWorkflow, *, trainings: Sequence[zflow.Step]) -> None:
    """Acknowledge, one by one, the findings that the workflow can't be without: whatever is new is still found.

    Args:
        workflow: the workflow.
        trainings: its training steps.
    """
    stack = Stack.of(workflow)
    bucket, machine = _logical_id(stack, workflow.bucket), _logical_id(stack, workflow.state_machine)
    names = [step.name for step in trainings]
    aws, here = partition(stack), place(stack)
    acknowledge(
        stack,
        {
            **wildcards(
                "Each run has a folder of its own, named after its execution, with any number of objects.",
                (
                    f"<{bucket}.Arn>/{path}"
                    for path in ("reports/*", *(f"ChampionChallenger/*/{step}/*" for step in names))
                ),
            ),
            **wildcards(
                "Each run names its jobs anew, after the workflow and the step.",
                (f"arn:{aws}:sagemaker:{here}:training-job/championchallenger-{step.lower()}-*" for step in names),
            ),
            **wildcards(
                "SageMaker names log streams after the job and the machine.",
                [f"arn:{aws}:logs:{here}:log-group:/aws/sagemaker/TrainingJobs:*"],
            ),
            **wildcards(
                "What runs at the end looks at the run that has ended, whatever its name.",
                [f"arn:{aws}:states:{here}:execution:<{machine}.Name>:*"],
            ),
            f"AwsSolutions-IAM4[Policy::arn:{aws}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]": (
                "It lets the functions write their logs, and do nothing else."
            ),
            "AwsSolutions-S1": "An example has no bucket for access logs.",
            "AwsSolutions-SQS3": "It is a dead-letter queue, of the rule.",
        },
    )
    for step in trainings:
        reason = "A registry's token has no ARN; nor have metrics, which are kept to SageMaker's own namespaces."
        acknowledge(step, wildcards(reason, ["*"]))
    acknowledge(workflow, wildcards("The delivery of logs and the traces of X-Ray have no ARN.", ["*"]))


def _logical_id(stack: Stack, construct: Construct) -> str:
    resource = construct.node.default_child
    assert isinstance(resource, CfnElement)
    return stack.get_logical_id(resource)
