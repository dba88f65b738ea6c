"""Step Functions' optimized integration of itself: an execution that starts another, and waits for it.

See https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
"""

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime

from moto.stepfunctions.parser.asl.component.state.exec.state_task.credentials import StateCredentials
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import (
    ResourceCondition,
    ResourceRuntimePart,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
    StateTaskServiceSfn,
)
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackEndpoint, CallbackTimeoutError
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.utils import boto_client

from zflow_constructs.local.aws.clients import json_value, operation_name
from zflow_constructs.local.aws.task_failure import FailingTask

_POLL_SECONDS = 0.1


class ExecutionTask(FailingTask, StateTaskServiceSfn):  # type: ignore[misc]  # untyped
    """A Task of `arn:aws:states:::states:startExecution`; with `.sync` or `.sync:2` it waits for the execution.

    moto's passes parameters that the API doesn't know, and lets a started execution run on when its own is stopped.
    """

    def _eval_service_task(
        self,
        env: Environment,
        resource_runtime_part: ResourceRuntimePart,
        normalised_parameters: dict[str, object],
        state_credentials: StateCredentials,
    ) -> None:
        client = boto_client.boto_client_for(resource_runtime_part.region, "stepfunctions")
        operation = client.meta.service_model.operation_model(operation_name(client, self.resource.api_action))
        self._to_boto_request(normalised_parameters, operation.input_shape)
        response = getattr(client, self._get_boto_service_action())(**normalised_parameters)
        response.pop("ResponseMetadata", None)
        self._from_boto_response(response, operation.output_shape)
        env.stack.append(json_value(response))

    def _build_sync_resolver(
        self,
        env: Environment,
        resource_runtime_part: ResourceRuntimePart,
        normalised_parameters: Mapping[str, object],
        state_credentials: StateCredentials,
    ) -> Callable[[], object]:
        client = boto_client.boto_client_for(resource_runtime_part.region, "stepfunctions")
        model = client.meta.service_model.operation_model("DescribeExecution")
        arn = env.stack.pop()["ExecutionArn"]

        def look() -> object:
            execution = client.describe_execution(executionArn=arn)
            if not env.is_running():
                # The Task timed out, or its execution ended: so must the other one.
                client.stop_execution(executionArn=arn, cause="The execution that waited for it has ended.")
                raise CallbackTimeoutError
            if execution["status"] == "RUNNING":
                return None
            self._from_boto_response(execution, model.output_shape)
            result = self._result(execution)
            if result["Status"] != "SUCCEEDED":
                raise self._task_failed(env, json.dumps(result))
            return result

        return look

    _build_sync2_resolver = _build_sync_resolver

    def _eval_sync(
        self,
        env: Environment,
        sync_resolver: Callable[[], object],
        timeout_seconds: int | None,
        callback_endpoint: CallbackEndpoint | None,
        heartbeat_endpoint: object,
    ) -> object:
        while (result := sync_resolver()) is None:
            time.sleep(_POLL_SECONDS)
        return result

    def _result(self, execution: Mapping[str, object]) -> dict[str, object]:
        """An execution as such a Task has it: times in milliseconds, and for `.sync:2` the input and output as JSON."""
        result = {name: value for name, value in execution.items() if name != "ResponseMetadata"}
        for name, value in result.items():
            if isinstance(value, datetime):
                result[name] = int(value.timestamp() * 1000)
            elif name in {"Input", "Output"} and self.resource.condition == ResourceCondition.Sync2:
                result[name] = json.loads(str(value))
        return result
