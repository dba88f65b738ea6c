"""The same jobs declared with aws-cdk-lib's own constructs, where those are right: same requests, and wider rights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_s3 as s3

import zflow_constructs as zflow
from tests.asl import fields
from tests.parts import OWN_IMAGE, bucket, data, function, stack
from tests.role_rights import Right, rights
from tests.templates import Synthesized
from tests.workflow import plain_cdk
from zflow_constructs.core.values.templates import Json

ECR = "arn:aws:ecr:eu-central-1:111122223333:repository/scoring"
SAGEMAKER = "arn:aws:sagemaker:eu-central-1:111122223333"
PULLS = {
    Right(f"ecr:{action}", ECR) for action in ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
}


@dataclass(frozen=True)
class Pair:
    """A step of ours, and the constructs of aws-cdk-lib that do the same.

    `requests` names the states whose requests are compared, ours and theirs; `other_fields` are those that differ, and
    `extras` the rights that we have beyond theirs, of the state machine and of SageMaker's role.
    """

    ours: Callable[[Stack], zflow.Step]
    theirs: plain_cdk.Declared
    requests: Mapping[str, str]
    other_fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    extras: frozenset[Right] = frozenset()
    extras_of_the_role: frozenset[Right] = frozenset()
    role: str = ""


def container(scope: Stack) -> zflow.ModelContainer:
    model_data = zflow.ModelData.from_bucket(bucket(scope, "Models"), "scoring/model.tar.gz")
    return zflow.ModelContainer(image=OWN_IMAGE, model_data=model_data, environment={"LEVEL": "info"})


def training(scope: Stack) -> zflow.Step:
    return zflow.TrainingStep(
        scope,
        "Train",
        image=OWN_IMAGE,
        channels={"train": data(scope)},
        hyperparameters={"max_depth": 4},
        metrics={"validation:auc": "auc=([0-9.]+)"},
        max_runtime=Duration.hours(1),
        environment={"LEVEL": "info"},
    )


def transform(scope: Stack) -> zflow.Step:
    return zflow.BatchTransformStep(
        scope, "Predict", containers=[container(scope)], data=data(scope), environment={"ROWS": "3"}
    )


def endpoint(scope: Stack) -> zflow.Step:
    return zflow.InferencePipelineEndpoint(scope, "Endpoint", containers=[container(scope)], endpoint_name="scoring")


def invocation(scope: Stack) -> zflow.Step:
    return zflow.LambdaStep(scope, "Count", function=function(scope), payload={"country": "de"})


PAIRS = {
    "training": Pair(
        training,
        lambda scope: [plain_cdk.training(scope)],
        requests={"Train": "Train"},
        # Names and roles differ; ours writes into the folder of the run.
        other_fields={"Train": ["TrainingJobName", "RoleArn", "OutputDataConfig.S3OutputPath"]},
        # Theirs names no job that there can be.
        extras=frozenset({Right("sagemaker:AddTags", f"{SAGEMAKER}:training-job/scoring-train-*")}),
        extras_of_the_role=frozenset(PULLS),
    ),
    "batch transform": Pair(
        transform,
        lambda scope: [plain_cdk.model(scope), plain_cdk.transform(scope)],
        requests={"Predict: model": "Model", "Predict": "Predict"},
        other_fields={
            "Predict: model": ["ModelName", "ExecutionRoleArn"],
            "Predict": ["TransformJobName", "ModelName", "TransformOutput.S3OutputPath"],
        },
        # Theirs leaves the model behind, and its role can't read what the job is to score.
        extras=frozenset({Right("sagemaker:DeleteModel", f"{SAGEMAKER}:model/scoring-predict-*")}),
        extras_of_the_role=frozenset(
            {
                *PULLS,
                Right("s3:GetObject", "arn:aws:s3:::lake/applications/*"),
                Right("s3:ListBucket", "arn:aws:s3:::lake", "{'StringLike': {'s3:prefix': 'applications/*'}}"),
                Right("s3:PutObject", "arn:aws:s3:::runs/Scoring/*/Predict/*"),
                Right("s3:AbortMultipartUpload", "arn:aws:s3:::runs/Scoring/*/Predict/*"),
            }
        ),
        role="Model",
    ),
    "endpoint": Pair(
        endpoint,
        lambda scope: [
            plain_cdk.model(scope),
            plain_cdk.endpoint_config(scope),
            plain_cdk.creation(scope),
            plain_cdk.update(scope),
        ],
        requests={
            "Endpoint: model": "Model",
            "Endpoint: config": "Config",
            "Endpoint: create": "Create",
            "Endpoint: update": "Update",
        },
        other_fields={
            "Endpoint: model": ["ModelName", "ExecutionRoleArn"],
            "Endpoint: config": ["EndpointConfigName", "ProductionVariants[0].ModelName"],
            "Endpoint: create": ["EndpointConfigName"],
            "Endpoint: update": ["EndpointConfigName"],
        },
        # Theirs does not look at the endpoint, and leaves its old configurations and models behind.
        extras=frozenset(
            {
                Right("sagemaker:ListEndpointConfigs", "*"),
                *(
                    Right(f"sagemaker:{action}", f"{SAGEMAKER}:{resource}")
                    for action, resource in (
                        ("DescribeEndpoint", "endpoint/scoring"),
                        ("DeleteEndpoint", "endpoint/scoring"),
                        ("DescribeEndpointConfig", "endpoint-config/scoring-*"),
                        ("DeleteEndpointConfig", "endpoint-config/scoring-*"),
                        ("DeleteModel", "model/scoring-*"),
                    )
                ),
            }
        ),
        extras_of_the_role=frozenset(PULLS),
    ),
    "function": Pair(invocation, lambda scope: [plain_cdk.invocation(scope)], requests={"Count": "Count"}),
}


@cache
def made(name: str) -> tuple[Synthesized, Synthesized]:
    """Ours and theirs."""
    scope = stack()
    runs = s3.Bucket.from_bucket_name(scope, "Runs", "runs")
    zflow.MlWorkflow(scope, "Scoring", steps=[PAIRS[name].ours(scope)], bucket=runs)
    return Synthesized.of(scope), plain_cdk.synthesized(PAIRS[name].theirs)


def flat(value: Json, path: str = "") -> dict[str, Json]:
    """The fields of a request by their paths. Theirs writes `s3://` as the address of S3's site."""
    if isinstance(value, Mapping):
        inner = {f"{path}.{name}": each for name, each in value.items()}
    elif isinstance(value, list):
        inner = {f"{path}[{number}]": each for number, each in enumerate(value)}
    else:
        return {path.removeprefix("."): _with_s3(value)}
    return {name: each for at, below in inner.items() for name, each in flat(below, at).items()}


