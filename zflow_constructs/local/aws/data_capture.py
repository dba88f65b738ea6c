"""A request and its answer as SageMaker captures them.

See https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
"""

import base64
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

Json = Mapping[str, object]


def captured(
    config: Json, request: bytes, request_type: str, answer: bytes, answer_type: str, *, at: datetime
) -> dict[str, object]:
    """One line of a file of captured data.

    Args:
        config: The endpoint's `DataCaptureConfig`.
        request: The request's body.
        request_type: Its content type.
        answer: The answer's body.
        answer_type: Its content type.
        at: When it was.
    """
    modes = {option["CaptureMode"] for option in cast("Sequence[Mapping[str, str]]", config["CaptureOptions"])}
    headers = cast("Mapping[str, Sequence[str]]", config.get("CaptureContentTypeHeader", {}))
    kept = (
        ("endpointInput", "Input", "INPUT", request, request_type),
        ("endpointOutput", "Output", "OUTPUT", answer, answer_type),
    )
    return {
        "captureData": {
            name: {"observedContentType": content_type, "mode": said, **_encoded(body, content_type, headers)}
            for name, mode, said, body, content_type in kept
            if modes & {mode, "InputAndOutput"}
        },
        "eventMetadata": {"eventId": str(uuid.uuid4()), "inferenceTime": at.isoformat(timespec="seconds")},
        "eventVersion": "0",
    }


def _encoded(body: bytes, content_type: str, headers: Mapping[str, Sequence[str]]) -> dict[str, str]:
    plain = content_type.partition(";")[0].strip()
    for encoding, field in (("CSV", "CsvContentTypes"), ("JSON", "JsonContentTypes")):
        if plain in headers.get(field, ()):
            return {"data": body.decode(), "encoding": encoding}
    return {"data": base64.b64encode(body).decode(), "encoding": "BASE64"}
