"""Lambda functions as local processes: each invocation runs the real handler in a warm process of its own.

See https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import queue
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from zflow_constructs.local.aws import lambda_runtime
from zflow_constructs.local.aws.callers import Caller
from zflow_constructs.local.processes import Process, Processes, Reporter

CallerReporter = Callable[[Caller | None, str], None]
"""Hears the state that called a function, if one did, and a line of the function's log."""
_HEARD_SECONDS = 5.0
"""How long an answer waits at most until the lines before it are reported."""
_INIT_SECONDS = 60.0
"""How long a function's modules may take to import. AWS gives 10 seconds, on a machine of its own."""


@dataclass(frozen=True)
class FunctionSettings:
    """What a function's process needs to know.

    Args:
        name: Its name.
        arn: Its ARN.
        handler: `module.function`.
        timeout: Seconds that an invocation may take.
        code: The folder with its code.
        log: The file of its log.
        environment: The whole environment of its process.
    """

    name: str
    arn: str
    handler: str
    timeout: int
    code: Path
    log: Path
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What an invocation gave.

    Args:
        payload: JSON: the handler's result, or `errorType`, `errorMessage` and `stackTrace`.
        failed: Whether it is an error.
    """

    payload: str
    failed: bool


@dataclass(frozen=True)
class _Request:
    id: str
    event: str
    caller: Caller | None
    taken: threading.Event = field(default_factory=threading.Event)
    heard: threading.Event = field(default_factory=threading.Event)
    """Set when all its lines were reported."""


class FunctionProcess:
    """One process of a function, and the Runtime API that it talks to. It handles one invocation at a time.

    Args:
        settings: The function.
        processes: Starts the process.
        on_line: Hears each line of its log, with the state that called.
    """

    def __init__(self, settings: FunctionSettings, *, processes: Processes, on_line: CallerReporter) -> None:
        self._settings = settings
        self._request: _Request | None = None
        self._on_line = on_line
        self._requests: queue.Queue[_Request | None] = queue.Queue()
        self._answers: queue.Queue[Answer] = queue.Queue()
        self._api = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._api.daemon_threads = True
        threading.Thread(target=self._api.serve_forever, args=(0.1,), daemon=True).start()
        self._process = self._start(processes, self._hear)

    def invoke(self, event: str, caller: Caller | None) -> Answer:
        """Run the handler.

        Args:
            event: The event, JSON.
            caller: The state that calls; None if no state does.

        Returns:
            The handler's answer; an error if it raised, took too long, or its process ended.
        """
        self._request = request = _Request(id=str(uuid.uuid4()), event=event, caller=caller)
        self._requests.put(request)
        waiting_since = started = time.monotonic()
        while True:
            try:
                answer = self._answers.get(timeout=0.1)
            except queue.Empty:
                pass
            else:
                # The step ends with the answer, and a step that has ended has no more lines.
                request.heard.wait(_HEARD_SECONDS)
                return answer
            if self._ended():
                return self._last_answer(request)
            if not request.taken.is_set():
                if time.monotonic() - waiting_since > _INIT_SECONDS:
                    self.stop()
                    return _error("Sandbox.Timedout", f"Error: the function took {_INIT_SECONDS:.0f} seconds to start")
                started = time.monotonic()
            elif time.monotonic() - started > self._settings.timeout:
                self.stop()
                message = f"RequestId: {request.id} Error: Task timed out after {self._settings.timeout:.2f} seconds"
                return _error("Sandbox.Timedout", message)

    @property
    def alive(self) -> bool:
        """Whether the process can take another invocation."""
        return not self._ended()

    def stop(self) -> None:
        """End the process and its Runtime API."""
        self._process.stop(grace=0.5)
        self._requests.put(None)
        self._api.shutdown()
        self._api.server_close()

    def _start(self, processes: Processes, on_line: Reporter) -> Process:
        host, port = self._api.server_address[:2]
        environment = {
            **self._settings.environment,
            "AWS_LAMBDA_RUNTIME_API": f"{host!s}:{port}",
            "LAMBDA_TASK_ROOT": str(self._settings.code),
            "PYTHONPATH": str(self._settings.code),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        # -P keeps this package's folder, where the script is, out of the function's imports.
        argv = [sys.executable, "-P", lambda_runtime.__file__, self._settings.handler]
        return processes.start(argv, env=environment, cwd=self._settings.code, log=self._settings.log, on_line=on_line)

    def _hear(self, line: str) -> None:
        request = self._request
        if request is None:
            self._on_line(None, line)
            return
        # The handler's last line may have no end of its own.
        own, ended, _ = line.partition(f"END RequestId: {request.id}")
        if own or not ended:
            self._on_line(request.caller, own)
        if ended:
            request.heard.set()

    def _ended(self) -> bool:
        try:
            self._process.wait(timeout=0)
        except TimeoutError:
            return False
        return True

    def _last_answer(self, request: _Request) -> Answer:
        try:
            return self._answers.get(timeout=0.1)
        except queue.Empty:
            status = self._process.wait(timeout=0)
            message = f"RequestId: {request.id} Error: Runtime exited with error: exit status {status}"
            return _error("Runtime.ExitError", message)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        requests, answers, settings = self._requests, self._answers, self._settings

        class RuntimeApi(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # One packet an answer: two of them wait for each other's acknowledgement, 40 ms.
            wbufsize = -1
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                request = requests.get()
                if request is None:
                    self.close_connection = True
                    return
                request.taken.set()
                deadline = int((time.time() + settings.timeout) * 1000)
                self._reply(
                    200,
                    request.event.encode(),
                    {
                        "Lambda-Runtime-Aws-Request-Id": request.id,
                        "Lambda-Runtime-Invoked-Function-Arn": settings.arn,
                        "Lambda-Runtime-Deadline-Ms": str(deadline),
                    },
                )

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                answers.put(Answer(payload=body, failed=not self.path.endswith("/response")))
                self._reply(202, b"", {})

            def _reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing: the function's own log is what counts."""

        return RuntimeApi


class FunctionPool:
    """The processes of one function: as many as run at once, kept warm.

    Args:
        settings: The function.
        processes: Starts its processes.
        on_line: Hears each line of its log, with the state that called.
    """

    def __init__(self, settings: FunctionSettings, *, processes: Processes, on_line: CallerReporter) -> None:
        self.settings = settings
        self._processes = processes
        self._on_line = on_line
        self._lock = threading.Lock()
        self._idle: list[FunctionProcess] = []

    def invoke(self, event: str, caller: Caller | None) -> Answer:
        """Invoke the function.

        Args:
            event: The event, JSON.
            caller: The state that calls; None if no state does.
        """
        with self._lock:
            process = self._idle.pop() if self._idle else None
        if process is None:
            process = FunctionProcess(self.settings, processes=self._processes, on_line=self._on_line)
        answer = process.invoke(event, caller)
        if process.alive:
            with self._lock:
                self._idle.append(process)
        else:
            process.stop()
        return answer

    def stop(self) -> None:
        """End the idle processes."""
        with self._lock:
            idle, self._idle = self._idle, []
        for process in idle:
            process.stop()


def _error(kind: str, message: str) -> Answer:
    return Answer(payload=json.dumps({"errorType": kind, "errorMessage": message}), failed=True)
