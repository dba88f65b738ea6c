"""The model registry: groups, versions, and who may register one."""

from dataclasses import replace
from typing import cast

import pytest
from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam

import zflow_constructs as zflow
from tests.core.machines import evaluate, mapping
from tests.parts import OWN_IMAGE, SERVE_CODE, XGBOOST, bucket, count, data, model, process, stack, train
from tests.requests.request_fields import set_fields
from tests.templates import ASSETS, LOGGED_AND_TRACED, Synthesized, allow, inside, jsonata, reads
from tests.texts import number_text
from tools.generate_request_fields import STEPS
from zflow_constructs.core.values.references import JobName
from zflow_constructs.core.values.templates import Scope
from zflow_constructs.steps.retry import CAPACITY, THROTTLING

SAGEMAKER = "arn:aws:sagemaker:eu-central-1:111122223333"
VERSION = f"{SAGEMAKER}:model-package/risk-scoring/7"
RETRY = [
    CAPACITY.render(),
    THROTTLING.render(),
    replace(THROTTLING, errors=("States.Timeout",), max_attempts=3).render(),
]


class Example:
    """A step that says no more than it must, and one that uses every keyword."""

    def __init__(self) -> None:
        scope = stack()
        own_model = zflow.ModelData.from_bucket(bucket(scope, "Models"), "own/m.tar.gz")
        own = zflow.ModelContainer(image=OWN_IMAGE, model_data=own_model, environment={"LEVEL": "info"})
        trained = train(scope)
        evaluated = process(scope)
        rows = count(scope, "Count")
        self.group = zflow.ModelPackageGroup(
            scope, "Group", name="risk-scoring", description="Scores applications", tags={"team": "risk"}
        )
        self.minimal = zflow.RegisterModelStep(scope, "Minimal", group=self.group, containers=[own])
        report = evaluated.outputs["evaluation"].file("statistics.json", content_type="application/json")
        self.maximal = zflow.RegisterModelStep(
            scope,
            "Maximal",
            group=zflow.ModelPackageGroup.from_name(scope, "Other", "Champions"),
            containers=[own, zflow.ModelContainer(image=XGBOOST, model_data=trained.model_data, code=SERVE_CODE)],
            content_types=["application/json"],
            response_types=["application/jsonlines"],
            approval_status="Approved",
            description="Of " + trained.job_name,
            domain="MACHINE_LEARNING",
            task="CLASSIFICATION",
            model_metrics={"quality": report, "data_quality": report, "bias": report, "explainability": report},
            customer_metadata={"auc": trained.metric("validation:auc"), "team": "risk"},
            sample_payload=zflow.DataLocation.from_bucket(bucket(scope), "payloads.tar.gz"),
            realtime_instance_types=[ec2.InstanceType("c5.large"), ec2.InstanceType("c5.xlarge")],
            transform_instance_types=[ec2.InstanceType("m5.xlarge")],
            timeout=Duration.minutes(10),
            request_overrides={"SkipModelValidation": "All"},
            after=[rows],
            when=rows.outputs["rows"] > 0,
        )
        payload = {
            "arn": self.maximal.model_package_arn,
            "same": self.maximal.model_package.arn,
            "version": self.maximal.version,
            "other": self.minimal.model_package_arn,
        }
        last = count(scope, "Last", payload=payload)
        self.workflow = zflow.MlWorkflow(
            scope, "Scoring", steps=[rows, trained, evaluated, self.minimal, self.maximal, last]
        )
        self.made = Synthesized.of(scope)


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def test_a_group_is_kept_with_its_versions_when_the_stack_is_deleted(example: Example) -> None:
    resource = mapping(example.made.template["Resources"])[example.made.logical_id(example.group)]
    assert resource == {
        "Type": "AWS::SageMaker::ModelPackageGroup",
        "Properties": {
            "ModelPackageGroupName": "risk-scoring",
            "ModelPackageGroupDescription": "Scores applications",
            "Tags": [{"Key": "team", "Value": "risk"}],
        },
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
    }


def test_a_group_may_be_deleted_with_the_stack_if_that_is_wanted() -> None:
    scope = stack()
    group = zflow.ModelPackageGroup(scope, "Group", name="trials", removal_policy=RemovalPolicy.DESTROY)
    made = Synthesized.of(scope)
    resource = mapping(mapping(made.template["Resources"])[made.logical_id(group)])
    assert resource["DeletionPolicy"] == "Delete"
    assert resource["Properties"] == {"ModelPackageGroupName": "trials"}


