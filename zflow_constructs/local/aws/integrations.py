"""The service integrations of a Task: AWS's clients, the names of their errors, SageMaker's optimized integration.

See https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
"""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

from botocore.client import BaseClient
from botocore.exceptions import ClientError, ParamValidationError
from botocore.response import StreamingBody
from botocore.validate import validate_parameters
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_factory
from moto.stepfunctions.parser.asl.component.state.exec.state_task.credentials import StateCredentials
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_factory
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceRuntimePart
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.utils import boto_client

from zflow_constructs.local.aws.clients import Clients
from zflow_constructs.local.aws.hooks import all_replaced

_POLL_SECONDS = 0.1

# The names that the AWS SDK for Java gives to services, which begin the names of their errors.
_SDK_NAMES = {
    "cloudwatch": "CloudWatch",
    "dynamodb": "DynamoDb",
    "ecr": "Ecr",
    "eventbridge": "EventBridge",
    "lambda": "Lambda",
    "s3": "S3",
    "sagemaker": "SageMaker",
    "secretsmanager": "SecretsManager",
    "sfn": "Sfn",
    "sns": "Sns",
    "sqs": "Sqs",
    "ssm": "Ssm",
}
_BOTO_NAMES = {"eventbridge": "events", "sfn": "stepfunctions", "cloudwatchlogs": "logs"}


@contextmanager
def integrations(*, clients: Clients) -> Iterator[None]:
    """Let Tasks call the local services.

    Args:
        clients: Gives the clients that Tasks call with.
    """
    with ExitStack() as stack:
        for hook in (task_clients(clients), aws_sdk(), sagemaker_integration()):
            stack.enter_context(hook)
        yield


@contextmanager
def task_clients(clients: Clients) -> Iterator[None]:
    """Use the run's own clients; moto makes one for each call, at a port that it takes from the environment.

    Args:
        clients: Gives the clients.
    """
    original = boto_client.boto_client_for

    def client_for(region: str, service: str, state_credentials: object = None) -> BaseClient:  # noqa: ARG001
        return clients(service)

    # Each integration has imported the function by its name.
    importers = [
        module
        for name, module in sorted(sys.modules.items())
        if name.startswith("moto.stepfunctions.parser") and vars(module).get("boto_client_for") is original
    ]
    with all_replaced(*((module, "boto_client_for", client_for) for module in importers)):
        yield


@contextmanager
def aws_sdk() -> Iterator[None]:
    """Make `aws-sdk:*` errors, parameters and results those of Step Functions.

    - Errors: `SageMaker.SageMakerException`, where moto says `sagemaker.sagemakerException`.
    - Parameters are PascalCase for every service; moto passes `StateMachineArn` to an API that knows `stateMachineArn`.
    - Results are JSON: timestamps and streams as text.
    """
    execute = StateTaskServiceAwsSdk._eval_service_task  # noqa: SLF001

    def error_name(service_name: str) -> str:
        return _SDK_NAMES.get(service_name.lower(), service_name.capitalize())

    def boto_name(self: StateTaskServiceAwsSdk, boto_service_name: str | None = None) -> str:
        name = boto_service_name or self.resource.api_name
        return _BOTO_NAMES.get(name.lower(), name)

    def call(
        self: StateTaskServiceAwsSdk,
        env: Environment,
        resource_runtime_part: ResourceRuntimePart,
        normalised_parameters: dict[str, object],
        state_credentials: StateCredentials,
    ) -> None:
        client = boto_client.boto_client_for(resource_runtime_part.region, self._get_boto_service_name())
        model = client.meta.service_model.operation_model(_operation(client, self.resource.api_action))
        if model.input_shape is not None:
            self._to_boto_request(normalised_parameters, model.input_shape)
        execute(self, env, resource_runtime_part, normalised_parameters, state_credentials)
        response = env.stack.pop()
        if model.output_shape is not None:
            self._from_boto_response(response, model.output_shape)
        env.stack.append(json_value(response))

    with all_replaced(
        (StateTaskServiceAwsSdk, "_normalise_service_error_name", staticmethod(error_name)),
        (StateTaskServiceAwsSdk, "_get_boto_service_name", boto_name),
        (StateTaskServiceAwsSdk, "_eval_service_task", call),
    ):
        yield


@contextmanager
def sagemaker_integration() -> Iterator[None]:
    """Put SageMaker's optimized integration, with `.sync`, in the place of moto's refusal."""
    original = state_task_service_factory.state_task_service_for

    def service_for(service_name: str) -> StateTaskService:
        return SageMakerTask() if service_name == "sagemaker" else original(service_name)

    with all_replaced(
        (state_task_service_factory, "state_task_service_for", service_for),
        (state_task_factory, "state_task_service_for", service_for),
    ):
        yield


