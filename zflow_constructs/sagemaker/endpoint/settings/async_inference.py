"""Endpoints that queue their requests, and write their answers to S3."""

from dataclasses import dataclass

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from zflow_constructs.core.values.templates import Template
from zflow_constructs.data.sources import DataLocation
from zflow_constructs.data.storage import grant_read, grant_write
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.step import Step


@dataclass(frozen=True)
class AsyncInference:
    """Requests are objects in S3 that wait in a queue, and so are the answers: for large ones, and for slow models.

    https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html

    Args:
        data: where clients put their requests; the model's role may read there.
        max_concurrent_invocations: how many requests a machine gets at once. Default: what SageMaker thinks best
        success_topic: is told of each answer. Default: nobody
        error_topic: is told of each request that failed. Default: nobody
        key: what the answers are encrypted with. Default: the bucket's own encryption

    Example:
        `AsyncInference(DataLocation.from_bucket(bucket, "requests/"), error_topic=topic)`
    """

    data: DataLocation
    max_concurrent_invocations: int = 0
    success_topic: sns.ITopic | None = None
    error_topic: sns.ITopic | None = None
    key: kms.IKey | None = None

    def answers(self, step: Step) -> DataLocation:
        """Where the answers are: in the folder of the run that deployed the endpoint.

        Args:
            step: the endpoint's step.
        """
        return DataLocation.from_step(step, "answers")

    def failures(self, step: Step) -> DataLocation:
        """Where it is said what failed.

        Args:
            step: the endpoint's step.
        """
        return DataLocation.from_step(step, "failures")

    def fields(self, step: Step) -> dict[str, Template]:
        """`{"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://...", ...}}}`.

        Args:
            step: the endpoint's step.
        """
        topics = (("SuccessTopic", self.success_topic), ("ErrorTopic", self.error_topic))
        told: dict[str, Template] = {name: topic.topic_arn for name, topic in topics if topic}
        most = self.max_concurrent_invocations
        return {
            "AsyncInferenceConfig": {
                **({"ClientConfig": {"MaxConcurrentInvocationsPerInstance": most}} if most else {}),
                "OutputConfig": {
                    "S3OutputPath": self.answers(step).uri,
                    "S3FailurePath": self.failures(step).uri,
                    **({"NotificationConfig": told} if told else {}),
                    **({"KmsKeyId": self.key.key_arn} if self.key else {}),
                },
            }
        }

    def bind(self, step: Step, binding: Binding, role: iam.IRole) -> None:
        """Lets a variant's role read requests, write answers and tell of them.

        Args:
            step: the endpoint's step.
            binding: the workflow.
            role: the role.
        """
        grant_read(self.data.place, role, binding.storage)
        grant_write(self.answers(step).place, role, binding.storage)
        grant_write(self.failures(step).place, role, binding.storage)
        for topic in filter(None, (self.success_topic, self.error_topic)):
            topic.grant_publish(role)
        if self.key:
            self.key.grant(role, "kms:Decrypt", "kms:GenerateDataKey")
