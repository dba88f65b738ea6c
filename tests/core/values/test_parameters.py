"""One run parameter: what it is, what it allows, and that Python and JSONata agree on that."""

import math
import re
from calendar import monthrange
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.machines import evaluate
from tests.core.reference import reference_values
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.parameters import Kind, RunParameter, Value
from zflow_constructs.core.values.templates import Json

DATE = RunParameter.date()
VERSION = RunParameter.string(pattern=r"v\d+(?:\.\d+)?")


TYPES: list[tuple[RunParameter, str, list[Json], list[Json]]] = [
    (RunParameter.string(), "a string", ["", "de", "1", "a\nb", "ü"], [1, True, None, ["de"], {}]),
    (VERSION, r"a string that matches v\d+(?:\.\d+)?", ["v1", "v12.3"], ["", "v", "v1\n", "xv1", "v1.", 1, None]),
    (RunParameter.string(pattern="a/b|c"), "a string that matches a/b|c", ["a/b", "c"], ["a", "b", "a/bc"]),
    (RunParameter.number(), "a number", [0, -1.5, 3, 2**53 - 1, 1e300], ["1", True, None, [1], 2**53, -(2**60)]),
    (RunParameter.number(least=0, most=1), "a number from 0 up to 1", [0, 0.5, 1], [-0.1, 1.1, "0", False]),
    (RunParameter.number(least=0.5), "a number from 0.5", [0.5, 9], [0.4]),
    (RunParameter.number(most=-1), "a number up to -1", [-1, -9], [0]),
    (RunParameter.integer(), "an integer", [0, -3, 3.0, 1 - 2**53], [0.5, "3", True, None, 2**53, 2**53 + 1, -(2**60)]),
    (RunParameter.integer(least=1, most=9), "an integer from 1 up to 9", [1, 9], [0, 10, 1.5]),
    (RunParameter.boolean(), "true or false", [True, False], [0, 1, "true", None, []]),
    (RunParameter.strings(), "a list of strings", [[], ["a"], ["a", "b"]], ["a", [1], ["a", None], [["a"]], {}]),
    (RunParameter.numbers(), "a list of numbers", [[], [1], [1, 0.5]], [1, ["1"], [1, True], [[1]], [None]]),
    (RunParameter.one_of("de", "fr"), 'one of "de", "fr"', ["de", "fr"], ["", "DE", "de,fr", ["de"], None, 1]),
    (RunParameter.one_of(1, 0.5), "one of 1, 0.5", [1, 0.5, 1.0], [2, "1", True, [1]]),
    (
        DATE,
        "a date such as 2026-11-24",
        ["2026-11-24", "1900-01-01", "2000-02-29", "2024-02-29", "2026-11-24T03:00:00Z", "2026-11-24T03:00+01:00"],
        ["2026-02-29", "1900-02-29", "2026-04-31", "2026-13-01", "2026-00-01", "2026-01-00", "2026-1-1", "today"],
    ),
    (DATE, "a date such as 2026-11-24", ["2026-11-24T03:00"], ["", "2026-11-24 ", "2026-11-24\n", "T", 20261124]),
]


@pytest.mark.parametrize(("parameter", "allowed", "right", "wrong"), TYPES)
def test_a_type_says_what_it_allows_and_python_and_jsonata_check_that(
    parameter: RunParameter, allowed: str, right: list[Json], wrong: list[Json]
) -> None:
    assert parameter.allowed == allowed
    assert [value for value in right if not accepted(parameter, value)] == []
    assert [value for value in wrong if accepted(parameter, value)] == []


def accepted(parameter: RunParameter, value: Json) -> bool:
    """Whether a value is right, which Python and JSONata say alike."""
    answer = parameter.accepts(value)
    assert evaluate(f"({parameter.condition()})", {"value": value}) is answer, value
    return answer


def test_the_reference_implementation_of_jsonata_says_the_same() -> None:
    asked = [(parameter, value) for parameter, _, right, wrong in TYPES for value in (*right, *wrong)]
    answers = reference_values([(parameter.condition(), {"value": value}) for parameter, value in asked])
    assert [case for case, answer in zip(asked, answers, strict=True) if answer is not case[0].accepts(case[1])] == []


