"""Whether steps belong together: whether each finds what it uses, in its workflow or in the loops around it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from zflow_constructs.core.states.fragment import Loop, StepNode
from zflow_constructs.core.states.outcome import Outcome
from zflow_constructs.core.states.run_parameters import RunParameters
from zflow_constructs.core.values.errors import WorkflowError, did_you_mean, one_of
from zflow_constructs.core.values.iterations import Item
from zflow_constructs.core.values.references import Parameter, Ran, RunLocation, StepOutput
from zflow_constructs.core.values.templates import Template, parts_of


@dataclass(frozen=True)
class _Surroundings:
    """What the steps of one level can use: the workflow's own level, a loop's, or that of the steps at the end.

    Args:
        workflow: the workflow's name.
        parameters: its run parameters.
        steps: the keys of the steps that they can use.
        repeated: of the steps in loops, which they can't, the names of step and loop.
        ended: of the steps that ran before those at the end, the names.
        items: the names of the items of the loops around.
    """

    workflow: str
    parameters: RunParameters
    steps: Collection[str]
    repeated: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    ended: Mapping[str, str] = field(default_factory=dict)
    items: tuple[str, ...] = ()


def check_members(workflow: str, steps: Sequence[StepNode], parameters: RunParameters, outputs: Template) -> None:
    """Checks that the steps of a workflow, and its outputs, find what they use.

    Args:
        workflow: the workflow's name.
        steps: its steps.
        parameters: its run parameters.
        outputs: what it outputs.

    Raises:
        WorkflowError: a step uses what isn't there.
    """
    around = _Surroundings(workflow, parameters, {step.key for step in steps}, dict(_repeated(steps)))
    _check_steps(around, steps)
    _check_uses(around, "outputs=", [outputs])


def check_at_the_end(
    workflow: str, steps: Sequence[StepNode], at_the_end: Sequence[StepNode], parameters: RunParameters
) -> None:
    """Checks that the steps at the end of a workflow find what they use.

    Args:
        workflow: the workflow's name.
        steps: its steps.
        at_the_end: the steps that run when it has ended, somehow.
        parameters: its run parameters.

    Raises:
        WorkflowError: a step uses what isn't there, or may not be.
    """
    ended = {step.key: step.name for step in steps}
    repeated = dict(_repeated([*steps, *at_the_end]))
    _check_steps(_Surroundings(workflow, parameters, {step.key for step in at_the_end}, repeated, ended), at_the_end)


def _check_steps(around: _Surroundings, steps: Sequence[StepNode]) -> None:
    for step in steps:
        for loop in step.fragment.loops:
            _check_steps(_inside(around, step, loop), loop.steps)
            _check_uses(_inside(around, step, loop), f'outputs= of step "{step.name}"', [loop.outputs])
        user = f'step "{step.name}"'
        own = [step.when, *(loop.items for loop in step.fragment.loops)] if step.repeated else [*step.templates()]
        _check_uses(around, user, own)
        for key in step.after:
            if key in around.ended:
                raise WorkflowError(
                    f'MlWorkflow "{around.workflow}": {user} runs at the end, after all steps of steps=[...]. '
                    f'Take step "{around.ended[key]}" out of its after=.'
                )
            _check_use(around, user, key, key.rsplit("/", 1)[-1])


def _inside(around: _Surroundings, step: StepNode, loop: Loop) -> _Surroundings:
    repeated = {**around.repeated, step.key: (step.name, step.name)}
    inside = {each.key for each in loop.steps}
    return _Surroundings(
        around.workflow,
        around.parameters,
        {*around.steps, *inside} - {step.key},
        {key: names for key, names in repeated.items() if key not in inside},
        around.ended,
        (*around.items, loop.item),
    )


def _check_uses(around: _Surroundings, user: str, templates: Sequence[Template]) -> None:
    for template in templates:
        for part in parts_of(template):
            match part:
                case StepOutput(key=key, step=name) | Ran(key=key, step=name):
                    _check_use(around, user, key, name)
                case RunLocation(key=key, step=name) if key not in around.ended:
                    _check_use(around, user, key, name)
                case Parameter(name=name):
                    around.parameters.check_used(user, name)
                case Item(name=name) if name not in around.items:
                    raise WorkflowError(
                        f'MlWorkflow "{around.workflow}": {user} uses the item "{name}", which no loop around it has.'
                        f"{did_you_mean(name, around.items)} It has: {one_of(around.items) or 'none'}. "
                        f'Put it into the steps of a ForEach(item="{name}").'
                    )
                case Outcome() if not around.ended:
                    raise WorkflowError(
                        f'MlWorkflow "{around.workflow}": {user} uses the outcome of the run, which has none yet. '
                        "Put the step into finally_=[...]."
                    )
                case _:
                    pass


def _check_use(around: _Surroundings, user: str, key: str, name: str) -> None:
    if key in around.steps:
        return
    prefix = f'MlWorkflow "{around.workflow}": {user} '
    if key in around.repeated:
        step, loop = around.repeated[key]
        if step == loop:
            raise WorkflowError(
                f'{prefix}uses the outputs of the loop "{loop}" that repeats it, which are there when it has ended. '
                "Use the outputs of the loop's other steps."
            )
        raise WorkflowError(
            f'{prefix}needs step "{step}", which the loop "{loop}" repeats: there is one for each item. '
            f"Use the loop's outputs, a list: ForEach(outputs={{...}}). To come after it, put the loop into after=."
        )
    if key in around.ended:
        raise WorkflowError(
            f'{prefix}runs at the end, and uses an output of step "{around.ended[key]}", which is not there when the '
            'run failed. Use what is known before: run parameters, locations of data, zflow.Outcome("status").'
        )
    raise WorkflowError(
        f'{prefix}needs step "{name}", which is not among its steps. '
        f"Add it: steps=[..., {name.lower().replace(' ', '_')}]."
    )


def _repeated(steps: Sequence[StepNode]) -> Iterator[tuple[str, tuple[str, str]]]:
    """For the steps inside of loops: their names, and those of the loops."""
    for step in steps:
        for inner in step.repeated:
            yield inner.key, (inner.name, step.name)
        yield from _repeated(step.repeated)
