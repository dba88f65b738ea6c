"""SageMaker's endpoints; their containers are local processes.

See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from zflow_constructs.local.aws.async_inference import AsyncRequests
from zflow_constructs.local.aws.endpoint_serving import EndpointAnswer, ModelFor, Serving, Store, refusal
from zflow_constructs.local.aws.errors import ApiError
from zflow_constructs.local.aws.sagemaker_models import Models
from zflow_constructs.local.aws.scaling import Scaling

Request = Mapping[str, object]

_log = logging.getLogger(__name__)


@dataclass
class _Endpoint:
    name: str
    arn: str
    config: str
    status: str
    created: datetime
    failure_reason: str = ""
    serving: Sequence[Serving] = ()
    thread: threading.Thread = field(default_factory=threading.Thread)


class Endpoints:
    """The endpoints of a local run.

    Args:
        models: The models and configurations.
        region: The AWS region that ARNs name.
        account: The AWS account that ARNs name.
        folder: Each endpoint works in a folder in it.
        model: Makes the running containers of a model.
        store: Where captured data and asynchronous answers go.
        tell: Publishes a message to an SNS topic, by its ARN.
        on_line: Hears each line of each endpoint's log, with the endpoint's name.
    """

    def __init__(
        self,
        models: Models,
        *,
        region: str,
        account: str,
        folder: Path,
        model: ModelFor,
        store: Store,
        tell: Callable[[str, str], None],
        on_line: Callable[[str, str], None],
    ) -> None:
        self._models = models
        self._arn = f"arn:aws:sagemaker:{region}:{account}"
        self._folder = folder
        self._model = model
        self._store = store
        self._on_line = on_line
        self._lock = threading.RLock()
        self._endpoints: dict[str, _Endpoint] = {}
        self._versions = 0
        self._requests = AsyncRequests(store=store, tell=tell)
        self.scaling = Scaling(region=region, account=account, serves=self._serves)
        self.actions: Mapping[str, Callable[[Request], Mapping[str, object]]] = {
            "CreateEndpoint": self._create_endpoint,
            "UpdateEndpoint": self._update_endpoint,
            "DescribeEndpoint": lambda request: self._description(self._endpoint(request["EndpointName"])),
            "DeleteEndpoint": self._delete_endpoint,
            "ListEndpoints": lambda _request: {
                "Endpoints": [self._description(endpoint) for endpoint in self._endpoints.values()]
            },
        }

    @property
    def in_service(self) -> list[str]:
        """The names of the endpoints that answer."""
        return sorted(name for name, endpoint in self._endpoints.items() if endpoint.status == "InService")

    def invoke(self, name: str, body: bytes, *, content_type: str, accept: str, target: str = "") -> EndpointAnswer:
        """Get a prediction of an endpoint.

        Args:
            name: The endpoint.
            body: What to predict for.
            content_type: The body's type.
            accept: The type of the answer that is wanted.
            target: The variant that has to answer. Default: one of them, by their weights
        """
        for serving in self._serving(name):
            return serving.invoke(body, content_type=content_type, accept=accept, target=target)
        return self._missing(name)

    def invoke_async(self, name: str, location: str, *, content_type: str, accept: str) -> EndpointAnswer:
        """Queue a request; its answer goes to S3.

        Args:
            name: The endpoint.
            location: Where the request's body is in S3.
            content_type: The body's type.
            accept: The type of the answer that is wanted.
        """
        for serving in self._serving(name):
            return self._requests.take(serving, name, location, content_type=content_type, accept=accept)
        return self._missing(name)

    def stop(self) -> None:
        """End all containers."""
        self._requests.stop()
        for endpoint in list(self._endpoints.values()):
            if endpoint.thread.is_alive():
                endpoint.thread.join(timeout=10)
            for serving in endpoint.serving:
                serving.stop()

    def _create_endpoint(self, request: Request) -> Mapping[str, object]:
        name = str(request["EndpointName"])
        config = self._models.config(request["EndpointConfigName"])
        with self._lock:
            if name in self._endpoints:
                arn = self._endpoints[name].arn
                raise ApiError("ValidationException", f'Cannot create already existing endpoint "{arn}".')
            endpoint = _Endpoint(
                name=name,
                arn=f"{self._arn}:endpoint/{name}",
                config=str(request["EndpointConfigName"]),
                status="Creating",
                created=datetime.now(tz=UTC),
            )
            self._endpoints[name] = endpoint
        self._roll_out(endpoint, config, failed="Failed")
        return {"EndpointArn": endpoint.arn}

    def _update_endpoint(self, request: Request) -> Mapping[str, object]:
        config = self._models.config(request["EndpointConfigName"])
        with self._lock:
            endpoint = self._endpoint(request["EndpointName"])
            if endpoint.status != "InService":
                message = f'Cannot update in-progress endpoint "{endpoint.arn}".'
                raise ApiError("ValidationException", message)
            self._check_scaling(endpoint, config)
            endpoint.status = "Updating"
        # A model that doesn't start is rolled back: the endpoint is in service again, with the configuration before.
        self._roll_out(endpoint, config, failed="InService")
        return {"EndpointArn": endpoint.arn}

    def _delete_endpoint(self, request: Request) -> Mapping[str, object]:
        with self._lock:
            endpoint = self._endpoint(request["EndpointName"])
            del self._endpoints[endpoint.name]
        self.scaling.forget(endpoint.name)
        for serving in endpoint.serving:
            serving.stop()
        return {}

    def _check_scaling(self, endpoint: _Endpoint, config: Mapping[str, object]) -> None:
        """SageMaker neither removes a variant that scales nor gives it another machine."""
        kept = {(each["VariantName"], each.get("InstanceType")) for each in _variants(config)}
        held = [
            str(each["VariantName"])
            for each in _variants(self._models.config(endpoint.config))
            if self.scaling.scales(endpoint.name, str(each["VariantName"]))
            and (each["VariantName"], each.get("InstanceType")) not in kept
        ]
        if held:
            raise ApiError(
                "ValidationException",
                f'The variant(s) "{held}" must be deregistered as scalable targets with AWS Auto Scaling before they '
                "can be removed or have their instance type updated.",
            )

    def _roll_out(self, endpoint: _Endpoint, config: Mapping[str, object], *, failed: str) -> None:
        endpoint.thread = threading.Thread(
            target=self._start, args=(endpoint, config), kwargs={"failed": failed}, name=endpoint.name, daemon=True
        )
        endpoint.thread.start()

    def _start(self, endpoint: _Endpoint, config: Mapping[str, object], *, failed: str) -> None:
        with self._lock:
            self._versions += 1
            folder = self._folder / endpoint.name / str(self._versions)
        try:
            serving = Serving(
                endpoint.name,
                config,
                containers=self._models.containers,
                model=self._model,
                folder=folder,
                on_line=lambda line: self._on_line(endpoint.name, line),
                store=self._store,
            )
            serving.start()
        # An endpoint must leave Creating and Updating, whatever happens.
        except Exception as error:  # noqa: BLE001
            _log.exception("the endpoint %s didn't start", endpoint.name)
            endpoint.failure_reason = f"The primary container did not pass the ping health check: {error}"
            endpoint.status = failed
            return
        before, endpoint.serving = endpoint.serving, [serving]
        endpoint.config = str(config["EndpointConfigName"])
        endpoint.failure_reason = ""
        endpoint.status = "InService"
        for each in before:
            each.stop()

    def _description(self, endpoint: _Endpoint) -> Mapping[str, object]:
        description: dict[str, object] = {
            "EndpointName": endpoint.name,
            "EndpointArn": endpoint.arn,
            "EndpointConfigName": endpoint.config,
            "EndpointStatus": endpoint.status,
            "CreationTime": endpoint.created,
            "LastModifiedTime": datetime.now(tz=UTC),
            "ProductionVariants": [
                {
                    "VariantName": variant["VariantName"],
                    "CurrentInstanceCount": variant.get("InitialInstanceCount", 0),
                    "CurrentWeight": variant.get("InitialVariantWeight", 1),
                }
                for serving in endpoint.serving
                for variant in serving.variants
            ],
        }
        if endpoint.failure_reason:
            description["FailureReason"] = endpoint.failure_reason
        return description

    def _serves(self, endpoint: str, variant: str) -> bool:
        return endpoint in self.in_service and any(
            each["VariantName"] == variant for serving in self._serving(endpoint) for each in serving.variants
        )

    def _serving(self, name: str) -> Sequence[Serving]:
        return self._endpoints[name].serving if name in self._endpoints else ()

    def _endpoint(self, name: object) -> _Endpoint:
        if str(name) not in self._endpoints:
            raise ApiError("ValidationException", f'Could not find endpoint "{self._arn}:endpoint/{name}".')
        return self._endpoints[str(name)]

    def _missing(self, name: str) -> EndpointAnswer:
        message = f"Endpoint {name} of account {self._arn.rsplit(':', 1)[1]} not found."
        return refusal(400, "ValidationError", message)


def _variants(config: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    return cast("Sequence[Mapping[str, object]]", config["ProductionVariants"])
