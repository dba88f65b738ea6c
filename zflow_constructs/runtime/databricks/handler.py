"""The entry point of the Lambda that runs the Databricks steps of state machines.

    {"action": "submit"} -> function.py -> runs.py -> client.py -> transport.py -> Databricks
    {"action": "check"}                    runs.py, report.py      credentials.py -> Secrets Manager
    {"action": "stop"}                     cancellation.py

A step's states call it: submit, wait, check, and again, so that no invocation lasts as long as a run.
"""

import os
from functools import cache, partial
from typing import Protocol

import boto3
from botocore.config import Config
from clock import Clock
from documents import Document
from events import Answer
from function import DatabricksFunction
from settings import Settings


class Context(Protocol):
    """The part of Lambda's context object that is used here."""

    def get_remaining_time_in_millis(self) -> int:
        """See https://docs.aws.amazon.com/lambda/latest/dg/python-context.html ."""


def handler(event: Document, context: Context) -> Answer:
    """Answer an event of a state machine; see `function.DatabricksFunction.answer`."""
    return _function().answer(event, remaining_seconds=lambda: context.get_remaining_time_in_millis() / 1000)


@cache
def _function() -> DatabricksFunction:
    """The function, kept over the invocations of this process with its access token."""
    config = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
    return DatabricksFunction(
        settings=Settings.from_environment(os.environ),
        secrets=boto3.client("secretsmanager", config=config),
        clock=Clock(),
        write=partial(print, flush=True),
    )
