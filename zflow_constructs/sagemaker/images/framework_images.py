"""AWS's images: the frameworks' run a script of yours (scikit-learn, XGBoost, PyTorch, ...), the algorithms' need none.

`images.json` is their list, written by `tools/generate_images.py` from what the SageMaker SDK knows, so that the SDK
isn't needed to synthesize.
https://docs.aws.amazon.com/sagemaker/latest/dg-ecr-paths/sagemaker-algo-docker-registry-paths.html
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias, TypedDict

from zflow_constructs.core.values.errors import WorkflowError, did_you_mean, one_of

Purpose: TypeAlias = Literal["training", "inference", "processing"]

_OWN_IMAGE = "For any other image use ContainerImage.from_ecr."
_DOMAIN = "amazonaws.com"
_NEWEST = 12
# XGBoost's image is an algorithm without a script, and a framework with one.
_ALGORITHMS_TOO = ("xgboost",)
# https://docs.aws.amazon.com/sagemaker/latest/dg/algos.html
_JUMPSTART = {
    "autogluon-tabular",
    "catboost",
    "image-classification-tensorflow",
    "lightgbm",
    "object-detection-tensorflow",
    "tabtransformer",
    "text-classification-tensorflow",
}
_INSTANCE_TYPE = re.compile(r"ml\.(?P<family>[a-z]+[0-9][a-z0-9-]*)\.[a-z0-9]+")
_GRAVITON = re.compile(r"[a-z][0-9]+g[dn]?")


class _Images(TypedDict):
    """The images of one version for one purpose."""

    accounts: int
    repository: str
    tags: Mapping[str, str]


class _Table(TypedDict):
    domains: Mapping[str, str]
    accounts: Sequence[Mapping[str, str]]
    frameworks: Mapping[str, Mapping[str, Mapping[str, _Images]]]
    algorithms: Mapping[str, Mapping[str, Mapping[str, _Images]]]


def check_framework(framework: str) -> None:
    """Checks the name of a framework.

    Args:
        framework: its name.

    Raises:
        WorkflowError: AWS has no images of it. The message says of which it has.
    """
    table = _table()
    if framework in table["algorithms"]:
        (version,) = table["algorithms"][framework]
        raise WorkflowError(
            f'"{framework}" is no framework, but an algorithm of SageMaker\'s: '
            f'ContainerImage.from_algorithm("{framework}", "{version}").'
        )
    if framework not in table["frameworks"]:
        raise WorkflowError(
            f'There is no framework "{framework}".{did_you_mean(framework, table["frameworks"])} '
            f"AWS has images of {one_of(table['frameworks'])}. {_OWN_IMAGE}"
        )


def check_algorithm(algorithm: str) -> None:
    """Checks the name of an algorithm.

    Args:
        algorithm: its name.

    Raises:
        WorkflowError: AWS has no image of it. The message says of which it has.
    """
    algorithms = [*_table()["algorithms"], *_ALGORITHMS_TOO]
    if algorithm in _JUMPSTART:
        raise WorkflowError(
            f'The algorithm "{algorithm}" has no image of its own: it is a model of JumpStart, a script of AWS\'s on a '
            "framework's image, which the SageMaker SDK looks up when it runs. Train with a script of yours on "
            'ContainerImage.from_framework("sklearn", ...), or name the image that '
            "sagemaker.core.image_uris.retrieve(model_id=...) tells: ContainerImage.from_registry."
        )
    if algorithm not in algorithms:
        raise WorkflowError(
            f'There is no algorithm "{algorithm}".{did_you_mean(algorithm, algorithms)} '
            f"AWS has images of {one_of(algorithms)}. {_OWN_IMAGE}"
        )


def needs_script(framework: str) -> bool:
    """Whether an image does nothing without a script.

    Args:
        framework: the framework or algorithm.
    """
    return takes_script(framework) and framework not in _ALGORITHMS_TOO


def takes_script(framework: str) -> bool:
    """Whether an image runs a script: an algorithm's does what it does.

    Args:
        framework: the framework or algorithm.
    """
    return framework not in _table()["algorithms"]


def framework_image(framework: str, version: str, *, region: str, instance_type: str, purpose: Purpose) -> str:
    """The URI of AWS's image of a framework or an algorithm.

    Args:
        framework: `sklearn`, `xgboost`, `pytorch`, `pytorch-amzn2023`, `tensorflow`, `huggingface-pytorch`,
            `huggingface-tensorflow` or `spark`; or an algorithm, such as `kmeans`.
        version: as AWS has it, such as `1.2-1`, `2.6.0`, or short `2.6`; for Hugging Face `2.6.0-transformers4.49.0`.
        region: the region of the job or endpoint.
        instance_type: where the container runs, `ml.m5.large` for example: whether on CPUs, GPUs or Graviton.
        purpose: whether it trains, answers requests and transforms, or processes data.

    Raises:
        WorkflowError: AWS has no such image. The message says what there is.

    Example:
        >>> framework_image(
        ...     "sklearn", "1.2-1", region="eu-central-1", instance_type="ml.m5.large", purpose="training"
        ... )
        '492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3'
    """
    images, kind = _find(framework, version, instance_type, purpose)
    table = _table()
    accounts = table["accounts"][images["accounts"]]
    if region not in accounts:
        raise WorkflowError(
            f'{framework} "{version}": AWS has no image of it for {purpose} in region "{region}".'
            f"{did_you_mean(region, accounts)} It is in {one_of(accounts)}."
        )
    registry = f"{accounts[region]}.dkr.ecr.{region}.{table['domains'].get(region, _DOMAIN)}"
    return f"{registry}/{images['repository']}:{images['tags'][kind]}"


def framework_repository_tag(framework: str, version: str, *, instance_type: str, purpose: Purpose) -> tuple[str, str]:
    """The repository and the tag of AWS's image of a framework: they are the same in every region.

    Args:
        framework: as for `framework_image`.
        version: as for `framework_image`.
        instance_type: as for `framework_image`.
        purpose: as for `framework_image`.

    Raises:
        WorkflowError: AWS has no such image. The message says what there is.
    """
    images, kind = _find(framework, version, instance_type, purpose)
    return images["repository"], images["tags"][kind]


def newest_version(framework: str, purpose: Purpose) -> str:
    """The newest version of a framework that has images for a purpose.

    Args:
        framework: as for `framework_image`.
        purpose: as for `framework_image`.

    Raises:
        WorkflowError: AWS has no images of this framework. The message says what there is.
    """
    uses = {purpose, "training"} if purpose == "processing" else {purpose}
    return _newest_first(version for version, scopes in _versions(framework).items() if uses & scopes.keys())[0]


def framework_accounts(framework: str, version: str) -> Mapping[str, tuple[str, str]]:
    """The AWS account and the domain that hold a framework's images, for each region that has them.

    They are what differs between regions: a `CfnMapping` of them serves a stack without a fixed region.

    Args:
        framework: as for `framework_image`.
        version: as for `framework_image`.

    Returns:
        The account's number and the domain, such as `amazonaws.com.cn`, by region.

    Raises:
        WorkflowError: AWS has no images of this framework or version. The message says what there is.

    Example:
        >>> framework_accounts("sklearn", "1.2-1")["cn-north-1"]
        ('450853457545', 'amazonaws.com.cn')
    """
    table = _table()
    accounts: dict[str, str] = {}
    for images in _scopes(framework, version).values():
        accounts.update(table["accounts"][images["accounts"]])
    return {region: (account, table["domains"].get(region, "amazonaws.com")) for region, account in accounts.items()}


@cache
def _table() -> _Table:
    table: _Table = json.loads((Path(__file__).with_name("images.json")).read_bytes())
    return table


def _versions(framework: str) -> Mapping[str, Mapping[str, _Images]]:
    algorithms = _table()["algorithms"]
    if framework in algorithms:
        return algorithms[framework]
    check_framework(framework)
    return _table()["frameworks"][framework]


def _scopes(framework: str, version: str) -> Mapping[str, _Images]:
    versions = _versions(framework)
    if version not in versions:
        raise WorkflowError(
            f'{framework} "{version}": AWS has no image of this version.{did_you_mean(version, versions)} '
            f"There are {_newest(versions)}."
        )
    return versions[version]


def _find(framework: str, version: str, instance_type: str, purpose: Purpose) -> tuple[_Images, str]:
    """The images for a purpose, and which of their tags an instance type takes."""
    scopes = _scopes(framework, version)
    family = _family(instance_type)
    # All but Spark's process data with the images that train, if they run a script.
    trains = purpose == "processing" and "processing" not in scopes and takes_script(framework)
    use = "training" if trains else purpose
    scope = f"{use}_graviton" if _GRAVITON.fullmatch(family) else use
    if scope not in scopes:
        where = f"{purpose} on Graviton ({instance_type})" if scope != use else purpose
        others = [name for name, its in _versions(framework).items() if scope in its]
        other = "instance type" if scope != use else "framework"
        there_are = f"For that there are {_newest(others)}." if others else f"Choose another {other}."
        raise WorkflowError(f'{framework} "{version}": AWS has no image of it for {where}. {there_are}')
    tags = scopes[scope]["tags"]
    kind = family if family in tags else _kind(family)
    if kind not in tags:
        raise WorkflowError(
            f'{framework} "{version}": AWS has no image of it for {purpose} on {instance_type} ({kind}), '
            f"only on {' and '.join(tags)}. {_OWN_IMAGE}"
        )
    return scopes[scope], kind


def _family(instance_type: str) -> str:
    match = _INSTANCE_TYPE.fullmatch(instance_type)
    if not match:
        raise WorkflowError(f'"{instance_type}" is no instance type of SageMaker: they read like "ml.m5.large".')
    return match["family"]


def _kind(family: str) -> str:
    if family.startswith(("inf", "trn")):
        return "Neuron"
    return "gpu" if family[0] in "gp" else "cpu"


def _newest(versions: Iterable[str]) -> str:
    """The newest versions, newest first, as they read in an error message."""
    ordered = _newest_first(versions)
    older = f" and {len(ordered) - _NEWEST} older ones" if len(ordered) > _NEWEST else ""
    return ", ".join(f'"{version}"' for version in ordered[:_NEWEST]) + older


def _newest_first(versions: Iterable[str]) -> list[str]:
    return sorted(versions, key=lambda version: [int(number) for number in re.findall(r"\d+", version)], reverse=True)
