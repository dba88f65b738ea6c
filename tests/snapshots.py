"""Templates as they were recorded. `pytest --update-snapshots` records a wanted change, which is reviewed as a diff."""

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.asl import MACHINE, fields, kind
from zflow_constructs.core.values.templates import Json

_HASH = re.compile(r"[0-9a-f]{64}")
_SHOWN_LINES = 60


def masked(text: str) -> str:
    """A text without the hashes of assets."""
    return _HASH.sub("<hash>", text)


@dataclass(frozen=True)
class Snapshots:
    """The recorded templates beside a test module, in its `snapshots/`.

    The hashes of assets are masked, so that a script may change; a state machine's definition is recorded as JSON
    rather than as the text that CloudFormation joins, so that its diff can be read.
    """

    folder: Path
    renewed: bool

    def check(self, name: str, template: Mapping[str, Json]) -> None:
        """Fail if a template is not as recorded."""
        recorded = self.folder / f"{name}.template.json"
        text = masked(json.dumps(_readable(template), indent=1, sort_keys=True)) + "\n"
        if self.renewed:
            self.folder.mkdir(exist_ok=True)
            recorded.write_text(text)
        assert recorded.is_file(), f"{recorded.name} is not recorded yet: pytest --update-snapshots"
        before = recorded.read_text()
        changes = list(
            difflib.unified_diff(before.splitlines(), text.splitlines(), "recorded", "now", lineterm="", n=2)
        )
        assert not changes, "\n".join(
            [f"{recorded.name} has changed. If it should have: pytest --update-snapshots", *changes[:_SHOWN_LINES]]
        )


def _readable(template: Mapping[str, Json]) -> dict[str, Json]:
    resources = {name: _readable_resource(resource) for name, resource in fields(template["Resources"]).items()}
    return {**template, "Resources": resources}


def _readable_resource(resource: Json) -> Json:
    if kind(resource) != MACHINE:
        return resource
    properties = dict(fields(fields(resource)["Properties"]))
    properties["Definition"] = json.loads(_placeholders(properties.pop("DefinitionString")))
    return {**fields(resource), "Properties": properties}


def _placeholders(value: Json) -> str:
    """CloudFormation's functions in a text, written `${Role.Arn}`."""
    match value:
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(_placeholders(part) for part in parts)
        case {"Fn::GetAtt": list(parts)} | {"Fn::FindInMap": list(parts)}:
            return f"${{{'.'.join(_placeholders(part) for part in parts)}}}"
        case {"Fn::Sub": str(text)} | str(text):
            return text
    raise AssertionError(f"a definition holds {value}")