def _with_s3(value: Json) -> Json:
    return value.replace("https://s3.eu-central-1.amazonaws.com/", "s3://") if isinstance(value, str) else value


@pytest.mark.parametrize("name", PAIRS)
def test_the_requests_are_the_same_but_for_the_fields_that_are_listed(name: str) -> None:
    ours, theirs = made(name)
    for state, their_state in PAIRS[name].requests.items():
        request, their_request = (
            flat(fields(made_state["Arguments"])) for made_state in (ours.state(state), theirs.state(their_state))
        )
        different = {
            path for path in request.keys() | their_request.keys() if request.get(path) != their_request.get(path)
        }
        assert different == set(PAIRS[name].other_fields.get(state, ())), state


@pytest.mark.parametrize("service", ["states.amazonaws.com", "sagemaker.amazonaws.com"])
@pytest.mark.parametrize("name", PAIRS)
def test_our_rights_are_fewer_than_theirs_but_for_those_that_are_listed(name: str, service: str) -> None:
    ours, theirs = made(name)
    pair = PAIRS[name]
    extras, role = (pair.extras, "") if service.startswith("states") else (pair.extras_of_the_role, pair.role)
    own, their_own = rights(ours.template, service), rights(theirs.template, service, role=role)
    assert {right for right in own if not right.within(their_own)} == extras
    if their_own:
        assert any(not right.within(own) for right in their_own)


@pytest.mark.parametrize(
    ("narrow", "wide", "holds"),
    [
        (Right("s3:GetObject", "arn:aws:s3:::lake/a/*"), Right("s3:Get*", "arn:aws:s3:::lake/*"), True),
        (Right("s3:GetObject", "arn:aws:s3:::lake/*"), Right("s3:GetObject", "arn:aws:s3:::lake/a/*"), False),
        (Right("s3:GetObject", "arn:aws:s3:::lake/a"), Right("s3:PutObject", "*"), False),
        (Right("sagemaker:CreateEndpoint", "arn"), Right("sagemaker:createEndpoint", "arn"), True),
        (Right("iam:PassRole", "arn", "{'to': 'sagemaker'}"), Right("iam:PassRole", "arn"), True),
        (Right("iam:PassRole", "arn"), Right("iam:PassRole", "arn", "{'to': 'sagemaker'}"), False),
        (Right("iam:PassRole", "arn", "{'to': 'ec2'}"), Right("iam:PassRole", "arn", "{'to': 'sagemaker'}"), False),
    ],
)
def test_a_right_is_within_another_by_action_resource_and_condition(
    narrow: Right, wide: Right, holds: Literal[True, False]
) -> None:
    assert narrow.within([wide]) is holds
