from collections.abc import Mapping

import pytest

from tests.local.aws.conftest import Run
from zflow_constructs.local.aws.jsonata import QueryError, evaluate

STATES: Mapping[str, object] = {"input": {"n": 1, "none": None, "items": [{"id": 7}]}, "context": {}}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$states.input.n + 1", 2),
        ("$states.input.none", None),
        ('{"a": $states.input.missing}', {}),
        ("$states.input.items.id", 7),
        ("[$states.input.items.id]", [7]),
        ("$exists($states.result)", False),
        ("$partition([1..5], 2)", [[1, 2], [3, 4], [5]]),
        ("$range(0, 10, 5)", [0, 5, 10]),
        ('$hash("a", "SHA-256")', "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ("$random(1) = $random(1)", True),
        ("$length($uuid())", 36),
        ('$parse("{\\"a\\": [1, null]}")', {"a": [1, None]}),
        ("($total := 2; $total * 3)", 6),
        ("$merge([{'a': 1}, {'b': 2}])", {"a": 1, "b": 2}),
    ],
)
def test_an_expression_has_the_value_that_step_functions_gives(expression: str, value: object) -> None:
    assert evaluate(expression, {"states": STATES}) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("$states.input.missing", "The JSONata expression '$states.input.missing' returned nothing (undefined)."),
        ("function($x) { $x }", "returned an unsupported result type"),
        ("$sum('a')", "threw an error during evaluation"),
        ("1 +", "threw an error during evaluation"),
        ("$eval('1')", "Step Functions doesn't have $eval"),
        ("$hash('a', 'SHA-3')", "$hash knows MD5, SHA-1, SHA-256, SHA-384, SHA-512, not 'SHA-3'"),
    ],
)
def test_an_expression_without_a_json_value_is_an_error_that_names_it(expression: str, message: str) -> None:
    with pytest.raises(QueryError) as raised:
        evaluate(expression, {"states": STATES})
    assert message in str(raised.value)


def test_a_state_reads_its_input_its_variables_and_the_context(run: Run) -> None:
    ended = run(
        {
            "First": {"Type": "Pass", "Assign": {"n": "{% $states.input.n %}", "text": 'say "{'}, "Next": "Second"},
            "Second": {
                "Type": "Pass",
                "Output": {"sum": "{% $n + 1 %}", "text": "{% $text %}", "in": "{% $states.context.State.Name %}"},
                "End": True,
            },
        },
        given={"n": 41},
    )
    assert ended.output == {"sum": 42, "text": 'say "{', "in": "Second"}


def test_an_undefined_value_fails_the_state_with_a_query_evaluation_error_that_can_be_caught(run: Run) -> None:
    ended = run(
        {
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
                "Arguments": {"Bucket": "{% $states.input.bucket %}", "Key": "k"},
                "Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "Caught"}],
                "End": True,
            },
            "Caught": {"Type": "Pass", "Output": "{% $states.input.Cause %}", "End": True},
        }
    )
    assert "returned nothing (undefined)" in str(ended.output)


def test_a_jsonpath_of_a_variable_is_read_too(run: Run) -> None:
    ended = run(
        {
            "First": {"Type": "Pass", "Assign": {"order": {"items": [1, 2]}}, "Next": "Second"},
            "Second": {"Type": "Pass", "Parameters": {"first.$": "$order.items[0]"}, "End": True},
        },
        language="JSONPath",
    )
    assert ended.output == {"first": 1}
