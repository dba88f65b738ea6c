"""Workflows to simulate, with what is expected of them: which steps run, when, on what, and what comes out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from random import Random

from tests.core.machines import compiled, mapping, of_states, value_of
from tests.core.test_any_workflow import SHAPES, START
from tests.core.test_graph import Needs
from zflow_constructs.core.expressions import Condition, Json
from zflow_constructs.core.fragment import StepNode
from zflow_constructs.core.graph import topological_order
from zflow_constructs.core.references import Parameter

_LONGEST = 50


@dataclass(frozen=True)
class Expected:
    """What is expected of one step.

    Args:
        runs: whether it is not skipped.
        begins: when: at the end of the last step that it needs.
        ends: when; a skipped one as it begins.
        arguments: what it is given.
        value: what it makes of that.
    """

    runs: bool
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
            condition, or just runs `after`.
        conditional: the steps that run only if a parameter of their own is true.
        durations: how long each step takes.
        given: the parameters of the run.
        shapes: of which states each step is made.
    """

    name: str
    needs: Needs
    kinds: Mapping[str, Mapping[str, str]]
    conditional: frozenset[str]
    durations: Mapping[str, int]
    given: Mapping[str, Json]
    shapes: Mapping[str, int]

    @classmethod
    def of(cls, name: str, needs: Needs, *, skips: float = 0.0) -> "Case":
        """A case of these needs; the name is the seed of the rest.

        Args:
            name: what tells it from others.
            needs: for each step, what comes before it.
            skips: how likely a step has a condition; half of these don't hold. Default: none has
        """
        random = Random(name)
        conditional = frozenset(step for step in needs if random.random() < skips)
        return cls(
            name=name,
            needs=needs,
            kinds={
                step: {need: random.choice(["uses", "uses", "asks", "after"]) for need in earlier}
                for step, earlier in needs.items()
            },
            conditional=conditional,
            durations={step: random.randint(1, _LONGEST) for step in needs},
            given={_may(step): random.random() < 0.5 for step in sorted(conditional)},
            shapes={step: random.randrange(len(SHAPES)) for step in needs},
        )

    @cached_property
    def machine(self) -> dict[str, Json]:
        """What the compiler makes of it."""
        return compiled(*(self._node(step) for step in self.needs), start=START)

    def _node(self, step: str) -> StepNode:
        when: list[Condition] = [Parameter(_may(step)) == True] if step in self.conditional else []  # noqa: E712
        when += [value_of(need) != "nothing" for need in self._needs_of_kind(step, "asks")]
        states = SHAPES[self.shapes[step]](step, {need: value_of(need) for need in self._needs_of_kind(step, "uses")})
        return of_states(step, states, after=self._needs_of_kind(step, "after"), when=when)

    def _needs_of_kind(self, step: str, kind: str) -> list[str]:
        return [need for need, its_kind in self.kinds[step].items() if its_kind == kind]

    @cached_property
    def steps(self) -> dict[str, Expected]:
        """What is expected of each step."""
        expected: dict[str, Expected] = {}
        for step in topological_order(self.needs):
            runs = self.given.get(_may(step), True) is True and all(
                expected[need].runs for need, kind in self.kinds[step].items() if kind != "after"
            )
            begins = max((expected[need].ends for need in self.needs[step]), default=0)
            arguments = {need: expected[need].value for need in self._needs_of_kind(step, "uses")} if runs else {}
            ends = begins + self.durations[step] * runs
            expected[step] = Expected(runs, begins, ends, arguments, made(step, arguments))
        return expected

    @cached_property
    def critical_path(self) -> int:
        """The earliest end of all."""
        return max(step.ends for step in self.steps.values())

    @property
    def output(self) -> dict[str, Json]:
        """What the execution outputs: the results of the steps that nothing comes after, null for a skipped one."""
        needed = {need for earlier in self.needs.values() for need in earlier}
        return {
            step: {"value": expected.value} if expected.runs else None
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
