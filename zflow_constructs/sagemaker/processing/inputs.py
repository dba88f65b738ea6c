"""The data that a processing job reads, and how its machines get them."""

from dataclasses import dataclass
from typing import Literal

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Template
from zflow_constructs.data.sources import DataLocation, Distribution, s3_source
from zflow_constructs.sagemaker.processing.container import folder_of_input


@dataclass(frozen=True)
class ProcessingInput:
    """Data of a `ProcessingStep` that its machines don't simply all get as files, as those of a `DataLocation` are.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProcessingS3Input.html

    Args:
        data: the objects.
        distribution: whether each machine gets all objects, or they are shared out.
        input_mode: whether they are files, or come through a named pipe.
        compression: whether SageMaker decompresses what comes through the pipe.
        manifest: A JSON file that lists the objects to read. `None`: all of them are read

    Example:
        `inputs={"history": ProcessingInput.from_location(extract.outputs["history"], distribution="ShardedByS3Key")}`
    """

    data: DataLocation
    distribution: Distribution
    input_mode: Literal["File", "Pipe"]
    compression: Literal["Gzip", "None"]
    manifest: DataLocation | None

    @classmethod
    def from_location(
        cls,
        data: DataLocation,
        *,
        distribution: Distribution = "FullyReplicated",
        input_mode: Literal["File", "Pipe"] = "File",
        compression: Literal["Gzip", "None"] = "None",
        manifest: DataLocation | None = None,
    ) -> "ProcessingInput":
        """The objects of a location.

        Args:
            data: the objects.
            distribution: whether each machine gets all objects, or they are shared out among the machines by
                `ShardedByS3Key`. Default: FullyReplicated
            input_mode: whether they are files, or come through a named `Pipe`, for a program that reads them once.
                Default: File
            compression: whether SageMaker decompresses what comes through the pipe: `Gzip`. Default: None
            manifest: a JSON file that lists the objects of `data` to read. Default: all of them

        Raises:
            WorkflowError: files were to be decompressed.
        """
        if compression == "Gzip" and input_mode == "File":
            raise WorkflowError(
                'ProcessingInput: compression="Gzip" decompresses what comes through a pipe. Set input_mode="Pipe", or '
                "let the script decompress its files."
            )
        return cls(data, distribution, input_mode, compression, manifest)

    @property
    def locations(self) -> tuple[DataLocation, ...]:
        """What the job reads: the data, and the list of them."""
        return (self.data,) if self.manifest is None else (self.data, self.manifest)

    def render(self, owner: str, name: str) -> Template:
        """`{"InputName": "scores", "S3Input": {"LocalPath": "/opt/ml/processing/input/scores", ...}}`.

        Args:
            owner: the step, for messages: `Step "Evaluate"`.
            name: the input's name.
        """
        source = s3_source(owner, self.data, self.manifest)
        return {
            "InputName": name,
            "S3Input": {
                "S3Uri": source["S3Uri"],
                "LocalPath": folder_of_input(name),
                "S3DataType": source["S3DataType"],
                "S3InputMode": self.input_mode,
                "S3DataDistributionType": self.distribution,
                **({"S3CompressionType": self.compression} if self.compression != "None" else {}),
            },
        }


def as_input(given: DataLocation | ProcessingInput) -> ProcessingInput:
    """An input as a step is given it: a location is files, which every machine gets.

    Args:
        given: the input.
    """
    return given if isinstance(given, ProcessingInput) else ProcessingInput.from_location(given)
