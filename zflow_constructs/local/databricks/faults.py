"""Misbehaviour on purpose: what a workspace, its proxies and the network between do wrong now and then.

It stands before the server, whatever that serves: it keeps what is received, and answers, or doesn't, as it was told.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Literal

from werkzeug.wrappers import Request, Response

from zflow_constructs.local.databricks.clock import Clock, RealClock
from zflow_constructs.local.databricks.conditions import JsonObject

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_RUNS = "/jobs/runs/"


@dataclass(frozen=True)
class Fault:
    """One misbehaviour.

    Args:
        kind: What goes wrong. `answer`: an answer of its own, without the work. `reset`: the connection is reset before
            the work. `lost`: the work is done and the connection closed without an answer. `truncated`: the work is
            done, and half of the answer comes. `echo`: an error page that repeats the request's credentials, in its
            header and body, as debugging proxies do. `slow`: the answer comes after some seconds of the clock. `drip`:
            it comes byte by byte, with real pauses.
        status: The HTTP status of `answer` and `echo`.
        body: The body of `answer`: text, or what becomes JSON.
        headers: The headers of `answer`.
        seconds: How late `slow` is, and how long each pause of `drip`.
    """

    kind: Literal["answer", "reset", "lost", "truncated", "echo", "slow", "drip"] = "answer"
    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


RESET, LOST, TRUNCATED = Fault("reset"), Fault("lost"), Fault("truncated")
PROXY_PAGE = Fault(
    status=502,
    body="<html><head><title>502 Bad Gateway</title></head><body>The proxy got no answer.</body></html>",
    headers={"Content-Type": "text/html"},
)


def answers(status: int, error_code: object = "ERROR", message: str = "", **headers: str) -> Fault:
    """An answer as Databricks says no.

    Args:
        status: The HTTP status.
        error_code: Databricks' name of the error. Default: one that says nothing.
        message: What is wrong. Default: none.
        **headers: The headers, with `_` for `-`: `Retry_After="30"`.
    """
    body = {"error_code": error_code, "message": message}
    return Fault(status=status, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


@dataclass(frozen=True)
class Received:
    """A request as it arrived.

    Args:
        call: `token`, `submit`, `get`, `get-output`, `cancel`, `list`, `repair`, `run-now`, or `job` for `jobs/get`.
        headers: Its headers.
        query: The parameters of its address.
        body: Its body.
        time: When it arrived, by the workspace's clock.
    """

    call: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    time: float

    @property
    def document(self) -> JsonObject:
        """Its JSON body."""
        document: JsonObject = json.loads(self.body)
        return document


class Misbehaviour:
    """What a workspace does wrong, and what it has received.

    Args:
        clock: What the time is. Default: this machine's.
        requests_per_second: How many requests of a call may arrive within a second of the clock; those beyond get 429
            and `Retry-After`. Default: 0, any number.

    Attributes:
        received: All requests, the oldest first.
        faults: What goes wrong with the next requests, by their call; each happens once.
        on_call: Hears of the call of each request, before anything is done.
        decide: Says what goes wrong with a request for which `faults` has nothing.
    """

    def __init__(self, *, clock: Clock | None = None, requests_per_second: int = 0) -> None:
        self.received: list[Received] = []
        self.faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self.on_call: Callable[[str], None] = lambda _: None
        self.decide: Callable[[Received], Fault | None] = lambda _: None
        self.requests_per_second = requests_per_second
        self._clock = clock or RealClock()
        self._served: defaultdict[str, deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()

    def calls(self, call: str) -> list[Received]:
        """The requests of one call."""
        return [received for received in self.received if received.call == call]

    def before(self, app: WSGIApplication) -> WSGIApplication:
        """The application, and all this before it."""

        def misbehaving(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            request = Request(environ)
            received = self._receive(request)
            self.on_call(received.call)
            fault = self._next_fault(received)
            environ["wsgi.input"] = BytesIO(received.body)
            environ["CONTENT_LENGTH"] = str(len(received.body))
            response = self._response(fault, received, app, environ) if fault else Response.from_app(app, environ)
            return response(environ, start_response)

        return misbehaving

    def _receive(self, request: Request) -> Received:
        received = Received(
            call=_call(request.path),
            headers=dict(request.headers),
            query=request.args.to_dict(),
            body=request.get_data(cache=False),
            time=self._clock.now(),
        )
        with self._lock:
            self.received.append(received)
        return received

    def _next_fault(self, received: Received) -> Fault | None:
        with self._lock:
            queue = self.faults[received.call]
            planned = queue.popleft() if queue else None
        return planned or self.decide(received) or self._rate_limit(received)

    def _rate_limit(self, received: Received) -> Fault | None:
        if not self.requests_per_second:
            return None
        with self._lock:
            served = self._served[received.call]
            while served and served[0] <= received.time - 1:
                served.popleft()
            if len(served) < self.requests_per_second:
                served.append(received.time)
                return None
        message = f"More than {self.requests_per_second} requests of {received.call} within a second."
        return answers(429, "REQUEST_LIMIT_EXCEEDED", message, Retry_After="1")

    def _response(self, fault: Fault, received: Received, app: WSGIApplication, environ: WSGIEnvironment) -> Response:
        if fault.kind == "answer":
            return _answer(fault.status, fault.body, fault.headers)
        if fault.kind == "echo":
            credentials = received.headers.get("Authorization", "") + received.body.decode()
            return _answer(fault.status, {"message": credentials, "error_description": credentials}, {})
        if fault.kind == "reset":
            _reset(environ["werkzeug.socket"])
        if fault.kind == "slow":
            self._clock.sleep(fault.seconds)
        response = Response.from_app(app, environ)
        if fault.kind == "lost":
            # The server takes it for a connection that its client has closed, and closes it too.
            raise ConnectionAbortedError
        if fault.kind == "truncated":
            whole = response.get_data()
            response.set_data(whole[: len(whole) // 2])
            response.headers["Content-Length"] = str(len(whole))
        if fault.kind == "drip":
            response.response = _drip(response.get_data(), fault.seconds)
        return response


def _call(path: str) -> str:
    last = path.rpartition("/")[2]
    return "job" if last == "get" and _RUNS not in path else last


def _answer(status: int, body: object, headers: Mapping[str, str]) -> Response:
    text = body if isinstance(body, str) else json.dumps(body)
    response = Response(text, status=status, content_type="application/json")
    # The content's length too, be it a wrong one.
    response.headers.update(headers)
    return response


def _reset(connection: socket.socket) -> None:
    # Closed with nothing to linger for, a connection is not ended but reset.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())
    raise ConnectionResetError


def _drip(body: bytes, seconds: float) -> Iterator[bytes]:
    clock = RealClock()
    for index in range(len(body)):
        clock.sleep(seconds)
        yield body[index : index + 1]
