"""What a step asks: kept in the table, and sent to people with a link."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from botocore.exceptions import BotoCoreError, ClientError
from documents import Document, child, number, text, texts
from errors import InvalidRequest, Unavailable
from keys import digest, new_key
from logs import Log
from questions import Question, Questions, question_id

_LONGEST_SUBJECT = 100


class Sns(Protocol):
    """The part of boto3's SNS client that is used here."""

    def publish(self, *, TopicArn: str, Subject: str, Message: str) -> Document:
        """See https://docs.aws.amazon.com/sns/latest/api/API_Publish.html ."""


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Asks people.

    Args:
        questions: Where questions are kept.
        sns: An SNS client.
        page: The address of the page on which they decide.
        now: Seconds since the epoch.
        log: Hears what was asked.
    """

    questions: Questions
    sns: Sns
    page: str
    now: Callable[[], float]
    log: Log

    def ask(self, event: Document) -> Document:
        """Keep a question, then send a message with a link to each topic.

        Args:
            event: `{"token": ..., "execution": ..., "step": ..., "item": ..., "redrive": ..., "topics": [...],
                "question": ..., "details": {...}, "seconds": ...}`

        Raises:
            InvalidRequest: Something is missing.
            Unavailable: The table or a topic didn't take it.
        """
        missing = [name for name in ("token", "execution", "step", "question") if not text(event, name)]
        if missing or not texts(event, "topics") or number(event, "seconds") < 1:
            raise InvalidRequest(
                f"The event lacks {', '.join(missing) or 'topics or seconds'}: it has {', '.join(event)}."
            )
        key = new_key()
        step, execution = text(event, "step"), text(event, "execution")
        question = Question(
            id=question_id(execution, step, text(event, "item"), number(event, "redrive")),
            execution=execution,
            step=step,
            question=text(event, "question"),
            details={name: _shown(value) for name, value in child(event, "details").items()},
            token=text(event, "token"),
            keys=[digest(key)],
            expires=int(self.now()) + number(event, "seconds"),
        )
        link = f"{self.page}?{urlencode({'q': question.id, 'k': key})}"
        try:
            # First: nobody may follow a link before there is something behind it.
            self.questions.ask(question)
            self._send(question, event, link)
        except (BotoCoreError, ClientError) as error:
            # Without the first error, whose text may hold the request.
            raise Unavailable(f'Step "{step}": the question could not be asked ({_said(error)}).') from None
        self.log.info("asked", {"execution": execution, "step": step, "topics": list(texts(event, "topics"))})
        return {"question": question.id}

    def _send(self, question: Question, event: Document, link: str) -> None:
        subject = f"To decide: {question.step}"[:_LONGEST_SUBJECT]
        for topic in texts(event, "topics"):
            self.sns.publish(TopicArn=topic, Subject=subject, Message=_message(question, event, link))


def _message(question: Question, event: Document, link: str) -> str:
    details = [f"  {name}: {value}" for name, value in question.details.items()]
    waits = f"Step {question.step} of the execution {question.execution} waits for a decision"
    return "\n".join(
        [
            question.question,
            "",
            *details,
            *([""] if details else []),
            "Approve or reject it here:",
            link,
            "",
            f"{waits}, for {_time(number(event, 'seconds'))} from now.",
            "Whoever has this link can decide: don't pass it on.",
        ]
    )


def _said(error: Exception) -> str:
    if isinstance(error, ClientError):
        problem = error.response["Error"]
        return f"{error.operation_name}: {problem.get('Code', '')}: {problem.get('Message', '')}"
    return type(error).__name__


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _time(seconds: int) -> str:
    for unit, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} seconds"
