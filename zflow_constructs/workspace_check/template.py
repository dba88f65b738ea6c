"""A stack's template, and the definitions of its state machines with CloudFormation's functions in their places."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from zflow_constructs.core.values.templates import Json

_PLACE = re.compile(r"\ue000(\d+)\ue001|\$\{(\w+)\}")


class UnreadableError(ValueError):
    """The template can't be read; the message says why."""


@dataclass(frozen=True)
class Template:
    """A stack's template.

    Args:
        stack: the stack's name in CloudFormation.
        account: its AWS account; empty if the app leaves it open.
        region: its AWS region; empty if the app leaves it open.
        content: the template as CloudFormation takes it.
    """

    stack: str
    account: str
    region: str
    content: Mapping[str, Json]

    def resources(self, kind: str) -> Iterator[tuple[str, Mapping[str, Json]]]:
        """The logical id and the resource of each resource of a type.

        Args:
            kind: such as `AWS::Lambda::Function`.
        """
        for name, resource in fields(self.content.get("Resources")).items():
            if fields(resource).get("Type") == kind:
                yield name, fields(resource)

    def resource(self, name: str) -> Mapping[str, Json]:
        """A resource; an empty one if there is none.

        Args:
            name: its logical id.
        """
        return fields(fields(self.content.get("Resources")).get(name))


def fields(value: Json) -> Mapping[str, Json]:
    """A JSON object; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def items(value: Json) -> Sequence[Json]:
    """A JSON array; an empty one for anything else."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else []


def definition(name: str, properties: Mapping[str, Json]) -> Json:
    """A state machine's definition.

    Where CloudFormation puts something into a string, the string becomes the function:
    `"s3://${Bucket}/x"` is `{"Fn::Join": ["", ["s3://", {"Ref": "Bucket"}, "/x"]]}`.

    Args:
        name: its logical id.
        properties: those of the resource.

    Raises:
        UnreadableError: the definition is no JSON.
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
        raise UnreadableError(
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