def test_people_may_be_let_read_a_group_and_approve_its_versions() -> None:
    scope = stack()
    group = zflow.ModelPackageGroup.from_name(scope, "Group", "Champions")
    reader, approver = (iam.Role(scope, id, assumed_by=iam.AccountRootPrincipal()) for id in ("Reader", "Approver"))
    group.grant_read(reader)
    group.grant_approve(approver)
    made = Synthesized.of(scope)
    versions = [f"{SAGEMAKER}:model-package/Champions/*", f"{SAGEMAKER}:model-package/champions/*"]
    assert made.statements(reader) == [
        allow(
            [
                "sagemaker:DescribeModelPackage",
                "sagemaker:DescribeModelPackageGroup",
                "sagemaker:ListModelPackages",
            ],
            [
                f"{SAGEMAKER}:model-package-group/Champions",
                f"{SAGEMAKER}:model-package-group/champions",
                *versions,
            ],
        )
    ]
    assert made.statements(approver) == [
        allow(["sagemaker:DescribeModelPackage", "sagemaker:UpdateModelPackage"], list(versions))
    ]


def test_a_minimal_step_registers_a_version_that_somebody_must_approve(example: Example) -> None:
    state = example.made.state("Minimal")
    assert state == {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sagemaker:createModelPackage",
        "Arguments": {
            "ModelPackageGroupName": "risk-scoring",
            "ClientToken": jsonata(
                JobName("Minimal", max_length=36, new_at_retry=False).render(Scope(workflow="Scoring"))
            ),
            "ModelApprovalStatus": "PendingManualApproval",
            "InferenceSpecification": {
                "Containers": [
                    {
                        "Image": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/scoring:1.0",
                        "ModelDataUrl": "s3://models/own/m.tar.gz",
                        "Environment": {"LEVEL": "info"},
                    }
                ],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
                "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
                "SupportedTransformInstanceTypes": ["ml.m5.large"],
            },
            "CustomerMetadataProperties": {"zflow:execution": jsonata("$states.context.Execution.Id")},
        },
        "TimeoutSeconds": 60,
        "Assign": {
            "step_Minimal_attempt": {
                "arn": jsonata("$states.result.ModelPackageArn"),
                "redrive": jsonata(
                    "($exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0)"
                ),
                "deadline": jsonata("$millis() + 3600000"),
            }
        },
        "Output": {},
        "Retry": RETRY,
        "Next": "Minimal: look",
    }


def test_it_looks_until_the_registry_has_the_version(example: Example) -> None:
    look = example.made.state("Minimal: look")
    assert (look["Resource"], look["Next"]) == (
        "arn:aws:states:::aws-sdk:sagemaker:describeModelPackage",
        "Minimal: there?",
    )
    choice = example.made.state("Minimal: there?")
    assert choice["Default"] == "Minimal: wait"
    rules = cast("list[dict[str, str]]", choice["Choices"])
    assert [(rule["Condition"], rule["Next"]) for rule in rules][1] == (
        jsonata('$step_Minimal.status = "again"'),
        "Minimal",
    )
    wait = example.made.state("Minimal: wait")
    assert (wait["Seconds"], wait["Next"]) == (10, "Minimal: look")


def test_every_keyword_of_a_step_is_in_its_request(example: Example) -> None:
    request = mapping(example.made.state("Maximal")["Arguments"])
    folder = '"s3://scoringbucket3a58686c/Scoring/" & $states.context.Execution.Name & "/Evaluate/evaluation/"'
    report = {"ContentType": "application/json", "S3Uri": jsonata(f'{folder} & "statistics.json"')}
    before = "$Count_Train_Evaluate_in_parallel"
    assert {**request, "ClientToken": ""} == {
        "ModelPackageGroupName": "Champions",
        "ClientToken": "",
        "ModelPackageDescription": jsonata(f'"Of " & {before}.Train.job_name'),
        "ModelApprovalStatus": "Approved",
        "Domain": "MACHINE_LEARNING",
        "Task": "CLASSIFICATION",
        "SamplePayloadUrl": "s3://lake/payloads.tar.gz",
        "SkipModelValidation": "All",
        "InferenceSpecification": {
            "Containers": [
                {
                    "Image": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/scoring:1.0",
                    "ModelDataUrl": "s3://models/own/m.tar.gz",
                    "Environment": {"LEVEL": "info"},
                },
                {
                    "Image": "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-xgboost:1.7-1",
                    "ModelDataUrl": jsonata(f"{before}.Train.model_data"),
                    "Environment": {
                        "SAGEMAKER_PROGRAM": "serve.py",
                        "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{ASSETS}/<hash>.gz",
                    },
                },
            ],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/jsonlines"],
            "SupportedRealtimeInferenceInstanceTypes": ["ml.c5.large", "ml.c5.xlarge"],
            "SupportedTransformInstanceTypes": ["ml.m5.xlarge"],
        },
        "ModelMetrics": {
            "ModelQuality": {"Statistics": report},
            "ModelDataQuality": {"Statistics": report},
            "Bias": {"Report": report},
            "Explainability": {"Report": report},
        },
        "CustomerMetadataProperties": {
            "auc": number_text(f"{before}.Train.metrics.`validation:auc`"),
            "team": "risk",
            "zflow:execution": jsonata("$states.context.Execution.Id"),
            "zflow:code-2": "<hash>",
        },
    }


