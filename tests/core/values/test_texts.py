"""Values as text: known at synth, or to a run alone; for whom takes the text, and for whom decodes it as JSON."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.machines import evaluate
from zflow_constructs.core.values.expressions import Expression, Jsonata
from zflow_constructs.core.values.iterations import Item
from zflow_constructs.core.values.number_text import ValueKind
from zflow_constructs.core.values.references import Parameter, RunLocation, StepOutput
from zflow_constructs.core.values.templates import Json, Scope, Template
from zflow_constructs.core.values.texts import as_text, as_texts
from zflow_constructs.local.containers.script import decode_hyperparameters

TEXTS = [
    "1.10",
    "12e4567",
    "null",
    "true",
    "NaN",
    " 5",
    '"de"',
    "[1]",
    "",
    "de",
    "{% x %}",
    "Ünï😀",
    "a\nb",
    'say "x"',
    "\\",
]
OTHERS: list[Json] = [5, 1764533844123456, 2**53, -3, 0.5, 1e-7, 1e300, True, False]
NESTED: list[Json] = [
    [],
    [[]],
    [1],
    [[1]],
    [[1, 2], [3]],
    ["a"],
    {},
    {"a.b c": [{"d": None}, True]},
    [1764533844123456],
]
X = Jsonata("$x")


def decoded(text: str) -> object:
    """What the toolkit of AWS's images makes of a hyperparameter."""
    return decode_hyperparameters({"name": text})["name"]


def at_run_time(expression: str | Expression, value: object, scope: Scope | None = None) -> str:
    assert isinstance(expression, Expression)
    text = evaluate(expression.render(scope or Scope()), {"x": value, "parameters": {"x": value}})
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_stays_the_text_that_it_is(text: str) -> None:
    assert as_text(text) == at_run_time(as_text(X), text) == text
    assert decoded(str(as_text(text, decoded=True))) == text
    assert decoded(at_run_time(as_text(X, decoded=True), text)) == text


@pytest.mark.parametrize("value", OTHERS)
def test_a_number_and_true_and_false_are_as_in_json(value: Json) -> None:
    for is_decoded in (False, True):
        assert json.loads(str(as_text(value, decoded=is_decoded))) == value
        assert json.loads(at_run_time(as_text(X, decoded=is_decoded), value)) == value


@pytest.mark.parametrize("value", NESTED)
def test_a_list_and_a_dict_are_json_text_for_who_decodes_json_too(value: Json) -> None:
    for text in (str(as_text(value)), at_run_time(as_text(X), value)):
        assert json.loads(text) == value
    for text in (str(as_text(value, decoded=True)), at_run_time(as_text(X, decoded=True), value)):
        assert json.loads(str(decoded(text))) == value


@pytest.mark.parametrize("value", [*TEXTS, *OTHERS, *NESTED, None])
def test_a_list_may_hold_what_only_a_run_knows(value: Json) -> None:
    template: Template = {"r": X, "known": [0.8512340188026428, "x", None], "list": [X]}
    wanted = {"r": value, "known": [0.8512340188026428, "x", None], "list": [value]}
    assert json.loads(at_run_time(as_text(template), value)) == wanted
    assert json.loads(str(decoded(at_run_time(as_text(template, decoded=True), value)))) == wanted


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string", "1.10"),
        ("date", "2026-12-01"),
        ("integer", 1764533844123456),
        ("number", 0.5),
        ("boolean", True),
        ("strings", ["1", "null", ""]),
        ("numbers", [1764533844123456, 0.5]),
        ("scalar", "null"),
        ("scalar", 1764533844123456),
        ("scalar", False),
        ("scalar", ["a"]),
    ],
)
def test_what_is_known_of_a_type_makes_the_same_text_in_fewer_bytes(kind: ValueKind, value: Json) -> None:
    scope = Scope(kinds={"x": kind})
    for is_decoded in (False, True):
        shorter, longer = as_text(Parameter("x"), decoded=is_decoded), as_text(X, decoded=is_decoded)
        assert at_run_time(shorter, value, scope) == at_run_time(longer, value)
        assert isinstance(shorter, Expression)
        assert kind == "numbers" or len(shorter.render(scope)) < 200


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_keeps_15_digits_and_a_whole_one_all_of_them(number: float) -> None:
    text = at_run_time(as_text(X), number)
    assert float(text) == number if number.is_integer() else math.isclose(float(text), number, rel_tol=1e-14)


def test_the_items_of_a_list_that_is_known_tell_their_type() -> None:
    scope = Scope(items={"country": "$item"}, listed={"country": [{"name": "de", "n": 1}, {"name": "fr", "n": 2}]})
    names = [
        as_text(Item("country", ("name",))),
        "s3://" + Item("country", ("name",)),
        as_text(Item("country", ("n",))),
    ]
    assert [name.render(scope) for name in names if isinstance(name, Expression)] == [
        "$item.name",
        '"s3://" & $item.name',
        "($v := $item.n; $v = $floor($v) ? $formatBase($v) : $string($v))",
    ]


def test_what_is_a_text_already_is_left_alone() -> None:
    location = RunLocation("App/E", "E", "E/out")
    assert as_text(location) is location
    job = StepOutput("App/E", "E", ("job_name",), "string")
    assert as_text(job).render(Scope(results={"App/E": "$E"})) == "$E.job_name"  # type: ignore[union-attr]


def test_a_part_of_a_text_that_is_a_whole_number_is_written_in_full() -> None:
    assert at_run_time("day-" + Parameter("x"), 1764533844123456) == "day-1764533844123456"
    assert at_run_time("day-" + Parameter("x"), "1.10") == "day-1.10"


def test_none_is_left_out() -> None:
    assert as_texts('Step "Train"', "hyperparameters", {"depth": 5, "seed": None}) == {"depth": "5"}
