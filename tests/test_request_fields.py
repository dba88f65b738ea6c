"""The page of all fields of AWS's requests says what is so."""

import pytest

from tools.generate_request_fields import OVERRIDES, PAGE, STEPS, fields


@pytest.mark.parametrize("operation", STEPS)
def test_each_field_that_a_request_needs_is_set_by_its_step(operation: str) -> None:
    """Should botocore know a new one, the step has to learn it."""
    assert [field.path for field in fields(operation) if field.required and field.keywords == OVERRIDES] == []


@pytest.mark.parametrize("operation", STEPS)
def test_each_field_with_a_keyword_is_one_that_the_operation_has(operation: str) -> None:
    assert {field.path for field in fields(operation)} >= set(STEPS[operation].fields)


@pytest.mark.parametrize("operation", STEPS)
def test_the_page_has_each_field_with_a_keyword(operation: str) -> None:
    """Newer versions of botocore have more of the others."""
    page = PAGE.read_text(encoding="utf-8").splitlines()
    assert [field.row for field in fields(operation) if field.keywords != OVERRIDES and field.row not in page] == []
