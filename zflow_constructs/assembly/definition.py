"""The definition of a state machine in an assembly, with CloudFormation's functions in their places."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from zflow_constructs.assembly.cloud_assembly import Stack
from zflow_constructs.assembly.input_error import AssemblyError
from zflow_constructs.assembly.json_document import fields
from zflow_constructs.core.values.templates import Json

_PLACE = re.compile(r"\ue000(\d+)\ue001")
_NAME = re.compile(r"\$\{(\w+)\}")


def definition(stack: Stack, name: str) -> Json:
    """Put a state machine's definition together: from its template, or from the file that is deployed with it.

    Where CloudFormation puts something into a string, the string becomes the function:
    `"s3://${Bucket}/x"` is `{"Fn::Join": ["", ["s3://", {"Ref": "Bucket"}, "/x"]]}`.

    Args:
        stack: Its stack.
        name: The logical id of the state machine.

    Raises:
        AssemblyError: The definition is no JSON, or its file is missing.
    """
    properties = fields(stack.resources[name].get("Properties"))
    named = fields(properties.get("DefinitionSubstitutions"))
    functions: list[Json] = []
    text = ""

    def placed(function: Json) -> str:
        functions.append(function)
        return f"\ue000{len(functions) - 1}\ue001"

    for part in _joined(_text(stack, name, properties)):
        text += (
            # As CloudFormation does, in the text, before anybody reads it as JSON.
            _NAME.sub(lambda match: placed(named[match[1]]) if match[1] in named else match[0], part)
            if isinstance(part, str)
            else placed(part)
        )
    try:
        document: Json = json.loads(text)
    except ValueError as error:
        raise AssemblyError(
            f"The definition of the state machine {name} is no JSON ({error}). Synthesize it again."
        ) from None
    return _filled(document, functions)


def _text(stack: Stack, name: str, properties: Mapping[str, Json]) -> Json:
    """The text of a definition, with functions of CloudFormation in it, or with names for them."""
    location = fields(properties.get("DefinitionS3Location"))
    if not location:
        return properties.get("DefinitionString", "{}")
    for asset in stack.assets:
        if asset.key == location.get("Key"):
            return asset.content().decode()
    raise AssemblyError(
        f"The definition of the state machine {name} is the file {location.get('Key')} in S3, and the assembly has no "
        "such file. Synthesize it again."
    )


def _joined(value: Json) -> Iterator[Json]:
    match value:
        case {"Fn::Join": ["", [*parts]]}:
            for part in parts:
                yield from _joined(part)
        case _:
            yield value


def _filled(value: Json, functions: Sequence[Json]) -> Json:
    match value:
        case str():
            return _parts(value, functions)
        case Mapping():
            return {key: _filled(each, functions) for key, each in value.items()}
        case Sequence():
            return [_filled(each, functions) for each in value]
        case _:
            return value


def _parts(text: str, functions: Sequence[Json]) -> Json:
    parts: list[Json] = []
    start = 0
    for match in _PLACE.finditer(text):
        parts += [text[start : match.start()], functions[int(match[1])]]
        start = match.end()
    parts = [part for part in [*parts, text[start:]] if part != ""]
    if len(parts) == 1:
        return parts[0]
    return {"Fn::Join": ["", parts]} if parts else ""
