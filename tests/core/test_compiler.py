"""The machine that steps become, compared whole."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.machines import compiled, mapping, of_states, run, state_names, step, value_of
from tests.waiting import LIMIT_SECONDS
from zflow_constructs.core.compiler import compile_workflow
from zflow_constructs.core.states.asl import EXIT, Catcher, Choice, Native, Pass, Rule, State, Task, Wait
from zflow_constructs.core.states.fragment import StepNode
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.references import Parameter, RunLocation
from zflow_constructs.core.values.templates import Json, Scope

GOOD = value_of("Train") >= 0.75
DEPLOY = Parameter("deploy") == True  # noqa: E712


def task(name: str, *, next: str = "", output: Json = None, **arguments: str) -> dict[str, Json]:  # noqa: A002
    """The state of `machines.step`: it goes on, or ends with an output."""
    return {
        "Type": "Task",
        "Resource": "arn:run",
        "Arguments": {used: f"{{% {jsonata} %}}" for used, jsonata in arguments.items()},
        "TimeoutSeconds": 60,
        "Assign": {name: {"value": "{% $states.result.value %}"}},
        "Output": output or {},
        **({"Next": next} if next else {"End": True}),
    }


def ended(name: str, **arguments: str) -> dict[str, Json]:
    """The state of `machines.step` at the end of a branch that outputs its result."""
    return task(name, output={name: {"value": "{% $states.result.value %}"}}, **arguments)


def machine(start: str, states: dict[str, Json]) -> dict[str, Json]:
    return {"QueryLanguage": "JSONata", "TimeoutSeconds": 3600, "StartAt": start, "States": states}


def test_steps_in_a_chain_read_each_others_variables_and_the_last_result_is_the_output() -> None:
    assert compiled(
        step("Report", uses=["Train", "Extract"]), step("Extract"), step("Train", uses=["Extract"])
    ) == machine(
        "Extract",
        {
            "Extract": task("Extract", next="Train"),
            "Train": task("Train", next="Report", Extract="$Extract.value"),
            "Report": ended("Report", Train="$Train.value", Extract="$Extract.value"),
        },
    )


def test_one_step_is_a_machine_of_one_state() -> None:
    assert compiled(step("Train")) == machine("Train", {"Train": ended("Train")})


def test_branches_end_by_outputting_what_is_read_after_the_join_and_nothing_else() -> None:
    assert compiled(
        step("Train"), step("Audit"), step("Notify"), step("Report", uses=["Train", "Audit"], after=["Notify"])
    ) == machine(
        "Train, Audit, Notify in parallel",
        {
            "Train, Audit, Notify in parallel": {
                "Type": "Parallel",
                "Branches": [
                    {"StartAt": "Train", "States": {"Train": ended("Train")}},
                    {"StartAt": "Audit", "States": {"Audit": ended("Audit")}},
                    {"StartAt": "Notify", "States": {"Notify": task("Notify")}},
                ],
                "Assign": {"Train_Audit_Notify_in_parallel": "{% $merge($states.result) %}"},
                "Output": {},
                "Next": "Report",
            },
            "Report": ended(
                "Report",
                Train="$Train_Audit_Notify_in_parallel.Train.value",
                Audit="$Train_Audit_Notify_in_parallel.Audit.value",
            ),
        },
    )


def test_a_join_that_nothing_is_read_across_assigns_nothing() -> None:
    assert compiled(step("A"), step("B"), step("C", after=["A", "B"])) == machine(
        "A, B in parallel",
        {
            "A, B in parallel": {
                "Type": "Parallel",
                "Branches": [
                    {"StartAt": "A", "States": {"A": task("A")}},
                    {"StartAt": "B", "States": {"B": task("B")}},
                ],
                "Output": {},
                "Next": "C",
            },
            "C": ended("C"),
        },
    )


def test_values_cross_the_joins_of_nested_branches_and_a_branch_reads_what_is_outside() -> None:
    """Extract -> (Clean -> (Left | Right) -> Merge | Audit) -> Report."""
    assert compiled(
        step("Extract"),
        step("Clean", uses=["Extract"]),
        step("Left", uses=["Clean", "Extract"]),
        step("Right", uses=["Clean"]),
        step("Merge", uses=["Left", "Right"]),
        step("Audit", uses=["Extract"]),
        step("Report", uses=["Merge", "Audit", "Left", "Extract"]),
    ) == machine(
        "Extract",
        {
            "Extract": task("Extract", next="Clean, Audit in parallel"),
            "Clean, Audit in parallel": {
                "Type": "Parallel",
                "Branches": [
                    {
                        "StartAt": "Clean",
                        "States": {
                            "Clean": task("Clean", next="Left, Right in parallel", Extract="$Extract.value"),
                            "Left, Right in parallel": {
                                "Type": "Parallel",
                                "Branches": [
                                    {
                                        "StartAt": "Left",
                                        "States": {
                                            "Left": ended("Left", Clean="$Clean.value", Extract="$Extract.value")
                                        },
                                    },
                                    {"StartAt": "Right", "States": {"Right": ended("Right", Clean="$Clean.value")}},
                                ],
                                "Assign": {"Left_Right_in_parallel": "{% $merge($states.result) %}"},
                                "Output": {},
                                "Next": "Merge",
                            },
                            "Merge": task(
                                "Merge",
                                Left="$Left_Right_in_parallel.Left.value",
                                Right="$Left_Right_in_parallel.Right.value",
                                output={
                                    "Left": "{% $Left_Right_in_parallel.Left %}",
                                    "Merge": {"value": "{% $states.result.value %}"},
                                },
                            ),
                        },
                    },
                    {"StartAt": "Audit", "States": {"Audit": ended("Audit", Extract="$Extract.value")}},
                ],
                "Assign": {"Clean_Audit_in_parallel": "{% $merge($states.result) %}"},
                "Output": {},
                "Next": "Report",
            },
            "Report": ended(
                "Report",
                Merge="$Clean_Audit_in_parallel.Merge.value",
                Audit="$Clean_Audit_in_parallel.Audit.value",
                Left="$Clean_Audit_in_parallel.Left.value",
                Extract="$Extract.value",
            ),
        },
    )


def test_a_machine_that_ends_in_branches_outputs_the_results_of_all_of_them() -> None:
    """Extract -> (Train -> (Deploy | Report) | Audit): the inner join ends its branch, the outer one the machine."""
    assert compiled(
        step("Extract"),
        step("Train", after=["Extract"]),
        step("Deploy", uses=["Train"]),
        step("Report", uses=["Train"]),
        step("Audit", after=["Extract"]),
    ) == machine(
        "Extract",
        {
            "Extract": task("Extract", next="Train, Audit in parallel"),
            "Train, Audit in parallel": {
                "Type": "Parallel",
                "Branches": [
                    {
                        "StartAt": "Train",
                        "States": {
                            "Train": task("Train", next="Deploy, Report in parallel"),
                            "Deploy, Report in parallel": {
                                "Type": "Parallel",
                                "Branches": [
                                    {"StartAt": "Deploy", "States": {"Deploy": ended("Deploy", Train="$Train.value")}},
                                    {"StartAt": "Report", "States": {"Report": ended("Report", Train="$Train.value")}},
                                ],
                                "Output": "{% $merge($states.result) %}",
                                "End": True,
                            },
                        },
                    },
                    {"StartAt": "Audit", "States": {"Audit": ended("Audit")}},
                ],
                "Output": "{% $merge($states.result) %}",
                "End": True,
            },
        },
    )


def polled(name: str, *, uses: str) -> StepNode:
    """A step that starts a job, waits, looks, and goes round until it is done."""
    status = Jsonata("$states.result.value")
    return of_states(
        name,
        {
            name: Task("arn:start", {"of": value_of(uses)}, 60, assign={name: {"value": status}}, next=f"{name}: wait"),
            f"{name}: wait": Wait(30, next=f"{name}: look"),
            f"{name}: look": Task("arn:look", {}, 60, assign={name: {"value": status}}, next=f"{name}: done?"),
            f"{name}: done?": Choice((Rule(Jsonata(f'${name}.value != "running"'), EXIT),), f"{name}: wait"),
        },
    )


def states_of_polled(name: str, *, next: str, of: str) -> dict[str, Json]:  # noqa: A002
    return {
        name: {**task(name, next=f"{name}: wait", of=of), "Resource": "arn:start"},
        f"{name}: wait": {"Type": "Wait", "Seconds": 30, "Output": {}, "Next": f"{name}: look"},
        f"{name}: look": {**task(name, next=f"{name}: done?"), "Resource": "arn:look"},
        f"{name}: done?": {
            "Type": "Choice",
            "Choices": [{"Condition": f'{{% ${name}.value != "running" %}}', "Next": next}],
            "Default": f"{name}: wait",
            "Output": {},
        },
    }


def test_a_step_of_several_states_goes_on_from_each_way_out_and_one_that_cannot_output_gets_a_state_that_does() -> None:
    assert compiled(step("Extract"), polled("Train", uses="Extract"), polled("Report", uses="Train")) == machine(
        "Extract",
        {
            "Extract": task("Extract", next="Train"),
            **states_of_polled("Train", next="Report", of="$Extract.value"),
            **states_of_polled("Report", next="Report: results", of="$Train.value"),
            "Report: results": {"Type": "Pass", "Output": {"Report": "{% $Report %}"}, "End": True},
        },
    )


def test_a_last_state_that_does_not_assign_the_result_outputs_the_variable() -> None:
    predict = of_states(
        "Predict",
        {
            "Predict": Task("arn:run", {}, 60, assign={"Predict": {"value": 1}}, next="Predict: clean up"),
            "Predict: clean up": Task("arn:delete", {}, 60),
        },
    )
    assert compiled(predict) == machine(
        "Predict",
        {
            "Predict": {
                "Type": "Task",
                "Resource": "arn:run",
                "Arguments": {},
                "TimeoutSeconds": 60,
                "Assign": {"Predict": {"value": 1}},
                "Output": {},
                "Next": "Predict: clean up",
            },
            "Predict: clean up": {
                "Type": "Task",
                "Resource": "arn:delete",
                "Arguments": {},
                "TimeoutSeconds": 60,
                "Output": {"Predict": "{% $Predict %}"},
                "End": True,
            },
        },
    )


def test_a_task_that_also_leaves_by_its_catcher_gets_a_state_for_its_results() -> None:
    state = Task("arn:run", {}, 60, assign={"Train": 1}, catch=(Catcher(("E",), EXIT, {"Train": 0}),))
    assert compiled(of_states("Train", {"Train": state}))["States"] == {
        "Train": {
            "Type": "Task",
            "Resource": "arn:run",
            "Arguments": {},
            "TimeoutSeconds": 60,
            "Assign": {"Train": 1},
            "Output": {},
            "Catch": [{"ErrorEquals": ["E"], "Assign": {"Train": 0}, "Next": "Train: results"}],
            "Next": "Train: results",
        },
        "Train: results": {"Type": "Pass", "Output": {"Train": "{% $Train %}"}, "End": True},
    }


def guard(name: str, condition: str, *, next: str) -> dict[str, Json]:  # noqa: A002
    """The states before a step that may be skipped."""
    return {
        f"{name}?": {
            "Type": "Choice",
            "Choices": [{"Condition": f"{{% {condition} %}}", "Next": name}],
            "Default": f"{name}: skipped",
            "Output": {},
        },
        f"{name}: skipped": {"Type": "Pass", "Assign": {name: "{% null %}"}, "Output": {}, "Next": next},
    }


def test_a_condition_skips_a_step_and_those_that_use_it_but_not_those_that_only_come_after_it() -> None:
    assert compiled(
        step("Train"),
        step("Deploy", after=["Train"], when=GOOD),
        step("Check", uses=["Deploy"], when=DEPLOY),
        step("Notify", after=["Check"]),
    ) == machine(
        "Train",
        {
            "Train": task("Train", next="Deploy?"),
            **guard("Deploy", "$Train.value >= 0.75", next="Check?"),
            "Deploy": task("Deploy", next="Check?"),
            **guard("Check", "($Deploy != null) and ($parameters.deploy = true)", next="Notify"),
            "Check": task("Check", next="Notify", Deploy="$Deploy.value"),
            "Notify": ended("Notify"),
        },
    )


def test_a_step_that_may_be_skipped_at_the_end_outputs_null_then() -> None:
    assert compiled(step("Train"), step("Deploy", when=GOOD)) == machine(
        "Train",
        {
            "Train": task("Train", next="Deploy?"),
            **guard("Deploy", "$Train.value >= 0.75", next="Deploy: results"),
            "Deploy": task("Deploy", next="Deploy: results"),
            "Deploy: results": {"Type": "Pass", "Output": {"Deploy": "{% $Deploy %}"}, "End": True},
        },
    )


def test_whether_a_step_ran_crosses_a_join() -> None:
    assert compiled(
        step("Train"),
        step("Deploy", when=GOOD),
        step("Audit", after=["Train"]),
        step("Check", uses=["Deploy", "Audit"]),
    ) == machine(
        "Train",
        {
            "Train": task("Train", next="Deploy, Audit in parallel"),
            "Deploy, Audit in parallel": {
                "Type": "Parallel",
                "Branches": [
                    {
                        "StartAt": "Deploy?",
                        "States": {
                            **guard("Deploy", "$Train.value >= 0.75", next="Deploy: results"),
                            "Deploy": task("Deploy", next="Deploy: results"),
                            "Deploy: results": {"Type": "Pass", "Output": {"Deploy": "{% $Deploy %}"}, "End": True},
                        },
                    },
                    {"StartAt": "Audit", "States": {"Audit": ended("Audit")}},
                ],
                "Assign": {"Deploy_Audit_in_parallel": "{% $merge($states.result) %}"},
                "Output": {},
                "Next": "Check?",
            },
            **guard("Check", "$Deploy_Audit_in_parallel.Deploy != null", next="Check: results"),
            "Check": task(
                "Check",
                Deploy="$Deploy_Audit_in_parallel.Deploy.value",
                Audit="$Deploy_Audit_in_parallel.Audit.value",
                next="Check: results",
            ),
            "Check: results": {"Type": "Pass", "Output": {"Check": "{% $Check %}"}, "End": True},
        },
    )


def test_using_only_where_a_step_writes_is_a_need_too_and_skips_with_it() -> None:
    location = RunLocation("Extract", "Extract", "Extract/history")
    train = of_states("Train", {"Train": Task("arn:run", {"data": location}, 60, assign={"Train": 1})})
    assert train.needs == ("Extract",)
    states = mapping(compiled(step("Extract", when=DEPLOY), train)["States"])
    assert mapping(states["Train?"])["Choices"] == [{"Condition": "{% $Extract != null %}", "Next": "Train"}]
    assert mapping(states["Train"])["Arguments"] == {"data": '{% "s3://bucket/workflow" & "/Extract/history/" %}'}


def test_the_needs_of_a_step_are_those_of_its_states_and_conditions_each_once_in_the_order_of_use() -> None:
    node = step("D", uses=["B", "A", "B"], after=["X"], when=(value_of("C") == value_of("A")) & (value_of("D") == 1))
    assert node.needs == ("B", "A", "C")


def test_start_states_come_first_and_lead_to_the_first_step() -> None:
    start: dict[str, State] = {
        "Parameters": Pass(assign={"parameters": Jsonata("$states.input")}, next="Key"),
        "Key": Pass(assign={"key": Jsonata("$uuid()")}),
    }
    assert compiled(step("A", when=DEPLOY), step("B"), start=start) == machine(
        "Parameters",
        {
            "Parameters": {
                "Type": "Pass",
                "Assign": {"parameters": "{% $states.input %}"},
                "Output": {},
                "Next": "Key",
            },
            "Key": {"Type": "Pass", "Assign": {"key": "{% $uuid() %}"}, "Output": {}, "Next": "A, B in parallel"},
            "A, B in parallel": {
                "Type": "Parallel",
                "Branches": [
                    {
                        "StartAt": "A?",
                        "States": {
                            **guard("A", "$parameters.deploy = true", next="A: results"),
                            "A": task("A", next="A: results"),
                            "A: results": {"Type": "Pass", "Output": {"A": "{% $A %}"}, "End": True},
                        },
                    },
                    {"StartAt": "B", "States": {"B": ended("B")}},
                ],
                "Output": "{% $merge($states.result) %}",
                "End": True,
            },
        },
    )


def test_the_scope_says_where_a_run_is_and_what_its_workflow_is_called() -> None:
    node = of_states(
        "Train", {"Train": Task("arn:run", RunLocation("Train", "Train", "Train"), 60, assign={"Train": 1})}
    )
    scope = Scope(run_location='"s3://lake/" & $states.context.Execution.Name')
    states = mapping(compile_workflow([node], start={}, scope=scope, version="1.0", timeout_seconds=60)["States"])
    assert mapping(states["Train"])["Arguments"] == '{% "s3://lake/" & $states.context.Execution.Name & "/Train/" %}'


def test_parallel_states_that_start_alike_are_numbered_when_their_names_are_cut_short() -> None:
    """((long | second -> x | third) -> y | fourth): each of the three starts with the long name."""
    long, second, third, fourth = (f"{number}{'x' * 45}" for number in ("one", "two", "three", "four"))
    machine = compiled(
        *(step(name) for name in (long, second, third, fourth)),
        step("x", after=[long, second]),
        step("y", after=["x", third]),
    )
    assert [name for name in state_names(machine) if "parallel" in name] == [
        f"{long}, ... in parallel 3",
        f"{long}, ... in parallel 2",
        f"{long}, ... in parallel",
    ]
    assert max(len(name) for name in state_names(machine)) <= 80


def named(key: str, name: str, result: str, **states: State) -> StepNode:
    node = of_states(name, states or {name: Task("arn:run", {}, 60, assign={result: 1})})
    return StepNode(key, name, type(node.fragment)(node.fragment.states, result=result))


def native(name: str, **states: Json) -> StepNode:
    """A native chain: its inner states are given."""
    branch: Json = {"StartAt": next(iter(states)), "States": states}
    definition: dict[str, Json] = {"Type": "Parallel", "Branches": [branch]}
    return of_states(name, {name: Native(definition, {}, {name: Jsonata("$states.result[0]")})})


PASS: Json = {"Type": "Pass", "End": True}


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            [named("App/Train EU", "Train EU", "Train_EU"), named("App/Train-EU", "Train-EU", "Train_EU")],
            (
                'Two steps, App/Train EU and App/Train-EU, both use the name "Train_EU" in the state machine. '
                "Rename one of them: ids must differ in more than spaces and hyphens."
            ),
        ),
        (
            [named("App/A/Train", "Train", "Train"), named("App/B/Train", "Train", "Train_2")],
            (
                'Two steps, App/A/Train and App/B/Train, both use the name "Train" in the state machine. '
                "Rename one of them: ids must differ in more than spaces and hyphens."
            ),
        ),
        (
            [
                named("App/Train", "Train", "Train", Train=Pass(assign={"Train": 1, "Train_model": 1})),
                named("App/Train_model", "Train_model", "Train_model"),
            ],
            (
                'Two steps, App/Train and App/Train_model, both use the name "Train_model" in the state machine. '
                "Rename one of them: ids must differ in more than spaces and hyphens."
            ),
        ),
        (
            [
                of_states("A", {"A": Task("r", {}, 60, assign={"A": 1}, catch=(Catcher(("E",), "A", {"why": 1}),))}),
                of_states("B", {"B": Pass(assign={"B": 1, "why": 1})}),
            ],
            (
                'Two steps, A and B, both use the name "why" in the state machine. '
                "Rename one of them: ids must differ in more than spaces and hyphens."
            ),
        ),
        (
            [step("parameters")],
            'Step "parameters": the workflow itself uses the variable "parameters". Rename the step.',
        ),
        ([step("states")], 'Step "states": the workflow itself uses the variable "states". Rename the step.'),
        (
            [native("Notify", Publish=PASS), step("Publish")],
            (
                'Two steps, Notify and Publish, both use the name "Publish" in the state machine. '
                "Rename one of them: ids must differ in more than spaces and hyphens."
            ),
        ),
        (
            [native("Notify", Notify=PASS)],
            'Step "Notify": two of its states have the name "Notify". Rename one of them.',
        ),
        (
            [
                native(
                    "Notify",
                    Each={
                        "Type": "Map",
                        "ItemProcessor": {
                            "StartAt": "Send",
                            "States": {
                                "Send": {
                                    "Type": "Parallel",
                                    "Branches": [{"StartAt": "Mail", "States": {"Mail": PASS}}],
                                    "End": True,
                                }
                            },
                        },
                        "End": True,
                    },
                ),
                step("Mail"),
            ],
            (
                'Two steps, Notify and Mail, both use the name "Mail" in the state machine. '
                "Rename one of them: ids must differ in more than spaces and hyphens."
            ),
        ),
        (
            [native("Notify", Publish={"Type": "Pass", "Assign": {"Train": 1}, "End": True}), step("Train")],
            (
                'Step "Notify": its state "Publish" assigns the variable "Train", which the workflow around it uses. '
                "Rename the variable."
            ),
        ),
    ],
)
def test_names_that_collide_are_refused(steps: list[StepNode], message: str) -> None:
    with pytest.raises(WorkflowError) as error:
        compiled(*steps, start={"Parameters": Pass(assign={"parameters": {}})})
    assert str(error.value) == message


def test_native_chains_beside_each_other_may_use_one_name_for_their_variables() -> None:
    assigning: Json = {"Type": "Pass", "Assign": {"x": 1}, "Output": {}, "End": True}
    compiled(native("A", First=assigning), native("B", Second=assigning))


def test_the_variable_of_a_join_is_no_steps_and_no_other_joins() -> None:
    nodes = [
        named("A B", "A B", "A_B"),
        named("C", "C", "C"),
        named("A_B_C_in_parallel", "A_B_C_in_parallel", "A_B_C_in_parallel"),
    ]
    machine = compiled(*nodes[:2], StepNode("D", "D", step("D", uses=[]).fragment, ("A B", "C")))
    assert next(iter(state_names(machine))) == "A B, C in parallel"
    taken = compiled(
        *nodes[:2],
        StepNode(nodes[2].key, nodes[2].name, nodes[2].fragment, ("A B", "C")),
        of_states("D", {"D": Pass(assign={"D": [value_of("A B"), value_of("C")]})}, after=["A_B_C_in_parallel"]),
    )
    parallel = mapping(mapping(taken["States"])["A B, C in parallel"])
    assert parallel["Assign"] == {"A_B_C_in_parallel_2": "{% $merge($states.result) %}"}


def test_a_circle_through_outputs_and_after_is_refused() -> None:
    with pytest.raises(WorkflowError, match=re.escape("circle: Train -> Report -> Train. ")):
        compiled(step("Train", after=["Report"]), step("Report", uses=["Train"]))


def test_the_machine_is_the_same_in_every_process() -> None:
    """Python shuffles its sets anew in each process; the machine's states keep their order."""
    script = """
import json
from tests.core.machines import compiled, step
tree = [step(f"s{n}", uses=[f"s{(n - 1) // 2}"] if n else []) for n in range(30)]
print(json.dumps(compiled(*tree)))
"""
    machines = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])},
            check=True,
            capture_output=True,
            timeout=LIMIT_SECONDS,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(machines) == 1
    assert b'"s29"' in machines.pop()


def test_a_thousand_steps_in_a_chain_compile_to_a_thousand_states() -> None:
    names = [f"s{number}" for number in range(1000)]
    chain = [step(name, uses=names[max(0, index - 1) : index]) for index, name in enumerate(names)]
    assert len(mapping(compiled(*chain)["States"])) == 1000


def test_four_hundred_nestings_of_sequences_and_branches_compile_and_run() -> None:
    """s0 -> (t0 | s1 -> (t1 | s2 -> ...)): each level a sequence that ends in branches."""
    steps: list[StepNode] = []
    for level in range(200):
        earlier = [f"s{level - 1}"] if level else []
        steps += [step(f"t{level}", uses=earlier), step(f"s{level}", uses=earlier)]
    assert sum(name.endswith("in parallel") for name in state_names(compiled(*steps))) == 200
    execution = run(compiled(*steps[:60]))
    assert len(execution.ran) == 60
