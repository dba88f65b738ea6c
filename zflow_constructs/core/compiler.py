"""The steps as one state machine: what the compiler is called for, and its stages.

First the steps' names are claimed, so that what the compiler adds gets one that no step has. Then the steps of the top
level are arranged and rendered (`level`), those of loops with the loop's own state. Last, the legend says in the
definition itself what each state is for.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from zflow_constructs.core.level import Level, Setting
from zflow_constructs.core.rendezvous.arrangement import Join
from zflow_constructs.core.states.asl import State
from zflow_constructs.core.states.availability import or_null
from zflow_constructs.core.states.fragment import StepNode, every_node
from zflow_constructs.core.states.legend import Legend, StatePlace, StateRole
from zflow_constructs.core.states.names import Names
from zflow_constructs.core.states.run_variables import RUN
from zflow_constructs.core.values.templates import Json, Scope, Template


def _no_table() -> str:
    raise AssertionError("these steps meet at a table, and there is none")


def compile_workflow(
    steps: Sequence[StepNode],
    *,
    start: Mapping[str, State],
    scope: Scope,
    timeout_seconds: int,
    version: str,
    outputs: Mapping[str, Template] | None = None,
    table: Callable[[], str] = _no_table,
    join: Join = "rendezvous",
) -> dict[str, Json]:
    """Compile the steps into a state machine in Amazon States Language.

    Args:
        steps: The steps; each need of theirs is among them.
        start: States that come before all steps; their `EXIT` leads to the first step.
        scope: The workflow's name and the S3 location of a run.
        timeout_seconds: The longest that an execution may take.
        version: The version of zflow_constructs.
        outputs: What the execution outputs. Default: the results of the steps that nothing comes after
        table: Gives the name of the DynamoDB table where branches meet that nesting can't join; called only if any
            do. Default: there must be none
        join: `barrier`: without such a table, at the price that steps wait for others that they don't need.
            Default: `rendezvous`

    Returns:
        `{"Comment": "{...}", "QueryLanguage": "JSONata", "TimeoutSeconds": 86400, "StartAt": "Train", "States": {...}}`

    Raises:
        WorkflowError: The steps need each other in a circle, or two names collide.
    """
    every = list(every_node(steps))
    names = Names(every, start)
    given = {name: or_null(output) for name, output in (outputs or {}).items()}
    level = Level(steps, scope, Setting(names, timeout_seconds, cache(table), join), RUN, given or None)
    before = level.before()
    body = {
        "States": {
            **before,
            **(
                level.ending_in(names.state("Outputs", StatePlace(StateRole.WORKFLOW)), given)
                if given
                else level.states()
            ),
        }
    }
    loops = {inner.name: step.name for step in every for inner in step.repeated}
    return {
        "Comment": Legend(version, names.places, loops).comment(body),
        "QueryLanguage": "JSONata",
        "TimeoutSeconds": timeout_seconds,
        "StartAt": next(iter(before), level.start),
        **body,
    }
