"""Inference: a model of one container, or of a pipeline of 2 to 15, on this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from zflow_constructs.local.containers.errors import UnsupportedRequestError
from zflow_constructs.local.containers.serving import (
    InferenceResponse,
    ModelStartError,
    ServingContainer,
    ServingProcess,
)
from zflow_constructs.local.objects import ObjectStore
from zflow_constructs.local.processes import Processes, Reporter

_MAX_CONTAINERS = 15


class InferenceModel:
    """A model as CreateModel describes it, served by one process per container.

    In a pipeline the answer of a container is the request of the next, its content type included. The caller's
    `accept` is for the last container; the others answer in their default content type, which their variable
    `SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT` sets, as on AWS.

    Follows https://docs.aws.amazon.com/sagemaker/latest/dg/inference-pipelines.html

    Args:
        containers: The `PrimaryContainer` alone, or the `Containers`, of the CreateModel request.
        objects: The S3 of the local run.
        processes: Who starts and ends the servers.
        folder: The model's folder, which no other model has.
        on_line: Called with each line that the servers print.
        environment: Variables that are added to each container's own. Default: none.

    Raises:
        UnsupportedRequestError: A container needs what a local run doesn't have.
        UnsupportedImageError: An image is no framework image.

    Example:
        model.start()
        model.invoke(b"1.5,2", content_type="text/csv", accept="application/json").body
    """

    def __init__(
        self,
        containers: Sequence[Mapping[str, object]],
        *,
        objects: ObjectStore,
        processes: Processes,
        folder: Path,
        on_line: Reporter,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        if not 1 <= len(containers) <= _MAX_CONTAINERS:
            raise UnsupportedRequestError(f"The model has {len(containers)} containers: give 1 to {_MAX_CONTAINERS}.")
        names = [f"container-{number}" for number in range(1, len(containers) + 1)]
        self._containers = [
            ServingContainer(definition, name=name, environment=environment or {}, objects=objects)
            for definition, name in zip(containers, names if len(containers) > 1 else ["primary"], strict=True)
        ]
        self._processes = processes
        self._folder = folder
        self._on_line = on_line
        self._lock = threading.Lock()
        self._servers: list[ServingProcess] = []
        self._stopped = False

    @property
    def logs(self) -> list[Path]:
        """The log of each container, in their order."""
        return [self._folder / container.name / "log.txt" for container in self._containers]

    @property
    def pids(self) -> list[int]:
        """The ids of the servers' processes, in the order of the containers; empty before `start`."""
        return [server.pid for server in self._servers]

    def start(self, timeout: float = 60) -> None:
        """Start all containers, and wait until each answers `/ping`.

        Args:
            timeout: Seconds for all of them together. Default: 60 seconds.

        Raises:
            ModelStartError: A container did not come up; none is left running.
        """
        deadline = time.monotonic() + timeout
        with ExitStack() as on_failure:
            on_failure.callback(self.stop)
            for container in self._containers:
                self._launch(container)
            for server in self._servers:
                server.wait_until_ready(deadline)
            on_failure.pop_all()

    def invoke(self, body: bytes, *, content_type: str, accept: str = "", timeout: float = 60) -> InferenceResponse:
        """Predict. The first container that fails ends the pipeline: its answer is returned.

        Args:
            body: The request's body.
            content_type: Its content type.
            accept: The content type of the answer. Default: the last container's own.
            timeout: Seconds for each container's answer. Default: 60 seconds, as on SageMaker.
        """
        response = InferenceResponse(200, body, content_type, "")
        last = self._servers[-1]
        for server in self._servers:
            wanted = accept if server is last else ""
            response = server.invoke(response.body, content_type=response.content_type, accept=wanted, timeout=timeout)
            if response.error:
                break
        return response

    def stop(self) -> None:
        """Stop all containers, from any thread. Idempotent; a stopped model does not start again."""
        with self._lock:
            self._stopped = True
            servers = list(self._servers)
        for server in servers:
            server.stop()

    def _launch(self, container: ServingContainer) -> None:
        with self._lock:
            if self._stopped:
                raise ModelStartError(f"The {container.name} container was not started: the model was stopped.")
            folder = self._folder / container.name
            server = container.start(processes=self._processes, folder=folder, on_line=self._on_line)
            self._servers.append(server)
