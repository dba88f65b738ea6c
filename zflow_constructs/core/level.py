"""The steps of one level, the workflow's or a loop's, as states.

A step assigns its result to a variable of its own; later steps, and the branches inside, read it. A variable that a
branch assigns is gone at the join, so a branch ends by outputting what later steps read, and nothing else; the Parallel
state assigns that to a variable, and later references are rendered to match. What a step needs of another branch that
runs beside it, it waits for at a table (`rendezvous`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from zflow_constructs.core.ordering.graph import Branches, Nested, Series, steps_of
from zflow_constructs.core.rendezvous.arrangement import Holder, Join, arrange
from zflow_constructs.core.rendezvous.carried import Carried
from zflow_constructs.core.rendezvous.rendezvous import Rendezvous
from zflow_constructs.core.rendezvous.table_tasks import TableTasks
from zflow_constructs.core.states.asl import EXIT, Pass, State
from zflow_constructs.core.states.availability import or_null
from zflow_constructs.core.states.fragment import Fragment, Loop, Part, StepNode, last_steps
from zflow_constructs.core.states.guarded import guarded
from zflow_constructs.core.states.legend import StatePlace, StateRole
from zflow_constructs.core.states.loops import entered, item_variable, run_variables
from zflow_constructs.core.states.names import Names
from zflow_constructs.core.states.run_variables import RunVariables
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.fields import WHOLE, fields_read
from zflow_constructs.core.values.references import field_path
from zflow_constructs.core.values.templates import Json, Scope, Template, render_template

Results = Mapping[str, str]
"""For each step that can be read, by its key, the JSONata of its result."""


@dataclass(frozen=True)
class Setting:
    """What holds for a whole machine, its loops included.

    Args:
        names: The names in use.
        timeout_seconds: The longest that an execution may take.
        table: Gives the name of the table where branches meet; called only if any do.
        join: How branches meet that nesting can't join.
    """

    names: Names
    timeout_seconds: int
    table: Callable[[], str]
    join: Join


@dataclass(frozen=True)
class Rendered:
    """Some states in ASL.

    Args:
        states: By name.
        results: What the results of their steps are called afterwards.
    """

    states: dict[str, Json]
    results: Results


class Level:
    """Renders the steps of one level, the workflow's or a loop's, front to back.

    What a step's result is called changes at the joins, and from branch to branch: it is handed on from part to part.

    Args:
        steps: The steps.
        scope: What can be read around them.
        setting: What holds for the whole machine.
        run: The variables by which branches meet.
        outputs: What is output at the end. None: the results of the steps that nothing comes after
        times: How often the steps run in one execution, at most. Default: once
    """

    def __init__(
        self,
        steps: Sequence[StepNode],
        scope: Scope,
        setting: Setting,
        run: RunVariables,
        outputs: Mapping[str, Template] | None,
        *,
        times: int = 1,
    ) -> None:
        self._steps = {step.key: step for step in steps}
        self._scope = scope
        self._setting = setting
        self._names = setting.names
        self._run = run
        self._times = times
        self._output_whole = last_steps(steps) if outputs is None else []
        at_the_end = dict.fromkeys(self._output_whole, WHOLE) if outputs is None else fields_read([outputs])
        self._arranged = arrange(steps, at_the_end, setting.join)
        self._carried = Carried(steps, self._arranged, self._output_whole)
        # By identity: to hash a nested part is to walk all of it.
        self._parallels = dict(self._named_parallels(self._arranged.nested))
        self._rendezvous = Rendezvous(
            steps,
            self._arranged,
            self._carried,
            setting.names,
            lambda: TableTasks(
                setting.table(),
                run,
                setting.timeout_seconds,
                times * sum(map(len, self._arranged.waits.values())),
            ),
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

    def before(self) -> dict[str, Json]:
        """The states that come before all steps: the workflow's own, and the one that makes the run's key if any meet.

        `"Run key": {"Type": "Pass", "Assign": {"run_key": {"S": "{% $uuid() %}"}, ...}, ...}`
        """
        given = Fragment(self._names.start, result="")
        if not self.meets:
            return self._rendered(given.leaving_to(self.start), self._scope)
        name = self._names.state("Run key", StatePlace(StateRole.WORKFLOW))
        key = Pass(assign=self._run.assigned(self._setting.timeout_seconds), next=self.start)
        return self._rendered({**given.leaving_to(name), name: key}, self._scope)

    def states(self) -> dict[str, Json]:
        """All states; the last one outputs the results of the steps that nothing comes after."""
        whole = [(key, key) for key in self._output_whole]
        return self._branch(self._arranged.nested, whole, self._scope.results)

    def ending_in(self, name: str, outputs: Mapping[str, Template]) -> dict[str, Json]:
        """All states, with one at their end that outputs what is wanted.

        Args:
            name: The name of that state.
            outputs: What it outputs.
        """
        rendered = self._sequence([*_parts(self._arranged.nested)], name, self._scope.results)
        return {**rendered.states, name: Pass(output=outputs).render(self._reading(rendered.results))}

    def _start(self, nested: Nested) -> str:
        """The name of the state in which a nested part starts."""
        match nested:
            case Series(parts):
                return self._start(parts[0])
            case Branches():
                return self._parallels[id(nested)][0]
            case key:
                return self._fragments[key].start

    def _branch(self, nested: Nested, live: Sequence[Holder], results: Results) -> dict[str, Json]:
        """The states of one scope, the top level or a branch, which ends by outputting the live results."""
        *parts, last = _parts(nested)
        rendered = self._sequence(parts, self._start(last), results)
        return {**rendered.states, **self._last(last, live, rendered.results)}

    def _sequence(self, parts: Sequence[Nested], target: str, results: Results) -> Rendered:
        """Parts one after the other; the last one leads to `target`."""
        states: dict[str, Json] = {}
        starts = [*(self._start(part) for part in parts[1:]), target]
        for part, following in zip(parts, starts, strict=False):
            rendered = self._part(part, following, results)
            states |= rendered.states
            results = rendered.results
        return Rendered(states, results)

    def _part(self, part: Nested, target: str, results: Results) -> Rendered:
        if isinstance(part, str):
            return self._step(part, target, results)
        if isinstance(part, Series):
            return self._sequence(part.parts, target, results)
        name, variable = self._parallels[id(part)]
        parallel, joined = self._parallel(part, results)
        assign: dict[str, Json] = {"Assign": {variable: "{% $merge($states.result) %}"}} if joined else {}
        states: dict[str, Json] = {name: {**parallel, **assign, "Output": {}, "Next": target}}
        return Rendered(states, {**results, **self._from_join(f"${variable}", joined)})

    def _last(self, part: Nested, live: Sequence[Holder], results: Results) -> dict[str, Json]:
        if isinstance(part, Series):
            return self._branch(part, live, results)
        if isinstance(part, Branches):
            name, _ = self._parallels[id(part)]
            parallel, joined = self._parallel(part, results)
            merged = "$merge($states.result)"
            output: Template = self._outputs(live, {**results, **self._from_join(merged, joined)})
            if {producer for _, producer in live} == set(joined):
                output = Jsonata(merged)
            return {name: {**parallel, "Output": render_template(output, self._scope), "End": True}}
        step, fragment = self._steps[part], self._fragments[part]
        last = fragment.last
        if last is None:
            name = self._names.state(f"{step.name}: results", StatePlace(StateRole.RESULTS, step.name))
            rendered = self._step(part, name, results)
            return {**rendered.states, name: Pass(output=self._outputs(live, rendered.results)).render(self._scope)}
        seen = self._seen_by(part, results)
        output = self._outputs(live, {**seen, part: f"${fragment.result}"})
        assigned = fragment.assigned(last)
        if (part, part) in live and fragment.result in assigned:
            # A state can't read in Output what it assigns itself: written out instead.
            output[step.identifier] = self._carried.of_assigned(step, assigned[fragment.result])
        return self._rendered(fragment.outputting(last, output).states, self._reading(seen))

    def _step(self, key: str, target: str, results: Results) -> Rendered:
        fragment = self._fragments[key]
        after = {**self._seen_by(key, results), key: f"${fragment.result}"}
        return Rendered(self._rendered(fragment.leaving_to(target), self._reading(after)), after)

    def _parallel(self, part: Branches, results: Results) -> tuple[dict[str, Json], list[str]]:
        """A Parallel state, and the steps whose results come out at the join."""
        coming_out = [self._arranged.coming_out(part, branch) for branch in part.parts]
        branches: list[Json] = [
            {"StartAt": self._start(branch), "States": self._branch(branch, live, results)}
            for branch, live in zip(part.parts, coming_out, strict=True)
        ]
        joined = dict.fromkeys(producer for live in coming_out for _, producer in live)
        return {"Type": "Parallel", "Branches": branches}, list(joined)

    def _outputs(self, live: Sequence[Holder], results: Results) -> dict[str, Template]:
        """What a scope outputs of its steps' results; what was joined or fetched is cut down already."""
        outputs: dict[str, Template] = {}
        for _, producer in live:
            step, result = self._steps[producer], results[producer]
            own = result == f"${step.fragment.result}"
            outputs[step.identifier] = self._carried.of(step) if own else Jsonata(result)
        return outputs

    def _from_join(self, joined: str, keys: Sequence[str]) -> Results:
        return {key: field_path(joined, self._steps[key].identifier) for key in keys}

    def _fragment(self, step: StepNode) -> Fragment:
        """A step's states with those around them.

        `Deploy waits for Report`, `Deploy reads Report`, `Deploy?`, `Deploy: skipped`, `Deploy`, `Deploy: failed`,
        `Deploy is done`, `Deploy wakes Post`: those of them that it needs.
        """
        marked = self._rendezvous.leaving(step)
        states = guarded(step, self._arranged.guards[step.key], self._names, leave=next(iter(marked), EXIT))
        arriving = self._rendezvous.arriving(step, next(iter(states)))
        return Fragment({**arriving, **states, **marked}, step.fragment.result)

    def _reading(self, results: Results) -> Scope:
        return replace(self._scope, results=results)

    def _seen_by(self, key: str, results: Results) -> Results:
        """What a step sees: what its branch does, and what it read of other branches."""
        fetched = {fetch.producer: f"${fetch.variable}" for fetch in self._rendezvous.fetches(key)}
        return {**results, **fetched} if fetched else results

    def _rendered(self, states: Mapping[str, Part], scope: Scope) -> dict[str, Json]:
        return {name: self._compiled(state, scope).render(scope) for name, state in states.items()}

    def _compiled(self, state: Part, scope: Scope) -> State:
        """A loop with its steps compiled; any other state as it is."""
        if not isinstance(state, Loop):
            return state
        inside, selector = entered(state, scope)
        given = {name: or_null(output) for name, output in state.outputs.items()}
        times = 1 if state.distributed else self._times * state.most_items
        run = run_variables(state)
        level = Level(state.steps, inside, self._setting, run, given, times=times)
        item = item_variable(state)
        assign: dict[str, Template] = {item: Jsonata("$states.input")}
        if level.meets:
            assign |= run.assigned(self._setting.timeout_seconds)
        mode = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"} if state.distributed else {"Mode": "INLINE"}
        outputs = {"item": Jsonata(f"${item}.value"), **given}
        first, results = (
            self._names.state(f"{state.name}: {title}", StatePlace(StateRole.ITEM, state.name))
            for title in ("item", "item's results")
        )
        states = {
            first: Pass(assign=assign, next=level.start).render(inside),
            **level.ending_in(results, outputs),
        }
        return state.mapped({"ProcessorConfig": mode, "StartAt": first, "States": states}, selector)

    def _named_parallels(self, nested: Nested) -> Iterator[tuple[int, tuple[str, str]]]:
        """The name of each Parallel state and of its variable, the inner ones first."""
        if isinstance(nested, str):
            return
        for part in nested.parts:
            yield from self._named_parallels(part)
        if isinstance(nested, Branches):
            first = (self._steps[steps_of(branch)[0]].name for branch in nested.parts)
            yield id(nested), self._names.parallel(first)


def _parts(nested: Nested) -> tuple[Nested, ...]:
    return nested.parts if isinstance(nested, Series) else (nested,)
