"""Batch transform: records from S3 through a model, predictions to S3."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from zflow_constructs.local.containers.data_capture import DataCapture
from zflow_constructs.local.containers.data_processing import DataProcessing
from zflow_constructs.local.containers.errors import UnsupportedRequestError, refuse_others
from zflow_constructs.local.containers.inference import InferenceModel
from zflow_constructs.local.containers.json_path import FilterError, JsonPath
from zflow_constructs.local.containers.outcome import REASON_CHARACTERS, JobOutcome, JobStatus
from zflow_constructs.local.containers.records import Batch, PayloadTooLargeError, gather, split_lines
from zflow_constructs.local.containers.serving import ModelStartError
from zflow_constructs.local.objects import ObjectStore, StorageError
from zflow_constructs.local.processes import Processes, Reporter, StoppedError

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import CreateTransformJobRequestTypeDef

_START_SECONDS = 120


class _TransformError(Exception):
    """The job failed; the message is its FailureReason."""


class TransformContainer:
    """A batch transform job: each object's records go through the model, and the answers become an object `KEY.out`.

    Follows https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html

    Args:
        request: The CreateTransformJob request.
        containers: The containers of the model that the request names.
        objects: The S3 of the local run.
        processes: Who starts and ends the model's servers.
        folder: The job's folder, which no other job has.
        on_line: Called with each line that the servers print, and with what fails.

    Raises:
        UnsupportedRequestError: The request needs what a local run doesn't have.
        UnsupportedImageError: An image is no framework image.
    """

    def __init__(
        self,
        request: Mapping[str, object],
        containers: Sequence[Mapping[str, object]],
        *,
        objects: ObjectStore,
        processes: Processes,
        folder: Path,
        on_line: Reporter,
    ) -> None:
        job = cast("CreateTransformJobRequestTypeDef", request)
        self._source = job["TransformInput"]
        self._target = job["TransformOutput"]
        source = self._source["DataSource"]["S3DataSource"]
        refuse_others("S3DataType", source["S3DataType"], ("S3Prefix", "ManifestFile"))
        refuse_others("SplitType", self._source.get("SplitType", "None"), ("None", "Line"))
        refuse_others("CompressionType", self._source.get("CompressionType", "None"), ("None", "Gzip"))
        self._uri = source["S3Uri"]
        self._lists = source["S3DataType"] == "ManifestFile"
        self._strategy = job.get("BatchStrategy", "MultiRecord")
        self._max_payload = job.get("MaxPayloadInMB", 6)
        self._at_once = job.get("MaxConcurrentTransforms") or 1
        self._timeout = job.get("ModelClientConfig", {}).get("InvocationsTimeoutInSeconds", 600)
        self._processing = _data_processing(job)
        self._capture = DataCapture.of(job)
        self._objects = objects
        self._folder = folder
        self._on_line = on_line
        self._log = folder / "log.txt"
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._model = InferenceModel(
            containers,
            objects=objects,
            processes=processes,
            folder=folder,
            on_line=self._note,
            environment={
                "SAGEMAKER_BATCH": "true",
                "SAGEMAKER_BATCH_STRATEGY": {"MultiRecord": "MULTI_RECORD"}.get(self._strategy, "SINGLE_RECORD"),
                "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(self._at_once),
                "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(self._max_payload),
                **job.get("Environment", {}),
            },
        )

    def run(self) -> JobOutcome:
        """Start the model, transform every object, stop the model. Blocks until the job has ended."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._log.touch()
        try:
            self._model.start(_START_SECONDS)
            written = [self._transform(file) for file in self._download()]
            self._keep_captured(written)
        except (ModelStartError, StoppedError, _TransformError) as error:
            if self._stopping.is_set() or isinstance(error, StoppedError):
                return self._ended("Stopped", "The transform job was stopped.")
            self._model.stop()  # so that the reason comes after all that the containers printed
            self._note(str(error))
            return self._ended("Failed", str(error)[:REASON_CHARACTERS])
        finally:
            self._model.stop()
        return self._ended("Completed", "")

    @property
    def pids(self) -> list[int]:
        """The ids of the model's processes; empty before they started."""
        return self._model.pids

    def stop(self) -> None:
        """Stop the job, from another thread: `run` returns with the status Stopped."""
        self._stopping.set()
        self._model.stop()

    def _ended(self, status: JobStatus, reason: str) -> JobOutcome:
        return JobOutcome(status, reason, "", {}, self._log)

    def _download(self) -> list[Path]:
        try:
            download = self._objects.download_listed if self._lists else self._objects.download
            return download(self._uri, self._input)
        except StorageError as error:
            raise _TransformError(f"ClientError: {error}") from error

    @property
    def _input(self) -> Path:
        return self._folder / "input"

    def _keep_captured(self, written: Sequence[str]) -> None:
        if self._capture is None:
            return
        read = [*self._objects.listed(self._uri).values()] if self._lists else self._objects.list(self._uri)
        try:
            self._capture.write(self._objects, read=read, written=written)
        except StorageError as error:
            raise _TransformError(f"ClientError: {error}") from error

    def _transform(self, file: Path) -> str:
        """One object, whose predictions are uploaded when all of them are there; the URI where they are."""
        name = file.relative_to(self._input).as_posix()
        try:
            records = self._records(file.read_bytes())
            batches = gather(records, strategy=self._strategy, max_payload_mebibytes=self._max_payload)
            with ThreadPoolExecutor(max_workers=self._at_once) as requests:
                answers = list(requests.map(partial(self._predict, name=name), batches))
        except (EOFError, OSError, PayloadTooLargeError, zlib.error) as error:
            raise _TransformError(f"ClientError: {name}: {error}") from error
        line_end = b"\n" if self._target.get("AssembleWith", "None") == "Line" else b""
        content = b"".join(answer.removesuffix(line_end) + line_end for answer in answers)
        uri = f"{self._target['S3OutputPath'].rstrip('/')}/{name}.out"
        try:
            self._objects.write(uri, content)
        except StorageError as error:
            raise _TransformError(f"ClientError: {error}") from error
        return uri

    def _records(self, content: bytes) -> list[bytes]:
        plain = gzip.decompress(content) if self._source.get("CompressionType") == "Gzip" else content
        return split_lines(plain) if self._source.get("SplitType") == "Line" else [plain]

    def _predict(self, batch: Batch, name: str) -> bytes:
        try:
            body = b"\n".join(self._processing.before(record) for record in batch.records)
            response = self._model.invoke(
                body,
                content_type=self._processing.content_type,
                accept=self._target.get("Accept", ""),
                timeout=self._timeout,
            )
            if response.error:
                kind = "ClientError" if response.status < 500 else "AlgorithmError"
                raise _TransformError(f"{kind}: {name}, {batch.title}: {response.error}")
            answer = self._processing.after(batch.records, response.body)
            return answer if self._capture is None else self._capture.mark(answer, len(batch.records))
        except FilterError as error:
            raise _TransformError(f"ClientError: {name}, {batch.title}: {error}") from error

    def _note(self, line: str) -> None:
        with self._lock, self._log.open("a", encoding="utf-8") as log:
            log.write(f"{line}\n")
        self._on_line(line)


def _data_processing(request: CreateTransformJobRequestTypeDef) -> DataProcessing:
    source, target, wanted = request["TransformInput"], request["TransformOutput"], request.get("DataProcessing", {})
    content_type = source.get("ContentType", "")
    processing = DataProcessing(
        content_type,
        input_filter=JsonPath(wanted.get("InputFilter", "$")),
        output_filter=JsonPath(wanted.get("OutputFilter", "$")),
        join=wanted.get("JoinSource", "None") == "Input",
    )
    if processing.filters and content_type.startswith("text/csv") and source.get("SplitType") != "Line":
        raise UnsupportedRequestError("DataProcessing of text/csv needs TransformInput.SplitType 'Line'.")
    if processing.join and target.get("Accept", content_type) != content_type:
        raise UnsupportedRequestError(
            f"JoinSource 'Input' needs the same content type on both sides: TransformInput.ContentType is "
            f"{content_type!r}, TransformOutput.Accept is {target.get('Accept')!r}."
        )
    return processing
