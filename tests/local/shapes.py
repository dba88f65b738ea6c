"""Workflows of any shape, compiled, whose steps call the function of `assemblies`."""

from collections.abc import Mapping, Sequence

from tests.local.aws.rendezvous import TABLE
from zflow_constructs.core.compiler import compile_workflow
from zflow_constructs.core.states.asl import Task
from zflow_constructs.core.states.fragment import Fragment, Loop, StepNode
from zflow_constructs.core.values.expressions import Condition, Jsonata
from zflow_constructs.core.values.references import StepOutput
from zflow_constructs.core.values.templates import Json, Scope, Template

MORE: Mapping[str, object] = {"Table": TABLE}
"""The resources of an assembly whose branches meet."""


def step(
    name: str,
    *,
    uses: Sequence[str] = (),
    do: Template = "",
    when: Condition | None = None,
    optional: bool = False,
) -> StepNode:
    """A step that calls the function: its result `n` is one more than what it uses first, or than 0."""
    given: Template = StepOutput(uses[0], uses[0], ("n",)) if uses else 0
    payload: Mapping[str, Template] = {"do": do, "n": given, "used": [StepOutput(key, key, ("n",)) for key in uses]}
    task = Task(
        "arn:aws:states:::lambda:invoke",
        {"FunctionName": "${Function}", "Payload": payload},
        60,
        assign={name: {"n": Jsonata("$states.result.Payload.n")}},
    )
    return StepNode(name, name, Fragment({name: task}, result=name), when=when, optional=optional)


def loop(
    name: str, items: Sequence[Template], *steps: StepNode, distributed: bool = False, tolerated: int = 0
) -> StepNode:
    """A step that repeats others for each item."""
    repeated = Loop(
        name=name,
        items=list(items),
        item="item",
        steps=steps,
        outputs={},
        max_concurrency=40,
        distributed=distributed,
        most_items=len(items),
        tolerated_failure_percentage=tolerated,
        assign={name: {"results": Jsonata("[$states.result]")}},
    )
    return StepNode(name, name, Fragment({name: repeated}, result=name))


def machine_of(*steps: StepNode) -> Mapping[str, Json]:
    """The machine of a workflow of these steps."""
    return compile_workflow(
        steps, start={}, scope=Scope(), version="1.0", timeout_seconds=120, table=lambda: "rendezvous"
    )
