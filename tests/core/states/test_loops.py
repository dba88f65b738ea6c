"""Loops: the Map states that they become, what their iterations see, and what comes out of them."""

import json
from collections.abc import Mapping

import pytest

from tests.core.machines import compiled, evaluate, mapping, of_states, step, value_of
from tests.simulation.definition import Scope as Machine
from tests.simulation.execution import Status
from tests.simulation.world import Execution, World
from zflow_constructs.core.compiler import compile_workflow
from zflow_constructs.core.states.asl import Task
from zflow_constructs.core.states.fragment import Fragment, Loop, StepNode
from zflow_constructs.core.states.outcome import Outcome
from zflow_constructs.core.values.expressions import Expression, Jsonata
from zflow_constructs.core.values.iterations import Bounded, Collected, Item, IterationNumber
from zflow_constructs.core.values.references import ExecutionId, JobName, Parameter, RunLocation
from zflow_constructs.core.values.templates import Json, Scope, Template
from zflow_constructs.local.lint import lint
from zflow_constructs.local.lint.integrations import INTEGRATION_RULES

SCOPE = Scope(run_location='"s3://runs/" & $states.context.Execution.Name', workflow="scoring")
ITEM: dict[str, Json] = {
    "index": "{% $states.context.Map.Item.Index %}",
    "value": "{% $states.context.Map.Item.Value %}",
}


def given(name: str, **arguments: Template) -> StepNode:
    """A step that is given these, and has a `value`."""
    value = {"value": Jsonata("$states.result.value")}
    return of_states(name, {name: Task("arn:run", arguments, 60, assign={name: value})})


def loop(
    name: str,
    *steps: StepNode,
    items: Template = ("de", "fr"),
    item: str = "item",
    outputs: Mapping[str, Template] | None = None,
    distributed: bool = False,
) -> StepNode:
    repeated = Loop(
        name=name,
        items=items,
        item=item,
        steps=steps,
        outputs=outputs or {},
        max_concurrency=41 if distributed else 40,
        distributed=distributed,
        most_items=2,
        assign={name: {"results": Jsonata("[$states.result]")}},
    )
    return StepNode(name, name, Fragment({name: repeated}, result=name))


def of_loop(name: str, output: str) -> Expression:
    return Collected(name, name, ("results", output))


def executed(*steps: StepNode, **handed: Json) -> tuple[World, Execution]:
    """A simulated execution: a step's value is its name and what it was given."""
    world = World(result=lambda name, arguments: {"value": [name, *mapping(arguments).values()]})
    machine = compile_workflow(
        steps, start={}, scope=SCOPE, version="1.0", timeout_seconds=3600, table=lambda: "Rendezvous"
    )
    execution = world.start(Machine.of(machine), dict(handed))
    world.clock.run(until=10_000)
    assert execution.status is Status.SUCCEEDED, execution.top.failure
    return world, execution


def test_a_loop_is_a_map_whose_turns_take_their_item_and_put_out_what_is_wanted() -> None:
    each = loop(
        "Each", given("Train", item=Item("item"), from_=value_of("Extract")), outputs={"auc": value_of("Train")}
    )
    machine = compiled(step("Extract"), each, given("Last", all=of_loop("Each", "auc")))
    states = mapping(machine["States"])
    assert list(states) == ["Extract", "Each", "Last"]
    assert states["Each"] == {
        "Type": "Map",
        "Items": ["de", "fr"],
        "ItemSelector": ITEM,
        "MaxConcurrency": 40,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": "Each: item",
            "States": {
                "Each: item": {
                    "Type": "Pass",
                    "Assign": {"Each_item": "{% $states.input %}"},
                    "Output": {},
                    "Next": "Train",
                },
                "Train": {
                    "Type": "Task",
                    "Resource": "arn:run",
                    "Arguments": {"item": "{% $Each_item.value %}", "from_": "{% $Extract.value %}"},
                    "TimeoutSeconds": 60,
                    "Assign": {"Train": {"value": "{% $states.result.value %}"}},
                    "Output": {},
                    "Next": "Each: item's results",
                },
                "Each: item's results": {
                    "Type": "Pass",
                    "Output": {
                        "item": "{% $Each_item.value %}",
                        "auc": "{% ($Train != null ? $Train.value : (null)) %}",
                    },
                    "End": True,
                },
            },
        },
        "Assign": {"Each": {"results": "{% [$states.result] %}"}},
        "Output": {},
        "Next": "Last",
    }


