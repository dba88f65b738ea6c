"""Typed reading of JSON objects; a field that is absent, null or of another type reads as empty."""

import json
from collections.abc import Mapping, Sequence

from errors import InvalidRequest

Document = Mapping[str, object]


def parse(body: bytes) -> Document:
    """A JSON object from its bytes; anything else reads as an empty object."""
    try:
        value: object = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def text(document: Document, key: str) -> str:
    """A string; a number (Databricks has numeric ids and error codes) in its decimal digits."""
    value = document.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
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


def children(document: Document, key: str) -> Sequence[Document]:
    """A list of nested objects."""
    value = document.get(key)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def required_text(document: Document, key: str) -> str:
    """A string that an event can't do without."""
    value = text(document, key)
    if not value:
        raise InvalidRequest(f'The event has no "{key}"; its fields: {_names(document)}.')
    return value


def required_number(document: Document, key: str) -> int:
    """A whole number that an event can't do without."""
    if not isinstance(document.get(key), int | float):
        raise InvalidRequest(f'The event has no number "{key}"; its fields: {_names(document)}.')
    return number(document, key)


def _names(document: Document) -> str:
    return ", ".join(sorted(document)) or "none"
