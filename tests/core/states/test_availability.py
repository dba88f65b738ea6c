"""Whether there is a value: what is skipped when, and what is taken instead."""

from collections.abc import Mapping

import pytest

from tests.core.machines import compiled, evaluate, mapping, of_states, run, step, value_of
from tests.texts import joined
from zflow_constructs.core.compiler import compile_workflow
from zflow_constructs.core.states.asl import Pass, Task
from zflow_constructs.core.states.availability import FirstOf, available, or_null
from zflow_constructs.core.states.fragment import StepNode
from zflow_constructs.core.values.expressions import Condition, Expression, Jsonata
from zflow_constructs.core.values.iterations import Collected
from zflow_constructs.core.values.references import Parameter, Ran, RunLocation, StepOutput
from zflow_constructs.core.values.templates import Json, Scope, Template, render_template

SCOPE = Scope(results={name: f"${name}" for name in "ABC"}, run_location='"s3://runs/monday"')
A, B, C = (value_of(name) for name in "ABC")
WRITTEN = RunLocation("A", "A", "A/history")
NEVER, ALWAYS = Parameter("p") == "other", Parameter("p") == "given"
START = {"Parameters": Pass(assign={"parameters": {"p": "given"}})}


def of(expression: Expression, **values: Json) -> Json:
    """What an expression is, where the steps have these values, and None is a skipped one."""
    results = {name: None if value is None else {"value": value} for name, value in values.items()}
    return evaluate(expression.render(SCOPE), {**results, "parameters": {"p": "given"}})


@pytest.mark.parametrize(
    ("options", "rendered"),
    [
        ((A,), "($A.value)"),
        ((A, B), "($A != null ? $A.value : $B.value)"),
        ((A, B, C), "($A != null ? $A.value : $B != null ? $B.value : $C.value)"),
        ((A, Parameter("p")), "($A != null ? $A.value : $parameters.p)"),
        ((Parameter("p"), A), "($parameters.p)"),
        ((WRITTEN, B), '($A != null ? "s3://runs/monday" & "/A/history/" : $B.value)'),
        ((A + B, C), f"(($A != null) and ($B != null) ? {joined('$A.value')} & {joined('$B.value')} : $C.value)"),
        ((FirstOf((A, B)), C), "(($A != null) or ($B != null) ? ($A != null ? $A.value : $B.value) : $C.value)"),
    ],
    ids=["one", "two", "three", "a parameter last", "a parameter first", "a location", "a sum", "one of others"],
)
def test_the_first_of_several_asks_which_is_there(options: tuple[Expression, ...], rendered: str) -> None:
    assert FirstOf(options).render(SCOPE) == rendered


@pytest.mark.parametrize(
    ("values", "first"),
    [
        ({"A": 1, "B": 2, "C": 3}, 1),
        ({"A": None, "B": 2, "C": 3}, 2),
        ({"A": None, "B": None, "C": 3}, 3),
        ({"A": 0, "B": 2, "C": 3}, 0),
        ({"A": False, "B": 2, "C": 3}, False),
        ({"A": "", "B": 2, "C": 3}, ""),
    ],
)
def test_the_first_that_is_there_is_taken_whatever_its_value(values: Mapping[str, Json], first: Json) -> None:
    assert of(FirstOf((A, B, C)), **values) == first


@pytest.mark.parametrize(
    ("template", "needed"),
    [
        ("text", []),
        (Parameter("p"), []),
        ({"a": A, "also": [A, B]}, ["$A != null", "$B != null"]),
        (WRITTEN, ["$A != null"]),
        (A >= B, ["$A != null", "$B != null"]),
        (FirstOf((A, B)), ["($A != null) or ($B != null)"]),
        (FirstOf((A + B, C)), ["(($A != null) and ($B != null)) or ($C != null)"]),
        (FirstOf((A, Parameter("p"))), []),
        (A.is_present(), []),
        (A.is_absent() & (B > 1), ["$B != null"]),
    ],
    ids=["text", "parameter", "outputs", "location", "condition", "first", "of sums", "sure", "present", "absent"],
)
def test_what_needs_a_value_needs_its_step_unless_it_says_what_to_do_without(
    template: Template, needed: list[str]
) -> None:
    assert [condition.render(SCOPE) for condition in available(template)] == needed