def test_a_condition_reads_as_its_type_does() -> None:
    assert RunParameter.boolean().condition() == '$type($value) = "boolean"'
    assert RunParameter.integer(least=1, most=9).condition() == (
        '$type($value) = "number" ? $value = $floor($value) and $value >= 1 and $value <= 9 : false'
    )
    assert RunParameter.strings().condition() == (
        '$type($value) = "array" ? $count($value[$type($) = "string"]) = $count($value) : false'
    )
    assert RunParameter.one_of("de", "fr").condition() == ('$type($value) = "string" ? $value in ["de", "fr"] : false')
    assert RunParameter.string(pattern=r"a/\d").condition() == (
        r'$type($value) = "string" ? $contains($value, /^(?:a\/\d)(?![\s\S])/) : false'
    )


@pytest.mark.parametrize(
    ("value", "parameter"),
    [
        ("de", RunParameter.string(default="de")),
        ("", RunParameter.string(default="")),
        (3, RunParameter.number(default=3)),
        (0.5, RunParameter.number(default=0.5)),
        (False, RunParameter.boolean(default=False)),
        (["de"], RunParameter.strings(default=["de"])),
        ((1, 2.5), RunParameter.numbers(default=[1, 2.5])),
    ],
)
def test_a_plain_value_is_a_default_and_says_its_type(value: Value, parameter: RunParameter) -> None:
    assert RunParameter.of(value) == parameter
    assert not parameter.required


@pytest.mark.parametrize(
    ("value", "received"), [([], "[]"), (math.nan, "nan"), (math.inf, "inf"), (["a", 1], "['a', 1]"), (None, "None")]
)
def test_a_value_that_says_no_type_is_no_declaration(value: Value, received: str) -> None:
    with pytest.raises(WorkflowError) as raised:
        RunParameter.of(value)
    assert str(raised.value) == (
        f"received {received}. Give its default, which is a string, a finite number, True, False or a list of "
        "strings or of numbers; or a RunParameter, such as RunParameter.strings(default=[])."
    )


ALL = [
    RunParameter.string(),
    VERSION,
    RunParameter.string(default="today"),
    RunParameter.number(default=0.5, least=0, most=1),
    RunParameter.integer(default=0),
    RunParameter.boolean(default=False),
    RunParameter.strings(default=[]),
    RunParameter.numbers(default=[1]),
    RunParameter.one_of("de", "fr", default="de"),
    RunParameter.one_of(1, 2),
    RunParameter.date(),
    RunParameter.date(default="today"),
    RunParameter.date(default="2026-11-24"),
]


@pytest.mark.parametrize("parameter", ALL, ids=lambda parameter: str(parameter.metadata()))
def test_tools_read_from_the_metadata_what_was_declared(parameter: RunParameter) -> None:
    assert RunParameter.from_metadata(parameter.metadata()) == parameter


def test_the_metadata_says_type_default_and_what_is_allowed() -> None:
    assert RunParameter.number(default=0.5, least=0).metadata() == {
        "type": "number",
        "allowed": "a number from 0",
        "default": 0.5,
        "least": 0,
    }
    assert RunParameter.one_of("de", "fr").metadata() == {
        "type": "string",
        "allowed": 'one of "de", "fr"',
        "among": ["de", "fr"],
    }
    assert RunParameter.date(default="today").metadata() == {
        "type": "date",
        "allowed": "a date such as 2026-11-24",
        "default": "today",
    }


@pytest.mark.parametrize(
    ("kind", "default", "message"),
    [
        ("integer", 0.5, "RunParameter: the default is 0.5, and must be an integer."),
        ("number", math.nan, "RunParameter: the default is NaN, and must be a number."),
        ("boolean", "yes", 'RunParameter: the default is "yes", and must be true or false.'),
        ("numbers", ["1"], 'RunParameter: the default is ["1"], and must be a list of numbers.'),
        ("date", "2026-02-30", 'RunParameter: the default is "2026-02-30", and must be a date such as 2026-11-24.'),
    ],
)
def test_a_default_is_a_value_of_its_own_type(kind: str, default: Value, message: str) -> None:
    with pytest.raises(WorkflowError) as raised:
        getattr(RunParameter, kind)(default=default)
    assert str(raised.value) == message


def test_a_default_is_among_the_values_that_there_are() -> None:
    with pytest.raises(WorkflowError) as raised:
        RunParameter.one_of("de", "fr", default="it")
    assert str(raised.value) == 'RunParameter: the default is "it", and must be one of "de", "fr".'


