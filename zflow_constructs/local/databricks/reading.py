"""The fields of a request's body, each of the type that it must have."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import cast

from zflow_constructs.local.databricks.errors import invalid, malformed

Json = Mapping[str, object]

_MAX_TOKEN = 64


def body_map(body: object) -> Json:
    """The body, if it is a map."""
    if not isinstance(body, dict):
        raise malformed("Invalid JSON given in the body of the request - expected a map")
    return body


def check_names(body: Json, known: Collection[str], where: str) -> None:
    """Refuse a field that the API doesn't have: it would be ignored, and is a typo most likely.

    Args:
        body: The fields.
        known: The names that there are.
        where: What has them, for the message.
    """
    for name in body:
        if name not in known:
            near = get_close_matches(name, sorted(known), n=1)
            hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(sorted(known))}."
            raise invalid(f"{where} has no field {name}. {hint}")


def string(body: Json, name: str, *, default: str | None = None) -> str:
    """A string."""
    value = body.get(name, default)
    if value is None:
        raise invalid(f"Missing required field: {name}")
    if not isinstance(value, str):
        raise malformed(f"Expected a string for field {name}, got {value!r}")
    return value


def strings(body: Json, name: str) -> tuple[str, ...]:
    """A list of strings; none if it isn't there."""
    value = body.get(name, [])
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise malformed(f"Expected a list of strings for field {name}, got {value!r}")
    return tuple(value)


def string_map(body: Json, name: str) -> Mapping[str, str]:
    """A map of strings; empty if it isn't there."""
    value = body.get(name, {})
    if not isinstance(value, dict) or not all(isinstance(entry, str) for entry in value.values()):
        raise malformed(f"Expected a map of strings for field {name}, got {value!r}")
    return value


def objects(body: Json, name: str) -> tuple[Json, ...]:
    """A list of maps; none if it isn't there."""
    value = body.get(name, [])
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise malformed(f"Expected a list of maps for field {name}, got {value!r}")
    return tuple(cast("list[Json]", value))


def identifier(body: Json, name: str, *, default: int | None = None) -> int:
    """The 64-bit id of a job or a run: a number, never its digits."""
    value = body.get(name, default)
    if value is None:
        raise invalid(f"Missing required field: {name}")
    if not isinstance(value, int) or isinstance(value, bool):
        raise malformed(f"Expected an integer for field {name}, got {value!r}")
    return value


def flag(body: Json, name: str) -> bool:
    """True or false; false if it isn't there."""
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise malformed(f"Expected true or false for field {name}, got {value!r}")
    return value


def seconds(body: Json) -> int:
    """The time limit; 0 is none."""
    value = body.get("timeout_seconds", 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise invalid(f"timeout_seconds is {value!r}. It must be a whole number, 0 (no timeout) or more.")
    return value


def token(body: Json) -> str:
    """The idempotency token; "" is none."""
    value = string(body, "idempotency_token", default="")
    if len(value) > _MAX_TOKEN:
        raise invalid(f"idempotency_token has {len(value)} characters. It must have at most {_MAX_TOKEN} characters.")
    return value
