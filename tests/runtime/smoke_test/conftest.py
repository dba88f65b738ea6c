import importlib.util
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

HANDLER = Path(__file__).parents[3] / "zflow_constructs" / "runtime" / "smoke_test" / "handler.py"


@dataclass(frozen=True)
class Request:
    """What the endpoint was asked."""

    path: str
    variant: str
    content_type: str
    accept: str
    body: bytes


@dataclass
class Endpoint:
    """SageMaker's runtime on 127.0.0.1: it answers for each variant as it is told.

    Args:
        answers: A status and a body for each variant.
    """

    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    url: str = ""

    def answer(self, request: Request) -> tuple[int, bytes, Mapping[str, str]]:
        self.asked.append(request)
        status, body = self.answers[request.variant]
        if status == 200:
            return 200, body, {"Content-Type": request.accept}
        # What the container said, SageMaker wraps into an error of its own.
        message = f'Received an error ({status}) from primary with message "{body.decode()}".'
        said = {"Message": message, "OriginalStatusCode": status, "OriginalMessage": body.decode()}
        return 424, json.dumps(said).encode(), {"x-amzn-ErrorType": "ModelError", "Content-Type": "application/json"}


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """An endpoint whose variant `A` answers `0.5`."""
    endpoint = Endpoint({"A": (200, b"0.5")})

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            request = Request(
                self.path,
                self.headers.get("X-Amzn-SageMaker-Target-Variant", ""),
                self.headers.get("Content-Type", ""),
                self.headers.get("Accept", ""),
                self.rfile.read(length),
            )
            status, body, headers = endpoint.answer(request)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    endpoint.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", endpoint.url)
    yield endpoint
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The handler's module as a new Lambda has it: loaded by its path, with no client yet."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("smoke_test_handler", HANDLER)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
