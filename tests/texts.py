"""What the compiler emits for a value that is to become text."""

from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.number_text import part_of_text
from zflow_constructs.core.values.templates import Scope
from zflow_constructs.core.values.texts import AsText


def text_of(value: str, *, decoded: bool = False) -> str:
    """The state's JSONata of the text of a value whose type only a run knows.

    Args:
        value: JSONata of the value.
        decoded: Whether whoever gets the text decodes it as JSON.
    """
    return "{% " + AsText(Jsonata(value), decoded).render(Scope()) + " %}"


def number_text(value: str) -> str:
    """The state's JSONata of the text of a number.

    Args:
        value: JSONata of the number.
    """
    return "{% " + part_of_text(value, "number") + " %}"


def joined(value: str) -> str:
    """JSONata of a value whose type only a run knows, joined to a text.

    Args:
        value: JSONata of the value.
    """
    return part_of_text(value, "")
