"""The picture of a workflow, from its steps as they were declared."""

from collections.abc import Mapping, Sequence

from zflow_constructs.core.picture.picture import Node, Picture
from zflow_constructs.core.picture.wording import listed, worded
from zflow_constructs.core.states.fragment import StepNode, every_node


def picture_of(name: str, steps: Sequence[StepNode], cleanup: Sequence[StepNode] = ()) -> Picture:
    """The picture of a workflow; what the steps compile to is not in it.

    Args:
        name: the workflow's name.
        steps: its steps.
        cleanup: the steps that run at its end, whether it succeeded or failed. Default: none
    """
    names = {step.key: step.name for step in every_node((*steps, *cleanup))}
    return Picture(name, _nodes(steps, names), _nodes(cleanup, names))


def _nodes(steps: Sequence[StepNode], names: Mapping[str, str]) -> tuple[Node, ...]:
    return tuple(_node(step, names) for step in steps)


def _node(step: StepNode, names: Mapping[str, str]) -> Node:
    return Node(
        step.name,
        # Of a loop, the picture says what it goes through.
        kind="" if step.repeated else step.kind,
        needs=tuple(names[key] for key in step.needs),
        after=tuple(names[key] for key in step.earlier if key not in step.needs),
        when="" if step.when is None else worded(step.when),
        optional=step.optional,
        group=_group(step),
        each=" and ".join(f"{loop.item} in {listed(loop.items)}" for loop in step.fragment.loops),
        body=_nodes(step.repeated, names),
    )


def _group(step: StepNode) -> tuple[str, ...]:
    """The groups around a step: a step `Train` of the group `Models` is named `Models Train`."""
    path = step.key.split("/")
    depth = next((depth for depth in range(len(path)) if " ".join(path[depth:]) == step.name), len(path) - 1)
    return tuple(path[depth:-1])
