"""The model registry over HTTP: groups, versions, their approval."""

from collections.abc import Mapping

import pytest

from tests.local.aws.conftest import ACCOUNT, REGION
from zflow_constructs.local.aws.errors import ApiError
from zflow_constructs.local.aws.sagemaker_registry import ModelRegistry

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
DATA = "s3://models/model.tar.gz"


@pytest.fixture
def registry() -> ModelRegistry:
    registry = ModelRegistry(region=REGION, account=ACCOUNT, exists=lambda uri: uri == DATA)
    registry.create_group({"ModelPackageGroupName": "risk"})
    return registry


def call(registry: ModelRegistry, action: str, **request: object) -> Mapping[str, object]:
    return registry.actions[action](request)


def create(registry: ModelRegistry, *, data: str = DATA, **more: object) -> str:
    specification = {"Containers": [{"Image": "i", "ModelDataUrl": data}]}
    request = {"ModelPackageGroupName": "risk", "InferenceSpecification": specification, **more}
    return str(call(registry, "CreateModelPackage", **request)["ModelPackageArn"])


def listed(registry: ModelRegistry, **request: object) -> list[object]:
    found = call(registry, "ListModelPackages", **request)["ModelPackageSummaryList"]
    assert isinstance(found, list)
    return [each["ModelPackageVersion"] for each in found]


def test_versions_are_counted_in_their_group(registry: ModelRegistry) -> None:
    assert [create(registry), create(registry)] == [f"{ARN}:model-package/risk/{number}" for number in (1, 2)]
    described = call(registry, "DescribeModelPackage", ModelPackageName=f"{ARN}:model-package/risk/2")
    assert (described["ModelPackageStatus"], described["ModelApprovalStatus"], described["ModelPackageVersion"]) == (
        "Completed",
        "PendingManualApproval",
        2,
    )


def test_a_group_may_be_named_by_its_arn(registry: ModelRegistry) -> None:
    assert create(registry, ModelPackageGroupName=f"{ARN}:model-package-group/risk").endswith("risk/1")


def test_a_call_with_a_known_token_is_the_same_call_again(registry: ModelRegistry) -> None:
    assert create(registry, ClientToken="a") == create(registry, ClientToken="a")
    assert create(registry, ClientToken="b").endswith("/2")


def test_an_update_changes_the_approval_adds_metadata_and_names_who_did_it(registry: ModelRegistry) -> None:
    arn = create(registry, CustomerMetadataProperties={"auc": "0.8"})
    call(
        registry,
        "UpdateModelPackage",
        ModelPackageArn=arn,
        ModelApprovalStatus="Approved",
        ApprovalDescription="Good.",
        CustomerMetadataProperties={"by": "Ada"},
    )
    described = call(registry, "DescribeModelPackage", ModelPackageName=arn)
    assert (described["ModelApprovalStatus"], described["ApprovalDescription"]) == ("Approved", "Good.")
    assert described["CustomerMetadataProperties"] == {"auc": "0.8", "by": "Ada"}
    by = {"IamIdentity": {"Arn": f"arn:aws:iam::{ACCOUNT}:user/local", "PrincipalId": "local"}}
    assert described["LastModifiedBy"] == by


def test_versions_are_listed_newest_first_by_group_and_approval(registry: ModelRegistry) -> None:
    registry.create_group({"ModelPackageGroupName": "churn"})
    create(registry, ModelApprovalStatus="Approved")
    create(registry)
    create(registry, ModelPackageGroupName="churn")
    assert listed(registry, ModelPackageGroupName="risk") == [2, 1]
    assert listed(registry, ModelPackageGroupName="risk", SortOrder="Ascending") == [1, 2]
    assert listed(registry, ModelApprovalStatus="Approved") == [1]
    assert len(listed(registry)) == 3


@pytest.mark.parametrize(
    ("action", "request_", "message"),
    [
        ("CreateModelPackageGroup", {"ModelPackageGroupName": "risk"}, "already exists"),
        ("DescribeModelPackageGroup", {"ModelPackageGroupName": "other"}, "does not exist"),
        ("DescribeModelPackage", {"ModelPackageName": "other"}, "does not exist"),
        ("CreateModelPackage", {"ModelPackageName": "alone"}, "versions of groups alone"),
        ("CreateModelPackage", {"ModelPackageGroupName": "other"}, "does not exist"),
        ("CreateModelPackage", {"ModelPackageGroupName": "risk", "Tags": [{}]}, "Tags can't be set"),
        ("CreateModelPackage", {"ModelPackageGroupName": "risk", "ValidationSpecification": {}}, "doesn't validate"),
        ("UpdateModelPackage", {"InferenceSpecification": {}}, "doesn't update InferenceSpecification"),
    ],
)
def test_what_sagemaker_or_this_registry_refuses_is_refused(
    registry: ModelRegistry, action: str, request_: Mapping[str, object], message: str
) -> None:
    with pytest.raises(ApiError, match=message):
        call(registry, action, **request_)


def test_a_model_that_is_not_there_is_not_registered(registry: ModelRegistry) -> None:
    with pytest.raises(ApiError, match=r"Could not find model data at s3://models/other\.tar\.gz"):
        create(registry, data="s3://models/other.tar.gz")
    assert listed(registry) == []
