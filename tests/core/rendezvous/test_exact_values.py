"""What travels through the table as text comes back as the same value, to the last digit of a number."""

import random
import struct
from collections.abc import Sequence
from math import isfinite
from typing import cast

import pytest

from tests.core.machines import evaluate
from tests.core.reference import reference_values
from zflow_constructs.core.rendezvous.exact_values import Read, Written
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.templates import Json, Scope

VALUES: Sequence[Json] = [
    *(
        "",
        "1.10",
        "null",
        'say "x"',
        "Grüße,\n世界 😀",
        5,
        2**53,
        1764533844123456,
        0.8512340188026428,
        0.1,
        1e-7,
        True,
    ),
    *(False, None, [], [[]], [1], [[1]], [[1, 2], [3], []], ["a"], [["a"]], [[[]]], [None], [{}], {}, {"a": {}}),
    {"a.b c": [0.8512340188026428, {"d": None, "": "e"}], "+": [1, 2], "n": -0.1234567890123456},
    [[0.8512340188026428], 1764533844123456, [[0.1234567890123456, "x"]]],
]


def doubles() -> list[float]:
    """3,000 numbers: of all sizes, between 0 and 1 as metrics are, whole as ids are, and at the edges."""
    drawn = random.Random(7)
    any_bits = (struct.unpack("d", struct.pack("Q", drawn.getrandbits(64)))[0] for _ in range(1_000))
    usual = [number for number in any_bits if isfinite(number) and 1e-290 < abs(number) < 1e300]
    return [*usual, *(drawn.random() for _ in range(1_000)), *(float(drawn.randrange(2**53)) for _ in range(1_000))]


def written(value: str, *, plain: bool = False) -> str:
    return Written(Jsonata(value), plain).render(Scope())


def read(text: str, *, plain: bool = False) -> str:
    return Read(Jsonata(text), plain).render(Scope())


@pytest.mark.parametrize("value", VALUES)
def test_a_value_comes_back_as_it_was(value: Json) -> None:
    text = evaluate(written("$x"), {"x": value})
    again = evaluate(read("$text"), {"text": text})
    assert again == value
    assert type(again) is type(value)


def test_each_number_keeps_every_digit() -> None:
    numbers = doubles()
    text = evaluate(written("$x"), {"x": numbers})
    assert evaluate(read("$text"), {"text": text}) == numbers


@pytest.mark.parametrize("value", [None, {}, {"name": "Grüße", "may": True, "parts": {"days": ["1.10", "2"]}}])
def test_an_object_without_numbers_comes_back_by_fewer_bytes(value: Json) -> None:
    text = evaluate(written("$x", plain=True), {"x": value})
    assert evaluate(read("$text", plain=True), {"text": text}) == value
    assert (written("$x", plain=True), read("$text", plain=True)) == ("$string($x)", "$parse($text)")


def test_the_reference_implementation_writes_and_reads_the_same() -> None:
    cases: list[Json] = [*VALUES, doubles()]
    texts = reference_values([(written("$x"), {"x": value}) for value in cases])
    assert texts == [evaluate(written("$x"), {"x": value}) for value in cases]
    # The npm package lacks Step Functions' $parse: what it would give is bound to its name's argument.
    parsed = [evaluate("$parse($text)", {"text": text}) for text in texts]
    again = reference_values([(read("$x").replace("$parse($x)", "$given"), {"given": value}) for value in parsed])
    assert again[:-1] == cases[:-1]
    assert [float(str(number)) for number in cast("list[Json]", again[-1])] == cases[-1]
