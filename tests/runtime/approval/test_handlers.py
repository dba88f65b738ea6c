"""The entry points, each in a process of its own with the function's folder alone."""

import json
import os
import subprocess
import sys

from tests.runtime.approval.conftest import EXECUTION, FOLDER, Desk
from tests.waiting import LIMIT_SECONDS

INVOKE = """
import json, sys
import handler

name, event = json.load(sys.stdin)
try:
    answer = getattr(handler, name)(event, None)
except Exception as error:
    answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
print("ANSWER", json.dumps(answer))
"""


def invoke(desk: Desk, name: str, event: dict[str, object], **environment: str) -> dict[str, object]:
    ran = subprocess.run(
        [sys.executable, "-B", "-c", INVOKE],
        input=json.dumps([name, event]),
        env={
            "PYTHONPATH": str(FOLDER),
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": desk.aws,
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=True,
    )
    (answer,) = [line for line in ran.stdout.splitlines() if line.startswith("ANSWER ")]
    return dict(json.loads(answer.removeprefix("ANSWER ")))


def test_one_asks_and_the_other_shows_the_page(desk: Desk) -> None:
    event: dict[str, object] = {
        "token": "token-1",
        "execution": EXECUTION,
        "step": "Approve",
        "topics": [desk.topic],
        "question": "Go?",
        "seconds": 60,
    }
    answer = invoke(desk, "ask", event, TABLE=desk.table, PAGE_URL="https://page.example/")
    assert set(answer) == {"question"}
    link = next(line for line in desk.messages()[0][1].splitlines() if line.startswith("https://page.example/?"))
    http: dict[str, object] = {"method": "GET", "sourceIp": "127.0.0.1"}
    request: dict[str, object] = {"requestContext": {"http": http}, "rawQueryString": link.partition("?")[2]}
    page = invoke(desk, "page", request, TABLE=desk.table)
    assert page["statusCode"] == 200
    assert "<h1>Go?</h1>" in str(page["body"])


def test_an_environment_that_lacks_something_is_named(desk: Desk) -> None:
    assert invoke(desk, "ask", {}, TABLE=desk.table) == {
        "errorType": "Approval.InvalidRequest",
        "errorMessage": "The function's environment lacks PAGE_URL.",
    }