@pytest.mark.parametrize("values", [(), ("de", 1), (True, False), (math.nan,)])
def test_a_choice_is_between_strings_or_between_numbers(values: tuple[str | float, ...]) -> None:
    with pytest.raises(WorkflowError) as raised:
        RunParameter.one_of(*values)
    assert str(raised.value) == (f"RunParameter.one_of takes strings, or numbers, and received {list(values)!r}.")


def test_bounds_have_a_number_between_them() -> None:
    with pytest.raises(WorkflowError) as raised:
        RunParameter.number(least=2, most=1)
    assert str(raised.value) == "RunParameter: no number is from 2 to 1. Swap least and most."


@pytest.mark.parametrize(
    "pattern", [r"(", r"[a", r"a++", r"(?i)a", r"(?P<year>\d+)", r"(?<=a)b", r"\Aa", r"a\Z", r"(a)\1", r"[(]", r"[z-a]"]
)
def test_a_pattern_is_one_that_every_engine_reads_alike(pattern: str) -> None:
    with pytest.raises(WorkflowError) as raised:
        RunParameter.string(pattern=pattern)
    assert str(raised.value) == (
        f"RunParameter: the pattern {pattern!r} can't be read, or not everywhere alike. Use characters, classes such "
        r"as [a-z] and \d, groups (...) and (?:...), |, and *, +, ? and {2,3}, with a backslash before any bracket "
        "that is meant as a character."
    )


SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False)
VALUES: st.SearchStrategy[Json] = st.recursive(
    SCALARS | st.text(max_size=5) | st.sampled_from(["de", "v1", "2024-02-29"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)
BOUNDS = st.floats(-5, 5) | st.integers(-5, 5)
PARAMETERS = st.one_of(
    st.sampled_from(ALL),
    st.builds(lambda least, span: RunParameter.number(least=least, most=least + abs(span)), BOUNDS, BOUNDS),
    st.builds(lambda least: RunParameter.integer(least=least), BOUNDS),
    st.builds(lambda values: RunParameter.one_of(*values), st.lists(st.text(max_size=3), min_size=1, max_size=3)),
    st.builds(lambda values: RunParameter.one_of(*values), st.lists(st.integers(-5, 5), min_size=1, max_size=3)),
)


def right(parameter: RunParameter) -> st.SearchStrategy[Json]:
    """Values that a parameter may have."""
    numbers = st.floats(max(parameter.least, -1e9), min(parameter.most, 1e9)) | st.integers(0, 1)
    strings = st.text(max_size=5)
    matching = st.from_regex(re.compile(parameter.pattern, re.ASCII), fullmatch=True)
    days = st.dates(date(1900, 1, 1), date(2099, 12, 31))
    kinds: dict[Kind, st.SearchStrategy[Json]] = {
        "string": matching if parameter.pattern else strings,
        "number": numbers,
        "integer": st.integers(-9, 9),
        "boolean": st.booleans(),
        "strings": st.lists(strings, max_size=3),
        "numbers": st.lists(numbers, max_size=3),
        "date": st.builds("{}{}".format, days, st.sampled_from(["", "T03:00:00Z", "T23:59:59.999+02:00"])),
    }
    return st.sampled_from(parameter.among) if parameter.among else kinds[parameter.kind]


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(ALL))
def test_a_right_value_always_passes(data: st.DataObject, parameter: RunParameter) -> None:
    assert accepted(parameter, data.draw(right(parameter)))


@settings(max_examples=300, deadline=None)
@given(PARAMETERS, VALUES)
def test_python_and_jsonata_agree_on_any_value_of_any_type(parameter: RunParameter, value: Json) -> None:
    accepted(parameter, value)


@settings(max_examples=200, deadline=None)
@given(st.integers(1900, 2099), st.integers(0, 13), st.integers(0, 32) | st.sampled_from([28, 29, 30]))
def test_a_date_is_just_what_the_calendar_has(year: int, month: int, day: int) -> None:
    exists = 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]
    assert accepted(DATE, f"{year}-{month:02}-{day:02}") is exists


@settings(max_examples=100, deadline=None)
@given(st.from_regex(re.compile(VERSION.pattern, re.ASCII), fullmatch=True), st.sampled_from(["", "x", " ", "\n"]))
def test_a_pattern_is_matched_by_the_whole_string(text: str, after: str) -> None:
    assert accepted(VERSION, f"{text}{after}") is (after == "")
