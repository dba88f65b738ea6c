"""What AWS bounds: the size of a definition and of a payload.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

import json
from collections.abc import Iterator, Mapping

from zflow_constructs.core.states.asl import states_in
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Json

_MOST_BYTES = 1_048_576
MOST_PAYLOAD_BYTES = 262_144


def check_definition(workflow: str, definition: Mapping[str, Json]) -> None:
    """Checks that AWS will take a definition.

    Args:
        workflow: the workflow's name.
        definition: the state machine.

    Raises:
        WorkflowError: it is too large, or what a state hands over is.
    """
    for name, state in states_in(definition):
        if (size := _size(state.get("Arguments"))) > MOST_PAYLOAD_BYTES:
            raise WorkflowError(
                f'MlWorkflow "{workflow}": state "{name}" hands over {size} bytes, and Step Functions takes '
                f"{MOST_PAYLOAD_BYTES}. Put what is large into S3, and hand over where it is."
            )
    size = _size(definition)
    if size > _MOST_BYTES:
        sizes = {name: _size(state) for name, state in _steps(definition)}
        largest = ", ".join(f'"{name}" ({sizes[name]})' for name in sorted(sizes, key=lambda n: -sizes[n])[:3])
        raise WorkflowError(
            f'MlWorkflow "{workflow}": its definition has {size} bytes, and Step Functions takes {_MOST_BYTES}. '
            f"The largest states: {largest}. Move some of its {len(sizes)} states into a workflow of their own, and "
            "run that as a WorkflowStep."
        )


def _steps(definition: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """The states that hold no others."""
    return ((name, state) for name, state in states_in(definition) if not {"Branches", "ItemProcessor"} & state.keys())


def _size(value: Json) -> int:
    """How many bytes it has as the CDK and Step Functions write it: without blanks, in UTF-8."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
