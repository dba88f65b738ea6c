"""Taking an endpoint away, with what was made for it."""

from collections.abc import Mapping
from typing import cast

import pytest
from aws_cdk import Duration

import zflow_constructs as zflow
from tests.core.machines import QueryEvaluationError, evaluate, mapping
from tests.parts import count, stack
from tests.templates import LOGGED_AND_TRACED, Synthesized, allow, inside, jsonata
from zflow_constructs.core.values.templates import Json
from zflow_constructs.steps.retry import CAPACITY, THROTTLING

ARN = "arn:aws:sagemaker:eu-central-1:111122223333"


class Example:
    """A workflow that deletes an endpoint, and says no more than it must."""

    def __init__(self) -> None:
        scope = stack()
        self.minimal = zflow.DeleteEndpointStep(scope, "Delete", endpoint_name="load-test")
        self.workflow = zflow.MlWorkflow(scope, "End", steps=[self.minimal])
        self.made = Synthesized.of(scope)


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def chosen(choice: dict[str, Json], found: str) -> Json:
    rules = choice["Choices"]
    assert isinstance(rules, list)
    holding = (
        rule["Next"] for rule in rules if evaluate(inside(rule["Condition"]), {"step_Delete_found": found}) is True
    )
    return next(holding, choice["Default"])


@pytest.mark.parametrize(
    ("status", "then"),
    [
        ("missing", "Delete: alarm"),
        ("InService", "Delete"),
        ("OutOfService", "Delete"),
        ("Failed", "Delete"),
        ("UpdateRollbackFailed", "Delete"),
        ("Creating", "Delete: wait"),
        ("Updating", "Delete: wait"),
        ("SystemUpdating", "Delete: wait"),
        ("RollingBack", "Delete: wait"),
        ("Deleting", "Delete: wait"),
        ("unknown", "Delete: wait"),
    ],
)
def test_what_is_there_decides_what_is_done(example: Example, status: str, then: str) -> None:
    assert chosen(example.made.state("Delete: there?"), status) == then


def test_an_endpoint_is_deleted_and_waited_for_until_it_is_gone(example: Example) -> None:
    made = example.made
    path = ("start", "look", "wait", "alarm")
    assert [made.state(f"Delete: {name}")["Next"] for name in path] == [
        "Delete: look",
        "Delete: there?",
        "Delete: look",
        "Delete: configurations",
    ]
    assert made.state("Delete") == {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sagemaker:deleteEndpoint",
        "Arguments": {"EndpointName": "load-test"},
        "TimeoutSeconds": 60,
        "Output": {},
        "Retry": [CAPACITY.render(), THROTTLING.render()],
        "Catch": [
            {
                "ErrorEquals": ["SageMaker.SageMakerException"],
                "Assign": {"step_Delete_found": jsonata("$states.errorOutput.Cause")},
                "Next": "Delete: deleted?",
            }
        ],
        "Next": "Delete: wait",
    }
    # SageMaker knows no such endpoint where an earlier call, whose answer was lost, has deleted it.
    asked = made.state("Delete: deleted?")
    (rule,) = cast("list[Mapping[str, Json]]", asked["Choices"])
    assert (rule["Next"], asked["Default"]) == ("Delete: wait", "Delete: again")
    for cause, gone in (("Could not find endpoint", True), ("Rate exceeded", False)):
        assert evaluate(inside(rule["Condition"]), {"step_Delete_found": cause}) is gone
    assert made.state("Delete: again").keys() & {"Retry", "Catch"} == set()
    assert mapping(made.state("Delete: start")["Assign"])["step_Delete"] == {"endpoint_name": "load-test"}


def test_the_alarm_that_wakes_machines_goes_with_it_if_there_is_one(example: Example) -> None:
    assert example.made.state("Delete: alarm") == {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:cloudwatch:deleteAlarms",
        "Arguments": {"AlarmNames": ["load-test-requests-wait"]},
        "TimeoutSeconds": 60,
        "Output": {},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Delete: configurations"}],
        "Next": "Delete: configurations",
    }