def test_a_step_that_always_runs_is_not_asked_about() -> None:
    assert [each.render(SCOPE) for each in available([A, B], {"B"}.__contains__)] == ["$B != null"]
    assert available(FirstOf((A, B)), {"B"}.__contains__) == ()


@pytest.mark.parametrize(("value", "there"), [(1, True), (0, True), (False, True), (None, False)])
def test_a_value_is_present_if_its_step_ran_and_gave_one(value: Json, *, there: bool) -> None:
    for variables in ({"A": {"value": value}}, {"A": None if value is None else {"value": value}}):
        assert evaluate(A.is_present().render(SCOPE), variables) is there
        assert evaluate(A.is_absent().render(SCOPE), variables) is not there


@pytest.mark.parametrize(("loop", "ran"), [({"results": []}, True), ({"results": [{"auc": 1}]}, True), (None, False)])
def test_the_list_that_a_loop_gave_is_present_if_the_loop_ran_even_if_it_is_empty(loop: Json, *, ran: bool) -> None:
    listed = Collected("A", "A", ("results", "auc"))
    assert evaluate(listed.is_present().render(SCOPE), {"A": loop}) is ran
    assert evaluate(listed.is_absent().render(SCOPE), {"A": loop}) is not ran


def test_each_output_is_null_where_a_value_in_it_is_missing() -> None:
    template: Template = {"a": A, "both": [A, B], "sum": A + "!", "known": "x", "given": Parameter("p"), "number": 5}
    assert render_template(or_null(template), SCOPE) == {
        "a": "{% ($A != null ? $A.value : (null)) %}",
        "both": ["{% ($A != null ? $A.value : (null)) %}", "{% ($B != null ? $B.value : (null)) %}"],
        "sum": f'{{% ($A != null ? {joined("$A.value")} & "!" : (null)) %}}',
        "known": "x",
        "given": "{% ($parameters.p) %}",
        "number": 5,
    }


def taking(name: str, value: Expression, *, when: Condition | None = None) -> StepNode:
    task = Task("arn:run", {"taken": value}, 60, assign={name: {"value": Jsonata("$states.result.value")}})
    return of_states(name, {name: task}, when=when)


@pytest.mark.parametrize(
    ("skipped", "taken"), [("", "A()"), ("A", "B()"), ("AB", None)], ids=["none", "the first", "both"]
)
def test_branches_of_a_condition_meet_again_and_skip_what_comes_after_if_none_ran(
    skipped: str, taken: str | None
) -> None:
    steps = [step(name, when=NEVER if name in skipped else ALWAYS) for name in "AB"]
    machine = compiled(*steps, taking("Use", FirstOf((A, B))), step("Other", after=["Use"]), start=START)
    execution = run(machine)
    assert mapping(execution.arguments.get("Use", {"taken": None}))["taken"] == taken
    assert "Other" in execution.ran


def test_a_step_on_the_other_path_runs_if_and_only_if_the_first_was_skipped() -> None:
    otherwise = StepOutput("A", "A").is_absent()
    for condition, ran in ((NEVER, {"Else"}), (ALWAYS, {"A"})):
        machine = compiled(step("A", when=condition), step("Else", when=otherwise), start=START)
        assert run(machine).ran == ran


def test_outputs_of_a_machine_are_null_for_what_was_skipped_and_read_across_joins() -> None:
    for condition, output in ((NEVER, [None, None, "B()"]), (ALWAYS, ["A()", "s3://runs/A/", "B()"])):
        machine = compile_workflow(
            [step("A", when=condition), step("B")],
            start=START,
            scope=Scope(run_location='"s3://runs"'),
            version="1.0",
            timeout_seconds=60,
            outputs={"all": [A, RunLocation("A", "A", "A"), B]},
        )
        assert run(machine).output == {"all": output}


def test_where_a_skipped_step_would_write_is_null_even_if_nothing_else_of_it_is_read() -> None:
    machine = compile_workflow(
        [step("A", when=NEVER), step("B")],
        start=START,
        scope=Scope(run_location='"s3://runs"'),
        version="1.0",
        timeout_seconds=60,
        outputs={"where": RunLocation("A", "A", "A")},
    )
    assert run(machine).output == {"where": None}


def test_what_is_taken_says_so_in_messages() -> None:
    assert repr(FirstOf((A, B))) == 'The first of (The output "value" of step "A", The output "value" of step "B")'
    assert Ran("A", "A").render(SCOPE) == "$A != null"
