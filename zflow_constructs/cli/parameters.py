"""Run parameters from the command line."""

import json
from collections.abc import Mapping, Sequence

from zflow_constructs.assembly.input_error import InputError
from zflow_constructs.core.states.run_parameters import RunParameters
from zflow_constructs.core.values.parameters import Kind, RunParameter


def execution_input(
    declared: Mapping[str, RunParameter], given: Sequence[str], values: Mapping[str, object]
) -> Mapping[str, object]:
    """Make the input of the execution: the given parameters over those of the file.

    Args:
        declared: The parameters that the workflow declares; none if it takes any.
        given: `name=value`, where the value is read as the parameter's type says: `3`, `true`, `de,fr`.
        values: The parameters of the input file.

    Raises:
        InputError: A parameter isn't `name=value`, or the workflow can't run with them.
    """
    merged = dict(values)
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(f"--param {text!r} is not NAME=VALUE")
        merged[name] = _read(value, declared[name].kind) if name in declared else _json(value, value)
    complaint = RunParameters("", declared).complaint(merged) if declared else ""
    if complaint:
        raise InputError(f"The workflow can't run with these parameters: {complaint}")
    return merged


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
