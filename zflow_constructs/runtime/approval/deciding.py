"""The page on which a question is decided.

Following a link shows the question, and decides nothing: mail programs and scanners follow links, too. The form's POST
decides. Step Functions takes the first decision alone, whatever comes at the same time.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import pages
from botocore.exceptions import ClientError
from documents import Document
from keys import is_key, opens
from logs import Log
from questions import Question, Questions
from web import Request, response

_ID = re.compile(r"[0-9a-f]{32}")
_LONGEST_NAME = 100
_LONGEST_COMMENT = 500
_TRIES = 4
_PAUSE_SECONDS = 1
_OVER = {"InvalidToken", "TaskDoesNotExist", "TaskTimedOut"}


class StepFunctions(Protocol):
    """The part of boto3's Step Functions client that is used here."""

    def send_task_success(self, *, taskToken: str, output: str) -> Document:
        """See https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html ."""


@dataclass(frozen=True, kw_only=True)
class Deciding:
    """Shows questions, and takes decisions.

    Args:
        questions: Where questions are kept.
        stepfunctions: A Step Functions client.
        now: Seconds since the epoch.
        sleep: Waits for so many seconds.
        log: Hears what was decided.
    """

    questions: Questions
    stepfunctions: StepFunctions
    now: Callable[[], float]
    sleep: Callable[[float], None]
    log: Log

    def answer(self, event: Document) -> Document:
        """Answer a browser.

        Args:
            event: A function URL's.
        """
        request = Request.from_event(event)
        if request.method not in {"GET", "POST"}:
            return response(405, pages.told("Not possible", "Open the link of the message in a browser."))
        given = request.query if request.method == "GET" else request.form
        question = self._opened(given.get("q", ""), given.get("k", ""))
        if question is None:
            # What is unknown and what has the wrong key looks the same: nobody learns what there is.
            return response(404, pages.told("Not found", "This link is not one that was sent. Is it complete?"))
        if question.decision:
            by = f" by {question.decided_by}" if question.decided_by else ""
            return response(409, pages.told("Decided already", f"It was {question.decision}{by}."))
        if self.now() > question.expires:
            return response(410, pages.told("Too late", "The time to decide this is over."))
        if request.method == "GET":
            return response(200, pages.asked(question, given["k"]))
        return self._decide(question, request)

    def _opened(self, id: str, key: str) -> Question | None:
        if not _ID.fullmatch(id) or not is_key(key):
            return None
        question = self.questions.find(id)
        return question if question is not None and opens(key, question.keys) else None

    def _decide(self, question: Question, request: Request) -> Document:
        decision = request.form.get("decision", "")
        if decision not in {"approved", "rejected"}:
            return response(400, pages.told("Not decided", "Choose one: approve or reject."))
        name = _line(request.form.get("name", ""), _LONGEST_NAME)
        comment = _line(request.form.get("comment", ""), _LONGEST_COMMENT)
        output = {"decision": decision, "decided_by": name, "comment": comment}
        fields = {
            "execution": question.execution,
            "step": question.step,
            "decision": decision,
            "decided_by": name,
            "address": request.address,
        }
        if not self._sent(question, json.dumps(output)):
            self.log.warning("came too late", fields)
            text = "Nobody waits for this decision: it was made already, or the run has ended or is asking anew."
            return response(410, pages.told("Too late", text))
        self.log.info("decided", fields)
        self.questions.note(question, decision=decision, decided_by=name, comment=comment)
        return response(200, pages.told(decision.capitalize(), "Thank you. The workflow goes on."))

    def _sent(self, question: Question, output: str) -> bool:
        """Whether Step Functions took the decision.

        Between one state's time-out and the next one's question nobody waits for an instant: so it is tried again, with
        the token that the question has then.
        """
        for _ in range(_TRIES):
            try:
                self.stepfunctions.send_task_success(taskToken=question.token, output=output)
            except ClientError as error:
                if error.response["Error"].get("Code") not in _OVER:
                    raise
            else:
                return True
            self.sleep(_PAUSE_SECONDS)
            question = self.questions.find(question.id) or question
            if question.decision:
                return False
        return False


def _line(text: str, longest: int) -> str:
    """What somebody wrote, in one line."""
    return " ".join(text.split())[:longest]
