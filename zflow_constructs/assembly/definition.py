"""The definition of a state machine in a template, with CloudFormation's functions in their places."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from zflow_constructs.assembly.input_error import AssemblyError
from zflow_constructs.assembly.json_document import fields
from zflow_constructs.core.values.templates import Json

_PLACE = re.compile(r"\ue000(\d+)\ue001|\$\{(\w+)\}")


def definition(name: str, properties: Mapping[str, Json]) -> Json:
    """Put a state machine's definition together.

    Where CloudFormation puts something into a string, the string becomes the function:
    `"s3://${Bucket}/x"` is `{"Fn::Join": ["", ["s3://", {"Ref": "Bucket"}, "/x"]]}`.

    Args:
        name: The logical id of the state machine.
        properties: The properties of its resource.

    Raises:
        AssemblyError: The definition is no JSON.
    """
    functions: list[Json] = []
    text = ""
    for part in _joined(properties.get("DefinitionString", "{}")):
        if isinstance(part, str):
            text += part
        else:
            text += f"\ue000{len(functions)}\ue001"
            functions.append(part)
    try:
        document: Json = json.loads(text)
    except ValueError as error:
        raise AssemblyError(
            f"The definition of the state machine {name} is no JSON ({error}). Synthesize it again."
        ) from None
    return _filled(document, functions, fields(properties.get("DefinitionSubstitutions")))


def _joined(value: Json) -> Iterator[Json]:
    match value:
        case {"Fn::Join": ["", [*parts]]}:
            for part in parts:
                yield from _joined(part)
        case _:
            yield value


def _filled(value: Json, functions: Sequence[Json], named: Mapping[str, Json]) -> Json:
    match value:
        case str():
            return _parts(value, functions, named)
        case Mapping():
            return {key: _filled(each, functions, named) for key, each in value.items()}
        case Sequence():
            return [_filled(each, functions, named) for each in value]
        case _:
            return value


def _parts(text: str, functions: Sequence[Json], named: Mapping[str, Json]) -> Json:
    parts: list[Json] = []
    start = 0
    for match in _PLACE.finditer(text):
        if match[2] and match[2] not in named:
            continue
        parts += [text[start : match.start()], functions[int(match[1])] if match[1] else named[match[2]]]
        start = match.end()
    parts = [part for part in [*parts, text[start:]] if part != ""]
    if len(parts) == 1:
        return parts[0]
    return {"Fn::Join": ["", parts]} if parts else ""
