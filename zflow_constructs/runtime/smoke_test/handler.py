"""The entry point of the Lambda that asks an endpoint for a sample prediction before its step succeeds.

It is a Lambda, because a state machine's own call would write the sample as JSON, and a sample may be CSV or an image.
"""

import base64
import json
import time
from functools import cache
from typing import Protocol, TypedDict

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_SHOWN = 500


class Event(TypedDict):
    """What a state machine asks for.

    `variants` are the names of those that have to answer, `body` is the sample in Base64, and `contains` is what each
    answer must have in it, if it is not empty.
    """

    endpoint: str
    variants: list[str]
    content_type: str
    accept: str
    body: str
    contains: str


class Answer(TypedDict):
    """What a variant answered."""

    variant: str
    milliseconds: int
    answer: str


class SmokeTestFailed(Exception):  # noqa: N818 - it is the name of the error that the state machine sees.
    """A variant did not answer, or not as it should."""


class _Stream(Protocol):
    def read(self) -> bytes: ...


def handler(event: Event, _context: object) -> list[Answer]:
    """Ask each variant, and say what it answered.

    Args:
        event: What to ask.

    Raises:
        SmokeTestFailed: Naming the variant, and what it answered instead.
    """
    return [_ask(event, variant) for variant in event["variants"]]


def _ask(event: Event, variant: str) -> Answer:
    start = time.monotonic()
    try:
        response = _client().invoke_endpoint(  # type: ignore[attr-defined]
            EndpointName=event["endpoint"],
            TargetVariant=variant,
            ContentType=event["content_type"],
            Accept=event["accept"],
            Body=base64.b64decode(event["body"]),
        )
        stream: _Stream = response["Body"]
        answer = stream.read().decode(errors="replace")
    except (BotoCoreError, ClientError) as error:
        raise SmokeTestFailed(f"The variant {variant} did not answer: {error}") from None
    milliseconds = round((time.monotonic() - start) * 1000)
    said = {"level": "INFO", "message": f"{variant} answered in {milliseconds} ms"}
    print(json.dumps({**said, "variant": variant, "milliseconds": milliseconds}), flush=True)  # noqa: T201
    if not answer:
        raise SmokeTestFailed(f"The variant {variant} gave an empty answer.")
    if event["contains"] not in answer:
        raise SmokeTestFailed(f'The variant {variant} gave an answer without "{event["contains"]}": {answer[:_SHOWN]}')
    return {"variant": variant, "milliseconds": milliseconds, "answer": answer[:_SHOWN]}


@cache
def _client() -> BaseClient:
    # A container has 60 seconds to answer.
    config = Config(connect_timeout=5, read_timeout=65, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client("sagemaker-runtime", config=config)
