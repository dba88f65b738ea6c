"""The names in a state machine: a state's is used once in all of it, a variable's once wherever it can be read.

Steps name their own states and variables. What the compiler adds gets a name that no step has: it says what the state
does, and is numbered where it is taken. What each state is for is kept beside its name (`legend`).

https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple
from itertools import count

from zflow_constructs.core.states.asl import Map, Native, State, states_in, states_inside
from zflow_constructs.core.states.fragment import Fragment, Part, StepNode, retarget
from zflow_constructs.core.states.legend import StatePlace, StateRole
from zflow_constructs.core.states.loops import item_variable, run_variables
from zflow_constructs.core.states.run_variables import RUN
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.references import PARAMETERS_VARIABLE
from zflow_constructs.core.values.templates import Json

_LONGEST = 80


class Names:
    """Which step uses which name, and what each state is for.

    Args:
        steps: All steps of the machine, those of loops included.
        start: The workflow's own states, before all steps.

    Raises:
        WorkflowError: Two steps use the same name.
    """

    def __init__(self, steps: Iterable[StepNode], start: Mapping[str, State]) -> None:
        self._places: dict[str, StatePlace] = {}
        self._owners: dict[str, str | None] = {}
        assigned = Fragment(start, result="").variables
        self._variables: dict[str, str | None] = dict.fromkeys(
            ["states", PARAMETERS_VARIABLE, *astuple(RUN), *sorted(assigned)]
        )
        self._inside: set[str] = set()
        every = list(steps)
        for step in every:
            self._claim(step)
        for step in every:
            self._check_inside(step.name, step.fragment)
        named = {name: self.state(name, StatePlace(StateRole.WORKFLOW)) for name in start}
        self._start = {named[name]: retarget(state, named) for name, state in start.items()}

    @property
    def start(self) -> Mapping[str, Part]:
        """The workflow's own states, by names that no step has."""
        return self._start

    @property
    def places(self) -> Mapping[str, StatePlace]:
        """What each state is for, by name."""
        return self._places

    def parallel(self, first: Iterable[str]) -> tuple[str, str]:
        """The name of a Parallel state, such as `Train, Audit in parallel`, and that of its variable.

        Args:
            first: The steps with which its branches start.
        """
        title = f"{_shortened(list(first))} in parallel"
        return self.state(title, StatePlace(StateRole.FORK)), self.variable(title)

    def state(self, title: str, place: StatePlace) -> str:
        """A name that no other state has: `Deploy waits for Report`.

        Args:
            title: What the state does. Where it is too long for AWS, or taken, it is cut or numbered.
            place: What the state is for.
        """
        name = next(name for name in _numbered(title) if name not in self._places)
        self._places[name] = place
        return name

    def variable(self, title: str) -> str:
        """A name that no other variable has: `Deploy_waits_for_Report`.

        Args:
            title: What the variable is for. Where it is too long for AWS, or taken, it is cut or numbered.
        """
        names = (re.sub(r"\W+", "_", name) for name in _numbered(title))
        variable = next(name for name in names if name not in {*self._variables, *self._inside})
        self._variables[variable] = None
        return variable

    def _claim(self, step: StepNode) -> None:
        """Take the names that a step uses itself."""
        for state in (*step.fragment.states, *(name for name, _ in _inside(step.fragment))):
            if self._owners.get(state) == step.key:
                raise WorkflowError(
                    f'Step "{step.name}": two of its states have the name "{state}". Rename one of them.'
                )
            _take(self._owners, state, step)
            self._places[state] = StatePlace(step.fragment.roles.get(state, StateRole.WORK), step.name)
        loops = step.fragment.loops
        of_items = [variable for loop in loops for variable in (item_variable(loop), *astuple(run_variables(loop)))]
        for variable in sorted({step.fragment.result, *step.fragment.variables, *of_items}):
            _take(self._variables, variable, step)

    def _check_inside(self, name: str, fragment: Fragment) -> None:
        """Check the variables of a native chain, once all steps have theirs: the chain can't assign one of them."""
        for state, definition in _inside(fragment):
            assigned = definition.get("Assign")
            for variable in sorted(assigned) if isinstance(assigned, Mapping) else ():
                if variable in self._variables:
                    raise WorkflowError(
                        f'Step "{name}": its state "{state}" assigns the variable "{variable}", which the workflow '
                        "around it uses. Rename the variable."
                    )
                self._inside.add(variable)


def _take(taken: dict[str, str | None], name: str, step: StepNode) -> None:
    owner = taken.setdefault(name, step.key)
    if owner is None:
        raise WorkflowError(f'Step "{step.name}": the workflow itself uses the variable "{name}". Rename the step.')
    if owner != step.key:
        raise WorkflowError(
            f'Two steps, {owner} and {step.key}, both use the name "{name}" in the state machine. '
            "Rename one of them: ids must differ in more than spaces and hyphens."
        )


def _numbered(title: str) -> Iterator[str]:
    """A title, and then the same with a number: each short enough for AWS."""
    for number in count(1):
        ending = "" if number == 1 else f" {number}"
        shortened = title if len(title + ending) <= _LONGEST else f"{title[: _LONGEST - 3 - len(ending)]}..."
        yield shortened + ending


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
