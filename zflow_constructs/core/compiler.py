"""The nested steps as one state machine.

A step assigns its result to a variable of its own; later steps, and the branches inside, read it. A variable that a
branch assigns is gone at the join, so a branch ends by outputting what later steps read, and nothing else; the Parallel
state assigns that to a variable, and later references are rendered to match.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from zflow_constructs.core.asl import Choice, Fragment, Pass, Rule, State
from zflow_constructs.core.expressions import (
    Combination,
    Condition,
    Json,
    Jsonata,
    Scope,
    Template,
    parts_of,
    render_template,
)
from zflow_constructs.core.graph import Branches, Nested, Series, nest, steps_of
from zflow_constructs.core.names import Names
from zflow_constructs.core.references import Ran, RunLocation, StepOutput


@dataclass(frozen=True)
class StepNode:
    """What the compiler knows of a step.

    Args:
        key: its construct path, unique.
        name: its id: the name of its state.
        fragment: its states.
        after: the keys of the steps that come before it without giving it anything. Default: none
        when: it runs only if all of these hold. Default: always
    """

    key: str
    name: str
    fragment: Fragment
    after: tuple[str, ...] = ()
    when: tuple[Condition, ...] = ()

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """The keys of the steps whose outputs it uses, each once, in the order of use."""
        parts = [*self.fragment.expressions(), *parts_of(self.when)]
        keys = (part.key for part in parts if isinstance(part, StepOutput | RunLocation))
        return tuple(dict.fromkeys(key for key in keys if key != self.key))

    @property
    def guard(self) -> str:
        """The name of the state that decides whether it runs."""
        return f"{self.name}?"

    @property
    def skipped(self) -> str:
        """The name of the state that stands for it when it doesn't run."""
        return f"{self.name}: skipped"

    @property
    def results(self) -> str:
        """The name of the state that outputs what later steps read, where its own last state can't."""
        return f"{self.name}: results"


def compile_workflow(
    steps: Sequence[StepNode], *, start: Mapping[str, State], scope: Scope, timeout_seconds: int
) -> dict[str, Json]:
    """The whole state machine in Amazon States Language.

    Args:
        steps: the steps; each need of theirs is among them.
        start: states that come before all steps; their `EXIT` leads to the first step.
        scope: the workflow's name and the S3 location of a run.
        timeout_seconds: the longest that an execution may take.

    Returns:
        `{"QueryLanguage": "JSONata", "TimeoutSeconds": 86400, "StartAt": "Train", "States": {"Train": {...}}}`

    Raises:
        WorkflowError: the steps need each other in a circle or in a shape that can't be nested, or two names collide.
    """
    nested = nest({step.key: tuple(dict.fromkeys((*step.needs, *step.after))) for step in steps})
    compiler = _Compiler(steps, nested, start, scope)
    first = compiler.start(nested)
    before = Fragment(start, result="").leaving_to(first) if start else {}
    return {
        "QueryLanguage": "JSONata",
        "TimeoutSeconds": timeout_seconds,
        "StartAt": next(iter(start), first),
        "States": {
            **{name: state.render(scope) for name, state in before.items()},
            **compiler.scope_states(nested, compiler.sinks()),
        },
    }


