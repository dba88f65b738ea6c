"""Conditionals, calls, errors and bound names: how they read in JSONata, and what they mean there."""

from collections.abc import Callable

import pytest

from tests.core.machines import QueryEvaluationError, evaluate
from tests.core.reference import reference_values
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Expression, Jsonata
from zflow_constructs.core.values.references import Parameter, Variable
from zflow_constructs.core.values.syntax import Call, Error, If, Let, Predicate
from zflow_constructs.core.values.templates import Json, Scope, Template, parts_of, render_template

SCOPE = Scope()
STATUS, NAMES, MISSING = Variable("status"), Variable("names"), Variable("job")["reason"]
VARIABLES: dict[str, Json] = {"status": "Failed", "names": ["a", "b", "c"], "job": {"id": 7}}
CASES: dict[str, tuple[Expression, str, Json]] = {
    "if": (If(STATUS == "Failed", "down", "up"), '$status = "Failed" ? "down" : "up"', "down"),
    "else": (If(STATUS == "Done", "up", NAMES[1]), '$status = "Done" ? "up" : $names[1]', "b"),
    "else if": (
        If(STATUS == "Done", 1, If(STATUS == "Failed", 2, 3)),
        '$status = "Done" ? 1 : $status = "Failed" ? 2 : 3',
        2,
    ),
    "if in if": (
        If(STATUS != "Done", If(STATUS == "Lost", 1, 2), 3),
        '$status != "Done" ? ($status = "Lost" ? 1 : 2) : 3',
        2,
    ),
    "two conditions": (
        If((STATUS == "Failed") & (Call("count", (NAMES,)) > 5), 1, 2),
        '($status = "Failed") and ($count($names) > 5) ? 1 : 2',
        2,
    ),
    "no condition": (If(~(STATUS == "Failed"), 1, 2), '$not($status = "Failed") ? 1 : 2', 2),
    "a condition as the value": (
        If(STATUS == "Failed", NAMES[0] == "b", STATUS == "x"),
        '$status = "Failed" ? ($names[0] = "b") : $status = "x"',
        False,
    ),
    "an object": (
        If(STATUS == "Failed", {"id": Variable("job")["id"]}, {"id": None}),
        '$status = "Failed" ? {"id": $job.id} : {"id": null}',
        {"id": 7},
    ),
    "if in a string": (
        "It is " + If(STATUS == "Failed", "down", "up") + ".",
        '"It is " & ($status = "Failed" ? "down" : "up") & "."',
        "It is down.",
    ),
    "a string in else": (
        If(STATUS == "Done", "up", "down: " + STATUS) + "!",
        '($status = "Done" ? "up" : "down: " & $status) & "!"',
        "down: Failed!",
    ),
    "if compared": (
        If(STATUS == "Failed", "down", "up") == "up",
        '($status = "Failed" ? "down" : "up") = "up"',
        False,
    ),
    "call": (Call("join", (NAMES, ", ")), '$join($names, ", ")', "a, b, c"),
    "call with nothing": (Call("millis") > 5, "$millis() > 5", True),
    "call with an object": (Call("lookup", ({"a": 1, "b": 2}, NAMES[1])), '$lookup({"a": 1, "b": 2}, $names[1])', 2),
    "call with an if": (
        Call("uppercase", (If(STATUS == "Done", "up", "down"),)),
        '$uppercase($status = "Done" ? "up" : "down")',
        "DOWN",
    ),
    "call in a string": ("n = " + Call("count", (NAMES,)), '"n = " & $count($names)', "n = 3"),
    "there": (If(Predicate("exists", (STATUS,)), STATUS, ""), '$exists($status) ? $status : ""', "Failed"),
    "not there": (If(Predicate("exists", (MISSING,)), MISSING, ""), '$exists($job.reason) ? $job.reason : ""', ""),
    "questions combined": (
        Predicate("exists", (MISSING,)) | ~Predicate("contains", (STATUS, "Fail")),
        '($exists($job.reason)) or ($not($contains($status, "Fail")))',
        False,
    ),
    "an error that is not met": (If(STATUS == "Failed", 1, Error("no")), '$status = "Failed" ? 1 : $error("no")', 1),
    "let": (
        Let("parts", Call("split", ("a/b", "/")), Variable("parts")[1] + Variable("parts")[0]),
        '($parts := $split("a/b", "/"); $parts[1] & $parts[0])',
        "ba",
    ),
    "let an if": (
        Let("it", If(STATUS == "Done", "up", "down"), If(Variable("it") == "down", "it: " + Variable("it"), "")),
        '($it := $status = "Done" ? "up" : "down"; $it = "down" ? "it: " & $it : "")',
        "it: down",
    ),
    "let in let": (
        Let("a", 1, Let("b", 2, [Variable("b"), Variable("a")])),
        "($a := 1; ($b := 2; [$b, $a]))",
        [2, 1],
    ),
    "let in a string": ("<" + Let("a", STATUS, Variable("a")) + ">", '"<" & ($a := $status; $a) & ">"', "<Failed>"),
}


