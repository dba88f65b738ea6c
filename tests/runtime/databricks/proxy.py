"""A proxy on loopback: it forwards plain requests, and refuses tunnels or answers them with a status."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class ProxyServer:
    """The proxy's state."""

    url: str = ""
    status: int = 200
    echo: bool = False
    asked: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)


@contextmanager
def serve_proxy(proxy: ProxyServer) -> Iterator[ProxyServer]:
    """Serve a proxy at 127.0.0.1 as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            self.note()
            self.send_error(proxy.status)

        def do_GET(self) -> None:
            self.forward()

        def do_POST(self) -> None:
            self.forward()

        def note(self) -> None:
            proxy.asked.append(f"{self.command} {self.path}")
            proxy.authorizations.append(self.headers["Proxy-Authorization"])

        def forward(self) -> None:
            self.note()
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if proxy.status != 200:
                self.send_error(proxy.status, self.headers["Proxy-Authorization"] if proxy.echo else None)
                return
            parts = urlsplit(self.path)
            connection = HTTPConnection(parts.netloc)
            headers = {name: value for name, value in self.headers.items() if name != "Proxy-Authorization"}
            connection.request(self.command, self.path.removeprefix(f"http://{parts.netloc}"), body, headers)
            answer = connection.getresponse()
            payload = answer.read()
            connection.close()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
