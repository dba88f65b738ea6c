import json
from pathlib import Path

import pytest

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.sagemaker.images import framework_images as images
from zflow_constructs.sagemaker.images.framework_images import (
    Purpose,
    check_algorithm,
    check_framework,
    framework_accounts,
    framework_image,
    framework_repository_tag,
    needs_script,
    takes_script,
)

SCIKIT_LEARN = "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-scikit-learn"
DEEP_LEARNING = "763104351884.dkr.ecr.eu-central-1.amazonaws.com"


@pytest.mark.parametrize(
    ("framework", "version", "instance_type", "purpose", "uri"),
    [
        ("sklearn", "1.2-1", "ml.m5.large", "training", f"{SCIKIT_LEARN}:1.2-1-cpu-py3"),
        ("sklearn", "1.2-1", "ml.m5.large", "inference", f"{SCIKIT_LEARN}:1.2-1-cpu-py3"),
        ("sklearn", "1.0-1", "ml.c6gn.large", "inference", f"{SCIKIT_LEARN}:1.0-1-arm64-cpu-py3"),
        ("sklearn", "1.2-1", "ml.m5.large", "processing", f"{SCIKIT_LEARN}:1.2-1-cpu-py3"),
        (
            "spark",
            "3.5",
            "ml.m5.large",
            "processing",
            "906073651304.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-spark-processing:3.5-cpu",
        ),
        ("pytorch", "2.6.0", "ml.m7i-flex.large", "training", f"{DEEP_LEARNING}/pytorch-training:2.6.0-cpu-py312"),
        ("pytorch", "2.6", "ml.g5.xlarge", "training", f"{DEEP_LEARNING}/pytorch-training:2.6-gpu-py312"),
        ("pytorch", "2.6", "ml.p5.48xlarge", "inference", f"{DEEP_LEARNING}/pytorch-inference:2.6-gpu-py312"),
        (
            "pytorch",
            "1.6.0",
            "ml.p4d.24xlarge",
            "training",
            f"{DEEP_LEARNING}/pytorch-training:1.6.0-gpu-py36-cu110-ubuntu18.04",
        ),
        (
            "linear-learner",
            "1",
            "ml.m5.large",
            "inference",
            "664544806723.dkr.ecr.eu-central-1.amazonaws.com/linear-learner:1",
        ),
        (
            "huggingface-pytorch",
            "2.5-transformers4.49",
            "ml.g5.xlarge",
            "training",
            f"{DEEP_LEARNING}/huggingface-pytorch-training:2.5-transformers4.49.0-gpu-py311-cu124-ubuntu22.04",
        ),
    ],
)
def test_an_image_suits_version_purpose_and_instance_type(
    framework: str, version: str, instance_type: str, purpose: Purpose, uri: str
) -> None:
    assert (
        framework_image(framework, version, region="eu-central-1", instance_type=instance_type, purpose=purpose) == uri
    )


def test_an_image_is_in_its_regions_own_account_and_domain() -> None:
    assert (
        framework_image("xgboost", "1.7-1", region="cn-north-1", instance_type="ml.m5.large", purpose="inference")
        == "450853457545.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-xgboost:1.7-1"
    )


def test_accounts_by_region_and_the_name_in_each_serve_a_stack_without_a_region() -> None:
    repository, tag = framework_repository_tag("xgboost", "1.7-1", instance_type="ml.m5.large", purpose="training")
    account, domain = framework_accounts("xgboost", "1.7-1")["us-west-2"]

    assert f"{account}.dkr.ecr.us-west-2.{domain}/{repository}:{tag}" == framework_image(
        "xgboost", "1.7-1", region="us-west-2", instance_type="ml.m5.large", purpose="training"
    )