class _Compiler:
    """Renders nested steps, front to back: what a step's result is called changes at the joins."""

    def __init__(self, steps: Sequence[StepNode], nested: Nested, start: Mapping[str, State], scope: Scope) -> None:
        self._steps = {step.key: step for step in steps}
        self._results: dict[str, str] = {}
        self._scope = replace(scope, results=self._results)
        self._guards = _guards(self._steps, steps_of(nested))
        self._readers: dict[str, set[str]] = {key: set() for key in self._steps}
        for key, step in self._steps.items():
            for part in (*step.fragment.expressions(), *parts_of(self._guards[key])):
                if isinstance(part, StepOutput | Ran):
                    self._readers[part.key].add(key)
        names = Names(start)
        for step in steps:
            names.claim(step.key, step.name, step.fragment, (step.guard, step.skipped, step.results))
        # By identity: to hash a nested part is to walk all of it.
        self._parallels: dict[int, tuple[str, str]] = {}
        self._name_parallels(nested, names)
        for step in steps:
            names.check_inside(step.name, step.fragment)

    def sinks(self) -> list[str]:
        """The steps that nothing comes after: their results are the execution's output."""
        needed = {key for step in self._steps.values() for key in (*step.needs, *step.after)}
        return [key for key in self._steps if key not in needed]

    def start(self, nested: Nested) -> str:
        """The name of the state in which a nested part starts."""
        match nested:
            case Series(parts):
                return self.start(parts[0])
            case Branches():
                return self._parallels[id(nested)][0]
            case key:
                step = self._steps[key]
                return step.guard if self._guards[key] else step.fragment.start

    def scope_states(self, nested: Nested, live: Sequence[str]) -> dict[str, Json]:
        """The states of one scope, the top level or a branch, which ends by outputting the live results."""
        parts = nested.parts if isinstance(nested, Series) else (nested,)
        states: dict[str, Json] = {}
        for part, following in pairwise(parts):
            states |= self._part(part, self.start(following))
        return states | self._last(parts[-1], live)

    def _part(self, part: Nested, target: str) -> dict[str, Json]:
        if isinstance(part, str):
            return self._step(part, target)
        name, variable = self._parallels[id(part)]
        parallel, joined = self._parallel(part)
        if joined:
            parallel["Assign"] = {variable: "{% $merge($states.result) %}"}
            self._read_from(f"${variable}", joined)
        return {name: {**parallel, "Output": {}, "Next": target}}

    def _last(self, part: Nested, live: Sequence[str]) -> dict[str, Json]:
        if not isinstance(part, str):
            name, _ = self._parallels[id(part)]
            parallel, joined = self._parallel(part, live)
            self._read_from("$merge($states.result)", joined)
            return {name: {**parallel, "Output": render_template(self._outputs(live), self._scope), "End": True}}
        step = self._steps[part]
        last = None if self._guards[part] else step.fragment.last
        if last is None:
            states = self._step(part, step.results)
            return {**states, step.results: Pass(output=self._outputs(live)).render(self._scope)}
        self._results[part] = f"${step.fragment.result}"
        output = self._outputs(live)
        # A state can't read in Output what it assigns itself: written out instead.
        own = {name: value for name, value in step.fragment.assigned(last).items() if name in output}
        ended = step.fragment.outputting(last, {**output, **own})
        return {name: state.render(self._scope) for name, state in ended.states.items()}

    def _step(self, key: str, target: str) -> dict[str, Json]:
        """A step's states; one that may be skipped also gets `Train?` (Choice) and `Train: skipped` (Pass, null)."""
        step = self._steps[key]
        self._results[key] = f"${step.fragment.result}"
        states = dict(step.fragment.leaving_to(target))
        if guards := self._guards[key]:
            condition = guards[0] if len(guards) == 1 else Combination("and", guards)
            guard: Mapping[str, State] = {
                step.guard: Choice((Rule(condition, step.fragment.start),), default=step.skipped),
                step.skipped: Pass(assign={step.fragment.result: None}, next=target),
            }
            states = {**guard, **states}
        return {name: state.render(self._scope) for name, state in states.items()}

    def _parallel(self, part: Series | Branches, live: Sequence[str] = ()) -> tuple[dict[str, Json], list[str]]:
        """A Parallel state, and the steps in it whose results come out at the join."""
        inside, needed = set(steps_of(part)), set(live)
        joined: list[str] = []
        branches: list[Json] = []
        for branch in part.parts:
            coming_out = [key for key in steps_of(branch) if key in needed or not self._readers[key] <= inside]
            joined += coming_out
            branches.append({"StartAt": self.start(branch), "States": self.scope_states(branch, coming_out)})
        return {"Type": "Parallel", "Branches": branches}, joined

    def _outputs(self, live: Sequence[str]) -> dict[str, Template]:
        return {self._steps[key].fragment.result: Jsonata(self._results[key]) for key in live}

    def _read_from(self, joined: str, keys: Sequence[str]) -> None:
        for key in keys:
            self._results[key] = f"{joined}.{self._steps[key].fragment.result}"

    def _name_parallels(self, nested: Nested, names: Names) -> None:
        if isinstance(nested, str):
            return
        for part in nested.parts:
            self._name_parallels(part, names)
        if isinstance(nested, Branches):
            first = (self._steps[steps_of(branch)[0]].name for branch in nested.parts)
            self._parallels[id(nested)] = names.parallel(first)


def _guards(steps: Mapping[str, StepNode], order: Iterable[str]) -> dict[str, tuple[Condition, ...]]:
    """For each step, what must hold for it to run: that all it needs ran, and its own conditions."""
    guards: dict[str, tuple[Condition, ...]] = {}
    for key in order:
        step = steps[key]
        ran = tuple(Ran(need, steps[need].name) for need in step.needs if guards[need])
        guards[key] = (*ran, *step.when)
    return guards
