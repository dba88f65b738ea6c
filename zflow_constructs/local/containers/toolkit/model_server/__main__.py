"""The HTTP server of a serving container: `GET /ping` and `POST /invocations` on a port of its own choice."""

import argparse
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .codecs import JSON  # noqa: TID252
from .frameworks import FRAMEWORKS  # noqa: TID252
from .model import Model, Response, script_functions  # noqa: TID252


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept
    disable_nagle_algorithm = True
    wbufsize = -1  # a response leaves in one packet

    server: "_Server"

    def do_GET(self) -> None:
        self._send(Response(200 if self.path == "/ping" else 404, b"", "text/plain"))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/invocations":
            self._send(Response(404, b"", "text/plain"))
            return
        content_type = self.headers.get("Content-Type", JSON)
        self._send(self.server.model.answer(body, content_type=content_type, accept=self.headers.get("Accept", "")))

    def log_message(self, *_: object) -> None:
        """Keep the log for what the script prints."""

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, model: Model) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.model = model


def _main() -> None:
    parser = argparse.ArgumentParser(prog="model_server")
    parser.add_argument("--framework", choices=FRAMEWORKS, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--script", type=Path)
    arguments = parser.parse_args()
    framework = FRAMEWORKS[arguments.framework]
    model = Model(
        functions=script_functions(arguments.script) if arguments.script else {},
        framework=framework,
        folder=arguments.model,
        default_accept=os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", framework.accept),
    )
    with _Server(model) as server:
        print(f"Listening at: http://127.0.0.1:{server.server_port}", flush=True)  # noqa: T201
        server.serve_forever()


_main()
