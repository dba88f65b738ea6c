"""Writes docs/requests.md: every field of the requests that steps send, and the keyword that sets it.

Run it when a step learns a keyword, or when botocore knows more fields:

    python tools/generate_request_fields.py
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import botocore.loaders
import botocore.model

PAGE = Path(__file__).parent.parent / "docs" / "requests.md"
OVERRIDES = "request_overrides"
_INTRODUCTION = """# Every field of AWS's requests

What a step's keywords don't set, `request_overrides` does: it is laid over the request, field by field, and the whole
is checked against botocore's own model of it. `python tools/generate_request_fields.py` writes this page.
"""
_TUNING = "HyperParameterTuningJobConfig"
_TRAINING = "TrainingJobDefinition"


@dataclass(frozen=True)
class Step:
    """A step, and what sets the fields of its request.

    Args:
        name: its class.
        fields: for each field, by its path, the keywords that set it, or other words in `*`.
    """

    name: str
    fields: Mapping[str, str]


STEPS: Mapping[str, Step] = {
    "CreateHyperParameterTuningJob": Step(
        "TuningStep",
        {
            "HyperParameterTuningJobName": "*the step's id*",
            f"{_TUNING}.Strategy": "strategy",
            f"{_TUNING}.HyperParameterTuningJobObjective": "maximize, minimize",
            f"{_TUNING}.ResourceLimits.MaxNumberOfTrainingJobs": "max_jobs",
            f"{_TUNING}.ResourceLimits.MaxParallelTrainingJobs": "max_parallel_jobs",
            f"{_TUNING}.ParameterRanges.ContinuousParameterRanges": "ranges",
            f"{_TUNING}.ParameterRanges.IntegerParameterRanges": "ranges",
            f"{_TUNING}.ParameterRanges.CategoricalParameterRanges": "ranges",
            f"{_TUNING}.TrainingJobEarlyStoppingType": "early_stopping",
            f"{_TRAINING}.AlgorithmSpecification.MetricDefinitions": "metrics",
            f"{_TRAINING}.AlgorithmSpecification.TrainingImage": "image",
            f"{_TRAINING}.AlgorithmSpecification.TrainingInputMode": "*File*",
            f"{_TRAINING}.Environment": "environment",
            f"{_TRAINING}.InputDataConfig": "channels",
            f"{_TRAINING}.OutputDataConfig.S3OutputPath": "*the step's folder in the run's*",
            f"{_TRAINING}.ResourceConfig.InstanceCount": "instance_count",
            f"{_TRAINING}.ResourceConfig.InstanceType": "instance_type",
            f"{_TRAINING}.ResourceConfig.VolumeSizeInGB": "volume_size",
            f"{_TRAINING}.RoleArn": "role",
            f"{_TRAINING}.StaticHyperParameters": "hyperparameters, code",
            f"{_TRAINING}.StoppingCondition.MaxRuntimeInSeconds": "max_runtime",
            "WarmStartConfig": "warm_start",
        },
    ),
}


@dataclass(frozen=True)
class Field:
    """A field of a request.

    Args:
        path: its name, after those of the fields around it.
        required: whether the request can't be without it, if it has the field around it.
        keywords: what sets it.
    """

    path: str
    required: bool
    keywords: str

    @property
    def row(self) -> str:
        """The field's line on the page."""
        words = self.keywords if "*" in self.keywords else ", ".join(f"`{word}`" for word in self.keywords.split(", "))
        return f"| `{self.path}` | {'yes' if self.required else ''} | {words} |"


def fields(operation: str) -> list[Field]:
    """All fields of an operation's request: those that the step sets in part are taken apart.

    Args:
        operation: as the API names it.
    """
    loader = botocore.loaders.Loader()
    service = botocore.model.ServiceModel(loader.load_service_model("sagemaker", "service-2"))
    shape = service.operation_model(operation).input_shape
    assert isinstance(shape, botocore.model.StructureShape)
    return list(_within(shape, "", STEPS[operation].fields))


def page() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    for operation, step in sorted(STEPS.items()):
        rows = "\n".join(field.row for field in fields(operation))
        link = f"https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_{operation}.html"
        head = f"## `{step.name}`: [{operation}]({link})\n\n| Field | Required | Set by |\n|---|---|---|"
        parts.append(f"{head}\n{rows}\n")
    return "\n".join(parts)


def _within(shape: botocore.model.StructureShape, around: str, known: Mapping[str, str]) -> Iterator[Field]:
    for name, member in shape.members.items():
        path = f"{around}{name}"
        if any(each.startswith(f"{path}.") for each in known):
            assert isinstance(member, botocore.model.StructureShape)
            yield from _within(member, f"{path}.", known)
        else:
            yield Field(path, name in shape.required_members, known.get(path, OVERRIDES))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
