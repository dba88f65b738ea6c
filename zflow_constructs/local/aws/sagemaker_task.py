"""SageMaker's optimized integration, with `.sync`, which moto refuses.

See https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html
"""

import json
import time
from collections.abc import Mapping

from botocore.client import BaseClient
from botocore.exceptions import ClientError, ParamValidationError
from botocore.validate import validate_parameters
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.state.exec.state_task.credentials import StateCredentials
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceRuntimePart
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.utils import boto_client

from zflow_constructs.local.aws.clients import json_value, operation_name
from zflow_constructs.local.aws.task_failure import FailingTask

_POLL_SECONDS = 0.1


class SageMakerTask(FailingTask):
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
        operation = client.meta.service_model.operation_model(operation_name(client, self.resource.api_action))
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
                raise self._task_failed(env, json.dumps(json_value(job)))
            time.sleep(_POLL_SECONDS)
        # The Task timed out, or the execution ended: so must the job.
        getattr(client, f"stop_{snake}")(**name)
        return None

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
