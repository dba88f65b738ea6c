"""The entry points of the two Lambdas by which people decide how a workflow goes on.

    ask:  {"token": ...} of a state machine -> asking.py -> the table, a message with a link
    page: a browser, by the function's URL   -> deciding.py -> the table, the state machine

They are two, so that the one that the whole internet reaches can send nobody a message.
"""

import os
import time
from functools import cache, partial

import boto3
from asking import Asking
from botocore.config import Config
from deciding import Deciding
from documents import Document
from errors import InvalidRequest
from logs import Log
from questions import Questions

_CONFIG = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})


def ask(event: Document, _context: object) -> Document:
    """Ask people for a decision; see `asking.Asking.ask`."""
    return _asking().ask(event)


def page(event: Document, _context: object) -> Document:
    """Show a question or take a decision; see `deciding.Deciding.answer`."""
    return _deciding().answer(event)


@cache
def _asking() -> Asking:
    return Asking(
        questions=_questions(),
        sns=boto3.client("sns", config=_CONFIG),
        page=_setting("PAGE_URL"),
        now=time.time,
        log=_log(),
    )


@cache
def _deciding() -> Deciding:
    return Deciding(
        questions=_questions(),
        stepfunctions=boto3.client("stepfunctions", config=_CONFIG),
        now=time.time,
        sleep=time.sleep,
        log=_log(),
    )


def _questions() -> Questions:
    return Questions(table=_setting("TABLE"), dynamodb=boto3.client("dynamodb", config=_CONFIG))


def _log() -> Log:
    return Log(write=partial(print, flush=True))


def _setting(name: str) -> str:
    if not os.environ.get(name):
        raise InvalidRequest(f"The function's environment lacks {name}.")
    return os.environ[name]
