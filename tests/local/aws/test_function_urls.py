"""Function URLs: what a function gets of a request, and what a browser gets of its answer."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from tests.waiting import LIMIT_SECONDS
from zflow_constructs.local.aws.function_urls import FunctionUrls
from zflow_constructs.local.aws.lambda_process import Answer


@dataclass
class Function:
    """A function that answers as it is told."""

    answer: Answer
    events: list[Mapping[str, object]] = field(default_factory=list)

    def __call__(self, arn: str, event: object) -> Answer:
        assert arn == "arn:page"
        self.events.append(json.loads(json.dumps(event)))
        return self.answer


def answering(value: object) -> Function:
    return Function(Answer(json.dumps(value), failed=False))


@pytest.fixture
def function() -> Function:
    return answering({"statusCode": 200, "body": "hello"})


@pytest.fixture
def url(function: Function) -> Iterator[str]:
    urls = FunctionUrls(function)
    yield urls.serve("arn:page")
    urls.stop()


def send(url: str, *, data: bytes | None = None, kind: str = "", method: str = "") -> tuple[int, str, bytes]:
    request = urllib.request.Request(url, data=data, method=method or None)
    if kind:
        request.add_header("Content-Type", kind)
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_SECONDS) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read()


def test_a_function_gets_the_method_the_query_and_who_asks(url: str, function: Function) -> None:
    assert send(f"{url}some/path?q=1&k=2") == (200, "application/json", b"hello")
    (event,) = function.events
    context = event["requestContext"]
    assert isinstance(context, dict)
    assert (event["rawPath"], event["rawQueryString"]) == ("/some/path", "q=1&k=2")
    assert (context["http"]["method"], context["http"]["sourceIp"]) == ("GET", "127.0.0.1")
    assert "body" not in event


@pytest.mark.parametrize(
    ("kind", "body", "encoded"),
    [
        ("application/json", '{"a": 1}', False),
        ("application/x-www-form-urlencoded", base64.b64encode(b'{"a": 1}').decode(), True),
    ],
)
def test_a_function_gets_a_form_in_base64_as_on_aws(
    url: str,
    function: Function,
    kind: str,
    body: str,
    encoded: bool,  # noqa: FBT001
) -> None:
    send(url, data=b'{"a": 1}', kind=kind)
    assert (function.events[0]["body"], function.events[0]["isBase64Encoded"]) == (body, encoded)


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ({"statusCode": 404, "headers": {"Content-Type": "text/html"}, "body": "no"}, (404, "text/html", b"no")),
        ({"statusCode": 200, "body": "aGk=", "isBase64Encoded": True}, (200, "application/json", b"hi")),
        ({"any": "thing"}, (200, "application/json", b'{"any": "thing"}')),
    ],
)
def test_an_answer_is_what_the_function_says(value: object, answer: tuple[int, str, bytes]) -> None:
    urls = FunctionUrls(answering(value))
    try:
        assert send(urls.serve("arn:page")) == answer
    finally:
        urls.stop()


def test_a_function_that_fails_is_a_bad_gateway() -> None:
    urls = FunctionUrls(Function(Answer('{"errorType": "ValueError"}', failed=True)))
    try:
        assert send(urls.serve("arn:page"))[::2] == (502, b"Internal Server Error")
    finally:
        urls.stop()


def test_a_head_has_no_body(url: str) -> None:
    assert send(url, method="HEAD") == (200, "application/json", b"")
