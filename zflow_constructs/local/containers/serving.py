"""One serving container as a process: started, called, stopped."""

from __future__ import annotations

import re
import sys
import tarfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import urllib3

from zflow_constructs.local.containers.archives import unpack
from zflow_constructs.local.containers.built_in_xgboost import TOOLKIT
from zflow_constructs.local.containers.environment import container_environment
from zflow_constructs.local.containers.errors import refuse_others, refuse_present
from zflow_constructs.local.containers.images import serving_image
from zflow_constructs.local.containers.script import serving_script
from zflow_constructs.local.objects import ObjectStore, StorageError
from zflow_constructs.local.processes import Processes, Reporter

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import ContainerDefinitionTypeDef

_CONNECTIONS = 64
_LOOK_SECONDS = 0.05
_PING_SECONDS = 5.0

_LISTENING = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")


class ModelStartError(RuntimeError):
    """A model's container did not come up; the message has its last lines and its log."""


@dataclass(frozen=True)
class InferenceResponse:
    """A model's answer.

    Args:
        status: The HTTP status; 200 to 299 is success.
        body: The prediction, or what went wrong.
        content_type: The body's content type.
        container: The name of the container that answered.
    """

    status: int
    body: bytes
    content_type: str
    container: str

    @property
    def error(self) -> str:
        """What InvokeEndpoint's ModelError says; empty on success."""
        if 200 <= self.status < 300:
            return ""
        side = "client" if 400 <= self.status < 500 else "server"
        message = self.body.decode(errors="replace")
        return f'Received {side} error ({self.status}) from {self.container} with message "{message}"'


class ServingContainer:
    """A framework container that serves a model by a script; not running yet.

    Follows https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html

    Args:
        container: The container's definition in CreateModel.
        name: `primary` or `container-2`, as SageMaker's messages name it.
        environment: Variables that a transform job adds.
        objects: The S3 of the local run.

    Raises:
        UnsupportedRequestError: The definition needs what a local run doesn't have.
        UnsupportedImageError: The image is no framework image.
    """

    def __init__(
        self,
        container: Mapping[str, object],
        *,
        name: str,
        environment: Mapping[str, str],
        objects: ObjectStore,
    ) -> None:
        definition = cast("ContainerDefinitionTypeDef", container)
        for field in ("AdditionalModelDataSources", "ModelDataSource", "ModelPackageName", "MultiModelConfig"):
            refuse_present(field, definition)
        refuse_others("Mode", definition.get("Mode", "SingleModel"), ("SingleModel",))
        self.name = name
        self._image = serving_image(definition.get("Image", ""))
        self._model_data = definition.get("ModelDataUrl", "")
        self._environment = {**definition.get("Environment", {}), **environment}
        self._script = serving_script(self._environment, self._image)
        self._objects = objects

    def start(self, *, processes: Processes, folder: Path, on_line: Reporter) -> ServingProcess:
        """Fetch the model and the script, and start the server; it is not up yet when this returns.

        Args:
            processes: Who starts and ends the server.
            folder: The container's folder.
            on_line: Called with each line that the server prints.

        Raises:
            ModelStartError: The model or the script can't be fetched.
        """
        model = folder / "model"
        model.mkdir(parents=True, exist_ok=True)
        try:
            self._fetch_model(model, folder / "model-archive")
            code = self._script.fetch(folder / "code", model=model, objects=self._objects, on_line=on_line)
        except (StorageError, OSError, tarfile.TarError) as error:
            raise ModelStartError(f"The {self.name} container of image {self._image.repository}: {error}") from error
        environment = container_environment(objects=self._objects, imports=(code, TOOLKIT)) | self._environment
        server = [sys.executable, "-m", "model_server", "--model", str(model.resolve())]
        argv = [*server, *self._script.serving(code.resolve(), self._image)]
        return ServingProcess(
            argv, name=self.name, environment=environment, processes=processes, folder=folder, on_line=on_line
        )

    def _fetch_model(self, model: Path, download: Path) -> None:
        if self._model_data:
            for archive in self._objects.download(self._model_data, download):
                unpack(archive, model)


class ServingProcess:
    """The server of a container, running.

    Args:
        argv: The server's command.
        name: The container's name.
        environment: The whole environment of the process.
        processes: Who starts and ends it.
        folder: The container's folder.
        on_line: Called with each line that it prints.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        name: str,
        environment: Mapping[str, str],
        processes: Processes,
        folder: Path,
        on_line: Reporter,
    ) -> None:
        self.name = name
        self.log = folder / "log.txt"
        self._on_line = on_line
        self._pool: Future[urllib3.HTTPConnectionPool] = Future()
        self._process = processes.start(argv, env=environment, cwd=folder, log=self.log, on_line=self._read)

    @property
    def pid(self) -> int:
        """The id of the server's process."""
        return self._process.pid

    def wait_until_ready(self, deadline: float) -> None:
        """Wait until the server answers `/ping`.

        Args:
            deadline: The value of `time.monotonic()` to wait for at most.

        Raises:
            ModelStartError: It ended, or did not come up in time.
        """
        while not self._pool.done():
            with suppress(TimeoutError):
                code = self._process.wait(_LOOK_SECONDS)
                raise self._start_error(f"ended with exit code {code}")
            if time.monotonic() > deadline:
                raise self._start_error("did not come up in time")
        if self._pool.result().request("GET", "/ping", timeout=_PING_SECONDS, retries=False).status != 200:
            raise self._start_error("did not pass the ping health check")

    def invoke(self, body: bytes, *, content_type: str, accept: str, timeout: float) -> InferenceResponse:
        """Ask for a prediction. What goes wrong is an answer too, with the status 502 or 504.

        Args:
            body: The request's body.
            content_type: Its content type.
            accept: The content type of the answer; empty for the container's default.
            timeout: Seconds to wait for the answer.
        """
        headers = {"Content-Type": content_type} | ({"Accept": accept} if accept else {})
        try:
            answer = self._pool.result().request(
                "POST", "/invocations", body=body, headers=headers, timeout=timeout, retries=False
            )
        except urllib3.exceptions.ReadTimeoutError:
            return self._no_answer(504, f"Your invocation timed out after {timeout:g} s; the log: {self.log}")
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return self._no_answer(502, f"The container's server is gone ({error}); the log: {self.log}")
        return InferenceResponse(answer.status, answer.data, answer.headers["Content-Type"], self.name)

    def stop(self) -> None:
        """End the server. Idempotent."""
        self._process.stop()
        if self._pool.done():
            self._pool.result().close()

    def _read(self, line: str) -> None:
        listening = _LISTENING.search(line)
        if listening and not self._pool.done():
            self._pool.set_result(urllib3.HTTPConnectionPool("127.0.0.1", int(listening[1]), maxsize=_CONNECTIONS))
        self._on_line(line)

    def _no_answer(self, status: int, message: str) -> InferenceResponse:
        return InferenceResponse(status, message.encode(), "text/plain", self.name)

    def _start_error(self, what: str) -> ModelStartError:
        lines = self._process.last_lines(20) or ["it printed nothing"]
        trace = "\n".join(lines)
        return ModelStartError(f"The {self.name} container {what}: {lines[-1]}; its log: {self.log}\n{trace}")
