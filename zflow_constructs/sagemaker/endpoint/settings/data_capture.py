"""What an endpoint keeps of its requests and answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Template
from zflow_constructs.data.sources import DataLocation
from zflow_constructs.data.storage import grant_write
from zflow_constructs.steps.binding import Binding
from zflow_constructs.steps.step import Step


@dataclass(frozen=True)
class DataCapture:
    """Keeps requests and answers in S3, one JSON line each, to monitor the model and to train the next one.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html

    Args:
        percent: how many of the requests, 1 to 100. Default: all
        requests: whether requests are kept. Default: yes
        answers: whether answers are kept. Default: yes
        location: where. Default: in the folder of the run that deployed the endpoint
        key: what the objects are encrypted with. Default: the bucket's own encryption
        csv_content_types: what is kept as text, as CSV. Default: text/csv
        json_content_types: what is kept as text, as JSON. Default: application/json

    Raises:
        WorkflowError: nothing is kept, or the percentage is out of bounds.

    Example:
        `DataCapture(percent=20)`
    """

    percent: int = 100
    requests: bool = True
    answers: bool = True
    location: DataLocation | None = None
    key: kms.IKey | None = None
    csv_content_types: Sequence[str] = ("text/csv",)
    json_content_types: Sequence[str] = ("application/json",)

    def __post_init__(self) -> None:
        if not 1 <= self.percent <= 100:
            raise WorkflowError(f"DataCapture: percent is {self.percent}. Give 1 to 100.")
        if not self.requests and not self.answers:
            raise WorkflowError("DataCapture: it keeps neither requests nor answers. Keep one of them, or remove it.")

    def destination(self, step: Step) -> DataLocation:
        """Where it keeps them.

        Args:
            step: the endpoint's step, in whose folder of each run they are unless another location is given.
        """
        return self.location or DataLocation.from_step(step, "captured", content_type="application/jsonlines")

    def fields(self, step: Step) -> dict[str, Template]:
        """`{"DataCaptureConfig": {"EnableCapture": true, "InitialSamplingPercentage": 100, ...}}`.

        Args:
            step: the endpoint's step.
        """
        modes = [mode for mode, kept in (("Input", self.requests), ("Output", self.answers)) if kept]
        headers: dict[str, Template] = {
            **({"CsvContentTypes": list(self.csv_content_types)} if self.csv_content_types else {}),
            **({"JsonContentTypes": list(self.json_content_types)} if self.json_content_types else {}),
        }
        return {
            "DataCaptureConfig": {
                "EnableCapture": True,
                "InitialSamplingPercentage": self.percent,
                "DestinationS3Uri": self.destination(step).uri,
                "CaptureOptions": [{"CaptureMode": mode} for mode in modes],
                **({"CaptureContentTypeHeader": headers} if headers else {}),
                **({"KmsKeyId": self.key.key_arn} if self.key else {}),
            }
        }

    def bind(self, step: Step, binding: Binding, role: iam.IRole) -> None:
        """Lets a variant's role write them.

        Args:
            step: the endpoint's step.
            binding: the workflow.
            role: the role.
        """
        grant_write(self.destination(step).place, role, binding.storage)
        if self.key:
            self.key.grant(role, "kms:Decrypt", "kms:GenerateDataKey")
