"""What JSON carries as it is, and what is refused where it was declared."""

import datetime as dt
from collections.abc import Mapping

import pytest

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.json_values import check_json
from zflow_constructs.core.values.references import Parameter

INEXACT = (
    'payload["ids"][1] is 9007199254740993. Whole numbers beyond 2^53 lose digits on their way: AWS reads them as '
    'floating-point numbers. Hand it over as text: "9007199254740993".'
)
KINDS = (
    "Give a string, a number, True, False, None, a list or a dict of these, or an output, an item or a run parameter."
)


@pytest.mark.parametrize("value", ["", 2**53, -(2**53), 1e300, True, None, [], {"a": [Parameter("day"), (1, 0.5)]}])
def test_what_json_carries_is_taken(value: object) -> None:
    check_json('Step "Count"', "payload", value)


def test_a_whole_number_keeps_its_digits_as_text() -> None:
    check_json('Step "Train"', "hyperparameters", {"seed": 2**60}, as_text=True)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"ids": [1, 2**53 + 1]},
            INEXACT,
        ),
        ({"x": float("nan")}, 'payload["x"] is nan, which JSON can\'t say. Give a finite number, or None.'),
        ([float("-inf")], "payload[0] is -inf, which JSON can't say. Give a finite number, or None."),
        ({1: "a"}, "payload has the key 1. Keys are strings: '1'."),
        ({"x": b"a"}, f"payload[\"x\"] is b'a', a bytes. {KINDS}"),
        ({"x": {"a"}}, f"payload[\"x\"] is {{'a'}}, a set. {KINDS}"),
        ([dt.date(2026, 12, 1)], f"payload[0] is datetime.date(2026, 12, 1), a date. {KINDS}"),
    ],
)
def test_what_would_be_lost_is_refused_by_its_place(value: Mapping[str, object], message: str) -> None:
    with pytest.raises(WorkflowError) as raised:
        check_json('Step "Count"', "payload", value)
    assert str(raised.value) == f'Step "Count": {message}'
