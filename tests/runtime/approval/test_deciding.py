"""The page, over HTTP: what decides and what doesn't, and what a stranger gets to know."""

import json

import pytest

from tests.runtime.approval.conftest import EXECUTION, Desk, decide, open_page


def test_following_the_link_shows_the_question_and_decides_nothing(desk: Desk) -> None:
    link = desk.ask()
    for _ in range(3):
        page = open_page(link)
        assert page.status == 200
    assert "<h1>Shall it go live?</h1>" in page.html
    assert "<dt>auc</dt><dd>0.8</dd>" in page.html
    assert EXECUTION in page.html
    assert desk.tokens.calls == 0


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
def test_no_other_method_does_anything(desk: Desk, method: str) -> None:
    assert open_page(desk.ask(), method=method).status == 405
    assert desk.tokens.calls == 0


@pytest.mark.parametrize("decision", ["approved", "rejected"])
def test_the_form_decides_once(desk: Desk, decision: str) -> None:
    link = desk.ask()
    page = decide(link, decision, name="  Ada\nLovelace ", comment="x" * 900)
    assert page.status == 200
    assert f"<h1>{decision.capitalize()}</h1>" in page.html
    said = {"decision": decision, "decided_by": "Ada Lovelace", "comment": "x" * 500}
    assert desk.tokens.outputs == {"token-1": said}
    again = decide(link, "approved")
    assert (again.status, desk.tokens.calls) == (409, 1)
    assert f"It was {decision} by Ada Lovelace." in again.html
    assert open_page(link).status == 409
    assert desk.item()["token"] == {"S": ""}


def test_who_decided_is_logged_with_their_address_and_without_the_key(desk: Desk) -> None:
    decide(desk.ask(), "approved", name="Ada")
    assert json.loads(desk.log[-1]) == {
        "level": "INFO",
        "message": "decided",
        "execution": EXECUTION,
        "step": "Approve",
        "decision": "approved",
        "decided_by": "Ada",
        "address": "127.0.0.1",
    }


@pytest.mark.parametrize("decision", ["", "maybe", "Approved"])
def test_a_form_that_says_neither_decides_nothing(desk: Desk, decision: str) -> None:
    assert decide(desk.ask(), decision).status == 400
    assert desk.tokens.calls == 0


@pytest.mark.parametrize("part", ["q", "k"])
@pytest.mark.parametrize("change", ["another", "cut", "empty", "longer"])
def test_a_link_that_was_changed_opens_nothing_and_tells_nothing(desk: Desk, part: str, change: str) -> None:
    head, _, value = desk.ask().partition(f"{part}=")
    value, ampersand, rest = value.partition("&")
    changed = {
        "another": ("0" if value[0] != "0" else "1") + value[1:],
        "cut": value[:-1],
        "empty": "",
        "longer": value + "0",
    }[change]
    link = f"{head}{part}={changed}{ampersand}{rest}"
    pages = [open_page(link), decide(link, "approved")]
    assert [page.status for page in pages] == [404, 404]
    assert pages[0].html == open_page(f"{desk.page}?q={'0' * 32}&k={'A' * 43}").html
    assert "live" not in pages[0].html
    assert desk.tokens.calls == 0


def test_the_key_of_one_question_opens_no_other(desk: Desk) -> None:
    first, second = desk.ask("token-1"), desk.ask("token-2", {"item": "1"})
    mixed = f"{first.partition('&k=')[0]}&k={second.partition('&k=')[2]}"
    assert decide(mixed, "approved").status == 404
    assert desk.tokens.calls == 0


def test_after_its_time_a_link_opens_nothing_though_the_state_may_wait(desk: Desk) -> None:
    link = desk.ask(more={"seconds": 60})
    desk.now += 61
    assert [open_page(link).status, decide(link, "approved").status] == [410, 410]
    assert desk.tokens.calls == 0


def test_where_the_run_has_ended_the_decision_comes_too_late(desk: Desk) -> None:
    link = desk.ask()
    desk.tokens.waiting.clear()
    page = decide(link, "approved")
    assert page.status == 410
    assert "Nobody waits for this decision" in page.html
    assert "decision" not in desk.item()
    assert desk.slept == 4


def test_between_a_time_out_and_the_next_question_it_waits_for_the_next_token(desk: Desk) -> None:
    link = desk.ask("token-1")
    desk.tokens.waiting.clear()
    object.__setattr__(desk.deciding, "sleep", lambda _seconds: desk.ask("token-2"))
    assert decide(link, "approved").status == 200
    assert list(desk.tokens.outputs) == ["token-2"]


def test_a_link_of_an_earlier_message_decides_what_is_asked_now(desk: Desk) -> None:
    first, second = desk.ask("token-1"), desk.ask("token-2")
    assert decide(first, "rejected").status == 200
    assert list(desk.tokens.outputs) == ["token-2"]
    assert open_page(second).status == 409


def test_what_people_and_scripts_write_is_escaped(desk: Desk) -> None:
    evil = "</title><script>alert('x')</script>\"&"
    link = desk.ask(more={"question": evil, "details": {evil: evil}})
    html = open_page(link).html
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&quot;&amp;") == 4
    decide(link, "approved", name=evil)
    assert "<script" not in open_page(link).html


def test_pages_run_nothing_load_nothing_are_kept_nowhere_and_tell_no_address(desk: Desk) -> None:
    headers = open_page(desk.ask()).headers
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert (headers["Referrer-Policy"], headers["Cache-Control"]) == ("no-referrer", "no-store")


def test_a_body_that_is_too_large_or_no_form_decides_nothing(desk: Desk) -> None:
    link = desk.ask()
    assert decide(link, "approved", comment="x" * 20_000).status == 404
    assert decide(link, "approved", **{f"more{n}": "1" for n in range(20)}).status == 404
    assert desk.tokens.calls == 0


def test_a_fault_of_step_functions_is_no_decision(desk: Desk) -> None:
    link = desk.ask("broken")
    assert decide(link, "approved").status == 502
    assert "decision" not in desk.item()
    assert open_page(link).status == 200