def test_a_distributed_loop_is_handed_what_its_turns_read_and_nothing_else() -> None:
    step_inside = given(
        "Train", country=Item("item")["name"], rows=value_of("Extract"), p=Parameter("p"), o=Outcome("name")
    )
    each = loop("Each", step_inside, items=value_of("List"), distributed=True)
    state = mapping(mapping(compiled(step("Extract"), step("List", after=["Extract"]), each)["States"])["Each"])
    assert mapping(state["ItemProcessor"])["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert state["ItemSelector"] == {
        **ITEM,
        "outer": {
            "execution": "{% $states.context.Execution.Id %}",
            "run_location": '{% "s3://bucket/workflow" %}',
            "iterations": [],
            "items": {},
            "results": {"result0": '{% ($result := $Extract; $result != null ? {"value": $result.value} : null) %}'},
            "parameters": "{% $parameters %}",
            "outcome": "{% $outcome %}",
        },
    }
    train = mapping(mapping(mapping(state["ItemProcessor"])["States"])["Train"])
    assert train["Arguments"] == {
        "country": "{% $Each_item.value.name %}",
        "rows": "{% $Each_item.outer.results.result0.value %}",
        "p": "{% $Each_item.outer.parameters.p %}",
        "o": "{% $Each_item.outer.outcome.name %}",
    }


@pytest.mark.parametrize("distributed", [(False, False), (True, False), (False, True), (True, True)])
def test_turns_see_the_same_whether_they_are_executions_of_their_own(distributed: tuple[bool, bool]) -> None:
    """Evaluated where the iteration of each loop is: what is read does not depend on how the iterations are run."""
    seen = given(
        "See",
        outer=Item("country")["name"],
        inner=Item("model"),
        iteration=IterationNumber(),
        execution=ExecutionId(),
        first=RunLocation("First", "First", "First"),
        beside=RunLocation("Beside", "Beside", "Beside"),
        own=RunLocation("See", "See", "See"),
        value=value_of("First"),
        beside_value=value_of("Beside"),
    )
    models = loop("Models", seen, items=Item("country")["models"], item="model", distributed=distributed[1])
    countries = loop("Countries", step("Beside"), models, items=[1], item="country", distributed=distributed[0])
    machine = compile_workflow([step("First"), countries], start={}, scope=SCOPE, version="1.0", timeout_seconds=3600)
    outer_map = mapping(mapping(machine["States"])["Countries"])
    context: dict[str, Json] = {"Execution": {"Name": "monday", "Id": "arn:monday"}}
    variables: dict[str, object] = {"First": {"value": "first"}, "states": {"context": context}}
    country: Json = {"name": "de", "models": ["a", "b"]}
    variables = _entered(outer_map, "Countries", 2, country, variables, own_execution=distributed[0])
    variables["Beside"] = {"value": "beside"}
    inner_map = _found(outer_map, "Models")
    variables = _entered(inner_map, "Models", 1, "b", variables, own_execution=distributed[1])
    arguments = mapping(_found(inner_map, "See")["Arguments"])
    read = {name: evaluate(str(value)[3:-3], variables) for name, value in arguments.items()}
    assert read == {
        "outer": "de",
        "inner": "b",
        "iteration": "2/1",
        "execution": "arn:monday",
        "first": "s3://runs/monday/First/",
        "beside": "s3://runs/monday/Countries/2/Beside/",
        "own": "s3://runs/monday/Countries/2/Models/1/See/",
        "value": "first",
        "beside_value": "beside",
    }


def _entered(
    state: Mapping[str, Json], name: str, index: int, value: Json, variables: dict[str, object], *, own_execution: bool
) -> dict[str, object]:
    """The variables in an iteration: those around it, unless it is an execution of its own, and its item."""
    states = mapping(variables["states"])  # type: ignore[arg-type]
    context = mapping(states["context"])
    here: dict[str, object] = {"context": {**context, "Map": {"Item": {"Index": index, "Value": value}}}}

    def filled(template: Json) -> Json:
        match template:
            case str() if template.startswith("{%"):
                return evaluate(template[3:-3], {**variables, "states": here})
            case Mapping():
                return {key: filled(each) for key, each in template.items()}
            case list():
                return [filled(each) for each in template]
            case _:
                return template

    item = filled(state["ItemSelector"])
    if own_execution:
        return {f"{name}_item": item, "states": {"context": {"Execution": {"Name": "child", "Id": "arn:child"}}}}
    return {**variables, f"{name}_item": item}


