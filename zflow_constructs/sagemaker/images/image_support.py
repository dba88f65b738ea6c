"""Images that AWS no longer patches: `image_support.toml` says which, since when, and where that is written."""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

from zflow_constructs.sagemaker.images.framework_images import Purpose, newest_version


def support_warning(framework: str, version: str, *, purpose: Purpose) -> str:
    """What to say of an image whose security patches AWS has ended; nothing of one that is patched, or has no date.

    https://aws.github.io/deep-learning-containers/reference/support_policy

    Args:
        framework: the framework.
        version: its version.
        purpose: `training`, `inference` or `processing`.

    Example:
        >>> support_warning("pytorch", "2.5", purpose="training")
        'ContainerImage: AWS ended its security patches of pytorch 2.5 on 2025-10-29. Newest for training: "2.10.0".'
    """
    end = _end_of_patches(framework, version, purpose)
    if end > _as_of():
        return ""
    newest = newest_version(framework, purpose)
    advice = (
        f'Newest for {purpose}: "{newest}".'
        if _end_of_patches(framework, newest, purpose) > _as_of()
        else f'Nor does it patch the newest for {purpose}, "{newest}": build an image of your own '
        "(ContainerImage.from_asset), or accept this one (acknowledge_warning)."
    )
    return f"ContainerImage: AWS ended its security patches of {framework} {version} on {end}. {advice}"


def _end_of_patches(framework: str, version: str, purpose: Purpose) -> date:
    """The last day, as far as it is known; a day that never comes otherwise."""
    ends = _ends().get(framework, {})
    # 2.6.0 is patched as 2.6 is: the policy knows no third number.
    short = ".".join(version.split(".")[:2])
    return ends.get(f"{short} {purpose}", ends.get(short, date.max))


def _as_of() -> date:
    day = _support()["as_of"]
    assert isinstance(day, date)
    return day


def _ends() -> Mapping[str, Mapping[str, date]]:
    return {name: ends for name, ends in _support().items() if isinstance(ends, Mapping)}


@cache
def _support() -> Mapping[str, date | Mapping[str, date]]:
    return tomllib.loads(Path(__file__).with_name("image_support.toml").read_text(encoding="utf-8"))
