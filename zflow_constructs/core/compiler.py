"""The steps as one state machine.

A step assigns its result to a variable of its own; later steps, and the branches inside, read it. A variable that a
branch assigns is gone at the join, so a branch ends by outputting what later steps read, and nothing else; the Parallel
state assigns that to a variable, and later references are rendered to match. What a step needs of another branch that
runs beside it, it waits for at a table (`rendezvous`).
"""

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

from zflow_constructs.core.ordering.graph import Branches, Nested, Series, steps_of
from zflow_constructs.core.rendezvous.arrangement import Join, arrange
from zflow_constructs.core.rendezvous.meetings import Meetings
from zflow_constructs.core.rendezvous.table_tasks import Meeting
from zflow_constructs.core.states.asl import EXIT, Choice, Pass, Rule, State
from zflow_constructs.core.states.availability import all_of, or_null
from zflow_constructs.core.states.fragment import Fragment, Loop, Part, StepNode, every_node
from zflow_constructs.core.states.loops import entered, item_variable, run_key
from zflow_constructs.core.states.names import RUN_KEY, Names
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.templates import Json, Scope, Template, render_template


def _no_table() -> str:
    raise AssertionError("these steps meet at a table, and there is none")


@dataclass(frozen=True)
class Setting:
    """What holds for a whole machine, its loops included.

    Args:
        names: the names in use.
        timeout_seconds: the longest that an execution may take.
        table: gives the name of the table where branches meet; called only if any do.
        join: how branches meet that nesting can't join.
    """

    names: Names
    timeout_seconds: int
    table: Callable[[], str]
    join: Join


def compile_workflow(
    steps: Sequence[StepNode],
    *,
    start: Mapping[str, State],
    scope: Scope,
    timeout_seconds: int,
    outputs: Mapping[str, Template] | None = None,
    table: Callable[[], str] = _no_table,
    join: Join = "rendezvous",
) -> dict[str, Json]:
    """The whole state machine in Amazon States Language.

    Args:
        steps: the steps; each need of theirs is among them.
        start: states that come before all steps; their `EXIT` leads to the first step.
        scope: the workflow's name and the S3 location of a run.
        timeout_seconds: the longest that an execution may take.
        outputs: what the execution outputs. Default: the results of the steps that nothing comes after
        table: gives the name of the DynamoDB table where branches meet that nesting can't join; called only if any
            do. Default: there must be none
        join: `barrier`: without such a table, at the price that steps wait for others that they don't need.
            Default: `rendezvous`

    Returns:
        `{"QueryLanguage": "JSONata", "TimeoutSeconds": 86400, "StartAt": "Train", "States": {"Train": {...}}}`

    Raises:
        WorkflowError: the steps need each other in a circle, or two names collide.
    """
    names = Names(start)
    every = list(every_node(steps))
    for step in every:
        names.claim(step)
    given = {name: or_null(output) for name, output in (outputs or {}).items()}
    body = _Body(steps, scope, Setting(names, timeout_seconds, cache(table), join), RUN_KEY, given)
    for step in every:
        names.check_inside(step.name, step.fragment)
    before = body.before(start)
    return {
        "QueryLanguage": "JSONata",
        "TimeoutSeconds": timeout_seconds,
        "StartAt": next(iter(before), body.start),
        "States": {**before, **(body.ending_in(names.state("Outputs")[0], given) if given else body.states())},
    }


