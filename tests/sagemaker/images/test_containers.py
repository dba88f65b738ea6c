"""Container images: AWS's own in any region, yours by registry, repository or asset."""

from pathlib import Path

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk.assertions import Annotations, Match

import zflow_constructs as zflow
from tests.asl import Rendering, fields
from tests.parts import OWN_IMAGE, SKLEARN, TRAIN_CODE, XGBOOST, data, endpoint, stack, transform
from tests.snapshots import masked
from tests.templates import Synthesized, arguments, pulls
from zflow_constructs.core.values.templates import Scope, Template
from zflow_constructs.sagemaker.images.containers import BoundImage


@pytest.mark.parametrize(
    ("region", "uri"),
    [
        ("eu-central-1", "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"),
        ("us-east-1", "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"),
        ("cn-north-1", "450853457545.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-scikit-learn:1.2-1-cpu-py3"),
    ],
)
def test_a_framework_image_is_the_one_of_the_stacks_region(region: str, uri: str) -> None:
    scope = Stack(App(), "Team", env=Environment(account="111122223333", region=region))
    image = SKLEARN.bind(scope, purpose="training", machine="ml.m5.large")
    assert image.uri == uri
    assert image.needs_script
    account = uri.partition(".")[0]
    assert image.repository_arn.endswith(f":ecr:{region}:{account}:repository/sagemaker-scikit-learn")


def test_a_stack_without_a_region_looks_the_account_up_when_it_is_deployed() -> None:
    scope = Stack(App(), "Team")
    for id in ("First", "Second"):
        zflow.MlWorkflow(
            scope,
            f"{id}Workflow",
            steps=[zflow.TrainingStep(scope, id, image=XGBOOST, code=TRAIN_CODE, channels={"train": data(scope)})],
        )
    template = Synthesized.of(scope).template
    mappings = fields(template["Mappings"])
    assert list(mappings) == ["XgboostImages171"], "one mapping serves all steps"
    accounts = fields(mappings["XgboostImages171"])
    assert accounts["eu-central-1"] == {"account": "492215442770"}
    assert len(accounts) > 25
    image = XGBOOST.bind(scope, purpose="training", machine="ml.m5.large")
    uri, arn = scope.resolve([image.uri, image.repository_arn])
    looked_up = {"Fn::FindInMap": ["XgboostImages171", {"Ref": "AWS::Region"}, "account"]}
    assert uri == {
        "Fn::Join": [
            "",
            [
                looked_up,
                ".dkr.ecr.",
                {"Ref": "AWS::Region"},
                ".",
                {"Ref": "AWS::URLSuffix"},
                "/sagemaker-xgboost:1.7-1",
            ],
        ]
    }
    rendered = Rendering({"Resources": {}, "Mappings": {"XgboostImages171": dict(accounts)}})
    assert rendered.value(uri) == "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    assert rendered.value(arn) == "arn:aws:ecr:eu-central-1:492215442770:repository/sagemaker-xgboost"


def test_an_algorithm_trains_and_serves_without_a_script() -> None:
    scope = stack()
    image = zflow.ContainerImage.from_algorithm("linear-learner", "1")
    step = zflow.TrainingStep(
        scope, "Train", image=image, channels={"train": data(scope)}, hyperparameters={"predictor_type": "regressor"}
    )
    predict = transform(scope, containers=[zflow.ModelContainer(image=image, model_data=step.model_data)])
    zflow.MlWorkflow(scope, "Scoring", steps=[step, predict])
    synthesized = Synthesized.of(scope)
    request = fields(synthesized.state("Train")["Arguments"])
    uri = "664544806723.dkr.ecr.eu-central-1.amazonaws.com/linear-learner:1"
    assert fields(request["AlgorithmSpecification"])["TrainingImage"] == uri
    assert request["HyperParameters"] == {"predictor_type": "regressor"}
    model = fields(fields(synthesized.state("Predict: model")["Arguments"])["PrimaryContainer"])
    assert (model["Image"], model["Environment"]) == (uri, {})
    assert pulls("664544806723:repository/linear-learner")[0] in synthesized.statements(step.role)


def test_xgboost_is_an_algorithm_and_a_framework_with_one_image() -> None:
    scope = stack()
    algorithm = zflow.ContainerImage.from_algorithm("xgboost", "1.7-1")
    assert algorithm == XGBOOST
    assert not algorithm.bind(scope, purpose="training", machine="ml.m5.large").needs_script


def test_an_image_that_aws_no_longer_patches_is_warned_of_once_in_a_stack() -> None:
    scope = stack()
    image = zflow.ContainerImage.from_framework("pytorch", "2.5")
    for id in ("First", "Second"):
        zflow.TrainingStep(scope, id, image=image, code=TRAIN_CODE, channels={"train": data(scope)})
    warnings = Annotations.from_stack(scope).find_warning("*", Match.any_value())
    assert [(warning.id, warning.entry.data) for warning in warnings] == [
        (
            "/Team",
            (
                "ContainerImage: AWS ended its security patches of pytorch 2.5 on 2025-10-29. Newest for training: "
                '"2.10.0". [ack: zflow_constructs:image:pytorch-2.5-training]'
            ),
        )
    ]


