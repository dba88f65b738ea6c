"""The page of all fields of AWS's requests says what is so: the tests of each step compare it with its requests."""

import pytest

from tools.generate_request_fields import NOT_YET, OVERRIDES, PAGE, STEPS, fields, page


@pytest.mark.parametrize("operation", STEPS)
def test_each_field_that_a_request_needs_is_set_by_its_step(operation: str) -> None:
    """Should botocore know a new one, the step has to learn it."""
    known = STEPS[operation].fields
    assert [field.path for field in fields(operation) if field.required and field.path not in known] == []


@pytest.mark.parametrize("operation", STEPS)
def test_each_field_with_a_keyword_is_one_that_the_operation_has(operation: str) -> None:
    assert {field.path for field in fields(operation)} >= set(STEPS[operation].fields)


def test_the_page_is_as_the_tool_writes_it() -> None:
    assert with_keywords(PAGE.read_text(encoding="utf-8")) == with_keywords(page())


def with_keywords(text: str) -> list[str]:
    """The page's lines without those of fields that no keyword sets: newer versions of botocore have more of them."""
    others = {NOT_YET, f"`{OVERRIDES}`"}
    for step in STEPS.values():
        others |= {words if "*" in words else f"`{words}`" for words in (step.others, step.of_entries)}
    return [line for line in text.splitlines() if not line.endswith(tuple(f"| {words} |" for words in others))]