def test_the_page_of_all_fields_names_what_the_keywords_set(example: Example) -> None:
    requests = [example.made.state(name)["Arguments"] for name in ("Minimal", "Maximal")]
    assert set_fields("CreateModelPackage", *requests) - {"SkipModelValidation"} == set(
        STEPS["CreateModelPackage"].fields
    )


def test_a_repeated_call_bears_the_same_token_and_a_redrive_a_new_one(example: Example) -> None:
    expression = inside(mapping(example.made.state("Minimal")["Arguments"])["ClientToken"])

    def token(*, retry: int, redrive: int) -> str:
        context = {
            "Execution": {"Id": "arn:monday", "RedriveCount": redrive},
            "State": {"Name": "Minimal", "RetryCount": retry},
        }
        return str(evaluate(expression, {"states": {"context": context}}))

    assert token(retry=0, redrive=0) == token(retry=3, redrive=0)
    assert token(retry=0, redrive=0) != token(retry=0, redrive=1)
    assert len(token(retry=0, redrive=0)) <= 36


@pytest.mark.parametrize(
    ("status", "redriven", "expected"),
    [("Completed", 0, "there"), ("Pending", 0, "coming"), ("InProgress", 0, "coming"), ("Failed", 1, "again")],
)
def test_the_state_of_the_version_decides_how_it_goes_on(
    example: Example, status: str, redriven: int, expected: str
) -> None:
    assert seen(example, status, redriven=redriven) == expected


def test_a_version_that_the_registry_refused_fails_the_step_by_its_name_and_the_reasons(example: Example) -> None:
    with pytest.raises(Exception, match="refused") as raised:
        seen(example, "Failed", redriven=0)
    assert f'Step "Minimal": the registry refused {VERSION}, which is Failed. Reason: The image is not there.' in str(
        raised.value
    )


def seen(example: Example, status: str, *, redriven: int) -> object:
    assigned = mapping(mapping(example.made.state("Minimal: look")["Assign"])["step_Minimal"])
    details = {
        "ValidationStatuses": [{"Name": "v", "Status": "Failed", "FailureReason": "The image is not there."}],
        "ImageScanStatuses": [{"Name": "i", "Status": "Completed"}],
    }
    result = {"ModelPackageArn": VERSION, "ModelPackageStatus": status, "ModelPackageStatusDetails": details}
    context = {"Execution": {"RedriveCount": redriven}}
    variables = {"states": {"result": result, "context": context}, "step_Minimal_attempt": {"redrive": 0}}
    return evaluate(inside(assigned["status"]), variables)


def test_the_state_machine_may_register_versions_of_its_groups_and_look_at_what_they_are_made_of(
    example: Example,
) -> None:
    granted = example.made.statements(example.workflow.role)
    group, version = f"{SAGEMAKER}:model-package-group/", f"{SAGEMAKER}:model-package/"
    champions = [f"{version}Champions/*", f"{version}champions/*"]
    assert granted[-10 - len(LOGGED_AND_TRACED) :] == [
        allow("sagemaker:CreateModelPackage", [f"{group}risk-scoring", f"{version}risk-scoring/*"]),
        allow("sagemaker:DescribeModelPackage", f"{version}risk-scoring/*"),
        *reads("models", "own/m.tar.gz"),
        allow(
            ["ecr:BatchGetImage", "ecr:DescribeImages"],
            "arn:aws:ecr:eu-central-1:111122223333:repository/scoring",
        ),
        allow("sagemaker:CreateModelPackage", [f"{group}Champions", f"{group}champions", *champions]),
        allow("sagemaker:DescribeModelPackage", champions),
        *reads("scoringbucket3a58686c", "Scoring/*/Train/*"),
        allow(
            ["ecr:BatchGetImage", "ecr:DescribeImages"],
            [
                "arn:aws:ecr:eu-central-1:111122223333:repository/scoring",
                "arn:aws:ecr:eu-central-1:492215442770:repository/sagemaker-xgboost",
            ],
        ),
        *LOGGED_AND_TRACED,
    ]


def test_a_step_says_how_often_it_may_look() -> None:
    scope = stack()
    group = zflow.ModelPackageGroup(scope, "Group", name="risk-scoring")
    step = zflow.RegisterModelStep(
        scope, "Register", group=group, containers=[model(scope)], timeout=Duration.minutes(10)
    )
    assert step.looks == 60


def test_a_file_of_a_location_lies_below_it() -> None:
    scope = stack()
    file = data(scope).file("scores.json", content_type="application/json")
    assert (file.uri, file.content_type) == ("s3://lake/applications/scores.json", "application/json")
