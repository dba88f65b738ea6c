"""Lambda's function URLs: each is a port of 127.0.0.1, and each request runs the real handler.

See https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

import base64
import json
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from zflow_constructs.local.aws.lambda_process import Answer

Invoke = Callable[[str, object], Answer]
"""Runs the function of an ARN with an event."""

_PLAIN = ("text/", "application/json", "application/javascript", "application/xml")
"""The types of bodies that a function gets as they are; any other, a form too, is in Base64."""


class FunctionUrls:
    """The function URLs of a local run.

    Args:
        invoke: Runs a function.
    """

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke
        self._servers: list[ThreadingHTTPServer] = []

    def serve(self, function_arn: str) -> str:
        """Open a URL.

        Args:
            function_arn: The function behind it.

        Returns:
            The URL, which ends with a slash.
        """
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(function_arn, self._invoke))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        self._servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    def stop(self) -> None:
        """Close all URLs."""
        for server in self._servers:
            server.shutdown()
            server.server_close()
        self._servers.clear()


def _handler(function_arn: str, invoke: Invoke) -> type[BaseHTTPRequestHandler]:
    class FunctionUrl(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            address = self.client_address[0]
            answered = invoke(function_arn, event(self.command, self.path, dict(self.headers), body, address))
            self._reply(*response(answered))

        def _reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing: the function's own log is what counts."""

    for method in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"):
        setattr(FunctionUrl, f"do_{method}", FunctionUrl.answer)
    return FunctionUrl


def event(method: str, target: str, headers: Mapping[str, str], body: bytes, address: str) -> Mapping[str, object]:
    """A request as a function gets it: the payload format 2.0.

    Args:
        method: The HTTP method.
        target: The path and the query.
        headers: The headers.
        body: The body.
        address: The caller's IP address.
    """
    parts, now = urlsplit(target), datetime.now(tz=UTC)
    lower = {name.lower(): value for name, value in headers.items()}
    plain = lower.get("content-type", "").startswith(_PLAIN)
    given = {"body": body.decode(errors="replace") if plain else base64.b64encode(body).decode()}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": parts.path,
        "rawQueryString": parts.query,
        "headers": lower,
        "requestContext": {
            "http": {
                "method": method,
                "path": parts.path,
                "protocol": "HTTP/1.1",
                "sourceIp": address,
                "userAgent": lower.get("user-agent", ""),
            },
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        **(given if body else {}),
        "isBase64Encoded": bool(body) and not plain,
    }


def response(answer: Answer) -> tuple[int, Mapping[str, str], bytes]:
    """What a function's answer is in HTTP: its status, headers and body. An error is 502.

    Args:
        answer: The function's answer.
    """
    if answer.failed:
        return HTTPStatus.BAD_GATEWAY, {"Content-Type": "text/plain"}, b"Internal Server Error"
    value = json.loads(answer.payload)
    if not isinstance(value, Mapping) or "statusCode" not in value:
        return HTTPStatus.OK, {"Content-Type": "application/json"}, answer.payload.encode()
    body = str(value.get("body", ""))
    content = base64.b64decode(body) if value.get("isBase64Encoded") else body.encode()
    headers = {str(name): str(content) for name, content in value.get("headers", {}).items()}
    return int(value["statusCode"]), {"Content-Type": "application/json", **headers}, content
