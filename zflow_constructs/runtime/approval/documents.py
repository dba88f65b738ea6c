"""Typed reading of JSON objects; a field that is absent, null or of another type reads as empty."""

from collections.abc import Mapping, Sequence

Document = Mapping[str, object]


def text(document: Document, key: str) -> str:
    """A string; a number in its decimal digits."""
    value = document.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def number(document: Document, key: str) -> int:
    """A whole number, or 0."""
    value = document.get(key)
    return int(value) if isinstance(value, int | float) else 0


def child(document: Document, key: str) -> Document:
    """A nested object."""
    value = document.get(key)
    return value if isinstance(value, Mapping) else {}


def texts(document: Document, key: str) -> Sequence[str]:
    """A list of strings."""
    value = document.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
