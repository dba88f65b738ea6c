"""What a batch transform job tells of its data, for a monitor that looks at them later."""

from dataclasses import dataclass

from aws_cdk import aws_kms as kms

from zflow_constructs.core.values.references import RunLocation
from zflow_constructs.core.values.templates import Template
from zflow_constructs.data.sources import DataLocation
from zflow_constructs.data.storage import RunPlace
from zflow_constructs.steps.step import Step


@dataclass(frozen=True)
class BatchDataCapture:
    """The data capture of a batch transform job: lists of what it read and wrote, below `input/` and `output/`.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-batch.html

    Args:
        destination: Where they go. `None`: into the run's folder
        key: What they are encrypted with there. `None`: as the bucket says
        inference_ids: whether each answer gets an id and the time, for a monitor to join it with what became true.

    Example:
        `BatchDataCapture.to_location(DataLocation.from_bucket(lake, "captured/"), inference_ids=True)`
    """

    destination: DataLocation | None
    key: kms.IKey | None
    inference_ids: bool

    @classmethod
    def to_location(cls, location: DataLocation, *, inference_ids: bool = False) -> "BatchDataCapture":
        """Captured data that come to the same place in each run, where a schedule of the Model Monitor finds them.

        Args:
            location: where they go; they are encrypted with its key, if it has one.
            inference_ids: whether each answer gets an id, and the time at which the job began. Default: no
        """
        return cls(location, next(location.place.own_keys(), None), inference_ids)

    @classmethod
    def to_run_folder(cls, *, key: kms.IKey | None = None, inference_ids: bool = False) -> "BatchDataCapture":
        """Captured data in a folder of each run, beside the step's own: `<run>/<step>.captured/`.

        Args:
            key: what they are encrypted with. Default: as the bucket says
            inference_ids: whether each answer gets an id, and the time at which the job began. Default: no
        """
        return cls(None, key, inference_ids)

    def location(self, step: Step) -> DataLocation:
        """Where the captured data of a step are.

        Args:
            step: the step.
        """
        if self.destination is not None:
            return self.destination
        # No step can be called like that: its id has no dots. In the step's own folder they would be answers.
        path = f"{step.name}.captured"
        return DataLocation(RunLocation(step.path, step.name, path), RunPlace(path, self.key))

    def fields(self, step: Step) -> dict[str, Template]:
        """`{"DataCaptureConfig": {"DestinationS3Uri": "s3://...", "GenerateInferenceId": true}}`.

        Args:
            step: the step.
        """
        return {
            "DataCaptureConfig": {
                "DestinationS3Uri": self.location(step).uri,
                **({"KmsKeyId": self.key.key_arn} if self.key else {}),
                **({"GenerateInferenceId": True} if self.inference_ids else {}),
            }
        }
