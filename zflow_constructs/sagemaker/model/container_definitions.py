"""A model's containers as SageMaker is told of them: images bound, code packed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import aws_s3_assets as s3_assets

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Template
from zflow_constructs.core.values.texts import as_texts
from zflow_constructs.data.sources import ModelData
from zflow_constructs.requests.aws import merge_overrides
from zflow_constructs.sagemaker.images.containers import BoundImage, ModelContainer
from zflow_constructs.steps.step import Step

_MOST_CONTAINERS = 15


@dataclass(frozen=True)
class BoundContainer:
    """One container of a step's model.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html

    Args:
        model_data: the trained model.
        image: its image, bound.
        source: Its packed script. `None`: it has none
        definition: `{"Image": ..., "ModelDataUrl": ..., "Environment": {...}}`, for a model and a registered version.
    """

    model_data: ModelData
    image: BoundImage
    source: s3_assets.Asset | None
    definition: Mapping[str, Template]


def bound_containers(
    step: Step,
    containers: Sequence[ModelContainer],
    *,
    machine: str,
    suffix: str = "",
    network_isolation: bool = False,
) -> tuple[BoundContainer, ...]:
    """The containers of a step's model, in the order in which a request passes through them.

    Args:
        step: the step.
        containers: 1 to 15 containers.
        machine: SageMaker's name of where they will serve.
        suffix: what ends the ids of their code, where the step has several models. Default: nothing
        network_isolation: whether they can't reach any network. Default: no

    Raises:
        WorkflowError: there are too few or too many, or one lacks its script or can't fetch it.
    """
    if not 1 <= len(containers) <= _MOST_CONTAINERS:
        raise WorkflowError(
            f'Step "{step.name}": containers has {len(containers)} entries. A model has 1 to {_MOST_CONTAINERS}: '
            "one container alone, or an inference pipeline of several."
        )
    return tuple(_bound(step, containers, machine, suffix, network_isolation=network_isolation))


def _bound(
    step: Step, containers: Sequence[ModelContainer], machine: str, suffix: str, *, network_isolation: bool
) -> Iterator[BoundContainer]:
    for number, container in enumerate(containers, start=1):
        image = container.image.bind(step, purpose="inference", machine=machine)
        if image.needs_script and container.code is None:
            raise WorkflowError(
                f'Step "{step.name}": container {number} has a framework image, which serves with a script of '
                "yours. Give ModelContainer(code=...)."
            )
        image.check_script(f"{step.label}: container {number}", given=container.code is not None)
        if network_isolation and container.code:
            raise WorkflowError(
                f'Step "{step.name}": container {number} can\'t fetch its code from S3 with '
                "network_isolation. Put the script into an image of your own or into the model's archive, or "
                "serve in a vpc."
            )
        source: s3_assets.Asset | None = None
        script: dict[str, Template] = {}
        if container.code is not None:
            source = container.code.packed(step, f"Code{number}{suffix}")
            script = {
                "SAGEMAKER_PROGRAM": container.code.entry_point,
                "SAGEMAKER_SUBMIT_DIRECTORY": source.s3_object_url,
            }
        definition: dict[str, Template] = {
            "Image": image.uri,
            "ModelDataUrl": container.model_data.uri,
            "Environment": {
                **as_texts(f"{step.label}: container {number}", "environment", container.environment),
                **script,
            },
        }
        merged = merge_overrides(definition, container.overrides)
        yield BoundContainer(container.model_data, image, source, merged)
