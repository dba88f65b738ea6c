"""The table of images against the SageMaker SDK's own answers: run where the dependency group `images` is installed."""

import json
from collections.abc import Mapping

import botocore.loaders
import pytest

from tests.sampling import sampled
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.sagemaker.images.framework_images import Purpose, framework_image

pytest.importorskip("sagemaker", reason="needs the dependency group images")

from sagemaker.core import image_uris

from tools.generate_images import ALGORITHMS, IMAGES, INSTANCES, Image, images, regions, remember_what_was_read

PURPOSES: Mapping[str, Purpose] = {
    "training": "training",
    "inference": "inference",
    "inference_graviton": "inference",
    "processing": "processing",
}

remember_what_was_read()


def of_the_sdk(image: Image, *, instance_type: str, region: str) -> str:
    try:
        return image.uri(instance_type=instance_type, region=region)
    except ValueError:
        return "none"


def of_ours(image: Image, *, instance_type: str, region: str) -> str:
    framework, version = image.key
    purpose = PURPOSES[image.scope]
    try:
        return framework_image(framework, version, region=region, instance_type=instance_type, purpose=purpose)
    except WorkflowError:
        return "none"


def test_every_framework_or_algorithm_version_and_purpose_of_the_sdk_is_in_the_table() -> None:
    table = json.loads(IMAGES.read_text())

    assert {
        (framework, version, scope)
        for framework, versions in (*table["frameworks"].items(), *table["algorithms"].items())
        for version, scopes in versions.items()
        for scope in scopes
    } == {(*image.key, image.scope) for image in images()}


TYPICAL = ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1", "eu-nowhere-1"]


@pytest.mark.parametrize(
    "region", sampled([*TYPICAL, *(region for region in regions() if region not in TYPICAL)], always=len(TYPICAL))
)
def test_every_image_is_the_one_of_the_sdk_in_a_region_for_every_kind_of_instance(region: str) -> None:
    compared = 0
    for image in images():
        for instance_type in INSTANCES[image.scope].values():
            where = {"instance_type": instance_type, "region": region}
            assert of_ours(image, **where) == of_the_sdk(image, **where), (image, where)
            compared += 1
    assert compared > 500


def test_the_algorithms_of_the_sdk_are_ours_and_it_has_no_image_of_those_of_jumpstart() -> None:
    known = image_uris.list_frameworks()
    both = {name for name in known if image_uris.config_for_framework(name).get("scope") == ["inference", "training"]}

    # Chainer is a framework, which runs a script.
    assert both == {*ALGORITHMS, "chainer"}
    assert {"catboost", "lightgbm", "tabtransformer"}.isdisjoint(known)


def test_every_instance_type_gets_the_image_of_the_sdk_but_for_new_gravitons() -> None:
    shapes = botocore.loaders.Loader().load_service_model("sagemaker", "service-2")["shapes"]
    image = next(image for image in images() if image.key == ("pytorch", "2.6.0") and image.scope == "inference")

    different = {
        instance_type.split(".")[1]
        for instance_type in shapes["ProductionVariantInstanceType"]["enum"]
        if of_ours(image, instance_type=instance_type, region="us-east-1")
        != of_the_sdk(image, instance_type=instance_type, region="us-east-1")
    }

    # The SDK gives new Gravitons the images of x86, and knows that p2 is gone.
    assert different == {"c8g", "m8g", "r7gd", "r8g", "p2"}
