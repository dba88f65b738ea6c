"""What the steps of a loop see: the current item, and the variables around the loop.

The iterations of an inline loop are branches of the execution, and read its variables. Those of a distributed one are
executions of their own, which can't: what they need is handed to them with the item.
https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

from collections import ChainMap
from dataclasses import replace

from zflow_constructs.core.states.fragment import Loop, every_node, identifier
from zflow_constructs.core.states.outcome import Outcome
from zflow_constructs.core.states.run_variables import RunVariables
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.fields import fields_read
from zflow_constructs.core.values.references import Parameter
from zflow_constructs.core.values.templates import Scope, Template, parts_of

Selector = dict[str, Template]
_ITEM: Selector = {
    "index": Jsonata("$states.context.Map.Item.Index"),
    "value": Jsonata("$states.context.Map.Item.Value"),
}


def item_variable(loop: Loop) -> str:
    """The variable of an iteration that holds its item, and what is handed to it: `PerCountry_item`."""
    return f"{identifier(loop.name)}_item"


def run_variables(loop: Loop) -> RunVariables:
    """The variables by which the branches of an iteration meet: `PerCountry_run_key`, `PerCountry_run_expiry`."""
    prefix = identifier(loop.name)
    return RunVariables(f"{prefix}_run_key", f"{prefix}_run_expiry")


def entered(loop: Loop, scope: Scope) -> tuple[Scope, Selector]:
    """The scope inside a loop, and what each iteration is given.

    `{"index": "{% $states.context.Map.Item.Index %}", "value": "{% $states.context.Map.Item.Value %}"}`

    Args:
        loop: the loop.
        scope: the scope around it.
    """
    item = f"${item_variable(loop)}"
    outer, handed = _handed(loop, scope, f"{item}.outer") if loop.distributed else (scope, {})
    inside = replace(
        outer,
        items={**outer.items, loop.item: f"{item}.value"},
        listed={**outer.listed, **({loop.item: loop.items} if isinstance(loop.items, list | tuple) else {})},
        iterations={**outer.iterations, loop.name: f"{item}.index"},
        levels={**outer.levels, **{step.key: len(outer.iterations) + 1 for step in loop.steps}},
    )
    return inside, {**_ITEM, **handed}


def _handed(loop: Loop, scope: Scope, outer: str) -> tuple[Scope, Selector]:
    """What an iteration that is an execution of its own is given of the scope around it, and how it reads that."""
    inside = {step.key for step in every_node(loop.steps)}
    # Not the loop's own list: its iterations don't need all of it.
    templates = [loop.outputs, *(template for step in loop.steps for template in step.templates())]
    parts = [part for template in templates for part in parts_of(template)]
    read = {key: fields for key, fields in fields_read(templates).items() if key not in inside}
    names = {key: f"result{number}" for number, key in enumerate(read)}
    given: Selector = {
        "execution": Jsonata(scope.execution),
        "run_location": Jsonata(scope.run_location),
        "iterations": [Jsonata(iteration) for iteration in scope.iterations.values()],
        "items": {name: Jsonata(item) for name, item in scope.items.items()},
        "results": {name: read[key].of_nullable(Jsonata(scope.results[key])) for key, name in names.items()},
        **({"parameters": Jsonata(scope.parameters)} if any(isinstance(part, Parameter) for part in parts) else {}),
        **({"outcome": Jsonata(scope.outcome)} if any(isinstance(part, Outcome) for part in parts) else {}),
    }
    seen = replace(
        scope,
        execution=f"{outer}.execution",
        run_location=f"{outer}.run_location",
        iterations={name: f"{outer}.iterations[{number}]" for number, name in enumerate(scope.iterations)},
        items={name: f"{outer}.items.{name}" for name in scope.items},
        results=ChainMap({key: f"{outer}.results.{name}" for key, name in names.items()}),
        parameters=f"{outer}.parameters",
        outcome=f"{outer}.outcome",
    )
    return seen, {"outer": given}
