"""What AWS bounds: the size of a definition and of a payload, and the length of an execution's history.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from zflow_constructs.core.states.asl import Map, Native, Task, states_in
from zflow_constructs.core.states.fragment import Loop, Part, StepNode
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Json

MOST_EVENTS = 25_000
_MOST_BYTES = 1_048_576
MOST_PAYLOAD_BYTES = 262_144
_CALL, _OTHER, _CONTAINER, _TURN = 5, 2, 4, 6
# An output is a number, or the address of an object in S3.
_LIKELY_BYTES = 100
_LOOK = _CALL + 2 * _OTHER
# What may be around a step: its guard, the branches it stands in, what it tells other branches.
_AROUND = 12


def events(step: StepNode) -> int:
    """How many events a step adds to the history of an execution, if nothing is retried.

    Args:
        step: the step.
    """
    return _AROUND + sum(_events(state) for state in step.fragment.states.values())


def most_events(step: StepNode) -> int:
    """How many events a step may add to the history of an execution, if it takes as long as it may.

    Args:
        step: the step.
    """
    looks = step.looks + sum(
        loop.most_items * inner.looks for loop in step.fragment.loops if not loop.distributed for inner in loop.steps
    )
    return events(step) + _LOOK * looks


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


def check_history(workflow: str, steps: Sequence[StepNode]) -> list[str]:
    """Checks that an execution's history will not grow too long, which fails it.

    Args:
        workflow: the workflow's name.
        steps: its steps.

    Returns:
        Warnings: steps that could make it too long alone, if they take as long as they may.

    Raises:
        WorkflowError: it would be too long even if all goes well.
    """
    if (total := sum(map(events, steps))) > MOST_EVENTS:
        largest = max(steps, key=events)
        remedy = (
            "Give it a max_concurrency above 40: each of its iterations has a history of its own then."
            if largest.repeated
            else "Move steps into a workflow of their own, and run that as a WorkflowStep: it has a history of its own."
        )
        raise WorkflowError(
            f'MlWorkflow "{workflow}": an execution adds about {total} events to its history, and Step Functions ends '
            f'it at {MOST_EVENTS}. Step "{largest.name}" alone adds {events(largest)}. {remedy}'
        )
    return [
        f'Step "{step.name}" may add {most_events(step)} events to the history of an execution, if it takes as long as '
        f"it may, and Step Functions ends an execution at {MOST_EVENTS}. Give it a shorter timeout, or a history of "
        "its own: separate_history=True of a DatabricksJobStep, or a WorkflowStep."
        for step in steps
        if most_events(step) > MOST_EVENTS
    ]


def check_payloads(steps: Sequence[StepNode]) -> list[str]:
    """Checks that what loops put out is likely to fit into a payload.

    Args:
        steps: the workflow's steps.

    Returns:
        Warnings: loops whose iterations may put out too much together.
    """
    warnings = []
    for step in steps:
        for loop in step.fragment.loops:
            size = loop.most_items * (1 + len(loop.outputs)) * _LIKELY_BYTES
            if size > MOST_PAYLOAD_BYTES:
                warnings.append(
                    f'Step "{step.name}" may have {loop.most_items} iterations of {len(loop.outputs)} outputs, about '
                    f"{size} bytes, and Step Functions takes {MOST_PAYLOAD_BYTES}. Lower most_items, or let the "
                    "iterations write their results to S3, and put out less."
                )
        warnings += check_payloads(step.repeated)
    return warnings


def _events(state: Part) -> int:
    match state:
        case Task(resource=resource):
            return _CALL + (".sync" in resource or resource.endswith(".waitForTaskToken"))
        case Loop() if state.distributed:
            return _CONTAINER
        case Loop():
            return _CONTAINER + state.most_items * (_TURN + sum(events(step) for step in state.steps))
        case Map():
            return _CONTAINER
        case Native():
            return _CONTAINER + _CALL * len(list(states_in({"States": {"": state.definition}})))
        case _:
            return _OTHER


def _steps(definition: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """The states that hold no others."""
    return ((name, state) for name, state in states_in(definition) if not {"Branches", "ItemProcessor"} & state.keys())


def _size(value: Json) -> int:
    return len(json.dumps(value).encode())
