"""The words that end error messages."""

import pytest

from zflow_constructs.core.values.errors import WorkflowError, did_you_mean, one_of


@pytest.mark.parametrize(
    ("received", "suggestion"),
    [
        ("xgbost", ' Did you mean "xgboost"?'),
        ("sklern", ' Did you mean "sklearn"?'),
        ("pytorch", ""),
        ("", ""),
    ],
)
def test_a_close_value_is_suggested_and_a_distant_one_is_not(received: str, suggestion: str) -> None:
    assert did_you_mean(received, ["sklearn", "xgboost"]) == suggestion


def test_nothing_is_suggested_where_nothing_is_allowed() -> None:
    assert did_you_mean("xgboost", []) == ""


def test_allowed_values_read_quoted_and_sorted() -> None:
    assert one_of(["b", "c", "a"]) == '"a", "b", "c"'
    assert one_of([]) == ""


def test_a_workflow_error_is_a_value_error_so_that_callers_catch_it_without_knowing_the_package() -> None:
    assert issubclass(WorkflowError, ValueError)
