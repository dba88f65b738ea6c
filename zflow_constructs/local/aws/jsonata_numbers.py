"""Numbers as the reference implementation of JSONata writes and divides them; `jsonata-python` has Python's way.

Step Functions runs JSONata 2.0.6. There `$string` keeps 15 significant digits, and writes them as JavaScript does.

https://docs.jsonata.org/string-functions#string
"""

import json
import math
from decimal import ROUND_HALF_UP, Context, Decimal

from jsonata import Jsonata
from jsonata.functions import Functions
from jsonata.utils import Utils

# JavaScript's toPrecision(15).
_PRECISION = Context(prec=15, rounding=ROUND_HALF_UP)
_with_indents, _format_base = Functions.string, Functions.format_base
_calculated = Jsonata.evaluate_numeric_expression


def javascript_numbers() -> None:
    """Let `jsonata-python` write and divide numbers as the reference implementation does, in all of this process."""
    Functions.string = staticmethod(string)
    Functions.format_base = staticmethod(format_base)
    # Again: what an expression calls was looked up before.
    Jsonata.define_function("string", "<x-b?:s>")
    Jsonata.define_function("formatBase", "<n-n?:s>", "format_base")
    Jsonata.evaluate_numeric_expression = _calculate


def string(value: object, prettify: bool | None = None) -> str | None:  # noqa: FBT001 - JSONata's own signature
    """Write a value as `$string` does.

    Args:
        value: The value; None is JSONata's undefined.
        prettify: Whether it is written with indents. Default: no
    """
    if prettify:
        indented: str | None = _with_indents(value, prettify)
        return indented
    if isinstance(value, Utils.JList) and value.outer_wrapper:
        value = value[0]
    return value if value is None or isinstance(value, str) else _json(value)


def whole_number(text: str) -> float:
    """Read a whole number of a JSON text, as a floating-point number where it is too large to be exact.

    Args:
        text: Its digits.
    """
    number = int(text)
    return number if abs(number) <= 2**53 else float(number)


def format_base(value: float | None, radix: float | None = None) -> str | None:
    """Write a whole number in a base as `$formatBase` does.

    Args:
        value: The number; None is JSONata's undefined.
        radix: The base. Default: 10
    """
    if value is None:
        return None
    base = 10 if radix is None else int(radix)
    return javascript_text(round(value)) if base == 10 else _format_base(value, base)


def javascript_text(number: float) -> str:
    """Write a number as JavaScript does: `1e-7`, `100000000000000000000`, `1e+21`.

    Args:
        number: The number.
    """
    if number == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(float(number))).normalize().as_tuple()
    assert isinstance(exponent, int)
    text, point = "".join(map(str, digits)), len(digits) + exponent
    minus = "-" if sign else ""
    if 0 < point <= 21:
        whole, fraction = text[:point].ljust(point, "0"), text[point:]
        return f"{minus}{whole}.{fraction}" if fraction else f"{minus}{whole}"
    if -6 < point <= 0:
        return f"{minus}0.{'0' * -point}{text}"
    fraction = f".{text[1:]}" if text[1:] else ""
    return f"{minus}{text[0]}{fraction}e{point - 1:+d}"


def _json(value: object) -> str:
    match value:
        case bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case int() | float():
            rounded = float(_PRECISION.create_decimal(Decimal(float(value))))
            # JSON has no infinity: JavaScript writes null.
            return "null" if math.isinf(rounded) else javascript_text(rounded)
        case dict():
            return (
                "{"
                + ",".join(f"{json.dumps(str(key), ensure_ascii=False)}:{_json(item)}" for key, item in value.items())
                + "}"
            )
        case list() | tuple() | range():
            return "[" + ",".join(_json(item) for item in value) + "]"
        case _:
            # Null, or a function.
            return "null" if value is Utils.NULL_VALUE else '""'


def _calculate(self: Jsonata, left: object, right: object, operator: str) -> object:
    match operator, left, right:
        case ("%", int() | float() as number, int() | float() as divisor) if divisor and not (
            isinstance(number, bool) or isinstance(divisor, bool)
        ):
            return Utils.convert_number(math.fmod(number, divisor))
        case _:
            return _calculated(self, left, right, operator)
