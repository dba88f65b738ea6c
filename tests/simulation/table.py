"""As much of DynamoDB as a rendezvous uses; any other expression is refused loudly.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from tests.core.machines import mapping
from tests.simulation.tasks import ServiceError
from zflow_constructs.core.values.templates import Json

Item = dict[str, Json]
_SET = re.compile(r"SET \w+=:\w+(,\w+=:\w+)*")
_ASSIGNMENT = re.compile(r"(\w+)=(:\w+)")
_ABSENT = re.compile(r"attribute_not_exists\((\w+)\)")
_UPDATE = {
    "TableName",
    "Key",
    "UpdateExpression",
    "ConditionExpression",
    "ExpressionAttributeValues",
    "ReturnValues",
}
_GET = {"TableName", "Key", "ConsistentRead", "ProjectionExpression"}


@dataclass
class Table:
    """Items by their key, each also as it was before: what a read that is not consistent may find.

    Args:
        random: decides which of the two it finds.
    """

    random: Random
    items: dict[tuple[str, str], Item] = field(default_factory=dict)
    _before: dict[tuple[str, str], Item] = field(default_factory=dict)

    def update_item(self, request: Mapping[str, Json]) -> dict[str, Json]:
        """Sets attributes, if the condition holds."""
        assert request.keys() <= _UPDATE, f"{request.keys() - _UPDATE} is not simulated"
        update, condition = str(request["UpdateExpression"]), str(request.get("ConditionExpression", ""))
        assert _SET.fullmatch(update), update
        absent = _ABSENT.fullmatch(condition)
        assert not condition or absent, condition
        values = {name: _value(value) for name, value in mapping(request["ExpressionAttributeValues"]).items()}
        assert set(re.findall(r":\w+", update)) == values.keys(), "DynamoDB refuses values that are missing or unused"
        key = _key(request)
        before = self.items.get(key, {})
        if absent and absent[1] in before:
            raise ServiceError("DynamoDb.ConditionalCheckFailedException", "The conditional request failed")
        changed = {name: values[value] for name, value in _ASSIGNMENT.findall(update)}
        self._before[key] = before
        self.items[key] = {**mapping(request["Key"]), **before, **changed}
        returned = request.get("ReturnValues", "NONE")
        assert returned in {"NONE", "ALL_OLD"}, returned
        # AWS leaves the field out where there was no item.
        return {"Attributes": before} if returned == "ALL_OLD" and before else {}

    def get_item(self, request: Mapping[str, Json]) -> dict[str, Json]:
        """Reads attributes."""
        assert request.keys() <= _GET, f"{request.keys() - _GET} is not simulated"
        late = request.get("ConsistentRead") is not True and self.random.random() < 0.5
        item = (self._before if late else self.items).get(_key(request))
        wanted = set(str(request["ProjectionExpression"]).split(", "))
        return {} if item is None else {"Item": {name: value for name, value in item.items() if name in wanted}}


def _key(request: Mapping[str, Json]) -> tuple[str, str]:
    key = mapping(request["Key"])
    match key:
        case {"run": {"S": str(run)}, "step": {"S": str(step)}}:
            return run, step
        case _:
            raise AssertionError(f"{key} is no key of the table")


def _value(value: Json) -> Json:
    match value:
        case {"S": str()}:
            return value
        case {"N": str(digits)} if digits.isdecimal():
            return value
        case _:
            raise AssertionError(f"{value} is not simulated")