class SageMakerTask(StateTaskServiceCallback):  # type: ignore[misc]  # untyped
    """A Task of `arn:aws:states:::sagemaker:*`; with `.sync` it waits for the job.

    See https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html
    """

    def __init__(self) -> None:
        super().__init__(supported_integration_patterns=set())

    def _validate_service_integration_is_supported(self) -> None:
        """Nothing to check: the engine has refused what it can't honour before the run."""

    def _eval_service_task(
        self,
        env: Environment,
        resource_runtime_part: ResourceRuntimePart,
        normalised_parameters: dict[str, object],
        state_credentials: StateCredentials,
    ) -> None:
        client = boto_client.boto_client_for(resource_runtime_part.region, "sagemaker")
        operation = client.meta.service_model.operation_model(_operation(client, self.resource.api_action))
        validate_parameters(normalised_parameters, operation.input_shape)
        response = getattr(client, self._get_boto_service_action())(**normalised_parameters)
        response.pop("ResponseMetadata", None)
        env.stack.append(response)

    def _eval_integration_pattern(
        self,
        env: Environment,
        resource_runtime_part: ResourceRuntimePart,
        normalised_parameters: Mapping[str, object],
        state_credentials: StateCredentials,
    ) -> None:
        env.stack.pop()
        client = boto_client.boto_client_for(resource_runtime_part.region, "sagemaker")
        kind = self.resource.api_action.removeprefix("create")
        name = {f"{kind}Name": normalised_parameters[f"{kind}Name"]}
        env.stack.append(self._wait_for_job(env, client, kind, name))

    def _wait_for_job(self, env: Environment, client: BaseClient, kind: str, name: Mapping[str, object]) -> object:
        snake = self._get_boto_service_action(kind[0].lower() + kind[1:])
        while env.is_running():
            job = getattr(client, f"describe_{snake}")(**name)
            job.pop("ResponseMetadata", None)
            if job[f"{kind}Status"] == "Completed":
                return json_value(job)
            if job[f"{kind}Status"] in {"Failed", "Stopped"}:
                raise self._job_failure(env, json.dumps(json_value(job)))
            time.sleep(_POLL_SECONDS)
        # The Task timed out, or the execution ended: so must the job.
        getattr(client, f"stop_{snake}")(**name)
        return None

    def _job_failure(self, env: Environment, cause: str) -> FailureEventException:
        return FailureEventException(
            self._failure(env, StatesErrorName(typ=StatesErrorNameType.StatesTaskFailed), cause)
        )

    def _failure(self, env: Environment, name: ErrorName, cause: str) -> FailureEvent:
        details = TaskFailedEventDetails(
            resource=self._get_sfn_resource(),
            resourceType=self._get_sfn_resource_type(),
            error=name.error_name,
            cause=cause,
        )
        return FailureEvent(
            env=env,
            error_name=name,
            event_type=HistoryEventType.TaskFailed,
            event_details=EventDetails(taskFailedEventDetails=details),
        )

    def _from_error(self, env: Environment, ex: Exception) -> FailureEvent:
        match ex:
            case ParamValidationError():
                return self._failure(env, CustomErrorName("SageMaker.AmazonSageMakerException"), str(ex))
            case ClientError():
                error, metadata = ex.response["Error"], ex.response["ResponseMetadata"]
                modeled = error["Code"] in {"ResourceInUse", "ResourceLimitExceeded", "ResourceNotFound"}
                name = f"SageMaker.{error['Code'] if modeled else 'AmazonSageMaker'}Exception"
                cause = (
                    f"{error['Message']} (Service: AmazonSageMaker; Status Code: {metadata['HTTPStatusCode']}; "
                    f"Error Code: {error['Code']}; Request ID: {metadata.get('RequestId', '')}; Proxy: null)"
                )
                return self._failure(env, CustomErrorName(name), cause)
            case _:
                return super()._from_error(env=env, ex=ex)


def json_value(value: object) -> object:
    """A response of boto3 as JSON.

    Args:
        value: What boto3 returned.
    """
    match value:
        case Mapping():
            return {key: json_value(item) for key, item in value.items()}
        case list():
            return [json_value(item) for item in value]
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case StreamingBody():
            return value.read().decode()
        case bytes():
            return value.decode()
        case _:
            return value


def _operation(client: BaseClient, action: str) -> str:
    operations = {name.lower(): name for name in client.meta.service_model.operation_names}
    if action.lower() not in operations:
        raise ValueError(f"{client.meta.service_model.service_name} has no operation {action!r}")
    return str(operations[action.lower()])
