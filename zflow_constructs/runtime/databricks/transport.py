"""HTTP, tried again for as long as the invocation has time."""

import http.client
import math
import random
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from urllib.parse import urlsplit

from clock import Clock
from errors import AuthError, Throttled
from logs import Log
from metrics import Metrics
from proxy import Proxy

REQUEST_SECONDS = 30.0
"""The longest that one try may be silent."""

SHORTEST_TRY_SECONDS = 1.0
"""With less time than this left, another try isn't begun."""

LONGEST_BACKOFF_SECONDS = 30.0

CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Request:
    """An HTTP request; every one that this function sends may be repeated without harm."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""

    def __str__(self) -> str:
        """Method and path: all that may be shown of a request."""
        return f"{self.method} {urlsplit(self.url).path}"


@dataclass(frozen=True, kw_only=True)
class Response:
    """An HTTP response, of any status."""

    status: int
    retry_after: str
    body: bytes

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed a little later.

        Databricks answers 400 with the error code COULD_NOT_ACQUIRE_LOCK to requests that met by chance.
        """
        return (
            self.status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
            or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            or (self.status == HTTPStatus.BAD_REQUEST and b"COULD_NOT_ACQUIRE_LOCK" in self.body)
        )

    def __str__(self) -> str:
        """The status and the beginning of the body."""
        return f"HTTP {self.status}: {self.body[:500].decode(errors='replace')}"


@dataclass(frozen=True, kw_only=True)
class Transport:
    """Sends requests for one invocation.

    Args:
        clock: Tells the time and waits.
        time_left: Seconds for which this invocation may go on.
        log: Gets a line for each try that failed.
        metrics: Counts the calls that are tried again.
        proxy: The proxy to send them through. Default: that of the environment, if any.
        patience: The most seconds for one request with all its tries. Default: the time left.
    """

    clock: Clock
    time_left: Callable[[], float]
    log: Log
    metrics: Metrics
    proxy: Proxy | None = None
    patience: float = math.inf

    def send(self, request: Request) -> Response:
        """Send a request, again and again while the answer may change in time.

        Returns:
            The first response that is not transient: a success, or an error that would come again.

        Raises:
            Throttled: The time left didn't suffice.
            AuthError: The proxy refused.
        """
        tries = 0
        problem = "this invocation had no time left for it"
        until = self.clock.now() + self.patience
        while self._time_left(until) >= SHORTEST_TRY_SECONDS:
            tries += 1
            asked = 0.0
            try:
                response = self._try(request, until)
            except (OSError, http.client.HTTPException) as error:
                problem = f"{type(error).__name__}: {error}"
                if self.proxy and "Tunnel connection failed: 4" in problem:
                    raise self._refused(self.proxy, problem) from None
            else:
                if self.proxy and response.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
                    raise self._refused(self.proxy, str(response))
                if not response.transient:
                    return response
                problem = str(response)
                asked = self._asked_seconds(response)
            delay = max(asked, _backoff_seconds(tries))
            self.log.warning("try failed", {"request": str(request), "problem": problem, "try": tries, "delay": delay})
            if self._time_left(until) - delay < SHORTEST_TRY_SECONDS:
                break
            self.metrics.add("Retries")
            self.clock.sleep(delay)
        raise Throttled(
            f"{request} on {urlsplit(request.url).netloc} got no lasting answer in the time of this invocation "
            f"(tries: {tries}). The last problem was: {problem}"
        )

    def _try(self, request: Request, until: float) -> Response:
        opener = _opener(direct=self.proxy is not None or urlsplit(request.url).hostname == "127.0.0.1")
        timeout = min(REQUEST_SECONDS, self._time_left(until))
        message = urllib.request.Request(
            request.url, method=request.method, headers=dict(request.headers), data=request.body or None
        )
        if self.proxy:
            message.set_proxy(self.proxy.address, "http")
            if self.proxy.authorization:
                message.add_unredirected_header("Proxy-Authorization", self.proxy.authorization)
        with opener.open(message, timeout=timeout) as answer:
            return Response(
                status=answer.status, retry_after=answer.headers.get("Retry-After", ""), body=self._read(answer, until)
            )

    def _read(self, answer: http.client.HTTPResponse, until: float) -> bytes:
        # Chunk by chunk: a socket's timeout alone would let a slow drip outlast the invocation.
        chunks = []
        while chunk := answer.read1(CHUNK_BYTES):
            chunks.append(chunk)
            if self._time_left(until) <= 0:
                raise TimeoutError("the answer came too slowly")
        if answer.length:
            raise http.client.IncompleteRead(b"", answer.length)
        return b"".join(chunks)

    def _time_left(self, until: float) -> float:
        return min(self.time_left(), until - self.clock.now())

    def _refused(self, proxy: Proxy, problem: str) -> AuthError:
        return AuthError(
            f"The proxy {proxy.address} let no request through ({problem}). Check the URL in DATABRICKS_PROXY with its "
            "credentials, and that the proxy allows the workspace's host."
        )

    def _asked_seconds(self, response: Response) -> float:
        """What `Retry-After` asks for: seconds, or a date (RFC 9110, section 10.2.3)."""
        if response.retry_after.isdecimal():
            return float(response.retry_after)
        try:
            return parsedate_to_datetime(response.retry_after).timestamp() - self.clock.now()
        except ValueError:
            return 0.0


def _backoff_seconds(tries: int) -> float:
    """Doubles from one second, with jitter: many steps that met the same limit don't meet again."""
    return min(LONGEST_BACKOFF_SECONDS, 2.0 ** (tries - 1)) * random.uniform(0.5, 1.0)


@cache
def _opener(*, direct: bool) -> urllib.request.OpenerDirector:
    """An opener which returns every status as a response, and never follows a redirect with our credentials.

    It is kept: loading the certificates that it trusts takes longer than a request.
    """
    opener = urllib.request.OpenerDirector()
    opener.add_handler(urllib.request.ProxyHandler({} if direct else urllib.request.getproxies()))
    opener.add_handler(urllib.request.HTTPHandler())
    opener.add_handler(urllib.request.HTTPSHandler())
    return opener