@pytest.mark.parametrize(("expression", "jsonata", "meaning"), CASES.values(), ids=CASES)
def test_a_form_reads_and_means_what_it_says(expression: Expression, jsonata: str, meaning: Json) -> None:
    assert expression.render(SCOPE) == jsonata
    assert evaluate(jsonata, VARIABLES) == meaning


def test_jsonata_s_authors_agree_on_what_they_mean() -> None:
    expressions = [expression.render(SCOPE) for expression, _, _ in CASES.values()]
    meanings = [meaning for _, _, meaning in CASES.values()]
    assert reference_values([(expression, VARIABLES) for expression in expressions]) == meanings


@pytest.mark.parametrize(
    ("error", "jsonata", "message"),
    [
        (Error("no rows"), '$error("no rows")', "no rows"),
        (Error('Step "Train" ' + STATUS), '$error("Step \\"Train\\" " & $status)', 'Step "Train" Failed'),
        (Error(STATUS), "$error($status)", "Failed"),
        (Error("n = " + Call("string", (MISSING,))), '$error("n = " & $string($job.reason))', "n = "),
    ],
)
def test_an_error_ends_the_evaluation_with_its_message(error: Error, jsonata: str, message: str) -> None:
    assert error.render(SCOPE) == jsonata
    for expression in (error, If(STATUS == "Failed", error, "fine"), "It: " + error):
        with pytest.raises(QueryEvaluationError) as raised:
            evaluate(expression.render(SCOPE), VARIABLES)
        assert str(raised.value).endswith(message)


def test_forms_go_into_templates_as_other_expressions_do() -> None:
    template: Template = {"Status": If(STATUS == "Done", "up", None), "Count": Call("count", (NAMES,))}
    assert render_template(template, SCOPE) == {
        "Status": '{% $status = "Done" ? "up" : null %}',
        "Count": "{% $count($names) %}",
    }


@pytest.mark.parametrize(
    "form",
    [
        lambda value: If(value == 1, 2, 3),
        lambda value: If(STATUS == 1, value, 3),
        lambda value: If(STATUS == 1, 2, {"other": value}),
        lambda value: Call("join", ([value], "/")),
        lambda value: Predicate("exists", (value,)),
        lambda value: Error("no " + value),
        Error,
        lambda value: Let("x", [value], Variable("x")),
        lambda value: Let("x", 1, Variable("x") + value),
    ],
    ids=["condition", "then", "else", "call", "predicate", "message", "error", "bound", "body"],
)
def test_what_is_used_in_a_form_is_known_to_be_used(form: Callable[[Expression], Expression]) -> None:
    country = Parameter("country")
    assert any(part is country for part in parts_of(form(country)))


@pytest.mark.parametrize(
    "form",
    [
        If(STATUS == "Done", 1, 2),
        Call("count", (NAMES,)),
        Predicate("exists", (STATUS,)),
        Error("no"),
        Let("x", 1, Variable("x")),
        STATUS,
    ],
    ids=lambda form: type(form).__name__,
)
def test_a_form_has_no_value_while_python_runs(form: Expression) -> None:
    for act in (bool, str, list):
        with pytest.raises(WorkflowError, match="it has a value only when the workflow runs"):
            act(form)


def test_jsonata_of_your_own_keeps_its_parentheses_in_a_form() -> None:
    own = Jsonata("$n > 2 ? 3 : 4")
    assert If(STATUS == "Done", own, own).render(SCOPE) == '$status = "Done" ? ($n > 2 ? 3 : 4) : $n > 2 ? 3 : 4'
    assert If(own == 3, 1, 2).render(SCOPE) == "($n > 2 ? 3 : 4) = 3 ? 1 : 2"
