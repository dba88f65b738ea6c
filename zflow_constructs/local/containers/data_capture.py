"""What a transform job captures of its data: lists of what it read and wrote, and an id for each answer.

Follows https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-batch.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from zflow_constructs.local.containers.data_processing import RecordFormat, record_format
from zflow_constructs.local.containers.json_path import FilterError, Json
from zflow_constructs.local.objects import ObjectStore

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import CreateTransformJobRequestTypeDef


@dataclass(frozen=True)
class DataCapture:
    """The data capture of a job.

    Args:
        job: The job's name, which is that of its lists.
        destination: The URI below which the lists go.
        started: When the job began.
        written: How answers are written, if they get ids. `None`: they get none
    """

    job: str
    destination: str
    started: datetime
    written: RecordFormat | None

    @classmethod
    def of(cls, request: CreateTransformJobRequestTypeDef) -> DataCapture | None:
        """The capture of a job; None if it captures nothing.

        Args:
            request: The CreateTransformJob request.

        Raises:
            UnsupportedRequestError: Answers of that type can't be given ids.
        """
        if "DataCaptureConfig" not in request:
            return None
        config = request["DataCaptureConfig"]
        accept = request["TransformOutput"].get("Accept", "")
        written = record_format(accept) if config.get("GenerateInferenceId") else None
        return cls(request["TransformJobName"], config["DestinationS3Uri"], datetime.now(tz=UTC), written)

    def mark(self, answer: bytes, records: int) -> bytes:
        """An answer with an id and the job's start for each record.

        Args:
            answer: The model's answer, filtered and joined.
            records: How many records it answers.

        Raises:
            FilterError: It is JSON, but no object.
        """
        if self.written is None:
            return answer
        written = self.written
        return b"\n".join(self._marked(written, line) for line in written.split(answer, records))

    def write(self, objects: ObjectStore, *, read: Sequence[str], written: Sequence[str]) -> None:
        """Write the lists.

        Args:
            objects: The S3 of the local run.
            read: The URIs of what the job read.
            written: The URIs of what it wrote.

        Raises:
            StorageError: There is no such bucket.
        """
        hour = f"{self.started:%Y/%m/%d/%H}"
        for name, uris in (("input", read), ("output", written)):
            bucket = "/".join(uris[0].split("/")[:3]) + "/"
            manifest = [{"prefix": bucket}, *(uri.removeprefix(bucket) for uri in uris)]
            uri = f"{self.destination.rstrip('/')}/{name}/{hour}/{self.job}.json"
            objects.write(uri, json.dumps(manifest).encode())

    def _marked(self, written: RecordFormat, line: bytes) -> bytes:
        answer: Json = written.read(line)
        number, time = str(uuid.uuid4()), f"{self.started:%Y-%m-%dT%H:%M:%SZ}"
        match answer:
            case list():
                return written.write([*answer, number, time])
            case dict():
                return written.write({**answer, "SageMakerInferenceId": number, "SageMakerInferenceTime": time})
            case _:
                raise FilterError(f"the answer {line[:100]!r} is no JSON object: it can't be given an inference id")
