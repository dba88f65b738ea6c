"""The entry point of the Lambda that runs the Databricks steps of state machines.

    {"action": "submit"} -> function.py -> invocation.py -> submission.py              -> client.py -> transport.py
    {"action": "check"}                                     checks.py, then             (Databricks, by way of proxy.py
                                                            redriving.py, ending.py      if there is one)
    {"action": "stop"}                                      stopping.py

What is known of the runs of an execution is in the workspace's bucket:

    submission.py, redriving.py, ending.py, stopping.py -> records.py -> objects.py -> S3
    ending.py -> outputs.py, results.py, report.py      -------------> objects.py -> S3

The access token comes from a secret, or in exchange for a token of the function's own role:

    client.py -> credentials.py -> stored_secret.py -> Secrets Manager, oauth.py -> Databricks
                                   federation.py    -> STS,             oauth.py -> Databricks

A step's states call it: submit, wait, check, and again, so that no invocation lasts as long as a run.
"""

import os
from functools import cache, partial
from typing import Protocol

import boto3
from answers import Answer
from aws import Clients
from botocore.config import Config
from clock import Clock
from documents import Document
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
    # The global endpoint of STS gives no web identity tokens; an older boto3 would call it.
    os.environ.setdefault("AWS_STS_REGIONAL_ENDPOINTS", "regional")
    config = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
    return DatabricksFunction(
        settings=Settings.from_environment(os.environ),
        clients=Clients(
            s3=boto3.client("s3", config=config),
            secrets=partial(boto3.client, "secretsmanager", config=config),
            tokens=partial(boto3.client, "sts", config=config),
        ),
        clock=Clock(),
        write=partial(print, flush=True),
    )
