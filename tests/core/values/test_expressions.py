"""Expressions: how they read in JSONata, what they mean there, and how misuse is told."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.machines import QueryEvaluationError, evaluate
from tests.texts import number_text
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Condition, Expression, Jsonata
from zflow_constructs.core.values.references import Parameter, StepOutput
from zflow_constructs.core.values.templates import Json, Scope, Template, parts_of, render_template, render_value
from zflow_constructs.core.values.texts import AsText

SCOPE = Scope(results={"App/Train": "$Train"}, kinds={"country": "string", "rounds": "integer", "deploy": "boolean"})
AUC = StepOutput("App/Train", "Train", ("metrics", "auc"))
COUNTRY = Parameter("country")
ROUNDS = Parameter("rounds")
VARIABLES: dict[str, object] = {
    "Train": {"metrics": {"auc": 0.8}},
    "parameters": {"country": "de", "rounds": 10, "deploy": True},
}


@pytest.mark.parametrize(
    ("expression", "jsonata", "meaning"),
    [
        (AUC, "$Train.metrics.auc", 0.8),
        (AUC >= 0.75, "$Train.metrics.auc >= 0.75", True),
        (AUC > 0.8, "$Train.metrics.auc > 0.8", False),
        (AUC <= 1, "$Train.metrics.auc <= 1", True),
        (ROUNDS > AUC, "$parameters.rounds > $Train.metrics.auc", True),
        (0.75 <= AUC, "$Train.metrics.auc >= 0.75", True),  # noqa: SIM300
        (COUNTRY == "de", '$parameters.country = "de"', True),
        (COUNTRY != "de", '$parameters.country != "de"', False),
        (COUNTRY == 'a "quoted" \\ one', '$parameters.country = "a \\"quoted\\" \\\\ one"', False),
        (Parameter("deploy") == True, "$parameters.deploy = true", True),  # noqa: E712
        (COUNTRY.is_in(["at", "de"]), '$parameters.country in ["at", "de"]', True),
        (COUNTRY.is_in(["de"]), '$parameters.country in ["de"]', True),
        (COUNTRY.is_in([]), "$parameters.country in []", False),
        ("s3://bucket/" + COUNTRY + "/", '"s3://bucket/" & $parameters.country & "/"', "s3://bucket/de/"),
        (COUNTRY + COUNTRY, "$parameters.country & $parameters.country", "dede"),
        (AsText(ROUNDS), "($v := $parameters.rounds; $v = $floor($v) ? $formatBase($v) : $string($v))", "10"),
        (AsText(Parameter("deploy")), "$string($parameters.deploy)", "true"),
        (Jsonata("$parameters.rounds * 2"), "$parameters.rounds * 2", 20),
        (~(AUC >= 0.9), "$not($Train.metrics.auc >= 0.9)", True),
        (
            (AUC >= 0.75) & (COUNTRY == "de") | (ROUNDS > 99),
            '(($Train.metrics.auc >= 0.75) and ($parameters.country = "de")) or ($parameters.rounds > 99)',
            True,
        ),
        (
            (AUC >= 0.9) & ((COUNTRY == "de") | (ROUNDS > 99)),
            '($Train.metrics.auc >= 0.9) and (($parameters.country = "de") or ($parameters.rounds > 99))',
            False,
        ),
    ],
)
def test_an_expression_reads_and_means_what_it_says(expression: Expression, jsonata: str, meaning: Json) -> None:
    assert expression.render(SCOPE) == jsonata
    assert evaluate(jsonata, VARIABLES) == meaning


@pytest.mark.parametrize(
    ("expression", "jsonata", "meaning"),
    [
        # Without the parentheses each of these means something else, or nothing.
        ((AUC >= 0.9) == False, "($Train.metrics.auc >= 0.9) = false", True),  # noqa: E712
        (Parameter("deploy") == (AUC >= 0.75), "$parameters.deploy = ($Train.metrics.auc >= 0.75)", True),
        (
            ((AUC >= 0.9) | (ROUNDS == 10)) == True,  # noqa: E712
            "(($Train.metrics.auc >= 0.9) or ($parameters.rounds = 10)) = true",
            True,
        ),
        (
            Jsonata('$parameters.rounds > 5 ? "long" : "short"') == "short",
            '($parameters.rounds > 5 ? "long" : "short") = "short"',
            False,
        ),
        (
            Jsonata('$parameters.rounds > 5 ? "long" : "short"') + "/" + COUNTRY,
            '($parameters.rounds > 5 ? "long" : "short") & "/" & $parameters.country',
            "long/de",
        ),
        ("auc good: " + (AUC >= 0.75), '"auc good: " & ($Train.metrics.auc >= 0.75)', "auc good: true"),
        ((COUNTRY + "/" == "de/"), '$parameters.country & "/" = "de/"', True),
    ],
)
def test_expressions_inside_others_keep_their_meaning(expression: Expression, jsonata: str, meaning: Json) -> None:
    assert expression.render(SCOPE) == jsonata
    assert evaluate(jsonata, VARIABLES) == meaning


@dataclass(frozen=True)
class Known:
    """A condition over `$parameters`, and what it means in Python."""

    condition: Condition
    holds: Callable[[dict[str, int]], bool]


NUMBERS = ["a", "b", "c"]
COMPARISONS: list[Callable[[str, int], Known]] = [
    lambda name, bound: Known(Parameter(name) >= bound, lambda given: given[name] >= bound),
    lambda name, bound: Known(Parameter(name) < bound, lambda given: given[name] < bound),
    lambda name, bound: Known(Parameter(name) == bound, lambda given: given[name] == bound),
    lambda name, bound: Known(Parameter(name) != bound, lambda given: given[name] != bound),
    lambda name, bound: Known(Parameter(name).is_in([bound, 1]), lambda given: given[name] in {bound, 1}),
    lambda name, bound: Known(
        Jsonata(f"$parameters.{name} > 1 ? $parameters.{name} : 0") <= bound,
        lambda given: (given[name] if given[name] > 1 else 0) <= bound,
    ),
]


def combined(inner: st.SearchStrategy[Known]) -> st.SearchStrategy[Known]:
    return st.one_of(
        st.builds(lambda x, y: Known(x.condition & y.condition, lambda g: x.holds(g) and y.holds(g)), inner, inner),
        st.builds(lambda x, y: Known(x.condition | y.condition, lambda g: x.holds(g) or y.holds(g)), inner, inner),
        st.builds(lambda x: Known(~x.condition, lambda g: not x.holds(g)), inner),
        st.builds(lambda x, y: Known(x.condition == y.condition, lambda g: x.holds(g) == y.holds(g)), inner, inner),
        st.builds(lambda x, b: Known(x.condition != b, lambda g: x.holds(g) != b), inner, st.booleans()),
    )


CONDITIONS = st.recursive(
    st.builds(
        lambda compare, name, bound: compare(name, bound),
        st.sampled_from(COMPARISONS),
        st.sampled_from(NUMBERS),
        st.integers(0, 3),
    ),
    combined,
    max_leaves=8,
)


@given(known=CONDITIONS, given_=st.fixed_dictionaries({name: st.integers(0, 3) for name in NUMBERS}))
@settings(max_examples=150, deadline=None)
def test_any_condition_means_in_jsonata_what_it_means_in_python(known: Known, given_: dict[str, int]) -> None:
    assert evaluate(known.condition.render(SCOPE), {"parameters": given_}) is known.holds(given_)


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
@settings(max_examples=100, deadline=None)
def test_any_string_survives_as_itself(text: str) -> None:
    assert evaluate(render_value(text, SCOPE), {}) == text
    assert evaluate(COUNTRY.is_in([text]).render(SCOPE), {"parameters": {"country": text}}) is True


def test_a_condition_over_a_missing_value_has_no_value_so_that_the_execution_fails() -> None:
    with pytest.raises(QueryEvaluationError, match="is undefined"):
        evaluate((AUC >= 0.75).render(SCOPE), {"Train": {"metrics": {}}})


def test_a_template_keeps_plain_values_and_wraps_expressions() -> None:
    template: Template = {
        "Name": "plain",
        "Uri": "s3://" + COUNTRY,
        "Rounds": [AsText(ROUNDS), 1, 0.5, True, None],
        "Nested": {"Auc": AUC},
    }
    assert render_template(template, SCOPE) == {
        "Name": "plain",
        "Uri": '{% "s3://" & $parameters.country %}',
        "Rounds": [number_text("$parameters.rounds"), 1, 0.5, True, "{% null %}"],
        "Nested": {"Auc": "{% $Train.metrics.auc %}"},
    }


@pytest.mark.parametrize("text", ["{% $uuid() %}", "  {% 1 %}\n", "{%%}", "{% $ü %}"])
def test_a_plain_string_that_looks_like_jsonata_stays_the_string_it_is(text: str) -> None:
    rendered = render_template(text, SCOPE)
    assert isinstance(rendered, str)
    assert evaluate(rendered.removeprefix("{%").removesuffix("%}"), {}) == text


def test_a_template_inside_an_expression_is_jsonata_too() -> None:
    assert render_value({"a b": ["x", COUNTRY, None, True]}, SCOPE) == '{"a b": ["x", $parameters.country, null, true]}'


def test_the_parts_of_a_template_are_all_its_expressions_at_any_depth() -> None:
    condition = (AUC >= 0.75) & ~(COUNTRY == ROUNDS)
    found = list(parts_of({"a": ["x", AsText("s3://" + COUNTRY)], "b": {"c": condition}}))
    assert [part for part in found if part is AUC] == [AUC]
    assert sum(part is COUNTRY for part in found) == 2
    assert sum(part is ROUNDS for part in found) == 1
    assert all(isinstance(part, Expression) for part in found)


def misused(act: Callable[[], object]) -> str:
    with pytest.raises(WorkflowError) as error:
        act()
    return str(error.value)


def choose() -> str:
    return "good" if AUC >= 0.75 else "bad"


ONLY_THEN = "but it has a value only when the workflow runs."
USE_WHEN = "Use when=..., and & | ~ between conditions."
ADD = 'Add strings with +, as in "s3://bucket/" + value.'
IN_IF = f"was used as true or false (in if, and, or, not, in), {ONLY_THEN} {USE_WHEN}"
TRAIN_AUC = 'The output "metrics.auc" of step "Train"'


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: bool(AUC), f"{TRAIN_AUC} {IN_IF}"),
        (choose, f"The condition ({TRAIN_AUC} >= 0.75) {IN_IF}"),
        (lambda: not (AUC >= 0.75), f"The condition ({TRAIN_AUC} >= 0.75) {IN_IF}"),
        (lambda: 0.5 <= AUC <= 0.9, f"The condition ({TRAIN_AUC} >= 0.5) {IN_IF}"),
        (lambda: COUNTRY in ["at", "de"], f"The condition (The run parameter \"country\" = 'at') {IN_IF}"),
        (
            lambda: (AUC >= 0.75) and (COUNTRY == "de"),
            f"The condition ({TRAIN_AUC} >= 0.75) {IN_IF}",
        ),
        (
            lambda: bool(~((AUC >= 1) | (ROUNDS < 2))),
            (
                f"The condition (not The condition (The condition ({TRAIN_AUC} >= 1) or "
                f'The condition (The run parameter "rounds" < 2))) {IN_IF}'
            ),
        ),
        (lambda: list(COUNTRY), f'The run parameter "country" was iterated over, {ONLY_THEN} Hand it to another step.'),
        (
            lambda: "d" in COUNTRY,
            f'The run parameter "country" was iterated over, {ONLY_THEN} Hand it to another step.',
        ),
        (lambda: str(COUNTRY), f'The run parameter "country" was turned into a string, {ONLY_THEN} {ADD}'),
        (lambda: f"s3://{COUNTRY}/", f'The run parameter "country" was turned into a string, {ONLY_THEN} {ADD}'),
        (lambda: f"{AUC:.2f}", f"{TRAIN_AUC} was turned into a string, {ONLY_THEN} {ADD}"),
        (lambda: "{}".format(AUC), f"{TRAIN_AUC} was turned into a string, {ONLY_THEN} {ADD}"),  # noqa: UP032
        (lambda: "%s" % COUNTRY, f'The run parameter "country" was turned into a string, {ONLY_THEN} {ADD}'),  # noqa: UP031
        (
            lambda: ROUNDS + 1,  # type: ignore[operator]
            (
                f'The run parameter "rounds" was added to 1, {ONLY_THEN} + joins strings; for arithmetic write '
                'Jsonata("$parameters.n + 1").'
            ),
        ),
        (
            lambda: 1 + ROUNDS,  # type: ignore[operator]
            (
                f'The run parameter "rounds" was added to 1, {ONLY_THEN} + joins strings; for arithmetic write '
                'Jsonata("$parameters.n + 1").'
            ),
        ),
        (
            lambda: (AUC >= 0.75) & True,  # type: ignore[operator]
            (
                f"The condition ({TRAIN_AUC} >= 0.75) was combined with True, {ONLY_THEN} Write each comparison in "
                "parentheses: (a >= 1) & (b == 2)."
            ),
        ),
        (
            lambda: (AUC >= 0.75) | Parameter("deploy"),  # type: ignore[operator]
            (
                f'The condition ({TRAIN_AUC} >= 0.75) was combined with The run parameter "deploy", {ONLY_THEN} Write '
                "each comparison in parentheses: (a >= 1) & (b == 2)."
            ),
        ),
        (
            lambda: COUNTRY.is_in("de"),
            "The run parameter \"country\": is_in takes a list, and received 'de'. Write is_in(['de']).",
        ),
        (
            lambda: AUC.is_in([0.8, math.nan]),
            (
                f"{TRAIN_AUC} was compared with nan. Compare it with a string, a finite number, True, False, None, or "
                "another output or parameter."
            ),
        ),
        (
            lambda: COUNTRY == ["de"],
            (
                "The run parameter \"country\" was compared with ['de']. Compare it with a string, a finite number, "
                "True, False, None, or another output or parameter."
            ),
        ),
        (
            lambda: Expression().render(Scope()),
            f"Expression() was rendered in {Scope()}, {ONLY_THEN} Hand it to another step.",
        ),
    ],
)
def test_misuse_is_an_error_that_says_what_happened_and_what_to_do(act: Callable[[], object], message: str) -> None:
    assert misused(act) == message


@pytest.mark.parametrize(
    "act",
    [
        lambda: len(AUC),  # type: ignore[arg-type]
        lambda: AUC - 1,  # type: ignore[operator]
        lambda: float(AUC),  # type: ignore[arg-type]
        lambda: AUC["x"],  # type: ignore[index]
        lambda: json.dumps(AUC),
    ],
)
def test_what_expressions_do_not_know_python_itself_refuses(act: Callable[[], object]) -> None:
    with pytest.raises(TypeError):
        act()


def test_expressions_can_be_keys_and_are_equal_to_themselves_alone() -> None:
    same = {AUC: "auc", COUNTRY: "country"}
    assert same[AUC] == "auc"
    assert Parameter("country") not in set(same)
