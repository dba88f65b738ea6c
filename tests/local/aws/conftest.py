"""A local AWS for the tests of its hooks, and machines that run on it."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, cast

import pytest
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from tests.waiting import LIMIT_SECONDS
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.aws.stepfunctions import stepfunctions

ACCOUNT = "111122223333"
REGION: Final = "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/workflow"


@dataclass
class Ended:
    """How an execution ended."""

    arn: str
    status: str
    output: object
    error: str
    cause: str
    history: list[Mapping[str, object]]

    def events(self, kind: str) -> list[Mapping[str, object]]:
        """The events of one type."""
        return [event for event in self.history if event["type"] == kind]


@dataclass
class Followed:
    """What the hooks' listeners have heard."""

    history: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def followed() -> Followed:
    return Followed()


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory, followed: Followed) -> Iterator[AwsServer]:
    log = tmp_path_factory.mktemp("aws") / "aws.log"
    with AwsServer(account=ACCOUNT, region=REGION, time_scale=0.01, log=log) as server:
        server.use(
            [
                stepfunctions(
                    on_history=lambda arn, event: followed.history.append((arn, event)),
                    on_status=lambda execution: followed.statuses.append(execution.status),
                )
            ]
        )
        yield server


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Let threads take turns so often that what one does in several steps is seen by others, or cut, in between."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


Run = Callable[..., Ended]


class Api(Protocol):
    """A client whose operations aren't known to the type checker."""

    def __getattr__(self, operation: str) -> Callable[..., Mapping[str, object]]: ...


def api(aws: AwsServer, service: str) -> Api:
    """The client of a service, by boto3's name of it."""
    return cast("Api", aws.clients(service))


@pytest.fixture
def run(aws: AwsServer, request: pytest.FixtureRequest) -> Run:
    """Run a machine to its end."""

    def to_its_end(states: Mapping[str, object], *, given: object = None, language: str = "JSONata") -> Ended:
        definition = {"QueryLanguage": language, "StartAt": next(iter(states)), "States": states}
        machine = create(aws, request.node.name, definition)
        arn = aws.clients.stepfunctions.start_execution(stateMachineArn=machine, input=json.dumps(given or {}))
        return ended(aws, arn["executionArn"])

    return to_its_end


def create(aws: AwsServer, name: str, definition: Mapping[str, object]) -> str:
    """Create a machine, or replace the one of an earlier run in the same test."""
    name = "".join(letter if letter.isalnum() else "-" for letter in name)[:60] + str(time.monotonic_ns())
    created = aws.clients.stepfunctions.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
    return created["stateMachineArn"]


def ended(aws: AwsServer, arn: str, *, look: float = 0.01) -> Ended:
    """Wait for an execution's end, and look after so many seconds each."""
    # In this process: a request for each look would take the time of what it waits for.
    execution = stepfunctions_parser_backends[aws.account][aws.region].describe_execution(arn)
    limit = time.monotonic() + LIMIT_SECONDS
    while execution.exec_status is ExecutionStatus.RUNNING:
        assert time.monotonic() < limit, f"{arn} still runs"
        time.sleep(look)
    client = aws.clients.stepfunctions
    described = client.describe_execution(executionArn=arn)
    return Ended(
        arn=arn,
        status=described["status"],
        output=json.loads(described["output"]) if "output" in described else None,
        error=described.get("error", ""),
        cause=described.get("cause", ""),
        history=[dict(event) for event in client.get_execution_history(executionArn=arn)["events"]],
    )
