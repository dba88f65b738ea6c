"""What a state machine may do with the jobs that its steps start: all that Step Functions does for a `.sync` task."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from aws_cdk import aws_iam as iam

from zflow_constructs.core.values.references import JobName
from zflow_constructs.sagemaker.jobs.execution_role import SAGEMAKER
from zflow_constructs.steps.binding import Binding

JobKind: TypeAlias = Literal["HyperParameterTuningJob", "ProcessingJob", "TrainingJob", "TransformJob"]
"""A kind of job, as SageMaker's API names it."""


@dataclass(frozen=True)
class _Kind:
    """How IAM and Step Functions name a kind of job.

    Args:
        resource: The type of resource in its ARNs.
        rule: How the event rule names such jobs that Step Functions manages.
        starts: The type of the jobs that it starts itself, under names that begin with its own. Default: none
    """

    resource: str
    rule: str
    starts: str | None = None


_KINDS: Mapping[JobKind, _Kind] = {
    "HyperParameterTuningJob": _Kind("hyper-parameter-tuning-job", rule="Tuning", starts="training-job"),
    "ProcessingJob": _Kind("processing-job", rule="Processing"),
    "TrainingJob": _Kind("training-job", rule="Training"),
    "TransformJob": _Kind("transform-job", rule="Transform"),
}


def allow_job(binding: Binding, kind: JobKind, job: JobName, *, role: iam.IRole | None = None) -> None:
    """Let a state machine run a step's jobs: start, follow, stop and tag them, and learn of their end.

    https://docs.aws.amazon.com/step-functions/latest/dg/sagemaker-iam.html

    Args:
        binding: The workflow.
        kind: The kind of the jobs.
        job: The jobs' name.
        role: The role that it hands to them. Default: none, they have that of a model
    """
    named = _KINDS[kind]
    binding.allow(
        [
            f"sagemaker:Create{kind}",
            f"sagemaker:Describe{kind}",
            f"sagemaker:Stop{kind}",
            # Step Functions tags the job as its own.
            "sagemaker:AddTags",
            "sagemaker:ListTags",
        ],
        [binding.job_arn(named.resource, job)],
    )
    if named.starts is not None:
        # A job's tags are also those of the jobs that it starts.
        binding.allow(["sagemaker:AddTags"], [binding.job_arn(named.starts, job)])
    if role is not None:
        binding.allow_pass(role, SAGEMAKER)
    binding.allow_managed_rule(f"StepFunctionsGetEventsForSageMaker{named.rule}JobsRule")
