"""The names in a state machine: a state's is used once in all of it, a variable's once wherever it can be read.

https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count

from zflow_constructs.core.states.asl import Map, Native, State, states_in, states_inside
from zflow_constructs.core.states.fragment import Fragment, StepNode
from zflow_constructs.core.states.loops import item_variable, run_key
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.references import PARAMETERS_VARIABLE
from zflow_constructs.core.values.templates import Json

# fmt: off
FUNCTIONS = frozenset((
    "abs", "append", "assert", "average", "base64decode", "base64encode", "boolean", "ceil", "clone",
    "contains", "count", "decodeUrl", "decodeUrlComponent", "distinct", "each", "encodeUrl",
    "encodeUrlComponent", "error", "exists", "filter", "floor", "formatBase", "formatInteger",
    "formatNumber", "fromMillis", "hash", "join", "keys", "length", "lookup", "lowercase", "map", "match",
    "max", "merge", "millis", "min", "not", "now", "number", "pad", "parse", "parseInteger", "partition",
    "power", "random", "range", "reduce", "replace", "reverse", "round", "shuffle", "sift", "single", "sort",
    "split", "spread", "sqrt", "string", "substring", "substringAfter", "substringBefore", "sum", "toMillis",
    "trim", "type", "uppercase", "uuid", "zip",
))
# fmt: on
"""What JSONata calls its functions: a variable of that name hides one."""
RUN_KEY = "run_key"
"""The variable under whose value the branches of a run meet."""
_WORKFLOW = ""
_LONGEST = 80


class Names:
    """Which step uses which name.

    Args:
        start: the workflow's own states, before all steps.
    """

    def __init__(self, start: Mapping[str, State]) -> None:
        self._states = dict.fromkeys(start, _WORKFLOW)
        assigned = Fragment(start, result="").variables
        self._variables = dict.fromkeys(["states", PARAMETERS_VARIABLE, RUN_KEY, *sorted(assigned)], _WORKFLOW)

    def claim(self, step: StepNode) -> None:
        """Takes the names of a step.

        Args:
            step: the step.

        Raises:
            WorkflowError: a name is taken already, or is a function of JSONata.
        """
        key, name, fragment = step.key, step.name, step.fragment
        inner = [state for state, _ in _inside(fragment)]
        around = [state for loop in fragment.loops for state in (loop.start, loop.results)]
        generated = (step.guard, step.skipped, step.failed, step.done, step.results)
        for state in (*fragment.states, *inner, *around, *generated):
            if self._states.get(state) == key:
                raise WorkflowError(f'Step "{name}": two of its states have the name "{state}". Rename one of them.')
            _take(self._states, state, key, name)
        of_turns = [variable for loop in fragment.loops for variable in (item_variable(loop), run_key(loop))]
        for variable in sorted({fragment.result, *fragment.variables, *of_turns}):
            if variable in FUNCTIONS:
                raise WorkflowError(
                    f'Step "{name}": its variable would hide JSONata\'s function ${variable}. '
                    f'Rename the step, for example "{variable.capitalize()}".'
                )
            _take(self._variables, variable, key, name)

    def check_inside(self, name: str, fragment: Fragment) -> None:
        """Checks the variables of a native chain, once all steps have theirs: the chain can't assign one of them.

        Args:
            name: the step's id.
            fragment: its states.

        Raises:
            WorkflowError: the chain assigns a variable that a step assigns.
        """
        for state, definition in _inside(fragment):
            assigned = definition.get("Assign")
            for variable in sorted(assigned) if isinstance(assigned, Mapping) else ():
                if variable in self._variables:
                    raise WorkflowError(
                        f'Step "{name}": its state "{state}" assigns the variable "{variable}", which the workflow '
                        "around it uses. Rename the variable."
                    )

    def parallel(self, first: Iterable[str]) -> tuple[str, str]:
        """The name of a Parallel state, such as `Train, Audit in parallel`, and that of its variable.

        Args:
            first: the steps with which its branches start.
        """
        return self.state(f"{_shortened(list(first))} in parallel")

    def state(self, title: str) -> tuple[str, str]:
        """A state's name that no other one has, and a variable's: `Deploy waits for Report`, `Deploy_waits_for_Report`.

        Args:
            title: what the state does. Where it is too long for AWS or taken, it is cut or numbered.
        """
        for number in count(1):
            ending = "" if number == 1 else f" {number}"
            name = title if len(title + ending) <= _LONGEST else f"{title[: _LONGEST - 3 - len(ending)]}..."
            name += ending
            variable = re.sub(r"\W+", "_", name)
            if name not in self._states and variable not in self._variables:
                break
        self._states[name] = self._variables[variable] = _WORKFLOW
        return name, variable


def _take(taken: dict[str, str], name: str, key: str, step: str) -> None:
    owner = taken.setdefault(name, key)
    if owner == _WORKFLOW:
        raise WorkflowError(f'Step "{step}": the workflow itself uses the name "{name}". Rename the step.')
    if owner != key:
        raise WorkflowError(
            f'Two steps, {owner} and {key}, both use the name "{name}" in the state machine. '
            "Rename one of them: ids must differ in more than spaces and hyphens."
        )


def _shortened(names: list[str]) -> str:
    """As many names as fit, so that the state's name stays below AWS's 80 characters."""
    title = names[0]
    for name in names[1:]:
        if len(title) + len(name) > 54:
            return f"{title}, ..."
        title += f", {name}"
    return title


def _inside(fragment: Fragment) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """The states inside the native ones and the small loops of a step, with their names."""
    for state in fragment.states.values():
        match state:
            case Native(definition):
                yield from states_inside(definition)
            case Map(_, processor):
                yield from states_in(processor)
