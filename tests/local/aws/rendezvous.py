"""What a rendezvous of two branches compiles to, by hand, and the table that it needs."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from tests.waiting import LIMIT_SECONDS

State: TypeAlias = Mapping[str, object]
States: TypeAlias = dict[str, State]

RUN_KEY: State = {"Type": "Pass", "Assign": {"run_key": "{% $uuid() %}"}, "Output": {}}
TABLE: State = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "TableName": "rendezvous",
        "AttributeDefinitions": [
            {"AttributeName": "run", "AttributeType": "S"},
            {"AttributeName": "step", "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": "run", "KeyType": "HASH"},
            {"AttributeName": "step", "KeyType": "RANGE"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {"SSEEnabled": True},
        "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
    },
}
_EXPIRES = {"N": "{% $string($floor($millis() / 1000) + 9072000) %}"}


def series(*parts: States) -> States:
    """States one after the other: the last of each part leads to the first of the next, and the last nowhere yet."""
    chained: States = {}
    parts = tuple(part for part in parts if part)
    for part, following in zip(parts, [*parts[1:], {}], strict=True):
        *_, last = part
        chained.update(part)
        if following:
            chained[last] = _onward(part[last], next(iter(following)))
    return chained


def branch(*parts: States) -> State:
    """A machine, or one within a machine: these states one after the other."""
    states = series(*parts)
    *_, last = states
    states[last] = {**states[last], "End": True}
    return {"StartAt": next(iter(states)), "States": states}


def work(name: str) -> States:
    """A step that has a result, an object as those of all steps."""
    return {name: {"Type": "Pass", "Assign": {name: {"value": name.lower()}}, "Output": {}}}


def not_before(attribute: str, producer: str) -> States:
    """Look again and again until a producer's item has an attribute: `done`, or a waiter's token."""
    name = f"{producer} {attribute}"
    look: State = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:getItem",
        "Arguments": {**_item(producer), "ConsistentRead": True},
        "Output": f"{{% $exists($states.result.Item.`{attribute}`) %}}",
        "Next": f"{name}?",
    }
    there = {"Condition": "{% $states.input %}", "Next": f"{name} is there"}
    return {
        f"Look for {name}": look,
        f"{name}?": {"Type": "Choice", "Choices": [there], "Default": f"Wait for {name}"},
        f"Wait for {name}": {"Type": "Wait", "Seconds": 2, "Next": f"Look for {name}"},
        f"{name} is there": {"Type": "Pass", "Output": {}},
    }


def waits_for(waiter: str, producer: str, *, reads: bool = True, timeout: int | str = 600) -> States:
    """The waiter's states, before its own."""
    wait: State = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken",
        "Arguments": {
            **_item(producer),
            "UpdateExpression": "SET #waiter = :token, #expires = :expires",
            "ConditionExpression": "attribute_not_exists(#done)",
            "ExpressionAttributeNames": {"#waiter": f"waiter {waiter}", "#done": "done", "#expires": "expires"},
            "ExpressionAttributeValues": {":token": {"S": "{% $states.context.Task.Token %}"}, ":expires": _EXPIRES},
        },
        "TimeoutSeconds": timeout,
        "Retry": [
            {"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 1000, "BackoffRate": 1},
        ],
        "Output": {},
    }
    if not reads:
        return {f"{waiter} waits for {producer}": wait}
    read: State = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:getItem",
        "Arguments": {
            **_item(producer),
            "ConsistentRead": True,
            "ProjectionExpression": "#value",
            "ExpressionAttributeNames": {"#value": "value"},
        },
        "TimeoutSeconds": LIMIT_SECONDS,
        "Assign": {f"{waiter}_reads_{producer}": "{% $parse($states.result.Item.value.S) %}"},
        "Output": {},
    }
    return series({f"{waiter} waits for {producer}": wait}, {f"{waiter} reads {producer}": read})


def wakes(producer: str, waiters: Sequence[str]) -> States:
    """The producer's states, after its own."""
    tokens = ", ".join(f"$states.result.Attributes.`waiter {waiter}`.S" for waiter in waiters)
    done: State = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:updateItem",
        "Arguments": {
            **_item(producer),
            "UpdateExpression": "SET #done = :done, #expires = :expires, #value = :value",
            "ExpressionAttributeNames": {"#done": "done", "#expires": "expires", "#value": "value"},
            "ExpressionAttributeValues": {
                ":done": {"BOOL": True},
                ":expires": _EXPIRES,
                ":value": {"S": f"{{% $string(${producer}) %}}"},
            },
            "ReturnValues": "ALL_OLD",
        },
        "TimeoutSeconds": LIMIT_SECONDS,
        "Output": {"tokens": f"{{% [{tokens}] %}}"},
    }
    names = " and ".join(waiters)
    tell: State = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess",
        "Arguments": {"TaskToken": "{% $states.input %}", "Output": "{}"},
        "TimeoutSeconds": LIMIT_SECONDS,
        "Catch": [
            {
                "ErrorEquals": [
                    "Sfn.InvalidTokenException",
                    "Sfn.TaskDoesNotExistException",
                    "Sfn.TaskTimedOutException",
                ],
                "Next": f"{names} waits no more",
            }
        ],
        "Output": {},
        "End": True,
    }
    each: State = {
        "Type": "Map",
        "Items": "{% $states.input.tokens %}",
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": f"Wake {names}",
            "States": {
                f"Wake {names}": tell,
                f"{names} waits no more": {"Type": "Pass", "Output": {}, "End": True},
            },
        },
        "Output": {},
    }
    return series({f"{producer} is done": done}, {f"{producer} wakes {names}": each})


def _item(producer: str) -> State:
    return {"TableName": "rendezvous", "Key": {"run": {"S": "{% $run_key %}"}, "step": {"S": producer}}}


def _onward(state: State, following: str) -> State:
    """A wait that is not needed, since the producer is done, goes where the waiter would."""
    if not str(state.get("Resource", "")).endswith(".waitForTaskToken"):
        return {**state, "Next": following}
    caught = [{"ErrorEquals": ["DynamoDb.ConditionalCheckFailedException"], "Output": {}, "Next": following}]
    return {**state, "Catch": caught, "Next": following}
