import re
from pathlib import Path
from typing import cast

import pytest
from aws_cdk import Aws, Fn, Token

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.templates import Template
from zflow_constructs.requests.aws import merge_overrides, validate_request

TRAIN: dict[str, Template] = {
    "TrainingJobName": "train",
    "RoleArn": "arn:aws:iam::123456789012:role/train",
    "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://lake/models"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
}
TRANSFORM: dict[str, Template] = {
    "TransformJobName": "score",
    "ModelName": "model",
    "TransformInput": {
        "ContentType": "text/csv",
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://lake/in"}},
    },
    "TransformOutput": {"S3OutputPath": "s3://lake/out"},
    "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
}
MODEL: dict[str, Template] = {"ModelName": "model", "PrimaryContainer": {"Image": "image:1"}}

TABULAR: dict[str, Template] = {"TargetAttributeName": "default"}
AUTOML: dict[str, Template] = {
    "AutoMLJobName": "search",
    "AutoMLJobInputDataConfig": [{"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://lake/in"}}}],
    "OutputDataConfig": {"S3OutputPath": "s3://lake/out"},
    "RoleArn": "arn:aws:iam::123456789012:role/search",
}

WRONG: dict[str, tuple[str, dict[str, Template], dict[str, Template], list[str]]] = {
    "a field misspelt at the top": (
        "CreateTrainingJob",
        TRAIN,
        {"ResourceConfg": {}},
        ['ResourceConfg: received {}, but there is no such field; there are N fields. Did you mean "ResourceConfig"?'],
    ),
    "a field misspelt far inside": (
        "CreateTransformJob",
        TRANSFORM,
        {"TransformInput": {"DataSource": {"S3DataSource": {"S3Url": "s3://lake/in"}}}},
        [
            (
                'TransformInput.DataSource.S3DataSource.S3Url: received "s3://lake/in", but there is no such field; '
                'there are "S3DataType", "S3Uri". Did you mean "S3Uri"?'
            ),
        ],
    ),
    "a field unlike any other": (
        "CreateModel",
        MODEL,
        {"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"], "zzz": 1}},
        ['VpcConfig.zzz: received 1, but there is no such field; there are "SecurityGroupIds", "Subnets".'],
    ),
    "a missing field": (
        "CreateTransformJob",
        TRANSFORM,
        {"TransformInput": {"DataSource": {"S3DataSource": {"S3Uri": None}}}},
        ["TransformInput.DataSource.S3DataSource.S3Uri: missing, but required."],
    ),
    "a number where a string belongs": (
        "CreateTrainingJob",
        TRAIN,
        {"HyperParameters": {"max_depth": 5}},
        ["HyperParameters.max_depth: received 5, but it must be a string."],
    ),
    "true where a whole number belongs": (
        "CreateTrainingJob",
        TRAIN,
        {"ResourceConfig": {"InstanceCount": True}},
        ["ResourceConfig.InstanceCount: received true, but it must be a whole number."],
    ),
    "a fraction where a whole number belongs": (
        "CreateTransformJob",
        TRANSFORM,
        {"MaxPayloadInMB": 1.5},
        ["MaxPayloadInMB: received 1.5, but it must be a whole number."],
    ),
    "a string where true or false belongs": (
        "CreateTrainingJob",
        TRAIN,
        {"EnableManagedSpotTraining": "yes"},
        ['EnableManagedSpotTraining: received "yes", but it must be true or false.'],
    ),
    "an object where a list belongs": (
        "CreateTrainingJob",
        TRAIN,
        {"InputDataConfig": {"ChannelName": "train"}},
        ['InputDataConfig: received {"ChannelName": "train"}, but it must be a list.'],
    ),
    "a string where an object belongs": (
        "CreateModel",
        MODEL,
        {"PrimaryContainer": "image:1"},
        ['PrimaryContainer: received "image:1", but it must be an object.'],
    ),
    "a list where an object belongs": (
        "CreateTrainingJob",
        TRAIN,
        {"Environment": ["a"]},
        ['Environment: received ["a"], but it must be an object.'],
    ),
    "nothing in a list of fields": (
        "CreateModel",
        MODEL,
        {"Containers": [None]},
        ["Containers[0]: received null, but it must be an object."],
    ),
    "a value below its bound": (
        "CreateTrainingJob",
        TRAIN,
        {"ResourceConfig": {"InstanceCount": -1}},
        ["ResourceConfig.InstanceCount: received -1, but it must be at least 0."],
    ),
    "a value above its bound": (
        "CreateTransformJob",
        TRANSFORM,
        {"ModelClientConfig": {"InvocationsTimeoutInSeconds": 3601}},
        ["ModelClientConfig.InvocationsTimeoutInSeconds: received 3601, but it must be at most 3600."],
    ),
    "a list too long": (
        "CreateModel",
        {"ModelName": "model"},
        {"Containers": [{"Image": "image:1"}] * 16},
        ["Containers: received 16 items, but it must be at most 15 items."],
    ),
    "a map too large": (
        "CreateTrainingJob",
        TRAIN,
        {"HyperParameters": {f"p{number}": "1" for number in range(101)}},
        ["HyperParameters: received 101 entries, but it must be at most 100 entries."],
    ),
    "a name too long, and shown in part": (
        "CreateTrainingJob",
        TRAIN,
        {"TrainingJobName": "a" * 150},
        [
            f'TrainingJobName: received "{"a" * 119}... (150 characters), but it must be at most 63 characters.',
        ],
    ),
    "a map's key too long": (
        "CreateTrainingJob",
        TRAIN,
        {"HyperParameters": {"k" * 257: "1"}},
        [
            (
                f'HyperParameters, its key: received "{"k" * 119}... (257 characters), but it must be at most 256 '
                "characters."
            ),
        ],
    ),
    "a value that is none of the few allowed": (
        "CreateTransformJob",
        TRANSFORM,
        {"TransformInput": {"SplitType": "Lines"}},
        [
            (
                'TransformInput.SplitType: received "Lines", but it must be one of '
                '"Line", "None", "RecordIO", "TFRecord". Did you mean "Line"?'
            ),
        ],
    ),
    "a value that fits no pattern": (
        "CreateTrainingJob",
        TRAIN,
        {"TrainingJobName": "nightly_train"},
        ['TrainingJobName: received "nightly_train", but it must match the pattern [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}'],
    ),
    "a place that is no S3 URI": (
        "CreateTrainingJob",
        TRAIN,
        {"OutputDataConfig": {"S3OutputPath": "lake/models"}},
        [
            (
                'OutputDataConfig.S3OutputPath: received "lake/models", but it must match the pattern '
                "(https|s3)://([^/]+)/?(.*)"
            ),
        ],
    ),
    "an instance type that is none of the many allowed": (
        "CreateTrainingJob",
        TRAIN,
        {"ResourceConfig": {"InstanceType": "ml.m5.lage"}},
        [
            (
                'ResourceConfig.InstanceType: received "ml.m5.lage", but it must be one of N values. '
                'Did you mean "ml.m5.large"?'
            ),
        ],
    ),
    "several mistakes": (
        "CreateTrainingJob",
        TRAIN,
        {"TrainingJobName": "a_b", "RoleArn": None, "ResourceConfig": {"InstanceCount": "1"}},
        [
            'TrainingJobName: received "a_b", but it must match the pattern [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}',
            'ResourceConfig.InstanceCount: received "1", but it must be a whole number.',
            "RoleArn: missing, but required.",
        ],
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_request_that_aws_would_refuse_is_an_error_that_names_step_field_value_and_remedy(mistake: str) -> None:
    operation, request, overrides, problems = WRONG[mistake]

    with pytest.raises(WorkflowError) as error:
        validate_request("Nightly", "sagemaker", operation, merge_overrides(request, overrides))

    message = re.sub(r"\d+ (fields|values)", r"N \1", str(error.value))  # AWS adds some every month.
    assert message == "\n  ".join([f'Step "Nightly": {operation} would refuse this request.', *problems]) + (
        f"\nPut it right, or see https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_{operation}.html "
        "(update boto3 if AWS added it lately)."
    )


@pytest.mark.parametrize(("operation", "request_"), [("CreateTrainingJob", TRAIN), ("CreateTransformJob", TRANSFORM)])
def test_a_request_as_aws_wants_it_passes(operation: str, request_: dict[str, Template]) -> None:
    validate_request("Nightly", "sagemaker", operation, request_)


@pytest.mark.parametrize(
    "late",
    [
        Aws.ACCOUNT_ID,
        f"s3://{Aws.REGION}_data",
        Fn.get_att("Bucket", "Arn"),
        Token.as_list({"Ref": "Subnets"}),
        Token.as_number({"Ref": "Count"}),
        Jsonata("$states.context.Execution.Name"),
    ],
    ids=lambda late: type(late).__name__,
)
@pytest.mark.parametrize("field", ["TrainingJobName", "ResourceConfig", "InputDataConfig", "RetryStrategy"])
def test_what_is_known_only_later_fits_everywhere(late: Template, field: str) -> None:
    validate_request("Nightly", "sagemaker", "CreateTrainingJob", {**TRAIN, field: late})


def test_what_stands_beside_a_token_is_still_checked() -> None:
    bucket: Template = {"S3OutputPath": Aws.STACK_NAME, "CompressionType": "ZIP"}

    with pytest.raises(WorkflowError, match='"ZIP", but it must be one of "GZIP", "NONE"'):
        validate_request("Nightly", "sagemaker", "CreateTrainingJob", {**TRAIN, "OutputDataConfig": bucket})


def test_a_path_is_no_token_though_it_can_be_resolved_too() -> None:
    request = {**TRAIN, "TrainingJobName": cast("Template", Path("train"))}

    with pytest.raises(WorkflowError, match=r"TrainingJobName: received PosixPath\('train'\), but it must be a string"):
        validate_request("Nightly", "sagemaker", "CreateTrainingJob", request)


def test_a_pattern_that_only_java_understands_is_not_applied() -> None:
    tags: Template = [{"Key": "Größe", "Value": "1 €"}]

    validate_request("Nightly", "sagemaker", "CreateTrainingJob", {**TRAIN, "Tags": tags})


@pytest.mark.parametrize("fields", [{}, {"TabularJobConfig": TABULAR, "ImageClassificationJobConfig": {}}])
def test_of_some_fields_exactly_one_may_be_given(fields: dict[str, Template]) -> None:
    with pytest.raises(WorkflowError) as error:
        validate_request("Search", "sagemaker", "CreateAutoMLJobV2", {**AUTOML, "AutoMLProblemTypeConfig": fields})

    assert str(error.value).splitlines()[1] == (
        f"  AutoMLProblemTypeConfig: received {len(fields)} fields, but it must have exactly one of "
        '"ImageClassificationJobConfig", "TabularJobConfig", "TextClassificationJobConfig", '
        '"TextGenerationJobConfig", "TimeSeriesForecastingJobConfig".'
    )


def test_a_secret_is_not_shown() -> None:
    with pytest.raises(WorkflowError) as error:
        validate_request("Register", "sagemaker", "CreateModelPackage", {"ModelCard": {"ModelCardContent": 5}})

    assert "ModelCard.ModelCardContent: received a value that is kept secret, but it must be a string." in str(
        error.value
    )


def test_any_service_is_checked_and_its_page_named() -> None:
    with pytest.raises(WorkflowError) as error:
        validate_request(
            "Nightly",
            "scheduler",
            "CreateSchedule",
            {
                "Name": "nightly",
                "ScheduleExpression": "rate(1 day)",
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": {"Arn": Aws.ACCOUNT_ID, "RoleArn": "arn:aws:iam::123456789012:role/schedule"},
                "StartDate": {"Year": 2026},
            },
        )

    assert str(error.value) == (
        'Step "Nightly": CreateSchedule would refuse this request.\n'
        '  StartDate: received {"Year": 2026}, but it must be a time as in ISO 8601.\n'
        "Put it right, or see https://docs.aws.amazon.com/goto/WebAPI/scheduler-2021-06-30/CreateSchedule "
        "(update boto3 if AWS added it lately)."
    )


@pytest.mark.parametrize(
    ("request_", "overrides", "merged"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"a": "foo"}, {"a": {"b": "bar"}}, {"a": {"b": "bar"}}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_overrides_are_merged_as_in_rfc_7396(
    request_: dict[str, Template], overrides: dict[str, Template], merged: dict[str, Template]
) -> None:
    before = repr(request_)

    assert merge_overrides(request_, overrides) == merged
    assert repr(request_) == before
