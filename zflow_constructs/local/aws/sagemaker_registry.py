"""SageMaker's model registry: groups of models, and their versions. moto's takes a repeated call for a new version.

See https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry.html
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from zflow_constructs.local.aws.errors import ApiError

Request = Mapping[str, object]

_UPDATED = ("ModelApprovalStatus", "ApprovalDescription", "ModelCard", "ModelLifeCycle", "SourceUri")
"""What an update replaces, of what there is in a version."""


class ModelRegistry:
    """The model registry of a local run.

    Args:
        region: The AWS region that ARNs name.
        account: The AWS account that ARNs name.
        exists: Whether there is an object of a URI.
    """

    def __init__(self, *, region: str, account: str, exists: Callable[[str], bool]) -> None:
        self._arn = f"arn:aws:sagemaker:{region}:{account}"
        self._user = {"IamIdentity": {"Arn": f"arn:aws:iam::{account}:user/local", "PrincipalId": "local"}}
        self._exists = exists
        self._lock = threading.RLock()
        self._groups: dict[str, Mapping[str, object]] = {}
        self._packages: dict[str, Mapping[str, object]] = {}
        self._tokens: dict[object, str] = {}
        self.actions: Mapping[str, Callable[[Request], Mapping[str, object]]] = {
            "CreateModelPackageGroup": self.create_group,
            "DescribeModelPackageGroup": lambda request: self._group(request["ModelPackageGroupName"]),
            "ListModelPackageGroups": lambda _request: {"ModelPackageGroupSummaryList": list(self._groups.values())},
            "CreateModelPackage": self._create,
            "DescribeModelPackage": lambda request: self._package(request["ModelPackageName"]),
            "UpdateModelPackage": self._update,
            "ListModelPackages": self._list,
        }

    def create_group(self, request: Request) -> Mapping[str, object]:
        """Create a group: an API's action, and what CloudFormation does.

        Args:
            request: `CreateModelPackageGroup`'s.
        """
        name = str(request["ModelPackageGroupName"])
        arn = f"{self._arn}:model-package-group/{name}"
        with self._lock:
            if name in self._groups:
                raise ApiError("ValidationException", f"Model Package Group already exists: {arn}")
            self._groups[name] = {
                **request,
                "ModelPackageGroupArn": arn,
                "ModelPackageGroupStatus": "Completed",
                "CreationTime": datetime.now(tz=UTC),
                "CreatedBy": self._user,
            }
        return {"ModelPackageGroupArn": arn}

    def _create(self, request: Request) -> Mapping[str, object]:
        if "ModelPackageGroupName" not in request:
            raise ApiError("ValidationException", "The local engine has versions of groups alone.")
        if request.get("Tags"):
            raise ApiError("ValidationException", "Tags can't be set for a model package version.")
        if "ValidationSpecification" in request:
            raise ApiError("ValidationException", "The local engine doesn't validate models by transform jobs.")
        with self._lock:
            # A token is a promise that this is the same call again.
            token = request.get("ClientToken")
            if token in self._tokens:
                return {"ModelPackageArn": self._tokens[token]}
            group = str(self._group(request["ModelPackageGroupName"])["ModelPackageGroupName"])
            for container in _containers(request):
                self._check_data(container)
            version = 1 + max([int(str(each["ModelPackageVersion"])) for each in self._versions(group)], default=0)
            arn = f"{self._arn}:model-package/{group}/{version}"
            checked = [{"Name": f"version-{version}", "Status": "Completed"}]
            self._packages[arn] = {
                **{name: value for name, value in request.items() if name != "ClientToken"},
                "ModelPackageGroupName": group,
                "ModelPackageVersion": version,
                "ModelPackageArn": arn,
                "ModelPackageStatus": "Completed",
                "ModelPackageStatusDetails": {"ValidationStatuses": checked, "ImageScanStatuses": checked},
                "ModelApprovalStatus": request.get("ModelApprovalStatus", "PendingManualApproval"),
                "CreationTime": datetime.now(tz=UTC),
                "CreatedBy": self._user,
            }
            if token is not None:
                self._tokens[token] = arn
        return {"ModelPackageArn": arn}

    def _update(self, request: Request) -> Mapping[str, object]:
        unknown = sorted(request.keys() - {*_UPDATED, "ModelPackageArn", "CustomerMetadataProperties", "ClientToken"})
        if unknown:
            raise ApiError("ValidationException", f"The local engine doesn't update {', '.join(unknown)}.")
        with self._lock:
            package = self._package(request["ModelPackageArn"])
            metadata = {
                **_mapping(package, "CustomerMetadataProperties"),
                **_mapping(request, "CustomerMetadataProperties"),
            }
            arn = str(package["ModelPackageArn"])
            self._packages[arn] = {
                **package,
                **{name: request[name] for name in _UPDATED if name in request},
                **({"CustomerMetadataProperties": metadata} if metadata else {}),
                "LastModifiedTime": datetime.now(tz=UTC),
                "LastModifiedBy": self._user,
            }
        return {"ModelPackageArn": arn}

    def _list(self, request: Request) -> Mapping[str, object]:
        packages = list(self._packages.values())
        if "ModelPackageGroupName" in request:
            packages = self._versions(str(self._group(request["ModelPackageGroupName"])["ModelPackageGroupName"]))
        wanted = request.get("ModelApprovalStatus")
        found = [each for each in packages if wanted in {None, each["ModelApprovalStatus"]}]
        newest_first = request.get("SortOrder", "Descending") == "Descending"
        return {"ModelPackageSummaryList": found[::-1] if newest_first else found}

    def _versions(self, group: str) -> list[Mapping[str, object]]:
        return [each for each in self._packages.values() if each["ModelPackageGroupName"] == group]

    def _check_data(self, container: Mapping[str, object]) -> None:
        data = str(container.get("ModelDataUrl", ""))
        if data and not self._exists(data):
            raise ApiError("ValidationException", f"Could not find model data at {data}.")

    def _group(self, name: object) -> Mapping[str, object]:
        found = self._groups.get(str(name).rsplit("/", 1)[-1])
        if found is None:
            arn = f"{self._arn}:model-package-group/{name}"
            raise ApiError("ValidationException", f"ModelPackageGroup {arn} does not exist.")
        return found

    def _package(self, arn: object) -> Mapping[str, object]:
        if str(arn) not in self._packages:
            raise ApiError("ValidationException", f"ModelPackage {arn} does not exist.")
        return self._packages[str(arn)]


def _containers(request: Request) -> Sequence[Mapping[str, object]]:
    containers = _mapping(request, "InferenceSpecification").get("Containers", ())
    assert isinstance(containers, Sequence)
    return containers


def _mapping(value: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = value.get(name, {})
    assert isinstance(found, Mapping)
    return found
