"""EventBridge's delivery to functions and state machines, and Step Functions' status events: moto has neither.

See https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
"""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from moto.events.models import Rule, events_backends
from moto.stepfunctions.parser.backend.execution import Execution
from moto.utilities.arns import parse_arn

from zflow_constructs.local.aws.hooks import replaced

Deliver = Callable[[str, object], None]
"""Gives an event to a target, named by its ARN."""


_PLACEHOLDER = re.compile(r"<([\w.-]+)>")
_QUOTED_OR_PLACEHOLDER = re.compile(r'"(?:[^"\\]|\\.)*"|<([\w.-]+)>')


class Deliveries:
    """The events on their way to functions and state machines.

    Args:
        deliver: By service, as an ARN names it, what gives its targets their events.

    Example:
        Deliveries({"lambda": functions.invoke_event})
    """

    def __init__(self, deliver: Mapping[str, Deliver]) -> None:
        self._deliver = deliver
        self._threads: list[threading.Thread] = []

    def reach(self, arn: str) -> bool:
        """Whether events are delivered to a target.

        Args:
            arn: The target.
        """
        return parse_arn(arn).service in self._deliver

    def send(self, arn: str, event: object) -> None:
        """Deliver an event in a thread of its own.

        Args:
            arn: The target.
            event: What it gets.
        """
        deliver = self._deliver[parse_arn(arn).service]
        thread = threading.Thread(target=deliver, args=(arn, event), name=f"event-to-{arn}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def wait(self, timeout: float) -> bool:
        """Wait until all events are delivered.

        Args:
            timeout: Seconds to wait for each.

        Returns:
            Whether all of them are.
        """
        for thread in list(self._threads):
            thread.join(timeout)
        return not any(thread.is_alive() for thread in self._threads)


@contextmanager
def events(deliveries: Deliveries) -> Iterator[None]:
    """Deliver events to functions and state machines.

    Args:
        deliveries: Takes the events.
    """
    send = Rule.send_to_targets

    def send_to_targets(self: Rule, original_event: Mapping[str, object], *options: bool) -> None:
        if self.state != "ENABLED" or not self.event_pattern.matches_event(original_event):
            return
        for target in self.targets:
            if deliveries.reach(target["Arn"]):
                deliveries.send(target["Arn"], _input(target, original_event))
        others = [target for target in self.targets if not deliveries.reach(target["Arn"])]
        with replaced(self, "targets", others):
            send(self, original_event, *options)

    with replaced(Rule, "send_to_targets", send_to_targets):
        yield


def _input(target: Mapping[str, object], event: Mapping[str, object]) -> object:
    when = event["time"]
    delivered = {name: value for name, value in event.items() if name != "ingestion-time"}
    delivered["time"] = _text(when) if isinstance(when, int | float) else when
    if "Input" in target:
        return json.loads(str(target["Input"]))
    if "InputPath" in target:
        return _at(delivered, str(target["InputPath"]))
    transformer = target.get("InputTransformer")
    if isinstance(transformer, Mapping):
        paths = transformer.get("InputPathsMap", {})
        values = {name: _at(delivered, path) for name, path in paths.items()}
        return transform(transformer["InputTemplate"], {**values, "aws.events.event.json": delivered})
    return delivered


def transform(template: str, values: Mapping[str, object]) -> object:
    """Fill an input transformer's template, which moto does only for numbers and objects.

    A placeholder outside quotes becomes its value's JSON, so that a text gets its quotes; within quotes, its text.
    See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html

    Args:
        template: JSON with `<name>` placeholders.
        values: The values by name.

    Example:
        transform('{"run": <arn>, "text": "run <arn> ended"}', {"arn": "a:b"})
    """

    def fill(match: re.Match[str]) -> str:
        if not match[0].startswith('"'):
            return json.dumps(values.get(match[1]))
        return _PLACEHOLDER.sub(lambda name: _within_quotes(values.get(name[1])), match[0])

    return json.loads(_QUOTED_OR_PLACEHOLDER.sub(fill, template))


def _within_quotes(value: object) -> str:
    return json.dumps(value if isinstance(value, str) else json.dumps(value))[1:-1]


def _at(event: object, path: str) -> object:
    """The value at a path such as `$.detail.executionArn`; None if it is missing."""
    for name in path.split(".")[1:]:
        event = event.get(name) if isinstance(event, Mapping) else None
    return event


def targets(account: str, region: str) -> list[str]:
    """The ARNs of all rules' targets, each once.

    Args:
        account: The AWS account.
        region: The AWS region.
    """
    buses = events_backends[account][region].event_buses.values()
    return list(dict.fromkeys(target["Arn"] for bus in buses for rule in bus.rules.values() for target in rule.targets))


def send_status(execution: Execution) -> None:
    """Send the event "Step Functions Execution Status Change" for an execution's present status.

    Args:
        execution: The execution.
    """
    described = execution.to_describe_output()
    detail = {
        **{name: value for name, value in described.items() if name not in {"startDate", "stopDate", "traceHeader"}},
        "startDate": _milliseconds(execution.start_date),
        "stopDate": _milliseconds(execution.stop_date) if execution.stop_date else None,
        "redriveCount": execution.redrive_count,
    }
    events_backends[execution.account_id][execution.region_name].put_events(
        [
            {
                "Source": "aws.states",
                "DetailType": "Step Functions Execution Status Change",
                "Resources": [execution.exec_arn],
                "Detail": json.dumps(detail, default=str),
            }
        ]
    )


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
