"""Lambda on moto: an invocation runs the function's handler in a local process. moto wants Docker.

See https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

import io
import json
import logging
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from moto.awslambda.models import LambdaFunction, lambda_backends

from zflow_constructs.local.aws.callers import Caller, caller_of
from zflow_constructs.local.aws.hooks import replaced
from zflow_constructs.local.aws.lambda_process import Answer, CallerReporter, FunctionPool, FunctionSettings
from zflow_constructs.local.processes import Processes

_ASYNC_RETRY_SECONDS = (60, 120)
"""How long Lambda waits before it retries an asynchronous invocation."""

_log = logging.getLogger(__name__)


class Functions:
    """The Lambda functions of a local run.

    Args:
        folder: Each function's code and log go to a folder in it.
        processes: Starts their processes.
        environment: What each of their processes gets, beside the function's own variables.
        time_scale: What a second between two tries of an asynchronous invocation lasts, in seconds.
        on_line: Hears each line of each log, with the function's name and the state that called, if one did.
    """

    def __init__(
        self,
        *,
        folder: Path,
        processes: Processes,
        environment: Mapping[str, str],
        time_scale: float,
        on_line: Callable[[str, Caller | None, str], None],
    ) -> None:
        self._folder = folder
        self._processes = processes
        self._environment = environment
        self._overrides: dict[str, str] = {}
        self._time_scale = time_scale
        self._on_line = on_line
        self._lock = threading.Lock()
        self._pools: dict[str, FunctionPool] = {}
        self.undelivered: list[str] = []

    def override(self, variable: str, value: str) -> None:
        """Give a variable that functions have another value here.

        Args:
            variable: Its name.
            value: Its value, in each function that has the variable.
        """
        self._overrides[variable] = value

    def invoke(self, function: LambdaFunction, event: str, caller: Caller | None = None) -> Answer:
        """Run a function's handler.

        Args:
            function: The function, as moto keeps it.
            event: Its event, JSON.
            caller: The state that calls. Default: no state does.
        """
        with self._lock:
            if function.function_arn not in self._pools:
                self._pools[function.function_arn] = self._pool(function)
            pool = self._pools[function.function_arn]
        return pool.invoke(event, caller)

    def call(self, arn: str, event: object) -> Answer:
        """Run the handler of the function of an ARN.

        Args:
            arn: The function.
            event: Its event.
        """
        _, _, _, region, account, _, name = arn.split(":")[:7]
        return self.invoke(lambda_backends[account][region].get_function(name), json.dumps(event))

    def invoke_event(self, arn: str, event: object) -> None:
        """Run a function's handler as an asynchronous invocation: two retries, then it is in `undelivered`.

        Args:
            arn: The function.
            event: Its event.
        """
        name = arn.split(":")[6]
        answer = self.call(arn, event)
        for delay in _ASYNC_RETRY_SECONDS:
            if not answer.failed:
                return
            time.sleep(delay * self._time_scale)
            answer = self.call(arn, event)
        if answer.failed:
            _log.error("the function %s failed on an event: %s", name, answer.payload)
            self.undelivered.append(f"{name}: {answer.payload}")

    def log_path(self, name: str) -> Path:
        """The file of a function's log.

        Args:
            name: The function.
        """
        return self._folder / name / "log.txt"

    def stop(self) -> None:
        """End all idle processes."""
        for pool in self._pools.values():
            pool.stop()

    def _pool(self, function: LambdaFunction) -> FunctionPool:
        name = function.function_name
        code = self._folder / name / "code"
        with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as archive:
            archive.extractall(code)
        own = {variable: str(value) for variable, value in function.environment_vars.items()}
        settings = FunctionSettings(
            name=name,
            arn=function.function_arn,
            handler=function.handler,
            timeout=int(function.timeout),
            code=code,
            log=self.log_path(name),
            environment={
                **self._environment,
                **own,
                **{variable: value for variable, value in self._overrides.items() if variable in own},
                "_HANDLER": function.handler,
                "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
                "AWS_LAMBDA_FUNCTION_NAME": name,
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_LOG_GROUP_NAME": function.logs_group_name,
            },
        )
        return FunctionPool(settings, processes=self._processes, on_line=self._reporter(name))

    def _reporter(self, name: str) -> CallerReporter:
        return lambda caller, line: self._on_line(name, caller, line)


@contextmanager
def lambda_functions(functions: Functions, *, send: Callable[[str, object], None]) -> Iterator[None]:
    """Invoke functions as local processes.

    Args:
        functions: Runs them.
        send: Delivers the event of an asynchronous invocation to the function of an ARN.
    """

    def invoke(
        self: LambdaFunction, body: bytes | str, request_headers: Mapping[str, str], response_headers: dict[str, str]
    ) -> bytes:
        event = body.decode() if isinstance(body, bytes) else body
        if request_headers.get("x-amz-invocation-type") == "Event":
            send(self.function_arn, json.loads(event or "{}"))
            return b""
        answer = functions.invoke(self, event or "{}", caller_of(request_headers))
        if answer.failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        return answer.payload.encode()

    with replaced(LambdaFunction, "invoke", invoke):
        yield
