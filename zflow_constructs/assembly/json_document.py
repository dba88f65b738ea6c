"""A JSON document of an assembly, and its values, whose form is checked where they are read."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from zflow_constructs.assembly.input_error import AssemblyError
from zflow_constructs.core.values.templates import Json


def read_json(file: Path) -> Mapping[str, Json]:
    """Read a file of an assembly.

    Args:
        file: The file.

    Raises:
        AssemblyError: There is no such file, or it holds no JSON object.
    """
    try:
        document: Json = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise AssemblyError(f"{file} can't be read: {error.strerror}. Synthesize the app again.") from error
    except ValueError as error:
        raise AssemblyError(f"{file} is no JSON: {error}. Synthesize the app again.") from error
    if not isinstance(document, Mapping):
        raise AssemblyError(f"{file} holds no JSON object. Synthesize the app again.")
    return document


def fields(value: Json) -> Mapping[str, Json]:
    """Return a JSON object; an empty one for anything else.

    Args:
        value: The value.
    """
    return value if isinstance(value, Mapping) else {}


def items(value: Json) -> Sequence[Json]:
    """Return a JSON array; an empty one for anything else.

    Args:
        value: The value.
    """
    return value if isinstance(value, Sequence) and not isinstance(value, str) else []
