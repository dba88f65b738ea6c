"""Workflows to simulate, with what is expected of them: which steps run, when, on what, and what comes out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from random import Random

from tests.core.machines import mapping, of_states, value_of
from tests.core.ordering.random_orders import Needs
from tests.core.test_any_workflow import SHAPES, START
from zflow_constructs.core.compiler import compile_workflow
from zflow_constructs.core.ordering.graph import topological_order
from zflow_constructs.core.states.availability import FirstOf, all_of
from zflow_constructs.core.states.fragment import StepNode
from zflow_constructs.core.values.expressions import Condition, Expression
from zflow_constructs.core.values.references import Parameter
from zflow_constructs.core.values.templates import Json, Scope

_LONGEST = 50
# So long that no wait, of a hundredth of it, ends before what it waits for: to look again takes a second.
_TIMEOUT = 1_000_000


@dataclass(frozen=True)
class Expected:
    """What is expected of one step.

    Args:
        runs: whether it is not skipped.
        there: whether it has a value then: it runs, and does not fail for good.
        begins: when: at the end of the last step that it needs.
        ends: when; a skipped one as it begins.
        arguments: what it is given.
        value: what it makes of that.
    """

    runs: bool
    there: bool
    begins: int
    ends: int
    arguments: Mapping[str, Json]
    value: str


@dataclass(frozen=True)
class Case:
    """A workflow and one run of it.

    Args:
        name: what tells it from others.
        needs: for each step, what comes before it.
        kinds: for each step, of what kind each of its needs is: the step `uses` its value, `asks` for it in its
            condition, runs `unless` there is one, takes the `first` of several that are there, or just runs `after`.
        conditional: the steps that run only if a parameter of their own is true.
        optional: the steps whose failure counts as a skip.
        failing: those of them that fail in this run.
        durations: how long each step takes.
        given: the parameters of the run.
        shapes: of which states each step is made.
    """

    name: str
    needs: Needs
    kinds: Mapping[str, Mapping[str, str]]
    conditional: frozenset[str]
    optional: frozenset[str]
    failing: frozenset[str]
    durations: Mapping[str, int]
    given: Mapping[str, Json]
    shapes: Mapping[str, int]

    @classmethod
    def of(cls, name: str, needs: Needs, *, skips: float = 0.0) -> "Case":
        """A case of these needs; the name is the seed of the rest.

        Args:
            name: what tells it from others.
            needs: for each step, what comes before it.
            skips: how likely a step has a condition, and how likely it is optional; half of these conditions don't
                hold, and half of these steps fail. Default: there is nothing of that
        """
        random = Random(name)

        def some(likelihood: float, steps: Iterable[str] = needs) -> frozenset[str]:
            return frozenset(step for step in steps if random.random() < likelihood)

        conditional, optional = some(skips), some(skips)
        kinds = ["uses", "uses", "asks", "after"] + ["first", "first", "unless"] * (skips > 0)
        return cls(
            name=name,
            needs=needs,
            kinds={step: {need: random.choice(kinds) for need in earlier} for step, earlier in needs.items()},
            conditional=conditional,
            optional=optional,
            failing=some(0.5, sorted(optional)),
            durations={step: random.randint(1, _LONGEST) for step in needs},
            given={_may(step): random.random() < 0.5 for step in sorted(conditional)},
            shapes={step: random.randrange(len(SHAPES)) for step in needs},
        )

    @cached_property
    def machine(self) -> dict[str, Json]:
        """What the compiler makes of it."""
        return compile_workflow(
            [self._node(step) for step in self.needs],
            start=START,
            scope=Scope(),
            version="1.0",
            timeout_seconds=_TIMEOUT,
            table=lambda: "Rendezvous",
        )

    def _node(self, step: str) -> StepNode:
        when: list[Condition] = [Parameter(_may(step)) == True] if step in self.conditional else []  # noqa: E712
        when += [value_of(need) != "nothing" for need in self._needs_of_kind(step, "asks")]
        when += [value_of(need).is_absent() for need in self._needs_of_kind(step, "unless")]
        arguments: dict[str, Expression] = {need: value_of(need) for need in self._needs_of_kind(step, "uses")}
        if first := self._needs_of_kind(step, "first"):
            arguments["first"] = FirstOf(tuple(value_of(need) for need in first))
        states = SHAPES[self.shapes[step]](step, arguments)
        condition = all_of(when) if when else None
        node = of_states(step, states, after=self._needs_of_kind(step, "after"), when=condition)
        return replace(node, optional=step in self.optional)

    def _needs_of_kind(self, step: str, *kinds: str) -> list[str]:
        return [need for need, kind in self.kinds[step].items() if kind in kinds]

    @cached_property
    def steps(self) -> dict[str, Expected]:
        """What is expected of each step."""
        expected: dict[str, Expected] = {}
        for step in topological_order(self.needs):
            there = {need for need in self.needs[step] if expected[need].there}
            first = self._needs_of_kind(step, "first")
            runs = (
                self.given.get(_may(step), True) is True
                and there.issuperset(self._needs_of_kind(step, "uses", "asks"))
                and there.isdisjoint(self._needs_of_kind(step, "unless"))
                and (not first or not there.isdisjoint(first))
            )
            arguments = {need: expected[need].value for need in self._needs_of_kind(step, "uses") if runs}
            if runs and first:
                arguments["first"] = next(expected[need].value for need in first if need in there)
            begins = max((expected[need].ends for need in self.needs[step]), default=0)
            ends = begins + self.durations[step] * runs
            there_itself = runs and step not in self.failing
            expected[step] = Expected(runs, there_itself, begins, ends, arguments, made(step, arguments))
        return expected

    @cached_property
    def critical_path(self) -> int:
        """The earliest end of all."""
        return max(step.ends for step in self.steps.values())

    @property
    def output(self) -> dict[str, Json]:
        """What the execution outputs: the results of the steps that nothing comes after, null where there is none."""
        needed = {need for earlier in self.needs.values() for need in earlier}
        return {
            step: {"value": expected.value} if expected.there else None
            for step, expected in self.steps.items()
            if step not in needed
        }


def step_of(state: str) -> str:
    """The step whose work a state does."""
    return state.removesuffix(" call")


def made(step: str, arguments: Mapping[str, Json]) -> str:
    """The value of a step that was given these: no other step's, and none of other arguments."""
    return f"{step} {sha256(repr(sorted(arguments.items())).encode()).hexdigest()[:8]}"


def answer(state: str, arguments: Json) -> Json:
    """What a step's work answers."""
    return {"value": made(step_of(state), mapping(arguments)), "unread": "x"}


def _may(step: str) -> str:
    return f"may_{step}"