class _Body:
    """Renders the steps of one level, the workflow's or a loop's, front to back.

    What a step's result is called changes at the joins, and from branch to branch.
    """

    def __init__(
        self, steps: Sequence[StepNode], scope: Scope, setting: Setting, run_key: str, outputs: Mapping[str, Template]
    ) -> None:
        self._steps = {step.key: step for step in steps}
        self._results: dict[str, str] = {}
        self._scope = replace(scope, results=ChainMap(self._results, dict(scope.results)))
        self._setting = setting
        self._arranged = arrange(steps, outputs, setting.join)
        # By identity: to hash a nested part is to walk all of it.
        self._parallels: dict[int, tuple[str, str]] = {}
        self._name_parallels(self._arranged.nested)
        self._meetings = Meetings(
            steps,
            self._arranged,
            setting.names,
            lambda: Meeting(setting.table(), run_key, setting.timeout_seconds),
        )
        self._fragments = {step.key: self._fragment(step) for step in steps}

    @property
    def meets(self) -> bool:
        """Whether branches meet at the table."""
        return self._arranged.meets

    @property
    def start(self) -> str:
        """The name of the first state."""
        return self._start(self._arranged.nested)

    def before(self, start: Mapping[str, State]) -> dict[str, Json]:
        """The states that come before all steps: those given, and the one that makes the run's key if it needs one.

        Args:
            start: the states given.
        """
        given = Fragment(start, result="")
        if not self.meets:
            return self._rendered(given.leaving_to(self.start), self._scope)
        name, _ = self._setting.names.state("Run key")
        key = Pass(assign={RUN_KEY: Jsonata("$uuid()")}, next=self.start)
        return self._rendered({**given.leaving_to(name), name: key}, self._scope)

    def states(self) -> dict[str, Json]:
        """All states; the last one outputs the results of the steps that nothing comes after."""
        needed = {key for step in self._steps.values() for key in step.earlier}
        return self._scope_states(self._arranged.nested, [key for key in self._steps if key not in needed])

    def ending_in(self, name: str, outputs: Mapping[str, Template]) -> dict[str, Json]:
        """All states, with one at their end that outputs what is wanted.

        Args:
            name: the name of that state.
            outputs: what it outputs.
        """
        states: dict[str, Json] = {}
        parts = _sequence(self._arranged.nested)
        for part, following in pairwise(parts):
            states |= self._part(part, self._start(following))
        states |= self._part(parts[-1], name)
        return {**states, name: Pass(output=outputs).render(self._scope)}

    def _start(self, nested: Nested) -> str:
        """The name of the state in which a nested part starts."""
        match nested:
            case Series(parts):
                return self._start(parts[0])
            case Branches():
                return self._parallels[id(nested)][0]
            case key:
                return self._fragments[key].start

    def _scope_states(self, nested: Nested, live: Sequence[str]) -> dict[str, Json]:
        """The states of one scope, the top level or a branch, which ends by outputting the live results."""
        states: dict[str, Json] = {}
        parts = _sequence(nested)
        for part, following in pairwise(parts):
            states |= self._part(part, self._start(following), live)
        return states | self._last(parts[-1], live)

    def _part(self, part: Nested, target: str, live: Sequence[str] = ()) -> dict[str, Json]:
        if isinstance(part, str):
            return self._step(part, target)
        name, variable = self._parallels[id(part)]
        parallel, joined = self._parallel(part, live)
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
        step, fragment = self._steps[part], self._fragments[part]
        last = fragment.last
        if last is None:
            states = self._step(part, step.results)
            return {**states, step.results: Pass(output=self._outputs(live)).render(self._scope)}
        self._results[part] = f"${fragment.result}"
        output = self._outputs(live)
        # A state can't read in Output what it assigns itself: written out instead.
        own = {name: value for name, value in fragment.assigned(last).items() if name in output}
        return self._rendered(fragment.outputting(last, {**output, **own}).states, self._scope_of(part))

    def _step(self, key: str, target: str) -> dict[str, Json]:
        fragment = self._fragments[key]
        self._results[key] = f"${fragment.result}"
        return self._rendered(fragment.leaving_to(target), self._scope_of(key))

    def _fragment(self, step: StepNode) -> Fragment:
        """A step's states with those around them.

        `Deploy waits for Report`, `Deploy reads Report`, `Deploy?`, `Deploy: skipped`, `Deploy`, `Deploy: failed`,
        `Deploy is done`, `Deploy wakes Post`: those of them that it needs.
        """
        variable, marked = step.fragment.result, self._meetings.leaving(step)
        leave = next(iter(marked), EXIT)
        absent: dict[str, Part] = {}
        states = dict(step.fragment.leaving_to(leave))
        if step.optional:
            states = Fragment(states, variable).caught(step.failed)
            states[step.failed] = Pass(assign={variable: None}, next=leave)
        if guards := self._arranged.guards[step.key]:
            absent = {
                step.guard: Choice((Rule(all_of(guards), step.fragment.start),), default=step.skipped),
                step.skipped: Pass(assign={variable: None}, next=leave),
            }
        states = {**absent, **states}
        return Fragment({**self._meetings.arriving(step, next(iter(states))), **states, **marked}, variable)

    def _scope_of(self, key: str) -> Scope:
        """What a step sees: what its level does, and what it read of other branches."""
        fetched = {fetch.producer: f"${fetch.variable}" for fetch in self._meetings.fetches(key)}
        return replace(self._scope, results={**self._scope.results, **fetched}) if fetched else self._scope

    def _rendered(self, states: Mapping[str, Part], scope: Scope) -> dict[str, Json]:
        return {name: self._compiled(state, scope).render(scope) for name, state in states.items()}

    def _compiled(self, state: Part, scope: Scope) -> State:
        """A loop with its steps compiled; any other state as it is."""
        if not isinstance(state, Loop):
            return state
        inside, selector = entered(state, scope)
        given = {name: or_null(output) for name, output in state.outputs.items()}
        body = _Body(state.steps, inside, self._setting, run_key(state), given)
        item = item_variable(state)
        assign: dict[str, Template] = {item: Jsonata("$states.input")}
        if body.meets:
            assign[run_key(state)] = Jsonata("$uuid()")
        mode = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"} if state.distributed else {"Mode": "INLINE"}
        outputs = {"item": Jsonata(f"${item}.value"), **given}
        states = {
            state.start: Pass(assign=assign, next=body.start).render(inside),
            **body.ending_in(state.results, outputs),
        }
        return state.mapped({"ProcessorConfig": mode, "StartAt": state.start, "States": states}, selector)

    def _parallel(self, part: Series | Branches, live: Sequence[str] = ()) -> tuple[dict[str, Json], list[str]]:
        """A Parallel state, and the steps in it whose results come out at the join."""
        inside, needed = set(steps_of(part)), set(live)
        joined: list[str] = []
        branches: list[Json] = []
        for branch in part.parts:
            coming_out = [key for key in steps_of(branch) if key in needed or not self._arranged.readers[key] <= inside]
            joined += coming_out
            branches.append({"StartAt": self._start(branch), "States": self._scope_states(branch, coming_out)})
        return {"Type": "Parallel", "Branches": branches}, joined

    def _outputs(self, live: Sequence[str]) -> dict[str, Template]:
        return {self._steps[key].fragment.result: Jsonata(self._results[key]) for key in live}

    def _read_from(self, joined: str, keys: Sequence[str]) -> None:
        for key in keys:
            self._results[key] = f"{joined}.{self._steps[key].fragment.result}"

    def _name_parallels(self, nested: Nested) -> None:
        if isinstance(nested, str):
            return
        for part in nested.parts:
            self._name_parallels(part)
        if isinstance(nested, Branches):
            first = (self._steps[steps_of(branch)[0]].name for branch in nested.parts)
            self._parallels[id(nested)] = self._setting.names.parallel(first)


def _sequence(nested: Nested) -> tuple[Nested, ...]:
    return nested.parts if isinstance(nested, Series) else (nested,)
