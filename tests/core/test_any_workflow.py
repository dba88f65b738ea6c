"""Random workflows, compiled and run: each step reads the right values, and exactly the right ones are skipped."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.machines import (
    Run,
    compiled,
    mapping,
    of_states,
    run,
    spelled,
    state_names,
    value_of,
)
from tests.core.ordering.random_orders import Needs, series_parallel
from zflow_constructs.core.ordering.graph import topological_order
from zflow_constructs.core.states.asl import EXIT, Catcher, Choice, Native, Pass, Rule, State, Task, Wait
from zflow_constructs.core.states.availability import all_of
from zflow_constructs.core.states.fragment import StepNode
from zflow_constructs.core.values.expressions import Condition, Jsonata
from zflow_constructs.core.values.references import Parameter
from zflow_constructs.core.values.templates import Json, Template
from zflow_constructs.local.lint import lint
from zflow_constructs.local.lint.integrations import INTEGRATION_RULES

START: Mapping[str, State] = {"Parameters": Pass(assign={"parameters": Jsonata("$states.input")})}
VALUE = Jsonata("$states.result.value")


def one_task(name: str, arguments: Template) -> Mapping[str, State]:
    return {name: Task("arn:run", arguments, 60, assign={name: {"value": VALUE}})}


def with_clean_up(name: str, arguments: Template) -> Mapping[str, State]:
    return {
        name: Task("arn:run", arguments, 60, assign={name: {"value": VALUE}}, next=f"{name}: log"),
        f"{name}: log": Pass(assign={f"{name}_log": Jsonata(f'${name}.value & "!"')}),
    }


def polled(name: str, arguments: Template) -> Mapping[str, State]:
    return {
        name: Task("arn:run", arguments, 60, assign={f"{name}_seen": VALUE}, next=f"{name}: done?"),
        f"{name}: done?": Choice((Rule(Jsonata(f'${name}_seen != ""'), f"{name}: keep"),), f"{name}: wait"),
        f"{name}: wait": Wait(1, next=f"{name}: done?"),
        f"{name}: keep": Pass(assign={name: {"value": Jsonata(f"${name}_seen")}}, next=f"{name}: ok?"),
        f"{name}: ok?": Choice((Rule(Jsonata(f"$exists(${name}.value)"), EXIT),), f"{name}: wait"),
    }


def caught(name: str, arguments: Template) -> Mapping[str, State]:
    catcher = Catcher(("E",), EXIT, {name: {"value": "caught"}})
    return {name: Task("arn:run", arguments, 60, assign={name: {"value": VALUE}}, catch=(catcher,))}


def native(name: str, arguments: Template) -> Mapping[str, State]:
    def branch(inner: str, output: Json) -> Json:
        passing: Json = {"Type": "Pass", "Assign": {"inside": "{% $states.input %}"}, "Output": {}, "Next": f"{inner}2"}
        return {
            "StartAt": inner,
            "States": {inner: passing, f"{inner}2": {"Type": "Pass", "Output": output, "End": True}},
        }

    calling: Json = {
        "StartAt": f"{name} call",
        "States": {
            f"{name} call": {
                "Type": "Task",
                "Resource": "arn:run",
                "Arguments": "{% $states.input %}",
                "TimeoutSeconds": 60,
                "Output": "{% $states.result %}",
                "End": True,
            }
        },
    }
    chain = Native({"Type": "Parallel", "Branches": [calling, branch(f"{name} pass", "{% $inside %}")]}, arguments)
    assigned: dict[str, Template] = {name: {"value": Jsonata("$states.result[0].value")}}
    return {name: Native(chain.definition, arguments, assigned)}


SHAPES = [one_task, with_clean_up, polled, caught, native]


@dataclass(frozen=True)
class Workflow:
    """Random steps with what is expected of them.

    Args:
        nodes: the steps.
        needs: for each, what comes before it.
        conditions: for each conditional step, the parameters that must all be true.
    """

    nodes: list[StepNode]
    needs: Needs
    conditions: Mapping[str, list[str]]
    asks: Mapping[str, list[str]]

    def node(self, name: str) -> StepNode:
        return next(node for node in self.nodes if node.name == name)

    def expected(self, given: Mapping[str, Json]) -> dict[str, str | None]:
        """The value of each step, None for the skipped ones, as its declaration says."""
        values: dict[str, str | None] = {}
        for name in topological_order(self.needs):
            used = self.node(name).needs
            runs = all(values[each] is not None for each in used) and all(given[p] for p in self.conditions[name])
            arguments = [values[each] for each in used if each not in self.asks[name]]
            values[name] = f"{name}({', '.join(str(value) for value in arguments)})" if runs else None
        return values


@st.composite
def workflows(draw: st.DrawFn) -> Workflow:
    needs = draw(series_parallel(most=10))
    nodes, conditions, asks = [], {}, {}
    for name, earlier in needs.items():
        # A need is of one of three kinds: it hands over a value, it is asked for in the condition, or it is after=.
        kinds = {each: draw(st.sampled_from(["uses", "uses", "asks", "after"])) for each in earlier}
        uses = [each for each, kind in kinds.items() if kind == "uses"]
        asks[name] = [each for each, kind in kinds.items() if kind == "asks"]
        conditions[name] = [f"may_{name}"] if draw(st.integers(0, 3)) == 0 else []
        when: list[Condition] = [Parameter(each) == True for each in conditions[name]]  # noqa: E712
        when += [value_of(each) != "nothing" for each in asks[name]]
        states = draw(st.sampled_from(SHAPES))(name, {each: value_of(each) for each in uses})
        after = tuple(each for each, kind in kinds.items() if kind == "after")
        nodes.append(of_states(name, states, after=after, when=all_of(when) if when else None))
    return Workflow(nodes, needs, conditions, asks)


def parameters(workflow: Workflow) -> st.SearchStrategy[dict[str, Json]]:
    return st.fixed_dictionaries({f"may_{name}": st.booleans() for name in workflow.needs})


def answer(name: str, arguments: Json) -> Json:
    return spelled(name.removesuffix(" call"), arguments)


def executed(workflow: Workflow, given: Mapping[str, Json]) -> Run:
    return run(compiled(*workflow.nodes, start=START), answer, dict(given))


@given(data=st.data(), workflow=workflows())
@settings(max_examples=100, deadline=None)
def test_each_step_reads_the_right_values_and_exactly_the_right_ones_are_skipped(
    data: st.DataObject, workflow: Workflow
) -> None:
    given_ = data.draw(parameters(workflow))
    execution = executed(workflow, given_)
    expected = workflow.expected(given_)
    assert {name.removesuffix(" call") for name in execution.ran} == {
        name for name, value in expected.items() if value is not None
    }
    needed = {each for earlier in workflow.needs.values() for each in earlier}
    assert execution.output == {
        name: None if value is None else {"value": value} for name, value in expected.items() if name not in needed
    }


@given(workflow=workflows())
@settings(max_examples=40, deadline=None)
def test_no_state_is_named_twice_and_none_leads_nowhere(workflow: Workflow) -> None:
    machine = compiled(*workflow.nodes, start=START)
    names = list(state_names(machine))
    assert len(names) == len(set(names))
    for scope in scopes(machine):
        states = mapping(scope["States"])
        assert scope["StartAt"] in states
        assert set(targets(states)) | {scope["StartAt"]} == set(states)


@given(workflow=workflows())
@settings(max_examples=40, deadline=None)
def test_the_lint_finds_nothing_above_all_no_variable_that_is_undefined_or_assigned_twice(workflow: Workflow) -> None:
    found = lint(compiled(*workflow.nodes, start=START))
    assert [finding for finding in found if finding.rule not in INTEGRATION_RULES] == []


@given(workflow=workflows())
@settings(max_examples=40, deadline=None)
def test_a_branch_hands_over_only_what_is_read_after_the_join_or_at_the_end(workflow: Workflow) -> None:
    """Every name that crosses a join is one that a step outside reads, or one of the execution's results."""
    needed = {each for earlier in workflow.needs.values() for each in earlier}
    for scope, inside in branches(compiled(*workflow.nodes, start=START)):
        steps = {name for name in workflow.needs if name in inside}
        readers = {each for node in workflow.nodes if node.name not in steps for each in node.needs}
        for state in mapping(scope["States"]).values():
            ends = mapping(state).get("End") and not any(kind in str(scope["StartAt"]) for kind in (" call", " pass"))
            # Where all that the branches inside hand over is handed on.
            if ends and mapping(state)["Output"] != "{% $merge($states.result) %}":
                assert set(mapping(mapping(state)["Output"])) <= steps & (readers | (set(workflow.needs) - needed))


def scopes(scope: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    yield scope
    for state in mapping(scope["States"]).values():
        inner = mapping(state).get("Branches", [])
        assert isinstance(inner, list)
        for branch in inner:
            yield from scopes(mapping(branch))


def branches(machine: Mapping[str, Json]) -> Iterator[tuple[Mapping[str, Json], set[str]]]:
    """Every branch, with the names of all states in the Parallel state it belongs to."""
    for scope in scopes(machine):
        for state in mapping(scope["States"]).values():
            inner = mapping(state).get("Branches", [])
            assert isinstance(inner, list)
            inside = {name for branch in inner for name in state_names(mapping(branch))}
            for branch in inner:
                yield mapping(branch), inside


def targets(states: Mapping[str, Json]) -> Iterator[str]:
    for each in states.values():
        state = mapping(each)
        for key in ("Next", "Default"):
            if key in state:
                yield str(state[key])
        for key in ("Choices", "Catch"):
            ways = state.get(key, [])
            assert isinstance(ways, list)
            yield from (str(way["Next"]) for way in ways)
