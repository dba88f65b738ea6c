"""Which images AWS no longer patches, and what is said of them."""

import tomllib
from datetime import date
from pathlib import Path

import pytest

from zflow_constructs.sagemaker.images import image_support
from zflow_constructs.sagemaker.images.framework_images import Purpose, framework_accounts
from zflow_constructs.sagemaker.images.image_support import support_warning

SUPPORT = tomllib.loads((Path(image_support.__file__).parent / "image_support.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("framework", "version", "purpose", "warning"),
    [
        (
            "pytorch",
            "1.13.1",
            "training",
            (
                "ContainerImage: AWS ended its security patches of pytorch 1.13.1 on 2024-10-28. "
                'Newest for training: "2.10.0".'
            ),
        ),
        (
            "tensorflow",
            "2.16",
            "processing",
            (
                "ContainerImage: AWS ended its security patches of tensorflow 2.16 on 2025-03-07. "
                'Newest for processing: "2.21.0".'
            ),
        ),
        (
            "pytorch",
            "2.6",
            "training",
            (
                "ContainerImage: AWS ended its security patches of pytorch 2.6 on 2026-01-29. "
                'Newest for training: "2.10.0".'
            ),
        ),
        (
            "pytorch",
            "2.6",
            "inference",
            (
                "ContainerImage: AWS ended its security patches of pytorch 2.6 on 2026-06-30. Nor does it patch the "
                'newest for inference, "2.6.0": build an image of your own (ContainerImage.from_asset), or accept this '
                "one (acknowledge_warning)."
            ),
        ),
    ],
)
def test_an_image_that_aws_no_longer_patches_is_told_with_the_date_and_a_way_out(
    framework: str, version: str, purpose: Purpose, warning: str
) -> None:
    assert support_warning(framework, version, purpose=purpose) == warning


@pytest.mark.parametrize(
    ("framework", "version", "why"),
    [
        ("pytorch", "2.9", "its date is after the day of the data"),
        ("tensorflow", "2.21", "its date is after the day of the data"),
        ("pytorch", "1.12", "no source tells its date"),
        ("sklearn", "1.4-2-py312", "its date is after the day of the data"),
        ("sklearn", "1.2-1", "no source tells its date"),
        ("kmeans", "1", "no source tells a date of an algorithm"),
    ],
)
def test_nothing_is_said_of_an_image_that_is_patched_or_has_no_date(framework: str, version: str, why: str) -> None:
    assert support_warning(framework, version, purpose="training") == "", why


def test_every_date_is_of_a_version_that_has_images() -> None:
    for framework, ends in SUPPORT.items():
        for version, end in ends.items() if isinstance(ends, dict) else ():
            assert framework_accounts(framework, version.removesuffix(" inference"))
            assert isinstance(end, date)
