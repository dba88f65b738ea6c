"""CloudFormation's functions as somebody reads them."""

import json
import re

from zflow_constructs.core.values.templates import Json

_HASH = re.compile(r"[0-9a-f]{64}")
_VARIABLE = re.compile(r"\$\{(?:AWS::)?([^}]+)\}")
_PSEUDO = {"Partition": "<partition>", "Region": "<region>", "AccountId": "<account>", "URLSuffix": "<suffix>"}


def readable(value: Json) -> str:
    """A value of a template in words: resources by their logical ids, what only AWS knows as `<region>`.

    The hash of an asset is `<hash>`: it is another one whenever the asset is.

    Args:
        value: a string or a function.

    Example:
        >>> readable({"Fn::Join": ["", [{"Fn::GetAtt": ["Lake", "Arn"]}, "/scores/*"]]})
        'Lake/scores/*'
    """
    return _HASH.sub("<hash>", _text(value))


def _text(value: Json) -> str:
    match value:
        case str():
            return value
        case {"Ref": str(name)}:
            return _named(name.removeprefix("AWS::"))
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return name if attribute == "Arn" else f"{name}.{attribute}"
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(_text(part) for part in parts)
        case _:
            return _looked_up(value)


def _looked_up(value: Json) -> str:
    match value:
        case {"Fn::Sub": str(text)}:
            return _VARIABLE.sub(lambda match: _named(match[1]), text)
        case {"Fn::FindInMap": [str(mapping), _, str(key)]}:
            return f"<{key} of {mapping}>"
        case {"Fn::ImportValue": str(name)}:
            return f"<{name}>"
        case _:
            return json.dumps(value)


def _named(name: str) -> str:
    return _PSEUDO.get(name, name)