def test_an_image_that_is_patched_is_not_warned_of() -> None:
    scope = stack()
    for id, image in (("First", SKLEARN), ("Second", XGBOOST)):
        zflow.TrainingStep(scope, id, image=image, code=TRAIN_CODE, channels={"train": data(scope)})
    Annotations.from_stack(scope).has_no_warning("*", Match.any_value())


def test_an_image_of_another_region_is_pulled_from_there() -> None:
    image = zflow.ContainerImage.from_registry("111122223333.dkr.ecr.us-east-1.amazonaws.com/team/scoring@sha256:0a1b")
    scope = stack()
    bound = image.bind(scope, purpose="inference", machine="ml.m5.large")
    assert bound.uri == "111122223333.dkr.ecr.us-east-1.amazonaws.com/team/scoring@sha256:0a1b"
    assert bound.repository_arn.endswith(":ecr:us-east-1:111122223333:repository/team/scoring")
    assert not bound.needs_script


def test_an_image_of_a_repository_is_named_by_its_tag() -> None:
    scope = stack()
    repository = ecr.Repository.from_repository_name(scope, "Repository", "scoring")
    image = zflow.ContainerImage.from_ecr(repository, "1.4").bind(scope, purpose="training", machine="ml.m5.large")
    assert Rendering({"Resources": {}}).value(scope.resolve(image.uri)) == (
        "111122223333.dkr.ecr.eu-central-1.amazonaws.com/scoring:1.4"
    )
    assert image.repository_arn == repository.repository_arn


def test_an_asset_is_built_at_deployment_and_pulled_from_the_bootstrap_repository(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    scope = stack()
    image = zflow.ContainerImage.from_asset(str(tmp_path)).bind(scope, purpose="training", machine="ml.m5.large")
    repository = "cdk-hnb659fds-container-assets-111122223333-eu-central-1"
    uri = Rendering({"Resources": {}}).value(scope.resolve(image.uri))
    assert masked(str(uri)) == f"111122223333.dkr.ecr.eu-central-1.amazonaws.com/{repository}:<hash>"
    assert str(Rendering({"Resources": {}}).value(scope.resolve(image.repository_arn))).endswith(f"/{repository}")


def test_a_model_container_has_no_environment_unless_told() -> None:
    scope = stack()
    container = zflow.ModelContainer(
        image=OWN_IMAGE, model_data=zflow.ModelData("s3://lake/m.tar.gz", data(scope).place)
    )
    assert (container.code, dict(container.environment)) == (None, {})
    assert OWN_IMAGE.bind(scope, purpose="inference", machine="ml.m5.large") == BoundImage(
        "111122223333.dkr.ecr.eu-central-1.amazonaws.com/scoring:1.0",
        scope.format_arn(service="ecr", resource="repository", resource_name="scoring"),
    )


def test_a_field_of_a_container_that_has_no_keyword_is_laid_over_its_definition() -> None:
    scope = stack()
    source: dict[str, Template] = {
        "S3DataSource": {"S3Uri": "s3://lake/applications/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    }
    container = zflow.ModelContainer(
        image=OWN_IMAGE,
        model_data=zflow.ModelData("s3://lake/applications/", data(scope).place),
        environment={"LEVEL": "info"},
        overrides={"ModelDataUrl": None, "ModelDataSource": source, "ContainerHostname": "scoring"},
    )
    assert arguments(endpoint(scope, containers=[container]), "Endpoint: model", Scope())["PrimaryContainer"] == {
        "Image": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/scoring:1.0",
        "Environment": {"LEVEL": "info"},
        "ModelDataSource": source,
        "ContainerHostname": "scoring",
    }


def test_what_is_laid_over_a_container_is_checked_like_the_rest() -> None:
    scope = stack()
    own = zflow.ModelContainer(
        image=OWN_IMAGE,
        model_data=zflow.ModelData("s3://lake/applications/", data(scope).place),
        overrides={"Mode": "MultiModel", "MultiModelConfig": {"ModelCacheSetting": "Off"}},
    )
    with pytest.raises(zflow.WorkflowError) as raised:
        endpoint(scope, containers=[own])
    assert str(raised.value) == (
        'Step "Endpoint": CreateModel would refuse this request.\n'
        '  PrimaryContainer.MultiModelConfig.ModelCacheSetting: received "Off", but it must be one of "Disabled", '
        '"Enabled".\n'
        "Put it right, or see https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html (update "
        "boto3 if AWS added it lately)."
    )
