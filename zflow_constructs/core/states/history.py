"""How many events an execution adds to its history, which AWS bounds.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil

from zflow_constructs.core.states.asl import Map, Native, Task, states_in
from zflow_constructs.core.states.fragment import Loop, Part, StepNode, every_node
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Json

MOST_EVENTS = 25_000
_CALL, _OTHER, _CONTAINER, _TURN = 5, 2, 4, 6
_LOOK = _CALL + 2 * _OTHER
# What may be around a step: its guard, the branches it stands in, what it tells other branches.
_AROUND = 12
# An iteration's own, beside the states in it.
_ITERATION = 2
_WAIT = "dynamodb:updateItem.waitForTaskToken"
# Who waits at the table is an item of the loop that wakes it, too.
_WAKE = _ITERATION + _CALL
EVENTS_OF_A_LOOK = 4
"""Of a step at the item of another: scheduled, started, submitted, timed out."""


def events(step: StepNode) -> int:
    """How many events a step adds to the history of an execution, if nothing is retried.

    Args:
        step: The step.
    """
    return _AROUND + sum(_events(state) for state in step.fragment.states.values())


def most_events(step: StepNode) -> int:
    """How many events a step may add to the history of an execution, if it takes as long as it may.

    Args:
        step: The step.
    """
    return events(step) + _LOOK * _looks(step)


def check_history(workflow: str, definition: Mapping[str, Json], steps: Sequence[StepNode]) -> list[str]:
    """Check that an execution's history will not grow too long, which fails it.

    Args:
        workflow: The workflow's name.
        definition: Its state machine.
        steps: Its steps.

    Returns:
        Warnings: what could make it too long, if it takes as long as it may: a step's looks at what it waits for, or
        the branches that wait for each other, which look again from time to time.

    Raises:
        WorkflowError: It would be too long even if all goes well.
    """
    items = {loop.name: loop.most_items for step in every_node(steps) for loop in step.fragment.loops}
    entered = list(_states(definition, items))
    total = sum(times * _added(state, turns) for state, times, turns in entered)
    looks = sum(times * _looks_at_the_table(state, definition["TimeoutSeconds"]) for state, times, _ in entered)
    again = EVENTS_OF_A_LOOK * looks
    if total > MOST_EVENTS:
        largest = max(steps, key=events)
        remedy = (
            "Give it a max_concurrency above 40: each of its iterations has a history of its own then."
            if largest.repeated
            else "Move steps into a workflow of their own, and run that as a WorkflowStep: it has a history of its own."
        )
        raise WorkflowError(
            f'MlWorkflow "{workflow}": an execution adds about {total} events to its history, and Step Functions ends '
            f'it at {MOST_EVENTS}. Step "{largest.name}" alone adds up to {events(largest)}. {remedy}'
        )
    if total + again > MOST_EVENTS:
        warning = (
            f'MlWorkflow "{workflow}": an execution adds about {total} events to its history, and its branches that '
            f"wait for steps of others may add {again}, if it takes as long as it may. Step Functions ends it at "
            f"{MOST_EVENTS}. Move steps into a workflow of their own, and run that as a WorkflowStep: it has a history "
            "of its own."
        )
        return [warning]
    return [
        f'Step "{step.name}" may add {_LOOK * _looks(step)} events to the history of an execution by its looks at what '
        f"it waits for, if it takes as long as it may, beside {total + again} of all else, and Step Functions ends an "
        f"execution at {MOST_EVENTS}. Give it a shorter timeout, or a history of its own: separate_history=True of a "
        "DatabricksJobStep, or a WorkflowStep."
        for step in steps
        if total + again + _LOOK * _looks(step) > MOST_EVENTS
    ]


def _looks(step: StepNode) -> int:
    """How often a step may look at what it waits for, those that it repeats included."""
    inside = (
        loop.most_items * inner.looks for loop in step.fragment.loops if not loop.distributed for inner in loop.steps
    )
    return step.looks + sum(inside)


def _events(state: Part) -> int:
    match state:
        case Task(resource=resource):
            return _call(resource)
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


def _states(scope: Json, items: Mapping[str, int], times: int = 1) -> Iterator[tuple[Mapping[str, Json], int, int]]:
    """Every state that adds to an execution's history, with how often it is entered, and the items it has each time.

    Args:
        scope: A machine, a branch or a loop's processor.
        items: How many items each loop has, at most.
        times: How often the scope is entered. Default: once
    """
    match scope:
        case {"States": Mapping() as states}:
            for name, state in states.items():
                match state:
                    case {"ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED"}}}:
                        yield state, times, 0
                    case {"ItemProcessor": processor}:
                        turns = items.get(name, 1)
                        yield state, times, turns
                        yield from _states(processor, items, times * turns)
                    case {"Branches": list(branches)}:
                        yield state, times, 0
                        for branch in branches:
                            yield from _states(branch, items, times)
                    case Mapping():
                        yield state, times, 0


def _added(state: Mapping[str, Json], turns: int) -> int:
    match state:
        case {"Type": "Task", "Resource": str(resource)}:
            return _call(resource) + (_WAKE if resource.endswith(_WAIT) else 0)
        case {"Type": "Parallel" | "Map"}:
            return _CONTAINER + _ITERATION * turns
        case _:
            return _OTHER


def _looks_at_the_table(state: Mapping[str, Json], timeout: Json) -> int:
    """How often a state looks again whether the step that it waits for has ended, until the execution times out."""
    match state, timeout:
        case {"Resource": str(resource), "TimeoutSeconds": int(seconds)}, int() if resource.endswith(_WAIT):
            return ceil(timeout / seconds) - 1
        case _:
            return 0


def _call(resource: str) -> int:
    return _CALL + (".sync" in resource or resource.endswith(".waitForTaskToken"))