def test_no_configuration_of_it_is_kept(example: Example) -> None:
    found = [f"load-test-{number:020}" for number in range(3)]
    result = {"EndpointConfigs": [{"EndpointConfigName": name} for name in found]}
    old = inside(mapping(example.made.state("Delete: configurations")["Assign"])["step_Delete_old"])
    assert evaluate(old, {"step_Delete_config": "", "states": {"result": result}}) == found


def test_a_missing_permission_fails_at_once_and_a_missing_endpoint_is_none_to_delete(example: Example) -> None:
    catchers = example.made.state("Delete: look")["Catch"]
    assert isinstance(catchers, list)
    (catcher,) = catchers

    def caught(cause: str) -> Json:
        return evaluate(inside(catcher["Assign"]["step_Delete_found"]), {"states": {"errorOutput": {"Cause": cause}}})

    assert caught('Could not find endpoint "load-test".') == "missing"
    assert caught("Rate exceeded") == "unknown"
    with pytest.raises(QueryEvaluationError) as raised:
        caught("User: end is not authorized to perform: sagemaker:DescribeEndpoint")
    assert (
        'Step "Delete": the endpoint load-test could not be looked at. User: end is not authorized to perform: '
        "sagemaker:DescribeEndpoint"
    ) in str(raised.value.__cause__)


def test_it_fails_when_the_endpoint_is_not_gone_in_time_and_a_redrive_looks_again(example: Example) -> None:
    def asked(*, redrive: int) -> Json:
        variables: dict[str, object] = {
            "step_Delete_attempt": {"redrive": 0, "deadline": 1},
            "states": {"context": {"Execution": {"RedriveCount": redrive}}},
        }
        return evaluate(inside(example.made.state("Delete: look")["Arguments"]), variables)

    with pytest.raises(QueryEvaluationError) as raised:
        asked(redrive=0)
    assert 'Step "Delete": the endpoint load-test is still there.' in str(raised.value.__cause__)
    assert asked(redrive=1) == {"EndpointName": "load-test"}


def test_the_state_machine_may_delete_this_endpoint_and_what_was_made_for_it(example: Example) -> None:
    assert example.made.statements(example.workflow.role) == [
        allow(["sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint"], f"{ARN}:endpoint/load-test"),
        allow(
            "application-autoscaling:DeregisterScalableTarget",
            "arn:aws:application-autoscaling:eu-central-1:111122223333:scalable-target/*",
            StringEquals={"application-autoscaling:service-namespace": "sagemaker"},
        ),
        allow(
            "cloudwatch:DeleteAlarms",
            "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:load-test-requests-wait",
        ),
        allow("sagemaker:ListEndpointConfigs", "*"),
        allow(
            ["sagemaker:DeleteEndpointConfig", "sagemaker:DescribeEndpointConfig"],
            f"{ARN}:endpoint-config/load-test-*",
        ),
        allow("sagemaker:DeleteModel", f"{ARN}:model/load-test-*"),
        *LOGGED_AND_TRACED,
    ]


def test_every_keyword_of_a_deletion_is_in_its_states() -> None:
    scope = stack()
    rows = count(scope, "Count")
    first = count(scope, "First")
    step = zflow.DeleteEndpointStep(
        scope,
        "Delete",
        endpoint_name="load-test",
        timeout=Duration.minutes(10),
        after=[first],
        when=rows.outputs["rows"] > 0,
        optional=True,
    )
    zflow.MlWorkflow(scope, "End", steps=[rows, first, step])
    made = Synthesized.of(scope)
    attempt = mapping(mapping(made.state("Delete: start")["Assign"])["step_Delete_attempt"])
    assert attempt["deadline"] == jsonata("$millis() + 600000")
    assert step.looks == 20
    assert made.state("Delete?")["Default"] == "Delete: skipped"
    assert made.state("Delete: failed")["Type"] == "Pass"