def _found(state: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    scopes: list[Json] = [state["ItemProcessor"]]
    while scopes:
        for each, inner in mapping(mapping(scopes.pop())["States"]).items():
            if each == name:
                return mapping(inner)
            branches = mapping(inner).get("Branches", [])
            assert isinstance(branches, list)
            scopes += branches
    raise AssertionError(name)


def test_job_names_differ_from_turn_to_turn_and_folders_too() -> None:
    train = given("Train", job=JobName("Train"), where=RunLocation("Train", "Train", "Train"))
    rendered = JobName("Train").render(Scope(iterations={"Each": "$Each_item.index"}))
    context: Json = {"Execution": {"Id": "arn", "RedriveCount": 0}, "State": {"Name": "Train", "RetryCount": 0}}
    names = {
        evaluate(rendered, {"states": {"context": context}, "Each_item": {"index": iteration}})
        for iteration in range(9)
    }
    assert len(names) == 9
    arguments = mapping(_found(mapping(mapping(compiled(loop("Each", train))["States"])["Each"]), "Train")["Arguments"])
    assert "$Each_item.index" in str(arguments["job"])
    assert arguments["where"] == '{% "s3://bucket/workflow" & "/Each/" & $string($Each_item.index) & "/Train/" %}'


def test_loops_in_loops_give_lists_of_lists_in_the_order_of_the_items() -> None:
    fit = given("Fit", country=Item("country"), model=Item("model"))
    models = loop("Models", fit, items=["a", "b"], item="model", outputs={"fit": value_of("Fit")})
    countries = loop("Countries", models, item="country", outputs={"fits": of_loop("Models", "fit")})
    _, execution = executed(countries, given("Last", all=of_loop("Countries", "fits")))
    fits: Json = [[["Fit", country, model] for model in "ab"] for country in ("de", "fr")]
    assert execution.top.output == {"Last": {"value": ["Last", fits]}}


@pytest.mark.parametrize("items", [[], ["de"], ["de", "fr"], [["x"]], [["x"], ["y", "z"]], [None, 0, False]])
def test_a_list_known_at_run_time_is_gone_through_item_by_item_whatever_they_are(items: list[Json]) -> None:
    bounded = Bounded(Jsonata("$states.input.items"), 5, 'Step "Each": items')
    each = loop("Each", given("Show", item=Item("item")), items=bounded, outputs={"shown": Item("item")})
    world, execution = executed(each, items=items)
    assert sorted(json.dumps(work.arguments["item"]) for work in world.work) == sorted(map(json.dumps, items))
    assert execution.top.output == {"Each": {"results": [{"item": item, "shown": item} for item in items]}}


def test_a_step_skipped_in_a_turn_gives_null_and_the_loop_goes_on() -> None:
    big = of_states(
        "Big",
        {"Big": Task("arn:run", {"n": Item("item")}, 60, assign={"Big": {"value": Jsonata("$states.result.value")}})},
        when=Item("item") > 1,
    )
    world, execution = executed(loop("Each", big, items=[1, 2], outputs={"big": value_of("Big")}))
    assert execution.top.output == {"Each": {"results": [{"item": 1, "big": None}, {"item": 2, "big": ["Big", 2]}]}}
    assert [work.step for work in world.work] == ["Big"]


def test_a_loop_under_a_condition_is_skipped_with_what_needs_its_list() -> None:
    each = loop("Each", given("Show", item=Item("item")), outputs={"shown": value_of("Show")})
    conditional = StepNode("Each", "Each", each.fragment, when=value_of("First") == "never")
    world, execution = executed(step("First"), conditional, given("Last", all=of_loop("Each", "shown")))
    assert [work.step for work in world.work] == ["First"]
    assert execution.top.output == {"Last": None}


def test_branches_in_a_loop_meet_under_a_key_of_each_turn() -> None:
    inside = [step("A"), step("B"), step("C", uses=["A"]), step("D", uses=["A", "B"])]
    state = mapping(mapping(compiled(loop("Each", *inside))["States"])["Each"])
    assert _found(state, "Each: item")["Assign"] == {
        "Each_item": "{% $states.input %}",
        "Each_run_key": {"S": "{% $uuid() %}"},
        "Each_run_expiry": {"N": "{% $string($floor($millis() / 1000) + 7783200) %}"},
    }
    (waits,) = [name for name in ("D waits for A", "D waits for B") if f'"{name}"' in json.dumps(state)]
    assert mapping(mapping(_found(state, waits)["Arguments"])["Key"])["run"] == "{% $Each_run_key %}"


@pytest.mark.parametrize("distributed", [False, True])
def test_the_lint_finds_nothing_in_loops(*, distributed: bool) -> None:
    inner = loop("Inner", step("Fit", uses=["Clean", "Extract"]), distributed=distributed)
    outer = loop("Outer", step("Clean", uses=["Extract"]), inner, distributed=distributed)
    found = lint(compiled(step("Extract"), outer))
    assert [finding for finding in found if finding.rule not in INTEGRATION_RULES] == []
