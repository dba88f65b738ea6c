"""A step's states with those that decide whether it runs, and that stand for it where it was skipped or has failed."""

from collections.abc import Sequence

from zflow_constructs.core.states.asl import Catcher, Choice, Evaluation, Pass, Rule
from zflow_constructs.core.states.availability import all_of
from zflow_constructs.core.states.fragment import Fragment, Part, StepNode
from zflow_constructs.core.states.legend import StatePlace, StateRole
from zflow_constructs.core.states.names import Names
from zflow_constructs.core.values.expressions import Condition, Expression
from zflow_constructs.core.values.references import Variable


def guarded(step: StepNode, guards: Sequence[Condition], names: Names, *, leave: str) -> dict[str, Part]:
    """Put those states around a step's own that it needs.

    `Deploy?`, `Deploy: skipped`, `Deploy`, `Deploy: failed`. An optional step's condition is evaluated in a state of
    its own, `Deploy: condition`, whose failure is the step's: over a field that is missing, or of another type.

    Args:
        step: The step.
        guards: What must hold for it to run. None: it always runs.
        names: The names in use.
        leave: Where to go on after the step.
    """
    states, result = step.fragment.leaving_to(leave), step.fragment.result
    if step.optional:
        failed = names.state(f"{step.name}: failed", StatePlace(StateRole.FAILED, step.name))
        states = {**Fragment(states, result).caught(failed), failed: Pass(assign={result: None}, next=leave)}
    if not guards:
        return states
    place = StatePlace(StateRole.GUARD, step.name)
    guard = names.state(f"{step.name}?", place)
    skipped = names.state(f"{step.name}: skipped", StatePlace(StateRole.SKIPPED, step.name))
    deciding: dict[str, Part] = {}
    holds: Expression = all_of(guards)
    if step.optional and step.when is not None:
        evaluated, evaluation = (names.state(f"{step.name}: {title}", place) for title in ("condition", "evaluation"))
        deciding[evaluated] = Evaluation(evaluation, holds, (Catcher(("States.ALL",), failed),), guard)
        holds = Variable("states")["input"]
    return {
        **deciding,
        guard: Choice((Rule(holds, step.fragment.start),), default=skipped),
        skipped: Pass(assign={result: None}, next=leave),
        **states,
    }
