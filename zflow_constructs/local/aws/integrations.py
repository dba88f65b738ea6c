"""The service integrations of a Task: AWS's clients, and the names of their errors.

See https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from botocore.client import BaseClient
from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_factory
from moto.stepfunctions.parser.asl.component.state.exec.state_task.credentials import StateCredentials
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_factory
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceRuntimePart
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.utils import boto_client

from zflow_constructs.local.aws.callers import callers
from zflow_constructs.local.aws.clients import Clients, json_value, operation_name
from zflow_constructs.local.aws.execution_task import ExecutionTask
from zflow_constructs.local.aws.hooks import all_replaced
from zflow_constructs.local.aws.sagemaker_task import SageMakerTask
from zflow_constructs.local.sdk_names import BOTO_NAMES, JAVA_NAMES


@contextmanager
def integrations(*, clients: Clients) -> Iterator[None]:
    """Let Tasks call the local services.

    Args:
        clients: Gives the clients that Tasks call with.
    """
    with ExitStack() as stack:
        for hook in (task_clients(clients), callers(clients), aws_sdk(), optimized()):
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
def optimized() -> Iterator[None]:
    """Put our own optimized integrations in the place of moto's: SageMaker's it refuses, Step Functions' is broken."""
    original = state_task_service_factory.state_task_service_for
    own: Mapping[str, Callable[[], StateTaskService]] = {"sagemaker": SageMakerTask, "states": ExecutionTask}

    def service_for(service_name: str) -> StateTaskService:
        return own[service_name]() if service_name in own else original(service_name)

    with all_replaced(
        (state_task_service_factory, "state_task_service_for", service_for),
        (state_task_factory, "state_task_service_for", service_for),
    ):
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
        return JAVA_NAMES.get(service_name.lower(), service_name.capitalize())

    def boto_name(self: StateTaskServiceAwsSdk, boto_service_name: str | None = None) -> str:
        name = boto_service_name or self.resource.api_name
        return BOTO_NAMES.get(name.lower(), name)

    def call(
        self: StateTaskServiceAwsSdk,
        env: Environment,
        resource_runtime_part: ResourceRuntimePart,
        normalised_parameters: dict[str, object],
        state_credentials: StateCredentials,
    ) -> None:
        client = boto_client.boto_client_for(resource_runtime_part.region, self._get_boto_service_name())
        model = client.meta.service_model.operation_model(operation_name(client, self.resource.api_action))
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
