"""Lambda steps."""

import pytest
from aws_cdk import Duration

import zflow_constructs as zflow
from tests.core.machines import QueryEvaluationError, evaluate, mapping
from tests.parts import count, function, stack
from tests.templates import LOGGED_AND_TRACED, Synthesized, allow, inside, jsonata
from zflow_constructs.steps.retry import LAMBDA

COUNT = "arn:aws:lambda:eu-central-1:111122223333:function:count"


class Example:
    """A Lambda step that says no more than it must, and one that uses every keyword."""

    def __init__(self) -> None:
        scope = stack()
        self.minimal = zflow.LambdaStep(scope, "Minimal", function=function(scope))
        self.maximal = zflow.LambdaStep(
            scope,
            "Maximal",
            function=function(scope, "Other"),
            payload={"day": zflow.Parameter("day"), "fixed": {"list": [1, "two", True]}, "nothing": None},
            outputs=["rows", "path", "risk-score"],
            timeout=Duration.seconds(30),
            retry=zflow.Retry(job_failures=3, interval_seconds=5),
            after=[self.minimal],
            when=zflow.Parameter("day") != "sunday",
        )
        last = count(scope, "Last", payload={"score": self.maximal.outputs["risk-score"]})
        self.workflow = zflow.MlWorkflow(
            scope, "Scoring", steps=[self.minimal, self.maximal, last], parameters={"day": "monday"}
        )
        self.made = Synthesized.of(scope)


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def test_a_minimal_step_calls_the_function_with_an_empty_event(example: Example) -> None:
    assert example.made.state("Minimal") == {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": COUNT, "Payload": {}},
        "TimeoutSeconds": 900,
        "Assign": {"step_Minimal": {}},
        "Output": {},
        "Retry": [LAMBDA.render()],
        "Next": "Maximal?",
    }


def test_every_keyword_of_a_step_is_in_its_state(example: Example) -> None:
    assert example.made.state("Maximal") == {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {
            "FunctionName": COUNT,
            "Payload": {
                "day": jsonata("$parameters.day"),
                "fixed": {"list": [1, "two", True]},
                "nothing": jsonata("null"),
            },
        },
        "TimeoutSeconds": 30,
        "Assign": {
            "step_Maximal": {
                "rows": jsonata("$states.result.Payload.rows"),
                "path": jsonata("$states.result.Payload.path"),
                "risk-score": jsonata("$states.result.Payload.`risk-score`"),
            }
        },
        "Output": {},
        "Retry": [
            LAMBDA.render(),
            {
                "ErrorEquals": ["States.TaskFailed"],
                "IntervalSeconds": 5,
                "JitterStrategy": "FULL",
            },
        ],
        "Next": "Last?",
    }
    assert example.made.state("Maximal?")["Choices"] == [
        {"Condition": jsonata('$parameters.day != "sunday"'), "Next": "Maximal"}
    ]


def test_an_output_may_have_a_name_that_jsonata_would_take_for_a_difference(example: Example) -> None:
    assigned = mapping(mapping(example.made.state("Maximal")["Assign"])["step_Maximal"])
    answered = {"Payload": {"risk-score": 0.25}}
    assert evaluate(inside(assigned["risk-score"]), {"states": {"result": answered}}) == 0.25
    read = mapping(mapping(example.made.state("Last")["Arguments"])["Payload"])["score"]
    assert evaluate(inside(read), {"step_Maximal": {"risk-score": 0.25}}) == 0.25


def test_an_output_that_the_function_did_not_return_is_an_error_at_once(example: Example) -> None:
    assigned = mapping(mapping(example.made.state("Maximal")["Assign"])["step_Maximal"])
    answered = {"Payload": {"rows": 3}, "StatusCode": 200}
    assert evaluate(inside(assigned["rows"]), {"states": {"result": answered}}) == 3
    with pytest.raises(QueryEvaluationError):
        evaluate(inside(assigned["path"]), {"states": {"result": answered}})


def test_the_state_machine_may_call_the_functions_of_its_steps(example: Example) -> None:
    assert example.made.statements(example.workflow.role) == [allow("lambda:InvokeFunction", COUNT), *LOGGED_AND_TRACED]
    assert example.maximal.function.function_arn == COUNT
