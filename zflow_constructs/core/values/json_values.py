"""What JSON carries as it is, and what it would lose on the way: refused where it was declared."""

from collections.abc import Mapping, Sequence
from math import isfinite

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Deferred

_MOST_EXACT = 2**53


def check_json(owner: str, where: str, value: object, *, as_text: bool = False) -> None:
    """Check that a value, and each in it, arrives as it was declared.

    Args:
        owner: Who received it, for the message: `Step "Count"`.
        where: Where it was received: `payload`, `hyperparameters["depth"]`.
        value: The value; expressions are known to a run alone.
        as_text: Whether it travels as text, in which a whole number keeps all its digits. Default: no

    Raises:
        WorkflowError: It is no JSON, or a number that would lose digits.

    Example:
        `check_json('Step "Count"', "payload", {"id": 2**60})` says which number to hand over as a text.
    """
    match value:
        case Deferred() | str() | bool() | None:
            return
        case int() | float():
            _check_number(owner, where, value, as_text=as_text)
        case Mapping():
            for name, inner in value.items():
                if not isinstance(name, str):
                    raise WorkflowError(f"{owner}: {where} has the key {name!r}. Keys are strings: {str(name)!r}.")
                check_json(owner, f'{where}["{name}"]', inner, as_text=as_text)
        case Sequence() if not isinstance(value, bytes | bytearray):
            for number, inner in enumerate(value):
                check_json(owner, f"{where}[{number}]", inner, as_text=as_text)
        case _:
            raise WorkflowError(
                f"{owner}: {where} is {value!r}, a {type(value).__name__}. Give a string, a number, True, False, None, "
                "a list or a dict of these, or an output, an item or a run parameter."
            )


def _check_number(owner: str, where: str, value: float, *, as_text: bool) -> None:
    if not isfinite(value):
        raise WorkflowError(f"{owner}: {where} is {value}, which JSON can't say. Give a finite number, or None.")
    if isinstance(value, int) and abs(value) > _MOST_EXACT and not as_text:
        raise WorkflowError(
            f"{owner}: {where} is {value}. Whole numbers beyond 2^53 lose digits on their way: AWS reads them as "
            f'floating-point numbers. Hand it over as text: "{value}".'
        )
