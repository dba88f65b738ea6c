"""The Lambda of a smoke test asks a real HTTP server, by the real client, as it asks SageMaker."""

import base64
import json
from collections.abc import Sequence
from contextlib import suppress
from types import ModuleType

import pytest

from tests.runtime.smoke_test.conftest import Endpoint, Request

SECRET = "4711,confidential"


def event(
    *variants: str, body: bytes = SECRET.encode(), contains: str = "", content_type: str = "text/csv"
) -> dict[str, object]:
    return {
        "endpoint": "scores",
        "variants": list(variants or ("A",)),
        "content_type": content_type,
        "accept": "application/json",
        "body": base64.b64encode(body).decode(),
        "contains": contains,
    }


def ask(
    module: ModuleType, *variants: str, contains: str = "", body: bytes = SECRET.encode()
) -> list[dict[str, object]]:
    answers: list[dict[str, object]] = module.handler(event(*variants, contains=contains, body=body), None)
    # A Lambda's answer is JSON.
    assert json.loads(json.dumps(answers)) == answers
    return answers


def fails(module: ModuleType, *variants: str, contains: str = "") -> str:
    """What it says when a variant doesn't answer as it should."""
    with pytest.raises(module.SmokeTestFailed) as raised:
        ask(module, *variants, contains=contains)
    assert type(raised.value).__name__ == "SmokeTestFailed"
    # The cause that Step Functions shows is this error's alone.
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    return str(raised.value)


def test_a_variant_is_asked_for_the_sample_by_its_name(endpoint: Endpoint, module: ModuleType) -> None:
    (answer,) = ask(module)
    assert endpoint.asked == [
        Request("/endpoints/scores/invocations", "A", "text/csv", "application/json", SECRET.encode())
    ]
    milliseconds = answer.pop("milliseconds")
    assert isinstance(milliseconds, int)
    assert answer == {"variant": "A", "answer": "0.5"}


def test_each_variant_has_to_answer(endpoint: Endpoint, module: ModuleType) -> None:
    endpoint.answers["B"] = (200, b"0.7")
    assert [(each["variant"], each["answer"]) for each in ask(module, "A", "B")] == [("A", "0.5"), ("B", "0.7")]
    assert [request.variant for request in endpoint.asked] == ["A", "B"]
    endpoint.answers["A"] = (200, b"")
    assert fails(module, "B", "A") == "The variant A gave an empty answer."


def test_an_answer_has_the_wanted_text_somewhere(endpoint: Endpoint, module: ModuleType) -> None:
    assert ask(module, contains="0.")[0]["answer"] == "0.5"
    assert fails(module, contains="1.") == 'The variant A gave an answer without "1.": 0.5'
    endpoint.answers["A"] = (200, b"x" * 2000)
    assert fails(module, contains="1.") == f'The variant A gave an answer without "1.": {"x" * 500}'


@pytest.mark.parametrize("status", [400, 500, 503])
def test_an_error_of_the_model_is_told_with_what_the_container_said(
    endpoint: Endpoint, module: ModuleType, status: int
) -> None:
    endpoint.answers["A"] = (status, b"can't read that")
    said = fails(module)
    assert said.startswith("The variant A did not answer: An error occurred (ModelError) when calling the ")
    assert f'Received an error ({status}) from primary with message "can\'t read that".' in said


def test_an_endpoint_that_can_t_be_reached_is_none_that_answers(
    endpoint: Endpoint, module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "http://127.0.0.1:1")
    assert fails(module) == (
        'The variant A did not answer: Could not connect to the endpoint URL: "http://127.0.0.1:1/endpoints/scores/'
        'invocations"'
    )
    assert endpoint.asked == []


@pytest.mark.parametrize("body", [b"\x89PNG\r\n\x1a\n\x00\xff", "ä,ö\n".encode(), b"\x00" * 65_536])
def test_a_sample_of_any_bytes_arrives_as_it_is(endpoint: Endpoint, module: ModuleType, body: bytes) -> None:
    ask(module, body=body)
    assert [request.body for request in endpoint.asked] == [body]


@pytest.mark.parametrize(("answer", "shown"), [(b"\xff\x00", "\ufffd\x00"), ("ö".encode() * 600, "ö" * 500)])
def test_an_answer_of_any_bytes_is_shown_as_text_that_is_not_long(
    endpoint: Endpoint, module: ModuleType, answer: bytes, shown: str
) -> None:
    endpoint.answers["A"] = (200, answer)
    assert ask(module)[0]["answer"] == shown


@pytest.mark.parametrize("answers", [[(200, b"a private answer")], [(500, b"a private error")]])
def test_what_is_logged_has_neither_the_sample_nor_the_answer(
    endpoint: Endpoint, module: ModuleType, capsys: pytest.CaptureFixture[str], answers: Sequence[tuple[int, bytes]]
) -> None:
    (endpoint.answers["B"],) = answers
    with suppress(module.SmokeTestFailed):
        ask(module, "A", "B")
    printed = capsys.readouterr()
    lines = [json.loads(line) for line in printed.out.splitlines()]
    assert [sorted(line) for line in lines] == [["level", "message", "milliseconds", "variant"]] * (
        2 if answers[0][0] == 200 else 1
    )
    for secret in (SECRET, "private", "0.5"):
        assert secret not in printed.out + printed.err