WRONG: dict[str, tuple[str, str, str, str, Purpose, str]] = {
    "an unknown framework": (
        "xgbost",
        "1.7-1",
        "eu-central-1",
        "ml.m5.large",
        "training",
        (
            'There is no framework "xgbost". Did you mean "xgboost"? AWS has images of "huggingface-pytorch", '
            '"huggingface-tensorflow", "pytorch", "pytorch-amzn2023", "sklearn", "spark", "tensorflow", "xgboost". '
            "For any other image use ContainerImage.from_ecr."
        ),
    ),
    "an unknown version": (
        "xgboost",
        "1.7",
        "eu-central-1",
        "ml.m5.large",
        "training",
        (
            'xgboost "1.7": AWS has no image of this version. Did you mean "1.7-1"? There are "3.2-0", "3.0-5", '
            '"1.7-1", "1.5-1", "1.3-1", "1.2-2", "1.2-1", "1.0-1", "1", "0.90-2", "0.90-1".'
        ),
    ),
    "an unknown version of many": (
        "pytorch",
        "9.9",
        "eu-central-1",
        "ml.m5.large",
        "training",
        (
            'pytorch "9.9": AWS has no image of this version. Did you mean "2.9"? There are "2.10.0", "2.10", "2.9.0", '
            '"2.9", "2.8.0", "2.8", "2.7.1", "2.7", "2.6.0", "2.6", "2.5.1", "2.5" and 46 older ones.'
        ),
    ),
    "a version that changes by itself": (
        "xgboost",
        "latest",
        "eu-central-1",
        "ml.m5.large",
        "training",
        (
            'xgboost "latest": AWS has no image of this version. There are "3.2-0", "3.0-5", "1.7-1", "1.5-1", '
            '"1.3-1", "1.2-2", "1.2-1", "1.0-1", "1", "0.90-2", "0.90-1".'
        ),
    ),
    "a version without inference": (
        "sklearn",
        "1.4-2",
        "eu-central-1",
        "ml.m5.large",
        "inference",
        (
            'sklearn "1.4-2": AWS has no image of it for inference. For that there are "1.9-0", "1.4-2-py312", '
            '"1.2-1", "1.0-1", "0.23-1", "0.20.0".'
        ),
    ),
    "GPUs for what has no use for them": (
        "sklearn",
        "1.2-1",
        "eu-central-1",
        "ml.g5.xlarge",
        "training",
        (
            'sklearn "1.2-1": AWS has no image of it for training on ml.g5.xlarge (gpu), only on cpu. '
            "For any other image use ContainerImage.from_ecr."
        ),
    ),
    "CPUs for what needs GPUs": (
        "huggingface-pytorch",
        "2.5.1-transformers4.49.0",
        "eu-central-1",
        "ml.m5.large",
        "training",
        (
            'huggingface-pytorch "2.5.1-transformers4.49.0": AWS has no image of it for training on ml.m5.large (cpu), '
            "only on gpu. For any other image use ContainerImage.from_ecr."
        ),
    ),
    "Inferentia": (
        "pytorch",
        "2.6",
        "eu-central-1",
        "ml.inf2.xlarge",
        "inference",
        (
            'pytorch "2.6": AWS has no image of it for inference on ml.inf2.xlarge (Neuron), only on cpu and gpu. '
            "For any other image use ContainerImage.from_ecr."
        ),
    ),
    "Graviton in a version without it": (
        "xgboost",
        "1.7-1",
        "eu-central-1",
        "ml.m8g.large",
        "inference",
        (
            'xgboost "1.7-1": AWS has no image of it for inference on Graviton (ml.m8g.large). '
            'For that there are "1.5-1", "1.3-1".'
        ),
    ),
    "training on Graviton": (
        "xgboost",
        "1.5-1",
        "eu-central-1",
        "ml.c7g.large",
        "training",
        (
            'xgboost "1.5-1": AWS has no image of it for training on Graviton (ml.c7g.large). '
            "Choose another instance type."
        ),
    ),
    "training with what only processes": (
        "spark",
        "3.5",
        "eu-central-1",
        "ml.m5.large",
        "training",
        'spark "3.5": AWS has no image of it for training. Choose another framework.',
    ),
    "processing on Graviton": (
        "sklearn",
        "1.0-1",
        "eu-central-1",
        "ml.c7g.large",
        "processing",
        (
            'sklearn "1.0-1": AWS has no image of it for processing on Graviton (ml.c7g.large). '
            "Choose another instance type."
        ),
    ),
    "processing with an algorithm": (
        "kmeans",
        "1",
        "eu-central-1",
        "ml.m5.large",
        "processing",
        'kmeans "1": AWS has no image of it for processing. Choose another framework.',
    ),
    "a version that an algorithm does not have": (
        "kmeans",
        "2",
        "eu-central-1",
        "ml.m5.large",
        "training",
        'kmeans "2": AWS has no image of this version. There are "1".',
    ),
    "an instance type of EC2": (
        "xgboost",
        "1.5-1",
        "eu-central-1",
        "m5.large",
        "training",
        '"m5.large" is no instance type of SageMaker: they read like "ml.m5.large".',
    ),
    "a region misspelt": (
        "xgboost",
        "1",
        "eu-centrl-1",
        "ml.m5.large",
        "training",
        (
            'xgboost "1": AWS has no image of it for training in region "eu-centrl-1". Did you mean "eu-central-1"? '
            'It is in "af-south-1", "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", '
            '"ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ca-central-1", '
            '"cn-north-1", "cn-northwest-1", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", '
            '"eu-west-1", "eu-west-2", "eu-west-3", "me-central-1", "me-south-1", "sa-east-1", "us-east-1", '
            '"us-east-2", "us-gov-east-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1", "us-west-1", '
            '"us-west-2".'
        ),
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_an_image_that_aws_does_not_have_is_an_error_that_says_what_there_is(mistake: str) -> None:
    framework, version, region, instance_type, purpose, message = WRONG[mistake]

    with pytest.raises(WorkflowError) as error:
        framework_image(framework, version, region=region, instance_type=instance_type, purpose=purpose)

    assert str(error.value) == message


def test_an_algorithm_runs_no_script_xgboost_one_if_it_is_given_and_a_framework_does_nothing_without() -> None:
    images = ("kmeans", "xgboost", "sklearn")

    assert [takes_script(image) for image in images] == [False, True, True]
    assert [needs_script(image) for image in images] == [False, False, True]


def test_an_algorithm_is_no_framework() -> None:
    with pytest.raises(WorkflowError) as error:
        check_framework("kmeans")

    assert str(error.value) == (
        '"kmeans" is no framework, but an algorithm of SageMaker\'s: ContainerImage.from_algorithm("kmeans", "1").'
    )


@pytest.mark.parametrize(
    ("algorithm", "message"),
    [
        (
            "lightgbm",
            (
                'The algorithm "lightgbm" has no image of its own: it is a model of JumpStart, a script of AWS\'s on a '
                "framework's image, which the SageMaker SDK looks up when it runs. Train with a script of yours on "
                'ContainerImage.from_framework("sklearn", ...), or name the image that '
                "sagemaker.core.image_uris.retrieve(model_id=...) tells: ContainerImage.from_registry."
            ),
        ),
        (
            "k-means",
            (
                'There is no algorithm "k-means". Did you mean "kmeans"? AWS has images of "blazingtext", '
                '"factorization-machines", "forecasting-deepar", "image-classification", "ipinsights", "kmeans", '
                '"knn", "lda", "linear-learner", "ntm", "object-detection", "object2vec", "pca", "randomcutforest", '
                '"semantic-segmentation", "seq2seq", "xgboost". For any other image use ContainerImage.from_ecr.'
            ),
        ),
    ],
)
def test_an_algorithm_without_an_image_is_an_error_that_says_what_there_is(algorithm: str, message: str) -> None:
    with pytest.raises(WorkflowError) as error:
        check_algorithm(algorithm)

    assert str(error.value) == message


def test_one_account_of_a_region_holds_all_images_of_a_version() -> None:
    table = json.loads((Path(images.__file__).parent / "images.json").read_text())

    for framework, versions in (*table["frameworks"].items(), *table["algorithms"].items()):
        for version, scopes in versions.items():
            for scope in scopes.values():
                for region, account in table["accounts"][scope["accounts"]].items():
                    assert framework_accounts(framework, version)[region][0] == account
