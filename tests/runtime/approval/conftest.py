"""The approval Lambdas behind a real HTTP server, with moto's table and topics, in simulated time."""

import importlib
import json
import re
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from urllib.parse import parse_qsl, urlencode, urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer
from moto.sns.models import sns_backends

from tests.waiting import LIMIT_SECONDS
from zflow_constructs.local.aws.function_urls import FunctionUrls
from zflow_constructs.local.aws.lambda_process import Answer

FOLDER = Path(__file__).parents[3] / "zflow_constructs" / "runtime" / "approval"
EXECUTION = "arn:aws:states:eu-central-1:123456789012:execution:RiskScoring:night-1"
REGION = "eu-central-1"
START = 1_800_000_000.0


@dataclass
class Tokens:
    """Step Functions, as far as task tokens go: each is answered once, while somebody waits for it."""

    waiting: set[str] = field(default_factory=set)
    outputs: dict[str, Mapping[str, str]] = field(default_factory=dict)
    calls: int = 0

    def send_task_success(self, *, taskToken: str, output: str) -> Mapping[str, object]:  # noqa: N803 (boto3's own name)
        self.calls += 1
        if taskToken == "broken":
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "SendTaskSuccess")
        if taskToken not in self.waiting:
            raise ClientError({"Error": {"Code": "TaskTimedOut", "Message": "Task Timed Out"}}, "SendTaskSuccess")
        self.waiting.remove(taskToken)
        self.outputs[taskToken] = json.loads(output)
        return {}


@dataclass
class Desk:
    """The two Lambdas, and what they work with."""

    modules: Mapping[str, ModuleType]
    aws: str
    tokens: Tokens = field(default_factory=Tokens)
    log: list[str] = field(default_factory=list)
    now: float = START
    slept: float = 0.0
    page: str = ""

    def __post_init__(self) -> None:
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        self.dynamodb = session.client("dynamodb", endpoint_url=self.aws)
        self.sns = session.client("sns", endpoint_url=self.aws)
        self.table = f"questions-{uuid.uuid4()}"
        self.dynamodb.create_table(
            TableName=self.table,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.topic = self.sns.create_topic(Name=f"risk-{uuid.uuid4()}")["TopicArn"]
        self.urls = FunctionUrls(self._page)
        self.page = self.urls.serve("the page")
        questions = self.modules["questions"].Questions(table=self.table, dynamodb=self.dynamodb)
        log = self.modules["logs"].Log(write=self.log.append)
        self.asking = self.modules["asking"].Asking(
            questions=questions, sns=self.sns, page=self.page, now=lambda: self.now, log=log
        )
        self.deciding = self.modules["deciding"].Deciding(
            questions=questions, stepfunctions=self.tokens, now=lambda: self.now, sleep=self._sleep, log=log
        )

    def ask(self, token: str = "token-1", more: Mapping[str, object] | None = None) -> str:
        """Ask, and the link of the message.

        Args:
            token: the task token.
            more: fields of the event that are not as usual.
        """
        self.tokens.waiting.add(token)
        event = {
            "token": token,
            "execution": EXECUTION,
            "step": "Approve",
            "item": "",
            "redrive": 0,
            "topics": [self.topic],
            "question": "Shall it go live?",
            "details": {"auc": "0.8"},
            "seconds": 3600,
            **(more or {}),
        }
        self.asking.ask(json.loads(json.dumps(event)))
        found = re.search(rf"{re.escape(self.page)}\S+", self.messages()[-1][1])
        assert found is not None
        return found[0]

    def messages(self) -> list[tuple[str, str]]:
        """The subject and the text of each message to the topic."""
        sent = sns_backends["123456789012"][REGION].topics[self.topic].sent_notifications
        return [(subject, message) for _, message, subject, *_ in sent]

    def item(self) -> Mapping[str, Mapping[str, object]]:
        """The only item of the table."""
        (item,) = self.dynamodb.scan(TableName=self.table)["Items"]
        return dict(item)

    def _page(self, _function: str, event: object) -> Answer:
        try:
            return Answer(json.dumps(self.deciding.answer(json.loads(json.dumps(event)))), failed=False)
        except Exception as error:  # noqa: BLE001 (as Lambda: any error is the invocation's)
            return Answer(json.dumps({"errorType": type(error).__name__}), failed=True)

    def _sleep(self, seconds: float) -> None:
        self.slept += seconds


@dataclass(frozen=True)
class Page:
    """What a browser got."""

    status: int
    headers: Mapping[str, str]
    html: str


def open_page(link: str, *, method: str = "GET") -> Page:
    return _answered(urllib.request.Request(link, method=method))


def decide(link: str, decision: str, **more: str) -> Page:
    """Send the page's form."""
    fields = {**dict(parse_qsl(urlsplit(link).query)), "decision": decision, **more}
    return _answered(urllib.request.Request(link, data=urlencode(fields).encode()))


def _answered(request: urllib.request.Request) -> Page:
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_SECONDS) as answer:
            return Page(answer.status, dict(answer.headers), answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Page(error.code, dict(error.headers), error.read().decode())


@pytest.fixture(scope="session")
def modules() -> Mapping[str, ModuleType]:
    """The functions' modules, imported as in a Lambda: from the root of their own folder."""
    own = {path.stem for path in FOLDER.glob("*.py")}
    # Another Lambda's modules may bear the same names.
    others = {name: sys.modules.pop(name) for name in own if name in sys.modules}
    sys.path.insert(0, str(FOLDER))
    try:
        return {name: importlib.import_module(name) for name in sorted(own)}
    finally:
        sys.path.remove(str(FOLDER))
        for name in own:
            sys.modules.pop(name, None)
        sys.modules.update(others)


@pytest.fixture(scope="session")
def approval_aws() -> Iterator[str]:
    """The URL of moto's server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def desk(modules: Mapping[str, ModuleType], approval_aws: str) -> Iterator[Desk]:
    desk = Desk(modules, approval_aws)
    yield desk
    desk.urls.stop()
