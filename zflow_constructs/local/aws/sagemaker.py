"""SageMaker on moto: jobs and endpoints are local processes. moto's are records that end well after a few looks.

See https://docs.aws.amazon.com/sagemaker/latest/APIReference/
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from moto.core.common_types import TYPE_RESPONSE
from moto.core.responses import ActionResult
from moto.sagemaker.responses import SageMakerResponse
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse

from zflow_constructs.local.aws.endpoint_serving import EndpointAnswer
from zflow_constructs.local.aws.errors import ApiError
from zflow_constructs.local.aws.hooks import all_replaced
from zflow_constructs.local.aws.sagemaker_endpoints import Endpoints
from zflow_constructs.local.aws.sagemaker_jobs import Jobs
from zflow_constructs.local.aws.sagemaker_models import Models
from zflow_constructs.local.aws.sagemaker_registry import ModelRegistry
from zflow_constructs.local.aws.sagemaker_tuning import TuningJobs

Action = Callable[[Mapping[str, object]], Mapping[str, object]]

_PASSIVE = ("AddTags", "Delete", "Describe", "List")
"""moto's own actions which claim nothing that hasn't happened."""


@contextmanager
def sagemaker(
    *, jobs: Jobs, tuning: TuningJobs, models: Models, endpoints: Endpoints, registry: ModelRegistry
) -> Iterator[None]:
    """Answer SageMaker's API.

    Args:
        jobs: Answers for training, transform and processing jobs.
        tuning: Answers for tuning jobs.
        models: Answers for models and endpoint configurations.
        endpoints: Answers for endpoints.
        registry: Answers for groups of models, and their versions.
    """
    actions: Mapping[str, Action] = {
        **jobs.actions,
        **tuning.actions,
        **models.actions,
        **endpoints.actions,
        **registry.actions,
    }
    of_moto = SageMakerResponse.call_action

    def call_action(self: SageMakerResponse) -> TYPE_RESPONSE:
        name = self._get_action()
        if name not in actions and name.startswith(_PASSIVE):
            return of_moto(self)
        try:
            if name not in actions:
                raise ApiError("ValidationException", f"The local engine doesn't have SageMaker's {name}.")
            result: object = actions[name](json.loads(self.body))
        except ApiError as error:
            result = error
        status, headers, body = self.serialized(ActionResult(result))
        # It adds the request's id, which the cause of a failed Task quotes.
        headers, body = self._enrich_response(headers, body)
        return status, headers, body

    def invoke_endpoint(self: SageMakerRuntimeResponse) -> TYPE_RESPONSE:
        answer = endpoints.invoke(
            self.path.split("/")[2],
            self.raw_body,
            content_type=self.headers.get("Content-Type", "application/octet-stream"),
            accept=self.headers.get("Accept", "*/*"),
            target=self.headers.get("X-Amzn-SageMaker-Target-Variant", ""),
        )
        return _answered(answer)

    def invoke_endpoint_async(self: SageMakerRuntimeResponse) -> TYPE_RESPONSE:
        answer = endpoints.invoke_async(
            self.path.split("/")[2],
            self.headers["X-Amzn-SageMaker-InputLocation"],
            content_type=self.headers.get("X-Amzn-SageMaker-Content-Type", "application/octet-stream"),
            accept=self.headers.get("X-Amzn-SageMaker-Accept", "*/*"),
        )
        return _answered(answer)

    with all_replaced(
        (SageMakerResponse, "call_action", call_action),
        (SageMakerRuntimeResponse, "invoke_endpoint", invoke_endpoint),
        (SageMakerRuntimeResponse, "invoke_endpoint_async", invoke_endpoint_async),
        # A body may be anything, and moto would read it as text.
        (SageMakerRuntimeResponse, "use_raw_body", True),
    ):
        yield


def _answered(answer: EndpointAnswer) -> TYPE_RESPONSE:
    # moto takes the status from the headers.
    headers = {"Content-Type": answer.content_type, "status": str(answer.status), **answer.headers}
    return answer.status, headers, answer.body
