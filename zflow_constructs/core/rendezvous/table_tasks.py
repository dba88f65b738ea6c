"""How a step waits for one in another branch: without a Lambda, without polling, through a table in DynamoDB.

Step Functions' branches only meet where all of them end. Where one step of a branch needs one step of another, the two
meet at an item of the table, which belongs to the run and to the step that is waited for. Whoever comes first leaves
something there: the waiter its task token, the other its mark that it is done. Each looks, in the same atomic call,
for what the other left; so none is missed, whatever their order.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
"""

from collections.abc import Sequence
from dataclasses import dataclass

from zflow_constructs.core.rendezvous.exact_values import read, written
from zflow_constructs.core.states.asl import Catcher, Map, Pass, Retrier, Task, inline
from zflow_constructs.core.values.expressions import Expression, Jsonata
from zflow_constructs.core.values.references import field_path
from zflow_constructs.core.values.templates import Template

# As long as Step Functions remembers an execution after its end, longer than it can be redriven.
_REMEMBERED_SECONDS = 90 * 86_400
_CALL_SECONDS = 60
_SHORTEST_WAIT_SECONDS = 900
_LOOKS = 100
_STALE = ("Sfn.InvalidTokenException", "Sfn.TaskDoesNotExistException", "Sfn.TaskTimedOutException")
# Each call may be made again, even if a first one was heard: also one that has not answered in time.
_DYNAMODB = Retrier(
    (
        "DynamoDb.DynamoDbException",
        "DynamoDb.InternalServerErrorException",
        "DynamoDb.ProvisionedThroughputExceededException",
        "DynamoDb.RequestLimitExceededException",
        "DynamoDb.SdkClientException",
        "DynamoDb.ThrottlingException",
        "States.Timeout",
    ),
    interval_seconds=1,
    max_attempts=10,
    max_delay_seconds=60,
)
_STEP_FUNCTIONS = Retrier(
    ("Sfn.SdkClientException", "Sfn.SfnException", "States.Timeout"),
    interval_seconds=1,
    max_attempts=10,
    max_delay_seconds=60,
)


@dataclass(frozen=True)
class TableTasks:
    """The tasks by which the branches of a run meet at the table.

    Args:
        table: the name of the table.
        run: the variable that holds the run's key.
        timeout_seconds: the longest that an execution may take.
    """

    table: str
    run: str
    timeout_seconds: int

    def waiting(self, waiter: str, producer: str, *, then: str) -> Task:
        """Waits until a step is done: leaves the task's token, under the condition that the mark is not there.

        `{"Resource": "...:updateItem.waitForTaskToken", "Arguments": {"UpdateExpression": "SET #waiter = ...", ...}}`

        A wait that takes too long looks again, with a new token: what woke it may have been lost on its way.

        Args:
            waiter: the step that waits.
            producer: the step that it waits for.
            then: the state that follows.
        """
        seconds = max(_SHORTEST_WAIT_SECONDS, self.timeout_seconds // _LOOKS)
        return Task(
            resource="arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken",
            arguments={
                **self._item(producer),
                "UpdateExpression": "SET #waiter = :token, #expires = :expires",
                "ConditionExpression": "attribute_not_exists(#done)",
                "ExpressionAttributeNames": {"#waiter": _attribute(waiter), "#done": "done", "#expires": "expires"},
                "ExpressionAttributeValues": {
                    ":token": {"S": Jsonata("$states.context.Task.Token")},
                    ":expires": self._expiry(),
                },
            },
            timeout_seconds=seconds,
            retry=(
                Retrier(("States.Timeout",), interval_seconds=1, max_attempts=10 * _LOOKS, backoff_rate=1),
                _DYNAMODB,
            ),
            catch=(Catcher(("DynamoDb.ConditionalCheckFailedException",), then),),
            next=then,
        )

    def reading(self, producer: str, variable: str, *, then: str) -> Task:
        """Reads the result of a step that is done: `{"Resource": "...:getItem", "Assign": {"<variable>": ...}}`.

        Args:
            producer: the step.
            variable: what takes its result.
            then: the state that follows.
        """
        return Task(
            resource="arn:aws:states:::aws-sdk:dynamodb:getItem",
            arguments={
                **self._item(producer),
                "ConsistentRead": True,
                "ProjectionExpression": "#value",
                "ExpressionAttributeNames": {"#value": "value"},
            },
            timeout_seconds=_CALL_SECONDS,
            assign={variable: Jsonata(read("$states.result.Item.value.S"))},
            retry=(_DYNAMODB,),
            next=then,
        )

    def marking(self, producer: str, waiters: Sequence[str], result: str | None, *, then: str) -> Task:
        """Marks a step as done, with its result, and hands on the tokens of those who wait already.

        `{"Resource": "...:updateItem", "Arguments": {"UpdateExpression": "SET #done = :done, ..."}}`

        Args:
            producer: the step.
            waiters: the steps that may wait for it.
            result: the variable of its result. `None`: no other branch reads it
            then: the state that follows.
        """
        tokens = ", ".join(field_path("$states.result.Attributes", _attribute(waiter), "S") for waiter in waiters)
        return Task(
            resource="arn:aws:states:::aws-sdk:dynamodb:updateItem",
            arguments={
                **self._item(producer),
                "UpdateExpression": "SET #done = :done, #expires = :expires" + (", #value = :value" if result else ""),
                "ExpressionAttributeNames": {
                    "#done": "done",
                    "#expires": "expires",
                    **({"#value": "value"} if result else {}),
                },
                "ExpressionAttributeValues": {
                    # No BOOL: Step Functions spells DynamoDB's types as the SDK does, which differs for some.
                    ":done": {"S": Jsonata("$now()")},
                    ":expires": self._expiry(),
                    **({":value": {"S": Jsonata(written(f"${result}"))}} if result else {}),
                },
                "ReturnValues": "ALL_OLD",
            },
            timeout_seconds=_CALL_SECONDS,
            output={"tokens": Jsonata(f"[{tokens}]")},
            retry=(_DYNAMODB,),
            next=then,
        )

    def _item(self, producer: str) -> dict[str, Template]:
        return {"TableName": self.table, "Key": {"run": {"S": Jsonata(f"${self.run}")}, "step": {"S": producer}}}

    def _expiry(self) -> dict[str, Expression]:
        kept = self.timeout_seconds + _REMEMBERED_SECONDS
        return {"N": Jsonata(f"$string($floor($millis() / 1000) + {kept})")}


def waking(wake: str, gone: str, *, then: str) -> Map:
    """Wakes those whose tokens are in the state's input; a token that has been replaced since wakes nobody.

    `{"Type": "Map", "Items": "{% $states.input.tokens %}", "ItemProcessor": {... "sfn:sendTaskSuccess" ...}}`

    Args:
        wake: the name of the state that wakes one of them.
        gone: the name of the state that stands for one who waits no more.
        then: the state that follows.
    """
    states: dict[str, Task | Pass] = {
        wake: Task(
            resource="arn:aws:states:::aws-sdk:sfn:sendTaskSuccess",
            arguments={"TaskToken": Jsonata("$states.input"), "Output": "{}"},
            timeout_seconds=_CALL_SECONDS,
            retry=(_STEP_FUNCTIONS,),
            catch=(Catcher(_STALE, gone),),
        ),
        gone: Pass(),
    }
    return Map(
        items=Jsonata("$states.input.tokens"),
        processor=inline(states),
        next=then,
    )


def _attribute(waiter: str) -> str:
    return f"waiter {waiter}"
