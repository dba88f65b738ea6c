"""SageMaker's models and endpoint configurations: records, until an endpoint or a job starts them.

See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from zflow_constructs.local.aws.errors import ApiError

Request = Mapping[str, object]
_PAGE = 10


class Records:
    """What was created, by name.

    Args:
        arn: What its ARNs begin with, such as `arn:aws:sagemaker:eu-central-1:111122223333:model`.
        kind: What messages call it: `model`.
        field: What the API calls it: `Model`.
    """

    def __init__(self, *, arn: str, kind: str, field: str) -> None:
        self._arn = arn
        self._kind = kind
        self._field = field
        self._lock = threading.RLock()
        self._kept: dict[str, Mapping[str, object]] = {}

    def create(self, request: Request) -> Mapping[str, object]:
        """Keep a new one."""
        name = str(request[f"{self._field}Name"])
        arn = f"{self._arn}/{name}"
        with self._lock:
            if name in self._kept:
                raise ApiError("ValidationException", f'Cannot create already existing {self._kind} "{arn}".')
            self._kept[name] = {**request, f"{self._field}Arn": arn, "CreationTime": datetime.now(tz=UTC)}
        return {f"{self._field}Arn": arn}

    def describe(self, request: Request) -> Mapping[str, object]:
        """What is known of one."""
        return self.found(request[f"{self._field}Name"])

    def delete(self, request: Request) -> Mapping[str, object]:
        """Forget one."""
        name = request[f"{self._field}Name"]
        with self._lock:
            self.found(name)
            del self._kept[str(name)]
        return {}

    def list(self, request: Request) -> Mapping[str, object]:
        """A page of them, of those whose names contain something."""
        part, most = str(request.get("NameContains", "")), cast("int", request.get("MaxResults", _PAGE))
        found = [record for name, record in self._kept.items() if part in name]
        if request.get("SortBy") == "Name":
            found.sort(key=lambda record: str(record[f"{self._field}Name"]))
        # They are kept in the order in which they came, and the newest are listed first by default.
        ordered = found if request.get("SortOrder") == "Ascending" else found[::-1]
        start = int(str(request.get("NextToken", 0)))
        more = {"NextToken": str(start + most)} if len(ordered) > start + most else {}
        fields = (f"{self._field}Name", f"{self._field}Arn", "CreationTime")
        listed = [{name: record[name] for name in fields} for record in ordered[start : start + most]]
        return {f"{self._field}s": listed, **more}

    def found(self, name: object) -> Mapping[str, object]:
        """One by its name.

        Args:
            name: The name.

        Raises:
            ApiError: There is none.
        """
        if str(name) not in self._kept:
            raise ApiError("ValidationException", f'Could not find {self._kind} "{self._arn}/{name}".')
        return self._kept[str(name)]


class Models:
    """The models and endpoint configurations of a local run.

    Args:
        region: The AWS region that ARNs name.
        account: The AWS account that ARNs name.
    """

    def __init__(self, *, region: str, account: str) -> None:
        arn = f"arn:aws:sagemaker:{region}:{account}"
        self._models = Records(arn=f"{arn}:model", kind="model", field="Model")
        self._configs = Records(arn=f"{arn}:endpoint-config", kind="endpoint configuration", field="EndpointConfig")
        self.actions: Mapping[str, Callable[[Request], Mapping[str, object]]] = {
            "CreateModel": self._models.create,
            "DescribeModel": self._models.describe,
            "DeleteModel": self._models.delete,
            "ListModels": self._models.list,
            "CreateEndpointConfig": self._create_config,
            "DescribeEndpointConfig": self._configs.describe,
            "DeleteEndpointConfig": self._configs.delete,
            "ListEndpointConfigs": self._configs.list,
        }

    def containers(self, model_name: object) -> Sequence[Mapping[str, object]]:
        """The container definitions of a model.

        Args:
            model_name: The model.
        """
        model = self._models.found(model_name)
        return cast("Sequence[Mapping[str, object]]", model.get("Containers") or [model["PrimaryContainer"]])

    def config(self, name: object) -> Mapping[str, object]:
        """An endpoint configuration.

        Args:
            name: Its name.
        """
        return self._configs.found(name)

    def _create_config(self, request: Request) -> Mapping[str, object]:
        for field in ("ProductionVariants", "ShadowProductionVariants"):
            for variant in cast("Sequence[Mapping[str, object]]", request.get(field, ())):
                self._models.found(variant["ModelName"])
        return self._configs.create(request)
