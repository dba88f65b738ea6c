"""Which fields a step's requests set, named as on the page of all fields."""

from tests.core.machines import mapping
from tools.generate_request_fields import fields
from zflow_constructs.core.values.templates import Json


def set_fields(operation: str, *requests: Json) -> set[str]:
    """The fields that one of the requests sets at least."""
    return {field.path for field in fields(operation) if any(_has(request, field.path) for request in requests)}


def _has(value: Json, path: str) -> bool:
    name, _, below = path.partition(".")
    found = mapping(value).get(name.removesuffix("[]"))
    if isinstance(found, list) and below:
        return any(_has(entry, below) for entry in found)
    return found is not None and (not below or _has(found, below))
