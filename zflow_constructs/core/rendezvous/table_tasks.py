"""How a step waits for one in another branch: without a Lambda, without polling, through a table in DynamoDB.

Step Functions' branches only meet where all of them end. Where one step of a branch needs one step of another, the two
meet at an item of the table, which belongs to the run and to the step that is waited for. Whoever comes first leaves
something there: the waiter its task token, the other its mark that it is done. Each looks, in the same atomic call,
for what the other left; so none is missed, whatever their order.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
"""

from dataclasses import dataclass

from zflow_constructs.core.rendezvous.exact_values import Read, Written
from zflow_constructs.core.states.asl import Catcher, Map, Pass, Retrier, State, Task, inline
from zflow_constructs.core.states.history import EVENTS_OF_A_LOOK
from zflow_constructs.core.states.run_variables import RunVariables
from zflow_constructs.core.values.expressions import Expression, Jsonata
from zflow_constructs.core.values.references import RESULT
from zflow_constructs.core.values.templates import Template

_CALL_SECONDS = 60
_SHORTEST_WAIT_SECONDS = 900
_MOST_LOOKS = 100
_FEWEST_LOOKS = 4
# All looks together, of the 25,000 events that an execution may have.
_MOST_EVENTS = 8_000
_MET = "DynamoDb.ConditionalCheckFailedException"
# Each call may be made again, even if a first one was heard: also one that has not answered in time. These states are
# most of a dense definition, so they say what they must in few bytes: all errors by one name, for about four minutes.
_ANY_ERROR = Retrier(("States.ALL",), max_attempts=8, max_delay_seconds=128, jitter=False)
# A token that has been replaced stays invalid: not for long, since the step itself goes on after it.
_WAKE = Retrier(("States.ALL",), jitter=False)


@dataclass(frozen=True)
class TableTasks:
    """The tasks by which the branches of a run meet at the table.

    Args:
        table: The name of the table.
        run: The variables of the run.
        timeout_seconds: The longest that an execution may take.
        waits: How many waits an execution may have beside each other.
    """

    table: str
    run: RunVariables
    timeout_seconds: int
    waits: int

    @property
    def seconds_of_a_look(self) -> int:
        """How long a wait takes before it looks again: the more waits there are, the longer, since each look counts.

        https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
        """
        looks = min(_MOST_LOOKS, max(_FEWEST_LOOKS, _MOST_EVENTS // (EVENTS_OF_A_LOOK * max(self.waits, 1))))
        return max(_SHORTEST_WAIT_SECONDS, self.timeout_seconds // looks)

    def waiting(self, producer: str, waiter: int, *, then: str) -> Task:
        """Wait until a step is done: leave the task's token, under the condition that the mark is not there.

        `{"Resource": "...:updateItem.waitForTaskToken", "Arguments": {"UpdateExpression": "SET waiter1 = ...", ...}}`

        A wait that takes too long looks again, with a new token: what woke it may have been lost on its way.

        Args:
            producer: The step that it waits for.
            waiter: Which of those that wait for that step it is, from 1 on.
            then: The state that follows.
        """
        return Task(
            resource="arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken",
            arguments={
                **self._item(producer),
                "UpdateExpression": f"SET {_attribute(waiter)}=:t,expires=:e",
                "ConditionExpression": "attribute_not_exists(done)",
                "ExpressionAttributeValues": {
                    ":t": {"S": Jsonata("$states.context.Task.Token")},
                    ":e": self._expiry(),
                },
            },
            timeout_seconds=self.seconds_of_a_look,
            retry=(
                Retrier(("States.Timeout",), max_attempts=10 * _MOST_LOOKS, backoff_rate=1, jitter=False),
                Retrier((_MET,), max_attempts=0),
                _ANY_ERROR,
            ),
            catch=(Catcher((_MET,), then),),
            next=then,
        )

    def reading(self, producer: str, variable: str, *, plain: bool, then: str) -> Task:
        """Read the result of a step that is done: `{"Resource": "...:getItem", "Assign": {"<variable>": ...}}`.

        Args:
            producer: The step.
            variable: What takes its result.
            plain: As it was written.
            then: The state that follows.
        """
        return Task(
            resource="arn:aws:states:::aws-sdk:dynamodb:getItem",
            arguments={
                **self._item(producer),
                "ConsistentRead": True,
                "ProjectionExpression": "done",
            },
            timeout_seconds=_CALL_SECONDS,
            assign={variable: Read(RESULT["Item"]["done"]["S"], plain)},
            retry=(_ANY_ERROR,),
            next=then,
        )

    def marking(self, producer: str, waiters: int, result: Template, *, plain: bool, then: str) -> Task:
        """Mark a step as done, with its result, and hand on the tokens of those who wait already.

        `{"Resource": "...:updateItem", "Arguments": {"UpdateExpression": "SET done = :done, ..."}, "Output":
        "{% [$states.result.Attributes.[waiter1.S,waiter2.S]] %}"}`

        Args:
            producer: The step.
            waiters: How many steps may wait for it.
            result: What other branches read of its result. None: they read nothing
            plain: Whether it is an object or null, with no number in it.
            then: The state that follows.
        """
        tokens = ",".join(f"{_attribute(waiter)}.S" for waiter in range(1, waiters + 1))
        return Task(
            resource="arn:aws:states:::aws-sdk:dynamodb:updateItem",
            arguments={
                **self._item(producer),
                "UpdateExpression": "SET done=:d,expires=:e",
                "ExpressionAttributeValues": {
                    # No BOOL: Step Functions spells DynamoDB's types as the SDK does, which differs for some.
                    ":d": {"S": Jsonata("$now()") if result is None else Written(result, plain)},
                    ":e": self._expiry(),
                },
                "ReturnValues": "ALL_OLD",
            },
            timeout_seconds=_CALL_SECONDS,
            output=Jsonata(f"[$states.result.Attributes.[{tokens}]]") if tokens else None,
            retry=(_ANY_ERROR,),
            next=then,
        )

    def _item(self, producer: str) -> dict[str, Template]:
        return {"TableName": self.table, "Key": {"run": Jsonata(f"${self.run.key}"), "step": {"S": producer}}}

    def _expiry(self) -> Expression:
        return Jsonata(f"${self.run.expiry}")


def waking(wake: str, gone: str, *, then: str) -> Map:
    """Wake those whose tokens are the state's input; a token that has been replaced since wakes nobody.

    `{"Type": "Map", "Items": "{% $states.input %}", "ItemProcessor": {... "sfn:sendTaskSuccess" ...}}`

    Args:
        wake: The name of the state that wakes one of them.
        gone: The name of the state that stands for one who waits no more.
        then: The state that follows.
    """
    states: dict[str, State] = {
        wake: Task(
            resource="arn:aws:states:::aws-sdk:sfn:sendTaskSuccess",
            arguments={"TaskToken": Jsonata("$states.input"), "Output": "{}"},
            timeout_seconds=_CALL_SECONDS,
            retry=(_WAKE,),
            # A token that has been replaced, above all. Who can't be woken looks again.
            catch=(Catcher(("States.ALL",), gone),),
        ),
        gone: Pass(),
    }
    return Map(items=Jsonata("$states.input"), processor=inline(states), next=then)


def _attribute(waiter: int) -> str:
    return f"waiter{waiter}"
