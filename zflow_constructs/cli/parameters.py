"""Run parameters from the command line."""

import difflib
import json
from collections.abc import Mapping, Sequence

from zflow_constructs.local.assembly import AssemblyError

METADATA_KEY = "zflow:parameters"
"""The metadata of a state machine's resource that declares its parameters: name to default value."""


def execution_input(
    machine: Mapping[str, object], given: Sequence[str], values: Mapping[str, object]
) -> Mapping[str, object]:
    """The input of the execution: the given parameters over those of the file.

    Args:
        machine: The resource of the state machine, which may declare the workflow's parameters.
        given: `name=value`, where a value that is no JSON is a text.
        values: The parameters of the input file.

    Raises:
        AssemblyError: A parameter isn't `name=value`, or the workflow doesn't have it.
    """
    declared = declared_parameters(machine)
    merged = dict(values)
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise AssemblyError(f"--param {text!r} is not NAME=VALUE")
        merged[name] = value if isinstance(declared.get(name), str) else _value(value)
    for name in merged:
        if declared and name not in declared:
            close = difflib.get_close_matches(name, declared, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise AssemblyError(f"The workflow has no parameter {name!r}, but: {', '.join(sorted(declared))}.{hint}")
    return merged


def declared_parameters(machine: Mapping[str, object]) -> Mapping[str, object]:
    """The parameters that a workflow declares, with their defaults; none if it doesn't say.

    Args:
        machine: The resource of its state machine.
    """
    metadata = machine.get("Metadata", {})
    declared = metadata.get(METADATA_KEY, {}) if isinstance(metadata, Mapping) else {}
    return dict(declared) if isinstance(declared, Mapping) else {}


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
