"""The Lambdas of this library: their code is a folder of `runtime/`."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

_RUNTIME = Path(__file__).parent / "runtime"
_MEGABYTES = 256


def runtime_function(
    scope: Construct,
    id: str,
    *,
    folder: str,
    description: str,
    seconds: int,
    handler: str = "handler",
    environment: Mapping[str, str] | None = None,
    dead_letter_queue: sqs.IQueue | None = None,
) -> tuple[lambda_.Function, iam.Role]:
    """A Lambda and its role, which may write its own log and nothing else yet.

    Args:
        scope: the construct that owns it.
        id: its id; those of its log and its role are made of it.
        folder: the folder of `runtime/` that is its code.
        description: what the console says of it.
        seconds: how long an invocation may take.
        handler: the function in `handler.py`. Default: handler
        environment: its environment variables. Default: none
        dead_letter_queue: where events go on which it failed. Default: they are lost
    """
    named = id.removesuffix("Function")
    log_group = logs.LogGroup(scope, f"{named}Logs", retention=logs.RetentionDays.THREE_MONTHS)
    role = iam.Role(scope, f"{named}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    log_group.grant_write(role)
    function = lambda_.Function(
        scope,
        id,
        description=description,
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        handler=f"handler.{handler}",
        code=lambda_.Code.from_asset(str(_RUNTIME / folder), exclude=["**/__pycache__", "**/*.pyc"]),
        role=role,
        timeout=Duration.seconds(seconds),
        memory_size=_MEGABYTES,
        log_group=log_group,
        dead_letter_queue=dead_letter_queue,
        environment=environment,
    )
    return function, role
