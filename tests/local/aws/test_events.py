import json

import pytest

from tests.local.aws.conftest import ACCOUNT, REGION, api
from tests.waiting import until
from zflow_constructs.local.aws.events import Deliveries, events, transform
from zflow_constructs.local.aws.server import AwsServer

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:stopper"


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ('{"run": <arn>}', {"run": "a:b"}),
        ('{"text": "run <arn> of <n>"}', {"text": "run a:b of 3"}),
        ('{"n": <n>, "missing": <nothing>}', {"n": 3, "missing": None}),
        ('"<arn>"', "a:b"),
        ('{"quoted \\"<arn>\\"": <object>}', {'quoted "a:b"': {"k": "v"}}),
    ],
)
def test_an_input_transformer_fills_its_template(template: str, value: object) -> None:
    assert transform(template, {"arn": "a:b", "n": 3, "object": {"k": "v"}}) == value


@pytest.fixture(scope="module")
def delivered(aws: AwsServer) -> list[tuple[str, object]]:
    received: list[tuple[str, object]] = []
    aws.use([events(Deliveries({"lambda": lambda arn, event: received.append((arn, event))}))])
    return received


def put_rule(aws: AwsServer, name: str, **target: object) -> None:
    client = api(aws, "events")
    client.put_rule(Name=name, EventPattern=json.dumps({"source": ["test"], "detail": {"rule": [name]}}))
    client.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": FUNCTION, **target}])


def send(aws: AwsServer, rule: str) -> None:
    detail = json.dumps({"rule": rule, "executionArn": "arn:x"})
    api(aws, "events").put_events(Entries=[{"Source": "test", "DetailType": "Test", "Detail": detail}])


def wait_for(received: list[tuple[str, object]], count: int) -> None:
    until(lambda: len(received) >= count)


def test_a_matching_event_reaches_a_function_whole(aws: AwsServer, delivered: list[tuple[str, object]]) -> None:
    delivered.clear()
    put_rule(aws, "whole")
    send(aws, "whole")
    wait_for(delivered, 1)
    ((arn, event),) = delivered
    assert arn == FUNCTION
    assert isinstance(event, dict)
    assert (event["detail-type"], event["detail"]["executionArn"]) == ("Test", "arn:x")
    assert event["time"].endswith("Z")


def test_a_transformed_event_reaches_a_function_as_its_rule_says(
    aws: AwsServer, delivered: list[tuple[str, object]]
) -> None:
    delivered.clear()
    paths = {
        "InputPathsMap": {"arn": "$.detail.executionArn"},
        "InputTemplate": '{"action": "stop", "execution": <arn>}',
    }
    put_rule(aws, "transformed", InputTransformer=paths)
    put_rule(aws, "constant", Input='{"fixed": true}')
    send(aws, "transformed")
    send(aws, "constant")
    send(aws, "no such rule")
    wait_for(delivered, 2)
    assert sorted(str(event) for _, event in delivered) == [
        "{'action': 'stop', 'execution': 'arn:x'}",
        "{'fixed': True}",
    ]


def test_a_disabled_rule_delivers_nothing(aws: AwsServer, delivered: list[tuple[str, object]]) -> None:
    delivered.clear()
    put_rule(aws, "disabled")
    api(aws, "events").disable_rule(Name="disabled")
    send(aws, "disabled")
    put_rule(aws, "after")
    send(aws, "after")
    wait_for(delivered, 1)
    assert len(delivered) == 1
