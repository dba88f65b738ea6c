"""The questions that wait for a decision: one item of the table each.

    id          of the execution, the step and the iteration, hashed
    token       the task token of the state that waits now
    keys        the digests of the keys of the links that were sent
    expires     until when it can be decided, in seconds since the epoch
    forgotten   when DynamoDB removes the item
    decision    once there is one: approved or rejected; with decided_by and comment

A question that is asked again (a retry, an escalation) keeps its id and the keys that were sent, and gets the token of
the state that waits now: the links of all its messages work until it is decided.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from documents import Document, child, text, texts

REMEMBERED_SECONDS = 90 * 86_400
"""How long a question is kept after its time: as long as Step Functions remembers its execution."""


class DynamoDb(Protocol):
    """The part of boto3's DynamoDB client that is used here."""

    def get_item(self, *, TableName: str, Key: Mapping[str, object], ConsistentRead: bool) -> Document:
        """See https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetItem.html ."""

    def update_item(
        self,
        *,
        TableName: str,
        Key: Mapping[str, object],
        UpdateExpression: str,
        ExpressionAttributeNames: Mapping[str, str],
        ExpressionAttributeValues: Mapping[str, object],
    ) -> Document:
        """See https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html ."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What somebody is to decide.

    Args:
        id: Which one it is.
        execution: The ARN of the execution that asks.
        step: The step that asks.
        question: What is asked.
        details: What whoever decides should know, by name.
        token: The task token of the state that waits.
        keys: The digests of the keys of its links.
        expires: Until when it can be decided, in seconds since the epoch.
        decision: `approved`, `rejected`, or empty.
        decided_by: Who says to have decided.
    """

    id: str
    execution: str
    step: str
    question: str
    details: Mapping[str, str]
    token: str
    keys: Sequence[str]
    expires: int
    decision: str = ""
    decided_by: str = ""


@dataclass(frozen=True, kw_only=True)
class Questions:
    """The table of questions.

    Args:
        table: Its name.
        dynamodb: A DynamoDB client.
    """

    table: str
    dynamodb: DynamoDb

    def ask(self, question: Question) -> None:
        """Keep a question, or that it is asked again: with the state that waits now, and one more key.

        Args:
            question: The question with its new key alone.
        """
        fields = {
            "execution": {"S": question.execution},
            "step": {"S": question.step},
            "question": {"S": question.question},
            "details": {"S": json.dumps(question.details)},
            "token": {"S": question.token},
            "expires": {"N": str(question.expires)},
            "forgotten": {"N": str(question.expires + REMEMBERED_SECONDS)},
        }
        self.dynamodb.update_item(
            TableName=self.table,
            Key={"id": {"S": question.id}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in fields) + " ADD #keys :keys",
            ExpressionAttributeNames={f"#{name}": name for name in (*fields, "keys")},
            ExpressionAttributeValues={
                **{f":{name}": value for name, value in fields.items()},
                ":keys": {"SS": list(question.keys)},
            },
        )

    def find(self, id: str) -> Question | None:
        """A question, if there is such a one."""
        found = self.dynamodb.get_item(TableName=self.table, Key={"id": {"S": id}}, ConsistentRead=True)
        item = child(found, "Item")
        if not item:
            return None
        values = {name: text(child(item, name), "S") for name in item}
        details = json.loads(values["details"])
        return Question(
            id=id,
            execution=values["execution"],
            step=values["step"],
            question=values["question"],
            details={name: text(details, name) for name in details},
            token=values["token"],
            keys=texts(child(item, "keys"), "SS"),
            expires=int(text(child(item, "expires"), "N")),
            decision=values.get("decision", ""),
            decided_by=values.get("decided_by", ""),
        )

    def note(self, question: Question, *, decision: str, decided_by: str, comment: str) -> None:
        """Keep what was decided, and forget the token, which is of no more use."""
        decided = {"decision": decision, "decided_by": decided_by, "comment": comment, "token": ""}
        self.dynamodb.update_item(
            TableName=self.table,
            Key={"id": {"S": question.id}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in decided),
            ExpressionAttributeNames={f"#{name}": name for name in decided},
            ExpressionAttributeValues={f":{name}": {"S": value} for name, value in decided.items()},
        )


def question_id(execution: str, step: str, item: str, redrive: int) -> str:
    """The id of what a step asks in an execution: another one for each iteration of a loop, and after a redrive."""
    return hashlib.sha256("|".join([execution, step, item, str(redrive)]).encode()).hexdigest()[:32]
