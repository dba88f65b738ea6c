"""Asynchronous requests of endpoints: read from S3, answered into S3.

See https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-invoke-endpoint.html
"""

import json
import logging
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from zflow_constructs.local.aws.endpoint_serving import EndpointAnswer, Serving, Store, refusal

_log = logging.getLogger(__name__)


class AsyncRequests:
    """The queue of requests, answered one after the other.

    Args:
        store: Where requests are and answers go.
        tell: Publishes a message to an SNS topic, by its ARN.
    """

    def __init__(self, *, store: Store, tell: Callable[[str, str], None]) -> None:
        self._store = store
        self._tell = tell
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="async-inference")

    def take(self, serving: Serving, endpoint: str, location: str, *, content_type: str, accept: str) -> EndpointAnswer:
        """Take a request in.

        Args:
            serving: What answers it.
            endpoint: The endpoint's name.
            location: Where the request's body is.
            content_type: The body's type.
            accept: The type of the answer that is wanted.
        """
        if not serving.queues:
            return refusal(400, "ValidationError", f"Endpoint {endpoint} does not support async inference.")
        id = str(uuid.uuid4())
        output = cast("Mapping[str, object]", serving.queues["OutputConfig"])
        answer_at = f"{str(output['S3OutputPath']).rstrip('/')}/{id}.out"
        failure_at = f"{str(output.get('S3FailurePath', output['S3OutputPath'])).rstrip('/')}/{id}-error.out"
        self._pool.submit(
            self._answer, serving, location, answer_at, failure_at, content_type=content_type, accept=accept
        )
        headers = {"X-Amzn-SageMaker-OutputLocation": answer_at, "X-Amzn-SageMaker-FailureLocation": failure_at}
        return EndpointAnswer(202, json.dumps({"InferenceId": id}).encode(), "application/json", headers)

    def stop(self) -> None:
        """Answer what is being answered, and nothing more."""
        self._pool.shutdown(cancel_futures=True)

    def _answer(
        self, serving: Serving, location: str, answer_at: str, failure_at: str, *, content_type: str, accept: str
    ) -> None:
        output = cast("Mapping[str, Mapping[str, str]]", serving.queues["OutputConfig"])
        topics = output.get("NotificationConfig", {})
        try:
            answer = serving.invoke(self._store.read(location), content_type=content_type, accept=accept)
            status, body = answer.status, answer.body
        # Whatever happens, the client hears of it where it was told to look.
        except Exception as error:  # noqa: BLE001
            status, body = 500, str(error).encode()
        succeeded = status == 200
        try:
            self._store.write(answer_at if succeeded else failure_at, body)
            if topic := topics.get("SuccessTopic" if succeeded else "ErrorTopic"):
                said = {"invocationStatus": "Completed" if succeeded else "Failed", "inputLocation": location}
                self._tell(topic, json.dumps({**said, "outputLocation": answer_at if succeeded else failure_at}))
        except Exception:  # noqa: BLE001 - a thread's error is heard by nobody else.
            _log.exception("the answer to %s is lost", location)
