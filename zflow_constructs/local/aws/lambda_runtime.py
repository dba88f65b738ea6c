"""The process of a Lambda function: AWS's runtime interface client, with its HTTP calls in plain Python.

It runs by its path, with the function's folder as the first place of imports: it imports nothing of this package. The
native HTTP client of `awslambdaric` exists on Linux only; the rest of it is used as it is.

See https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import contextlib
import http.client
import os
import signal
import sys

from awslambdaric import bootstrap
from awslambdaric.lambda_runtime_client import InvocationRequest, LambdaRuntimeClient

_API = "/2018-06-01/runtime"
_STDOUT = 1


class RuntimeClient(LambdaRuntimeClient):  # type: ignore[misc]  # untyped
    """Asks for invocations, and answers them."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._connection = http.client.HTTPConnection(address)

    def wait_next_invocation(self) -> InvocationRequest:
        """Wait for the next invocation."""
        self._connection.request("GET", f"{_API}/invocation/next")
        response = self._connection.getresponse()
        body = response.read()
        return InvocationRequest(
            invoke_id=response.getheader("Lambda-Runtime-Aws-Request-Id"),
            x_amzn_trace_id=None,
            invoked_function_arn=response.getheader("Lambda-Runtime-Invoked-Function-Arn"),
            deadline_time_in_ms=int(response.headers["Lambda-Runtime-Deadline-Ms"]),
            client_context=None,
            cognito_identity=None,
            tenant_id=None,
            content_type="application/json",
            event_body=body,
            invocation_id=None,
        )

    def post_invocation_result(
        self,
        invoke_id: str,
        result_data: str | bytes,
        content_type: str = "application/json",
        invocation_id: str | None = None,
    ) -> None:
        """Answer an invocation."""
        self._end(invoke_id)
        self._post(f"/invocation/{invoke_id}/response", result_data, content_type)

    def post_invocation_error(
        self,
        invoke_id: str,
        error_response_data: str,
        xray_fault: str,
        invocation_id: str | None = None,
    ) -> None:
        """Answer an invocation whose handler raised."""
        self._end(invoke_id)
        self._post(f"/invocation/{invoke_id}/error", error_response_data, "application/json")

    def _end(self, invoke_id: str) -> None:
        """Say that no more lines of this invocation follow, as the log of a function on AWS does."""
        # To the process's own output, whatever the handler has done to `sys.stdout`. No answer is lost for a log.
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        with contextlib.suppress(OSError):
            os.write(_STDOUT, f"END RequestId: {invoke_id}\n".encode())

    def _post(self, path: str, body: str | bytes, content_type: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        self._connection.request("POST", f"{_API}{path}", data, {"Content-Type": content_type})
        self._connection.getresponse().read()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    bootstrap.run(sys.argv[1], RuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"]))
