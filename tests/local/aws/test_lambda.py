import io
import json
import time
import zipfile
from collections.abc import Iterator
from typing import cast

import pytest
from botocore.response import StreamingBody

from tests.local.aws.conftest import REGION, ROLE, Run, api, create
from tests.waiting import until
from zflow_constructs.local.aws.events import Deliveries, events
from zflow_constructs.local.aws.lambda_ import Functions, lambda_functions
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.processes import Processes

HANDLER = """
import os, sys, time, boto3

CALLS = 0

class Flaky(Exception):
    pass

def handler(event, context):
    global CALLS
    CALLS += 1
    print("event", event)
    match event.get("do"):
        case "raise":
            raise Flaky("asked to")
        case "exit":
            sys.exit(3)
        case "sleep":
            time.sleep(1000)
        case "fail once" if CALLS == 1:
            raise Flaky("once")
        case "unfinished":
            sys.stdout.write("a line that does not end")
        case "buckets":
            return [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]]
    return {
        "calls": CALLS, "pid": os.getpid(), "name": context.function_name, "region": os.environ["AWS_REGION"],
        "host": os.environ["HOST"], "left": context.get_remaining_time_in_millis(),
    }
"""


@pytest.fixture(scope="module")
def heard() -> list[str]:
    """The lines of the functions' logs."""
    return []


@pytest.fixture(scope="module")
def functions(aws: AwsServer, heard: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    api(aws, "iam").create_role(RoleName="workflow", AssumeRolePolicyDocument="{}")
    with Processes() as processes:
        functions = Functions(
            folder=tmp_path_factory.mktemp("functions"),
            processes=processes,
            environment=aws.environment,
            time_scale=0.001,
            on_line=lambda _name, _caller, line: heard.append(line),
        )
        functions.override("HOST", "http://127.0.0.1:1")
        deliveries = Deliveries({"lambda": functions.invoke_event})
        aws.use([lambda_functions(functions, send=deliveries.send), events(deliveries)])
        yield functions
        functions.stop()


@pytest.fixture
def function(aws: AwsServer, functions: Functions, request: pytest.FixtureRequest) -> str:  # noqa: ARG001
    """The name of a function with the handler above."""
    name = f"f{time.monotonic_ns()}"
    aws.clients.lambda_.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="h.handler",
        Role=ROLE,
        Code={"ZipFile": archive({"h.py": HANDLER})},
        Timeout=getattr(request, "param", 900),
        Environment={"Variables": {"HOST": "https://databricks.example.com"}},
    )
    return name


def archive(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as zipped:
        for name, text in files.items():
            zipped.writestr(name, text)
    return content.getvalue()


def invoke(aws: AwsServer, function: str, event: object, **more: str) -> tuple[object, str]:
    answer = api(aws, "lambda").invoke(FunctionName=function, Payload=json.dumps(event), **more)
    payload = cast("StreamingBody", answer["Payload"]).read()
    return json.loads(payload or b"null"), str(answer.get("FunctionError", ""))


def test_the_handler_runs_in_a_warm_process_with_its_context_and_its_variables(aws: AwsServer, function: str) -> None:
    first, second = (invoke(aws, function, {})[0] for _ in range(2))
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert (first["name"], first["region"], first["host"]) == (function, REGION, "http://127.0.0.1:1")
    assert 0 < first["left"] <= 900_000
    assert (second["calls"], second["pid"]) == (2, first["pid"])


def test_the_lines_of_an_invocation_are_heard_before_its_answer_though_the_last_one_has_no_end(
    aws: AwsServer, function: str, heard: list[str]
) -> None:
    for number in range(1, 4):
        invoke(aws, function, {"do": "unfinished"})
        assert heard.count("a line that does not end") == number
    assert [line for line in heard if "END RequestId" in line] == []


def test_the_handler_calls_the_local_aws(aws: AwsServer, function: str) -> None:
    aws.clients.s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": REGION})
    assert invoke(aws, function, {"do": "buckets"}) == (["lake"], "")


def test_an_error_of_the_handler_has_its_class_s_name(aws: AwsServer, function: str) -> None:
    error, kind = invoke(aws, function, {"do": "raise"})
    assert isinstance(error, dict)
    assert (error["errorType"], error["errorMessage"], kind) == ("Flaky", "asked to", "Unhandled")


def test_a_process_that_ends_is_an_error_and_the_next_call_gets_another(aws: AwsServer, function: str) -> None:
    error, _ = invoke(aws, function, {"do": "exit"})
    assert isinstance(error, dict)
    assert error["errorType"] in {"Runtime.ExitError", "SystemExit"}
    answer, _ = invoke(aws, function, {})
    assert isinstance(answer, dict)
    assert answer["calls"] == 1


@pytest.mark.parametrize("function", [1], indirect=True)
def test_a_handler_that_takes_longer_than_its_timeout_is_ended(aws: AwsServer, function: str) -> None:
    error, _ = invoke(aws, function, {"do": "sleep"})
    assert isinstance(error, dict)
    assert error["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in error["errorMessage"]


def test_a_module_that_doesn_t_import_is_an_error_that_says_so(aws: AwsServer, functions: Functions) -> None:  # noqa: ARG001
    aws.clients.lambda_.create_function(
        FunctionName="broken",
        Runtime="python3.13",
        Handler="h.handler",
        Role=ROLE,
        Code={"ZipFile": archive({"h.py": "import not_there"})},
    )
    error, _ = invoke(aws, "broken", {})
    assert isinstance(error, dict)
    assert error["errorType"] == "Runtime.ImportModuleError"


def test_a_task_s_error_is_the_handler_s_and_can_be_retried(aws: AwsServer, function: str, run: Run) -> None:
    arn = aws.clients.lambda_.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    ended = run(
        {
            "Call": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Arguments": {"FunctionName": arn, "Payload": {"do": "fail once"}},
                "Retry": [{"ErrorEquals": ["Flaky"], "IntervalSeconds": 1}],
                "Output": "{% $states.result.Payload.calls %}",
                "End": True,
            }
        }
    )
    assert ended.output == 2


def test_a_stopped_execution_is_aborted_at_once_whatever_its_function_does(aws: AwsServer, function: str) -> None:
    arn = aws.clients.lambda_.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    arguments = {"FunctionName": arn, "Payload": {"do": "sleep"}}
    call = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": arguments, "End": True}
    machine = create(aws, "sleeps", {"QueryLanguage": "JSONata", "StartAt": "Call", "States": {"Call": call}})
    client = aws.clients.stepfunctions
    execution = client.start_execution(stateMachineArn=machine)["executionArn"]
    client.stop_execution(executionArn=execution, error="Stopped", cause="by hand")
    described = client.describe_execution(executionArn=execution)
    assert (described["status"], described["error"], described["cause"]) == ("ABORTED", "Stopped", "by hand")


def test_an_event_is_retried_twice_and_a_loss_is_recorded(aws: AwsServer, function: str, functions: Functions) -> None:
    assert invoke(aws, function, {"do": "raise"}, InvocationType="Event") == (None, "")
    until(lambda: bool(functions.undelivered))
    assert functions.undelivered[0].startswith(f"{function}: ")
    assert functions.log_path(function).read_text(encoding="utf-8").count("event {'do': 'raise'}") == 3
