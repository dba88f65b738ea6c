import ast
import json
import os
import subprocess
import sys

import pytest

from tests.runtime.databricks.cloud import Cloud, web_identity_token
from tests.runtime.databricks.conftest import EXECUTION, FOLDER, STARTED, TASK, MakeStep
from tests.waiting import LIMIT_SECONDS
from zflow_constructs.local.databricks.scripted import FIRST_RUN_ID
from zflow_constructs.local.databricks.scripted_workspace import Workspace

INVOKE = """
import json, sys
import handler

class Context:
    def get_remaining_time_in_millis(self):
        return 30_000

for event in json.load(sys.stdin):
    try:
        answer = handler.handler(event, Context())
    except Exception as error:
        answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
    print("ANSWER", json.dumps(answer))
"""


REGIONAL = """
import handler

print(handler._function()._credentials._source.tokens.meta.endpoint_url)
"""


def invoke(environment: dict[str, str], events: list[dict[str, object]]) -> list[dict[str, object]]:
    """The answers of a fresh Python process that has the function's folder and its environment alone."""
    process = subprocess.run(
        [sys.executable, "-B", "-c", INVOKE],
        input=json.dumps(events),
        env={"PYTHONPATH": str(FOLDER), "PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=True,
    )
    lines = process.stdout.splitlines()
    assert all(json.loads(line) for line in lines if not line.startswith("ANSWER "))
    return [json.loads(line.removeprefix("ANSWER ")) for line in lines if line.startswith("ANSWER ")]


def environment(workspace: Workspace, cloud: Cloud, aws: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": aws,
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "DATABRICKS_HOST": workspace.url,
        "DATABRICKS_AUTH": "oauth-m2m",
        "DATABRICKS_SECRET_ARN": cloud.secrets.create({"client_id": "client-1", "client_secret": "client-secret-1"}),
        "DATABRICKS_BUCKET": cloud.bucket.name,
        "DATABRICKS_WORKSPACE": "Risk",
    }


def submission(step: str) -> dict[str, object]:
    return {
        "action": "submit",
        "execution": EXECUTION,
        "started": STARTED,
        "step": step,
        "item": "",
        "attempt": 0,
        "redrive": 0,
        "timeout_seconds": 3600,
        "retries": {"transient": 2, "failures": 0, "interval_seconds": 60},
        "allow_failures": False,
        "values": {},
        "call": "submit",
        "request": {"tasks": [TASK]},
    }


def test_the_handler_serves_invocations_in_a_process_of_its_own(workspace: Workspace, cloud: Cloud, aws: str) -> None:
    events: list[dict[str, object]] = [
        submission("Extract"),
        submission("Report"),
        {"action": "nonsense", "step": "Report"},
    ]

    first, second, third = invoke(environment(workspace, cloud, aws), events)

    assert (first["status"], second["status"]) == ("WAIT", "WAIT")
    assert list(workspace.runs) == [FIRST_RUN_ID, FIRST_RUN_ID + 1]
    assert workspace.issued == 1
    assert third["errorType"] == "Databricks.InvalidRequest"


def test_settings_that_are_missing_are_named(workspace: Workspace, cloud: Cloud, aws: str) -> None:
    settings = environment(workspace, cloud, aws)
    del settings["DATABRICKS_BUCKET"], settings["DATABRICKS_SECRET_ARN"]

    (failure,) = invoke(settings, [submission("Extract")])

    assert failure == {
        "errorType": "Databricks.InvalidRequest",
        "errorMessage": "The function's environment lacks DATABRICKS_BUCKET, DATABRICKS_SECRET_ARN.",
    }


def test_the_functions_own_role_needs_no_secret_but_an_audience(workspace: Workspace, cloud: Cloud, aws: str) -> None:
    settings = {**environment(workspace, cloud, aws), "DATABRICKS_AUTH": "aws-iam", "DATABRICKS_CLIENT_ID": "client-9"}
    del settings["DATABRICKS_SECRET_ARN"]

    (failure,) = invoke(settings, [submission("Extract")])

    assert failure["errorMessage"] == "The function's environment lacks DATABRICKS_AUDIENCE."


def test_the_functions_own_role_signs_in_in_a_process_of_its_own(workspace: Workspace, cloud: Cloud, aws: str) -> None:
    workspace.federated = {"client-9": web_identity_token("databricks")}
    settings = {
        **environment(workspace, cloud, aws),
        "AWS_ENDPOINT_URL_STS": cloud.tokens.url,
        "DATABRICKS_AUTH": "aws-iam",
        "DATABRICKS_CLIENT_ID": "client-9",
        "DATABRICKS_AUDIENCE": "databricks",
    }
    del settings["DATABRICKS_SECRET_ARN"]

    (answer,) = invoke(settings, [submission("Extract")])

    assert answer["status"] == "WAIT"
    assert (cloud.tokens.asked, workspace.issued) == (1, 1)


def test_sts_is_called_in_the_functions_region() -> None:
    process = subprocess.run(
        [sys.executable, "-B", "-c", REGIONAL],
        env={
            "PYTHONPATH": str(FOLDER),
            "PATH": os.environ["PATH"],
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "DATABRICKS_HOST": "nowhere.invalid",
            "DATABRICKS_AUTH": "aws-iam",
            "DATABRICKS_CLIENT_ID": "client-9",
            "DATABRICKS_AUDIENCE": "databricks",
            "DATABRICKS_BUCKET": "records",
            "DATABRICKS_WORKSPACE": "Risk",
        },
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=True,
    )

    assert process.stdout == "https://sts.eu-central-1.amazonaws.com\n"


@pytest.mark.parametrize(
    "url",
    [
        "https://proxy.internal:3128",
        "proxy.internal:3128",
        "http://",
        "http://user:pass-word-1@proxy.internal:port",
        "http://user:pass-word-1@proxy.internal/path",
    ],
)
def test_a_malformed_proxy_is_refused_without_being_shown(make_step: MakeStep, url: str) -> None:
    with pytest.raises(Exception, match=r'like "http://proxy\.internal:3128"') as error:
        make_step(DATABRICKS_PROXY=url)

    assert "DATABRICKS_PROXY is no URL of a proxy" in str(error.value)
    assert "pass-word-1" not in str(error.value)


@pytest.mark.parametrize(
    "host",
    [
        "http://dbc-a1.cloud.databricks.com",
        "http://localhost:8080",
        "http://127.0.0.1.evil.org",
        "https://user:password@dbc-a1.cloud.databricks.com",
        "ftp://dbc-a1.cloud.databricks.com",
        "https://",
    ],
)
def test_a_host_that_could_leak_the_credentials_is_refused(make_step: MakeStep, host: str) -> None:
    with pytest.raises(Exception, match="expected the URL of a workspace"):
        make_step(host=host)


def test_a_mistyped_authentication_is_refused(make_step: MakeStep) -> None:
    with pytest.raises(Exception, match='DATABRICKS_AUTH is "oauth"; expected "oauth-m2m", "token" or "aws-iam"'):
        make_step(auth="oauth")


def test_a_bare_host_name_is_https(make_step: MakeStep) -> None:
    step = make_step(host="nowhere.invalid")

    assert "on nowhere.invalid got no lasting answer" in step.fails(step.submission()).cause


def test_the_function_needs_nothing_but_the_standard_library_and_boto3() -> None:
    own = {path.stem for path in FOLDER.glob("*.py")}
    imported = {
        name.partition(".")[0]
        for path in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }

    assert imported - own - sys.stdlib_module_names == {"boto3", "botocore"}
    assert not own & sys.stdlib_module_names
