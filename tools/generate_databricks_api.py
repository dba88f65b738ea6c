"""Writes zflow_constructs/databricks/step/api.json: the requests of the Jobs API, as `databricks-sdk` describes them.

Run it when Databricks has added fields, with the newest `databricks-sdk` installed:

    python tools/generate_databricks_api.py

The requests are written in the form of botocore's service models, so that both kinds are checked alike. What is Azure's
or Google's alone is left out.
"""

import inspect
import json
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeAlias, Union

from databricks.sdk.service import catalog, compute, jobs

API = Path(__file__).parent.parent / "zflow_constructs" / "databricks" / "step" / "api.json"
OPERATIONS: Mapping[str, Callable[..., object]] = {"SubmitRun": jobs.JobsAPI.submit, "RunNow": jobs.JobsAPI.run_now}
SCALARS = {str: "string", int: "long", float: "double", bool: "boolean"}
ELSEWHERE = re.compile("azure|gcp|abfss|gcs|adlsgen2")
Shapes: TypeAlias = dict[str, Any]  # The form is botocore's own.
Type: TypeAlias = Any  # As annotations name types: generic ones are none to a type checker.


def described() -> Shapes:
    """The model: operations, and the shapes of all that their requests may hold."""
    shapes: Shapes = {}
    operations = {}
    for name, call in OPERATIONS.items():
        hints = typing.get_type_hints(call, localns={"compute": compute, "catalog": catalog})
        parameters = inspect.signature(call).parameters.values()
        known = {each.name: hints[each.name] for each in parameters if each.name != "self"}
        required = [each.name for each in parameters if each.name in known and each.default is inspect.Parameter.empty]
        shapes[f"{name}Request"] = structure(known, required, shapes)
        operations[name] = {"input": {"shape": f"{name}Request"}}
    return {"operations": operations, "shapes": dict(sorted(shapes.items()))}


def structure(members: dict[str, Type], required: list[str], shapes: Shapes) -> Shapes:
    """An object with these fields."""
    named = {name: {"shape": shape(kind, shapes)} for name, kind in members.items() if not ELSEWHERE.search(name)}
    return {"type": "structure", **({"required": required} if required else {}), "members": named}


def shape(kind: Type, shapes: Shapes) -> str:
    """The name of a type's shape, which is there afterwards."""
    origin: object = typing.get_origin(kind)
    inner = [each for each in typing.get_args(kind) if each is not type(None)]
    if origin is Union:
        return shape(inner[0], shapes)
    if origin is list:
        member = shape(inner[0], shapes)
        shapes[f"{member}List"] = {"type": "list", "member": {"shape": member}}
        return f"{member}List"
    if origin is dict:
        key, value = (shape(each, shapes) for each in inner)
        shapes[f"{value}Map"] = {"type": "map", "key": {"shape": key}, "value": {"shape": value}}
        return f"{value}Map"
    name = str(kind.__name__)
    if kind in SCALARS:
        shapes[name] = {"type": SCALARS[kind]}
    elif isinstance(kind, type) and issubclass(kind, Enum):
        shapes[name] = {"type": "string", "enum": [str(member.value) for member in kind]}
    elif is_dataclass(kind) and name not in shapes:
        shapes[name] = {}  # It may hold itself.
        hints = typing.get_type_hints(kind, localns={"compute": compute, "catalog": catalog})
        required = [each.name for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING]
        shapes[name] = structure({each.name: hints[each.name] for each in fields(kind)}, required, shapes)
    return name


if __name__ == "__main__":
    API.write_text(json.dumps(described(), indent=1) + "\n", encoding="utf-8")
