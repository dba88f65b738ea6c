"""A web application served on the loopback interface, in a thread."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment


_STOP_POLL_SECONDS = 0.01


class LoopbackServer:
    """Serves an application at a free port of 127.0.0.1.

    Args:
        app: The application.
        name: What its thread is called.
    """

    def __init__(self, app: WSGIApplication, *, name: str) -> None:
        self._server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Handler)
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(_STOP_POLL_SECONDS,), name=name, daemon=True)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Answer requests from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(WSGIRequestHandler):
    # Without Nagle's delay, which costs 40 ms a request.
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def connection_dropped(self, error: BaseException, environ: WSGIEnvironment | None = None) -> None:
        # Nobody is there any more, or an application that misbehaves on purpose wants it to seem so.
        self.close_connection = True

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the overridden name
        logging.getLogger(__name__).debug(message, *args)
