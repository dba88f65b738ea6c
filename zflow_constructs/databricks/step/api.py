"""Requests held against Databricks' own description of its Jobs API."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, TypedDict

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Template
from zflow_constructs.requests.shapes import Reference, Shape, problems

_API = Path(__file__).parent / "api.json"
_PAGES = {"SubmitRun": "submit", "RunNow": "runnow"}


class _Operation(TypedDict):
    input: Reference


class _Model(TypedDict):
    operations: Mapping[str, _Operation]
    shapes: Mapping[str, Shape]


def validate(step: str, operation: Literal["RunNow", "SubmitRun"], request: Mapping[str, Template]) -> None:
    """Checks a request before it is deployed: its fields, their types, the required ones, allowed values.

    Args:
        step: the step's id, for the message.
        operation: the call.
        request: its body.

    Raises:
        WorkflowError: Databricks would refuse the request. The message lists every problem.
    """
    model = _model()
    found = list(problems(request, model["operations"][operation]["input"]["shape"], "", model["shapes"]))
    if found:
        lines = "".join(f"\n  {problem}" for problem in found)
        raise WorkflowError(
            f'Step "{step}": Databricks would refuse this request.{lines}\n'
            f"Put it right, or see https://docs.databricks.com/api/workspace/jobs/{_PAGES[operation]}"
        )


@cache
def _model() -> _Model:
    model: _Model = json.loads(_API.read_text(encoding="utf-8"))
    return model
