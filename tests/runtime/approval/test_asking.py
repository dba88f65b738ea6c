"""What is asked: the message, the link, and what the table and the log get to know."""

import hashlib
import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.runtime.approval.conftest import EXECUTION, START, Desk


def test_the_message_says_what_is_to_be_decided_and_where(desk: Desk) -> None:
    link = desk.ask(more={"details": {"auc": "0.8", "rows": 7}, "seconds": 3 * 86_400})
    ((subject, text),) = desk.messages()
    assert subject == "To decide: Approve"
    assert text == (
        "Shall it go live?\n\n  auc: 0.8\n  rows: 7\n\nApprove or reject it here:\n"
        f"{link}\n\nStep Approve of the execution {EXECUTION} waits for a decision, for 3 days from now.\n"
        "Whoever has this link can decide: don't pass it on."
    )


@pytest.mark.parametrize(
    ("seconds", "said"), [(90, "90 seconds"), (120, "2 minutes"), (7_200, "2 hours"), (172_800, "2 days")]
)
def test_the_message_says_how_much_time_there_is(desk: Desk, seconds: int, said: str) -> None:
    desk.ask(more={"seconds": seconds})
    assert f"waits for a decision, for {said} from now." in desk.messages()[0][1]


def test_a_message_without_details_has_no_empty_list_of_them(desk: Desk) -> None:
    desk.ask(more={"details": {}})
    assert desk.messages()[0][1].startswith("Shall it go live?\n\nApprove or reject it here:\n")


def test_the_key_of_the_link_is_in_the_message_alone(desk: Desk) -> None:
    key = dict(parse_qsl(urlsplit(desk.ask()).query))["k"]
    assert len(key) == 43
    item = desk.item()
    assert item["keys"] == {"SS": [hashlib.sha256(key.encode()).hexdigest()]}
    assert key not in json.dumps(item)
    assert key not in "".join(desk.log)
    assert "token-1" not in "".join(desk.log)


def test_a_question_is_kept_three_months_longer_than_it_can_be_decided(desk: Desk) -> None:
    desk.ask(more={"seconds": 60})
    assert (desk.item()["expires"], desk.item()["forgotten"]) == (
        {"N": str(int(START) + 60)},
        {"N": str(int(START) + 60 + 90 * 86_400)},
    )


def test_a_question_that_is_asked_again_keeps_its_id_and_its_keys_and_gets_the_new_token(desk: Desk) -> None:
    first = desk.ask("token-1")
    second = desk.ask("token-2")
    assert first != second
    item = desk.item()
    keys = item["keys"]["SS"]
    assert isinstance(keys, list)
    assert (item["token"], len(keys)) == ({"S": "token-2"}, 2)


@pytest.mark.parametrize("other", [{"redrive": 1}, {"item": "2/0"}, {"step": "Other"}, {"execution": EXECUTION + "2"}])
def test_another_turn_step_execution_or_redrive_is_another_question(desk: Desk, other: dict[str, object]) -> None:
    ids = {dict(parse_qsl(urlsplit(link).query))["q"] for link in (desk.ask(), desk.ask(more=other))}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({"question": ""}, "The event lacks question: it has "),
        ({"topics": []}, "The event lacks topics or seconds: it has "),
        ({"seconds": 0}, "The event lacks topics or seconds: it has "),
    ],
)
def test_an_event_that_lacks_something_is_refused(desk: Desk, missing: dict[str, object], said: str) -> None:
    with pytest.raises(Exception, match=said) as raised:
        desk.ask(more=missing)
    assert type(raised.value).__name__ == "Approval.InvalidRequest"
    assert "token-1" not in str(raised.value)


def test_a_topic_that_takes_no_message_is_an_error_that_may_pass(desk: Desk) -> None:
    gone = f"{desk.topic}-gone"
    with pytest.raises(Exception, match="could not be asked") as raised:
        desk.ask(more={"topics": [gone]})
    assert type(raised.value).__name__ == "Approval.Unavailable"
    assert str(raised.value) == (
        'Step "Approve": the question could not be asked (Publish: NotFound: Endpoint does not exist).'
    )
    assert raised.value.__cause__ is None
