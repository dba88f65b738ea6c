"""What serves behind an endpoint: a model for each variant, and what becomes of each request.

See https://docs.aws.amazon.com/sagemaker/latest/dg/model-ab-testing.html
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from zflow_constructs.local.aws.data_capture import captured
from zflow_constructs.local.processes import Reporter

if TYPE_CHECKING:
    from zflow_constructs.local.containers import InferenceResponse

Config = Mapping[str, object]
Variant = Mapping[str, object]


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


class Store(Protocol):
    """Where captured data goes: `ObjectStore`."""

    def read(self, uri: str) -> bytes:
        """The content of an object."""

    def write(self, uri: str, content: bytes) -> None:
        """Put an object."""


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


class Serving:
    """The running models of one configuration.

    Args:
        name: The endpoint.
        config: The configuration.
        containers: The container definitions of a model, by its name.
        model: Makes the running containers of a model.
        folder: Each variant works in a folder in it.
        on_line: Hears each line of their logs.
        store: Where captured data goes.
    """

    def __init__(
        self,
        name: str,
        config: Config,
        *,
        containers: Callable[[object], Sequence[Mapping[str, object]]],
        model: ModelFor,
        folder: Path,
        on_line: Reporter,
        store: Store,
    ) -> None:
        self._name = name
        self._config = config
        self._store = store
        self._random = random.Random(name)
        self._models: dict[str, Model] = {}
        for variant in (*self.variants, *self._shadows):
            own = folder / str(variant["VariantName"])
            own.mkdir(parents=True, exist_ok=True)
            self._models[str(variant["VariantName"])] = model(containers(variant["ModelName"]), own, on_line)

    @property
    def variants(self) -> Sequence[Variant]:
        """The production variants."""
        return cast("Sequence[Variant]", self._config["ProductionVariants"])

    @property
    def queues(self) -> Mapping[str, object]:
        """The configuration of asynchronous requests; empty if it answers at once."""
        return cast("Mapping[str, object]", self._config.get("AsyncInferenceConfig", {}))

    def start(self) -> None:
        """Start all models; none is left running if one doesn't start."""
        with ExitStack() as on_failure:
            on_failure.callback(self.stop)
            for model in self._models.values():
                model.start()
            on_failure.pop_all()

    def stop(self) -> None:
        """End all models."""
        for model in self._models.values():
            model.stop()

    def invoke(self, body: bytes, *, content_type: str, accept: str, target: str = "") -> EndpointAnswer:
        """Get a prediction.

        Args:
            body: What to predict for.
            content_type: The body's type.
            accept: The type of the answer that is wanted.
            target: The variant that has to answer. Default: one of them, by their weights
        """
        variant = target or self._chosen()
        if variant not in [str(each["VariantName"]) for each in self.variants]:
            return refusal(400, "ValidationError", f"Variant {variant} not found for endpoint {self._name}.")
        response = self._models[variant].invoke(body, content_type=content_type, accept=accept)
        for shadow in self._shadows:
            # Nobody hears what it answers.
            self._models[str(shadow["VariantName"])].invoke(body, content_type=content_type, accept=accept)
        if not 200 <= response.status < 300:
            text = response.body.decode(errors="replace")
            side = "client" if response.status < 500 else "server"
            message = f'Received {side} error ({response.status}) from {response.container} with message "{text}".'
            return refusal(424, "ModelError", message)
        self._capture(variant, body, content_type, response)
        headers = {"x-Amzn-Invoked-Production-Variant": variant}
        return EndpointAnswer(200, response.body, response.content_type, headers)

    @property
    def _shadows(self) -> Sequence[Variant]:
        return cast("Sequence[Variant]", self._config.get("ShadowProductionVariants", ()))

    def _chosen(self) -> str:
        names = [str(variant["VariantName"]) for variant in self.variants]
        weights = [float(str(variant.get("InitialVariantWeight", 1))) for variant in self.variants]
        return self._random.choices(names, weights)[0]

    def _capture(self, variant: str, body: bytes, content_type: str, response: InferenceResponse) -> None:
        capture = cast("Mapping[str, object]", self._config.get("DataCaptureConfig", {}))
        if not capture.get("EnableCapture") or self._random.random() * 100 >= cast(
            "float", capture["InitialSamplingPercentage"]
        ):
            return
        now = datetime.now(tz=UTC)
        record = captured(capture, body, content_type, response.body, response.content_type, at=now)
        folder = f"{str(capture['DestinationS3Uri']).rstrip('/')}/{self._name}/{variant}/{now:%Y/%m/%d/%H}"
        self._store.write(f"{folder}/{now:%M-%S}-{uuid.uuid4()}.jsonl", f"{json.dumps(record)}\n".encode())


def refusal(status: int, code: str, message: str) -> EndpointAnswer:
    """An error of InvokeEndpoint.

    Args:
        status: The HTTP status.
        code: The error's name.
        message: What it says.
    """
    body = json.dumps({"Message": message, "message": message}).encode()
    return EndpointAnswer(status, body, "application/json", {"x-amzn-ErrorType": code})
