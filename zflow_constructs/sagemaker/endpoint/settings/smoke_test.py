"""A sample request that an endpoint has to answer before its step succeeds."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from zflow_constructs.core.states.asl import Catcher, Task
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.resources.runtime_function import runtime_function
from zflow_constructs.steps.retry import LAMBDA

_FUNCTION_SECONDS = 300
_LARGEST = 64 * 1024


@dataclass(frozen=True)
class SmokeTest:
    """A sample request: each variant has to answer it. If one doesn't, the configuration before serves again.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html

    Args:
        body: the request's body, 64 KiB at most.
        content_type: its MIME type.
        accept: the MIME type of the answer. Default: text/csv
        contains: what the answer must have in it. Default: anything

    Raises:
        WorkflowError: the body is empty or too long.

    Example:
        `SmokeTest.from_file("sample.csv", content_type="text/csv")`
    """

    body: bytes
    content_type: str
    accept: str = "text/csv"
    contains: str = ""

    def __post_init__(self) -> None:
        if not 0 < len(self.body) <= _LARGEST:
            raise WorkflowError(
                f"SmokeTest: the body has {len(self.body)} bytes. The state machine sends it: give 1 to {_LARGEST}."
            )

    @classmethod
    def from_text(cls, text: str, *, content_type: str, accept: str = "text/csv", contains: str = "") -> "SmokeTest":
        """A sample that is written out.

        Args:
            text: the request's body.
            content_type: its MIME type.
            accept: the MIME type of the answer. Default: text/csv
            contains: what the answer must have in it. Default: anything
        """
        return cls(text.encode(), content_type, accept, contains)

    @classmethod
    def from_file(cls, path: str, *, content_type: str, accept: str = "text/csv", contains: str = "") -> "SmokeTest":
        """A sample in a file.

        Args:
            path: the file, relative to the working directory of `cdk synth`.
            content_type: its MIME type.
            accept: the MIME type of the answer. Default: text/csv
            contains: what the answer must have in it. Default: anything

        Raises:
            WorkflowError: there is no such file.
        """
        if not Path(path).is_file():
            raise WorkflowError(f"SmokeTest: there is no file {path}. Paths are relative to where cdk runs.")
        return cls(Path(path).read_bytes(), content_type, accept, contains)

    def function(self, scope: Construct, *, endpoint: str, endpoint_arn: str) -> lambda_.IFunction:
        """The Lambda that sends the sample, and may do nothing else.

        Args:
            scope: the step that owns it.
            endpoint: the endpoint's name.
            endpoint_arn: its ARN.
        """
        function, role = runtime_function(
            scope,
            "SmokeTest",
            folder="smoke_test",
            description=f"Asks {endpoint} for a sample prediction.",
            seconds=_FUNCTION_SECONDS,
        )
        role.add_to_policy(iam.PolicyStatement(actions=["sagemaker:InvokeEndpoint"], resources=[endpoint_arn]))
        return function

    def task(
        self, function: lambda_.IFunction, *, endpoint: str, variants: Sequence[str], then: str, failed: Catcher
    ) -> Task:
        """The state: `{"Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"Payload": {"endpoint": ...}}}`.

        Args:
            function: the Lambda.
            endpoint: the endpoint's name.
            variants: the names of those that have to answer.
            then: the state that follows.
            failed: where it goes on if one doesn't.
        """
        return Task(
            resource="arn:aws:states:::lambda:invoke",
            arguments={
                "FunctionName": function.function_arn,
                "Payload": {
                    "endpoint": endpoint,
                    "variants": list(variants),
                    "content_type": self.content_type,
                    "accept": self.accept,
                    "body": base64.b64encode(self.body).decode(),
                    "contains": self.contains,
                },
            },
            timeout_seconds=_FUNCTION_SECONDS + 10,
            retry=(LAMBDA,),
            catch=(failed,),
            next=then,
        )
