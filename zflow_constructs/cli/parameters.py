"""Run parameters from the command line."""

import json
from collections.abc import Mapping, Sequence
from typing import cast

from zflow_constructs.core.states.run_parameters import PARAMETERS_METADATA, RunParameters
from zflow_constructs.core.values.parameters import Kind, RunParameter
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.assembly import AssemblyError


def execution_input(
    machine: Mapping[str, object], given: Sequence[str], values: Mapping[str, object]
) -> Mapping[str, object]:
    """The input of the execution: the given parameters over those of the file.

    Args:
        machine: The resource of the state machine, which may declare the workflow's parameters.
        given: `name=value`, where the value is read as the parameter's type says: `3`, `true`, `de,fr`.
        values: The parameters of the input file.

    Raises:
        AssemblyError: A parameter isn't `name=value`, or the workflow can't run with them.
    """
    declared = declared_parameters(machine)
    merged = dict(values)
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise AssemblyError(f"--param {text!r} is not NAME=VALUE")
        merged[name] = _read(value, declared[name].kind) if name in declared else _json(value, value)
    complaint = RunParameters("", declared).complaint(merged) if declared else ""
    if complaint:
        raise AssemblyError(f"The workflow can't run with these parameters: {complaint}")
    return merged


def declared_parameters(machine: Mapping[str, object]) -> Mapping[str, RunParameter]:
    """The parameters that a workflow declares; none if it doesn't say.

    Args:
        machine: The resource of its state machine.
    """
    metadata = cast("Mapping[str, Mapping[str, Mapping[str, Json]]]", machine.get("Metadata", {}))
    declared = metadata.get(PARAMETERS_METADATA, {})
    return {name: RunParameter.from_metadata(parameter) for name, parameter in declared.items()}


def _read(text: str, kind: Kind) -> object:
    match kind:
        case "string" | "date":
            return text
        case "strings" if not text.startswith("["):
            return text.split(",") if text else []
        case "numbers" if not text.startswith("["):
            return _json(f"[{text}]", text)
        case _:
            return _json(text, text)


def _json(text: str, otherwise: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return otherwise
