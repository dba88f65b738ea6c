"""Framework images: which image URIs the local processes can stand in for."""

from dataclasses import dataclass
from typing import Literal

from zflow_constructs.local.containers.errors import UnsupportedImageError

Framework = Literal["scikit-learn", "xgboost", "scripts"]
"""Whose defaults serve a model. Of "scripts" all functions must be the user's."""


@dataclass(frozen=True)
class FrameworkImage:
    """A framework image, known by the name of its repository.

    Args:
        repository: The repository's name, such as `sagemaker-xgboost`.
        framework: Whose defaults it serves with.
        trains: Whether it runs training scripts.
        serves: Whether it serves models by a script's functions.
    """

    repository: str
    framework: Framework
    trains: bool
    serves: bool


_IMAGES = {
    image.repository: image
    for image in (
        FrameworkImage("sagemaker-scikit-learn", "scikit-learn", trains=True, serves=True),
        FrameworkImage("sagemaker-xgboost", "xgboost", trains=True, serves=True),
        FrameworkImage("pytorch-training", "scripts", trains=True, serves=False),
        FrameworkImage("pytorch-inference", "scripts", trains=False, serves=True),
        FrameworkImage("huggingface-pytorch-training", "scripts", trains=True, serves=False),
        FrameworkImage("huggingface-pytorch-inference", "scripts", trains=False, serves=True),
        FrameworkImage("tensorflow-training", "scripts", trains=True, serves=False),
        FrameworkImage("autogluon-training", "scripts", trains=True, serves=False),
        FrameworkImage("autogluon-inference", "scripts", trains=False, serves=True),
    )
}


def training_image(uri: str) -> FrameworkImage:
    """The framework image that trains.

    Args:
        uri: The image's URI, as in `AlgorithmSpecification.TrainingImage`.

    Raises:
        UnsupportedImageError: It is no framework image that trains.
    """
    return _image(uri, "training", [image for image in _IMAGES.values() if image.trains])


def processing_image(uri: str) -> FrameworkImage:
    """The framework image that processes data by a script: one that trains.

    Args:
        uri: The image's URI, as in `AppSpecification.ImageUri`.

    Raises:
        UnsupportedImageError: It is no framework image that runs scripts.
    """
    return _image(uri, "processing", [image for image in _IMAGES.values() if image.trains])


def serving_image(uri: str) -> FrameworkImage:
    """The framework image that serves.

    Args:
        uri: The image's URI, as in a container definition's `Image`.

    Raises:
        UnsupportedImageError: It is no framework image that serves by a script's functions.
    """
    return _image(uri, "serving", [image for image in _IMAGES.values() if image.serves])


def _image(uri: str, use: str, supported: list[FrameworkImage]) -> FrameworkImage:
    # ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG, or REPOSITORY@DIGEST
    repository = uri.rpartition("/")[2].partition("@")[0].partition(":")[0]
    image = _IMAGES.get(repository)
    if image not in supported:
        names = ", ".join(sorted(image.repository for image in supported))
        raise UnsupportedImageError(
            f"The image {uri!r} can't be run without Docker. Local {use} supports the framework images "
            f"whose repository is one of: {names}."
        )
    return image
