"""Numbers in JSONata as the reference implementation writes and divides them, in the version of Step Functions."""

import random
import struct
import sys
from collections.abc import Sequence
from math import isfinite

import pytest

from tests.core.reference import reference_values
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.templates import Json, Scope
from zflow_constructs.core.values.texts import as_text
from zflow_constructs.local.aws.jsonata import evaluate
from zflow_constructs.local.aws.jsonata_numbers import javascript_text


def doubles(count: int) -> list[Json]:
    """Numbers of all sizes, and such as metrics and ids are."""
    drawn = random.Random(12)
    any_bits = [struct.unpack("d", struct.pack("Q", drawn.getrandbits(64)))[0] for _ in range(count)]
    ids = [drawn.randrange(-(2**53), 2**53) for _ in range(count)]
    return [*(number for number in any_bits if isfinite(number)), *(drawn.random() for _ in range(count)), *ids]


SEPARATED: list[Json] = [0.8512340188026428, "\u2028"]
OTHERS: list[Json] = ["", "1.10", "Ünï😀\n", True, False, None, [], [[]], [[1e-7]], {}, {"a.b c": SEPARATED}]
VALUES: list[Json] = [
    *(
        0,
        -0.0,
        5,
        -3,
        0.5,
        0.1,
        1e-6,
        1e-7,
        1.5e-5,
        123456.789,
        1e20,
        1e21,
        1e22,
        1.5e300,
        2**53,
        sys.float_info.max,
        1764533844123456,
    ),
    *OTHERS,
    *doubles(100),
]
TEXT, QUOTED = (str(as_text(Jsonata("$x"), decoded=decoded).render(Scope())) for decoded in (False, True))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "expression",
    ["$string($x)", '"<" & $x', "[$string([$x])]", TEXT, QUOTED],
    ids=["string", "joined", "in a list", "as text", "as text that is decoded"],
)
def test_both_implementations_write_any_value_alike(expression: str) -> None:
    assert differences(expression, VALUES) == []


@pytest.mark.parametrize("expression", ["$formatBase($x)", "$x % 3", "$x % -0.25"])
def test_both_implementations_calculate_alike(expression: str) -> None:
    numbers = [value for value in VALUES if isinstance(value, int | float) and not isinstance(value, bool)]
    assert differences(expression, numbers) == []


def test_both_implementations_write_whole_numbers_in_other_bases_alike() -> None:
    whole = [value for value in VALUES if isinstance(value, int) and not isinstance(value, bool)]
    assert differences("$formatBase($x, 2)", whole) == differences("$formatBase($x, 36)", whole) == []


def differences(expression: str, values: Sequence[Json]) -> list[Json]:
    wanted = reference_values([(expression, {"x": value}) for value in values])
    return [value for value, by in zip(values, wanted, strict=True) if evaluate(expression, {"x": value}) != by]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1e-7, "1e-7"),
        (-1.5e-9, "-1.5e-9"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (0.00001, "0.00001"),
        (-2, "-2"),
    ],
)
def test_a_number_is_written_as_javascript_does(number: float, text: str) -> None:
    assert javascript_text(number) == text
