"""Which fields of a result are read, and the result without the rest."""

from collections.abc import Mapping

import pytest

from tests.core.machines import evaluate
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.fields import WHOLE, Fields, all_fields, fields_read
from zflow_constructs.core.values.iterations import Collected
from zflow_constructs.core.values.references import Ran, StepOutput, Variable
from zflow_constructs.core.values.templates import Json, Scope, Template, render_value

TRAINED: Json = {"auc": 0.9, "model": "s3://m", "metrics": {"a.b c": [1], "loss": 2}, "large": "x" * 1_000}


def cut(fields: Fields, value: Json) -> Json:
    return evaluate(render_value(fields.of_nullable(Variable("r")), Scope()), {"r": value})


def output(*path: str) -> StepOutput:
    return StepOutput("App/Train", "Train", path, "number")


@pytest.mark.parametrize(
    ("paths", "left"),
    [
        ([("auc",)], {"auc": 0.9}),
        ([("auc",), ("metrics", "loss")], {"auc": 0.9, "metrics": {"loss": 2}}),
        ([("metrics", "a.b c"), ("metrics", "loss")], {"metrics": {"a.b c": [1], "loss": 2}}),
        ([("metrics", "loss"), ("metrics",)], {"metrics": {"a.b c": [1], "loss": 2}}),
        ([("missing",), ("metrics", "missing"), ("auc", "missing")], {"metrics": {}, "auc": {}}),
        ([], {}),
    ],
)
def test_a_result_is_cut_down_to_the_fields_that_are_read(paths: list[tuple[str, ...]], left: Json) -> None:
    assert cut(Fields(dict.fromkeys(paths, "")), TRAINED) == left


def test_a_result_that_is_read_as_a_whole_stays_so_and_the_null_of_a_skipped_step_stays_null() -> None:
    assert cut(WHOLE, TRAINED) == TRAINED
    assert cut(WHOLE, None) is cut(Fields({("auc",): ""}), None) is None


@pytest.mark.parametrize(
    ("templates", "read"),
    [
        ([{"a": output("auc")}, [output("metrics", "loss")]], {("auc",): "number", ("metrics", "loss"): "number"}),
        ([output()], {(): "number"}),
        ([output().is_present()], {}),
        ([output("auc").is_present()], {("auc",): "number"}),
        ([Ran("App/Train", "Train")], {}),
        ([output("auc") > 0.5], {("auc",): "number"}),
        ([Collected("App/Train", "Train", ("results", "auc"))], {("results",): ""}),
    ],
    ids=["fields", "all", "whether it ran", "whether there is one", "ran", "condition", "list of a loop"],
)
def test_what_is_read_is_found_in_any_template(templates: list[Template], read: Mapping[tuple[str, ...], str]) -> None:
    assert {key: dict(fields.kinds) for key, fields in fields_read(templates).items()} == {"App/Train": read}


def test_what_several_read_is_read_once_and_of_two_types_neither_is_known() -> None:
    first, second = Fields({("a",): "string", ("b",): "string"}), Fields({("b",): "number", ("c",): "string"})
    both = all_fields([first, second])
    assert dict(both.kinds) == {("a",): "string", ("b",): "", ("c",): "string"}
    assert first.without_numbers
    assert not both.without_numbers
    assert not WHOLE.without_numbers


def test_a_result_with_known_fields_is_read_as_a_whole_if_all_of_them_are() -> None:
    fields = Fields({("a",): "", ("b",): ""})
    assert fields.cover(["a", "b"])
    assert not fields.cover(["a", "b", "c"])
    assert not fields.cover(None)
    assert WHOLE.cover(None)


def test_of_an_object_that_a_state_assigns_the_fields_that_are_read_are_left() -> None:
    assigned: Template = {"auc": Jsonata("$a"), "metrics": {"loss": 1, "all": 2}, "large": "x"}
    fields = Fields({("auc",): "", ("metrics", "loss"): ""})
    assert render_value(fields.of(assigned), Scope()) == '{"auc": $a, "metrics": {"loss": 1}}'
    assert render_value(fields.of(Jsonata("$f()")), Scope()) == (
        '($result := $f(); {"auc": $result.auc, "metrics": {"loss": $result.metrics.loss}})'
    )
