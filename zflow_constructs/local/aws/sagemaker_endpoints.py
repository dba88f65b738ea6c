"""SageMaker's models, endpoint configurations and endpoints; an endpoint's containers are local processes.

See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from zflow_constructs.local.aws.errors import ApiError
from zflow_constructs.local.processes import Reporter

if TYPE_CHECKING:
    from zflow_constructs.local.containers import InferenceResponse

Request = Mapping[str, object]

_log = logging.getLogger(__name__)


class Model(Protocol):
    """The running containers of one model: `InferenceModel`."""

    def start(self) -> None:
        """Start the containers, and wait until they answer."""

    def invoke(self, body: bytes, *, content_type: str, accept: str) -> InferenceResponse:
        """Get a prediction."""

    def stop(self) -> None:
        """End the containers."""


ModelFor = Callable[[Sequence[Mapping[str, object]], Path, Reporter], Model]
"""Makes a model of its container definitions, its folder, and who hears its log."""


@dataclass(frozen=True)
class EndpointAnswer:
    """An answer of InvokeEndpoint.

    Args:
        status: The HTTP status.
        body: The prediction, or the error as JSON.
        content_type: The body's type.
        headers: AWS's own headers.
    """

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str]


@dataclass
class _Endpoint:
    name: str
    arn: str
    config: str
    status: str
    variant: str
    created: datetime
    failure_reason: str = ""
    serving: Model | None = None
    thread: threading.Thread = field(default_factory=threading.Thread)


class Endpoints:
    """The models and endpoints of a local run.

    Args:
        region: The AWS region that ARNs name.
        account: The AWS account that ARNs name.
        folder: Each endpoint works in a folder in it.
        model: Makes the running containers of a model.
        on_line: Hears each line of each endpoint's log, with the endpoint's name.
    """

    def __init__(
        self, *, region: str, account: str, folder: Path, model: ModelFor, on_line: Callable[[str, str], None]
    ) -> None:
        self._arn = f"arn:aws:sagemaker:{region}:{account}"
        self._folder = folder
        self._model = model
        self._on_line = on_line
        self._lock = threading.RLock()
        self._models: dict[str, Mapping[str, object]] = {}
        self._configs: dict[str, Mapping[str, object]] = {}
        self._endpoints: dict[str, _Endpoint] = {}
        self._versions = 0
        self.actions: Mapping[str, Callable[[Request], Mapping[str, object]]] = {
            "CreateModel": self._create_model,
            "DescribeModel": lambda request: self._found(self._models, "model", request["ModelName"]),
            "DeleteModel": lambda request: self._delete(self._models, "model", request["ModelName"]),
            "CreateEndpointConfig": self._create_config,
            "DescribeEndpointConfig": lambda request: self._config(request["EndpointConfigName"]),
            "DeleteEndpointConfig": lambda request: self._delete(
                self._configs, "endpoint configuration", request["EndpointConfigName"]
            ),
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

    def containers(self, model_name: object) -> Sequence[Mapping[str, object]]:
        """The container definitions of a model.

        Args:
            model_name: The model.
        """
        model = self._found(self._models, "model", model_name)
        containers = model.get("Containers") or [model["PrimaryContainer"]]
        assert isinstance(containers, Sequence)
        return containers

    def invoke(self, name: str, body: bytes, *, content_type: str, accept: str) -> EndpointAnswer:
        """Get a prediction of an endpoint.

        Args:
            name: The endpoint.
            body: What to predict for.
            content_type: The body's type.
            accept: The type of the answer that is wanted.
        """
        endpoint = self._endpoints.get(name)
        if endpoint is None or endpoint.serving is None:
            message = f"Endpoint {name} of account {self._arn.rsplit(':', 1)[1]} not found."
            return _refusal(400, "ValidationError", message)
        response = endpoint.serving.invoke(body, content_type=content_type, accept=accept)
        if not 200 <= response.status < 300:
            text = response.body.decode(errors="replace")
            side = "client" if response.status < 500 else "server"
            message = f'Received {side} error ({response.status}) from {response.container} with message "{text}".'
            return _refusal(424, "ModelError", message)
        headers = {"x-Amzn-Invoked-Production-Variant": endpoint.variant}
        return EndpointAnswer(200, response.body, response.content_type, headers)

    def stop(self) -> None:
        """End all containers."""
        for endpoint in list(self._endpoints.values()):
            if endpoint.thread.is_alive():
                endpoint.thread.join(timeout=10)
            if endpoint.serving is not None:
                endpoint.serving.stop()

    def _create_model(self, request: Request) -> Mapping[str, object]:
        name = str(request["ModelName"])
        arn = f"{self._arn}:model/{name}"
        with self._lock:
            if name in self._models:
                raise ApiError("ValidationException", f'Cannot create already existing model "{arn}".')
            self._models[name] = {**request, "ModelArn": arn, "CreationTime": datetime.now(tz=UTC)}
        return {"ModelArn": arn}

    def _create_config(self, request: Request) -> Mapping[str, object]:
        name = str(request["EndpointConfigName"])
        arn = f"{self._arn}:endpoint-config/{name}"
        with self._lock:
            if name in self._configs:
                message = f'Cannot create already existing endpoint configuration "{arn}".'
                raise ApiError("ValidationException", message)
            for variant in _variants(request):
                self._found(self._models, "model", variant["ModelName"])
            self._configs[name] = {**request, "EndpointConfigArn": arn, "CreationTime": datetime.now(tz=UTC)}
        return {"EndpointConfigArn": arn}

    def _create_endpoint(self, request: Request) -> Mapping[str, object]:
        name = str(request["EndpointName"])
        config = self._config(request["EndpointConfigName"])
        with self._lock:
            if name in self._endpoints:
                arn = self._endpoints[name].arn
                raise ApiError("ValidationException", f'Cannot create already existing endpoint "{arn}".')
            endpoint = _Endpoint(
                name=name,
                arn=f"{self._arn}:endpoint/{name}",
                config=str(request["EndpointConfigName"]),
                status="Creating",
                variant=str(_variants(config)[0].get("VariantName", "AllTraffic")),
                created=datetime.now(tz=UTC),
            )
            self._endpoints[name] = endpoint
        self._roll_out(endpoint, config, failed="Failed")
        return {"EndpointArn": endpoint.arn}

    def _update_endpoint(self, request: Request) -> Mapping[str, object]:
        config = self._config(request["EndpointConfigName"])
        with self._lock:
            endpoint = self._endpoint(request["EndpointName"])
            if endpoint.status != "InService":
                message = f'Cannot update in-progress endpoint "{endpoint.arn}".'
                raise ApiError("ValidationException", message)
            endpoint.status = "Updating"
        # A model that doesn't start is rolled back: the endpoint is in service again, with the configuration before.
        self._roll_out(endpoint, config, failed="InService")
        return {"EndpointArn": endpoint.arn}

    def _delete_endpoint(self, request: Request) -> Mapping[str, object]:
        with self._lock:
            endpoint = self._endpoint(request["EndpointName"])
            del self._endpoints[endpoint.name]
        if endpoint.serving is not None:
            endpoint.serving.stop()
        return {}

    def _roll_out(self, endpoint: _Endpoint, config: Mapping[str, object], *, failed: str) -> None:
        endpoint.thread = threading.Thread(
            target=self._start, args=(endpoint, config), kwargs={"failed": failed}, name=endpoint.name, daemon=True
        )
        endpoint.thread.start()

    def _start(self, endpoint: _Endpoint, config: Mapping[str, object], *, failed: str) -> None:
        with self._lock:
            self._versions += 1
            folder = self._folder / endpoint.name / str(self._versions)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            containers = self.containers(_variants(config)[0]["ModelName"])
            model = self._model(containers, folder, lambda line: self._on_line(endpoint.name, line))
            try:
                model.start()
            except BaseException:
                model.stop()
                raise
        # An endpoint must leave Creating and Updating, whatever happens.
        except Exception as error:  # noqa: BLE001
            _log.exception("the endpoint %s didn't start", endpoint.name)
            endpoint.failure_reason = f"The primary container did not pass the ping health check: {error}"
            endpoint.status = failed
            return
        before, endpoint.serving = endpoint.serving, model
        endpoint.config = str(config["EndpointConfigName"])
        endpoint.variant = str(_variants(config)[0].get("VariantName", "AllTraffic"))
        endpoint.failure_reason = ""
        endpoint.status = "InService"
        if before is not None:
            before.stop()

    def _description(self, endpoint: _Endpoint) -> Mapping[str, object]:
        description: dict[str, object] = {
            "EndpointName": endpoint.name,
            "EndpointArn": endpoint.arn,
            "EndpointConfigName": endpoint.config,
            "EndpointStatus": endpoint.status,
            "CreationTime": endpoint.created,
            "LastModifiedTime": datetime.now(tz=UTC),
        }
        if endpoint.failure_reason:
            description["FailureReason"] = endpoint.failure_reason
        return description

    def _endpoint(self, name: object) -> _Endpoint:
        if str(name) not in self._endpoints:
            raise ApiError("ValidationException", f'Could not find endpoint "{self._arn}:endpoint/{name}".')
        return self._endpoints[str(name)]

    def _config(self, name: object) -> Mapping[str, object]:
        return self._found(self._configs, "endpoint configuration", name)

    def _found(self, kept: Mapping[str, Mapping[str, object]], kind: str, name: object) -> Mapping[str, object]:
        if str(name) not in kept:
            arn = f"{self._arn}:{'model' if kind == 'model' else 'endpoint-config'}/{name}"
            raise ApiError("ValidationException", f'Could not find {kind} "{arn}".')
        return kept[str(name)]

    def _delete(self, kept: dict[str, Mapping[str, object]], kind: str, name: object) -> Mapping[str, object]:
        with self._lock:
            self._found(kept, kind, name)
            del kept[str(name)]
        return {}


def _variants(config: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    variants = config["ProductionVariants"]
    assert isinstance(variants, Sequence)
    return variants


def _refusal(status: int, code: str, message: str) -> EndpointAnswer:
    body = json.dumps({"Message": message, "message": message}).encode()
    return EndpointAnswer(status, body, "application/json", {"x-amzn-ErrorType": code})
