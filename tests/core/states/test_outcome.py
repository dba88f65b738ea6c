"""How a run ended, for the steps that run afterwards: what is asked, and what its answer becomes."""

import pytest

from tests.core.machines import compiled, evaluate, mapping, of_states, run
from zflow_constructs.core.states.asl import Task
from zflow_constructs.core.states.outcome import Outcome, outcome_states
from zflow_constructs.core.states.run_parameters import RunParameters
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.parameters import RunParameter
from zflow_constructs.core.values.templates import Json, Scope

ARN = "arn:aws:states:eu-central-1:111122223333:execution:Scoring:monday"
STARTED = "2026-11-23T23:59:04.125Z"
FAILED: dict[str, Json] = {
    "Status": "FAILED",
    "Error": "Work.Failed",
    "Cause": "no rows",
    "ExecutionArn": ARN,
    "Name": "monday",
    "StartDate": STARTED,
    "Input": '{"country": "fr"}',
}
NOTHING = RunParameters.of("Scoring", {})
DECLARED = RunParameters.of(
    "Scoring", {"country": RunParameter.one_of("de", "fr", default="de"), "day": RunParameter.date(default="today")}
)


def told(parameters: RunParameters, described: dict[str, Json], *fields: str) -> Json:
    """What a step at the end is given of a run, where it asks for these fields and all parameters."""
    arguments = {field: Outcome(field) for field in fields}
    step = of_states("Tell", {"Tell": Task("arn:run", arguments, 60, assign={"Tell": {}})})
    machine = compiled(step, start=outcome_states(parameters))
    execution = run(machine, lambda name, _: described if name == "Outcome" else {}, {"execution": ARN})
    assert execution.arguments["Outcome"] == {"ExecutionArn": ARN}
    return execution.arguments["Tell"]


def test_the_run_is_asked_for_and_asked_again_if_the_call_fails() -> None:
    state = outcome_states(NOTHING)["Outcome"].render(Scope())
    assert {name: value for name, value in state.items() if name != "Assign"} == {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:describeExecution",
        "Arguments": {"ExecutionArn": "{% $states.input.execution %}"},
        "TimeoutSeconds": 60,
        "Output": {
            "input": "{% $parse($states.result.Input) %}",
            "started": "{% $states.result.StartDate %}",
        },
        "Retry": [
            {
                "ErrorEquals": ["Sfn.SdkClientException", "Sfn.SfnException"],
                "MaxAttempts": 10,
                "MaxDelaySeconds": 60,
                "JitterStrategy": "FULL",
            }
        ],
        "End": True,
    }


def test_a_step_is_told_how_the_run_ended() -> None:
    assert told(NOTHING, FAILED, "status", "error", "cause", "execution", "name", "started") == {
        "status": "FAILED",
        "error": "Work.Failed",
        "cause": "no rows",
        "execution": ARN,
        "name": "monday",
        "started": STARTED,
    }


def test_a_run_that_succeeded_has_no_error() -> None:
    succeeded = {name: value for name, value in FAILED.items() if name not in {"Error", "Cause"}}
    assert told(NOTHING, {**succeeded, "Status": "SUCCEEDED"}, "status", "error", "cause") == {
        "status": "SUCCEEDED",
        "error": "",
        "cause": "",
    }


@pytest.mark.parametrize(
    ("arn", "host"),
    [
        (ARN, "eu-central-1.console.aws.amazon.com"),
        (ARN.replace("aws:", "aws-cn:").replace("eu-central-1", "cn-north-1"), "cn-north-1.console.amazonaws.cn"),
        (
            ARN.replace("aws:", "aws-us-gov:").replace("eu-central-1", "us-gov-west-1"),
            "us-gov-west-1.console.amazonaws-us-gov.com",
        ),
    ],
)
def test_the_url_is_that_of_the_run_in_its_partitions_console(arn: str, host: str) -> None:
    region = host.split(".", maxsplit=1)[0]
    url = f"https://{host}/states/home?region={region}#/v2/executions/details/{arn}"
    states = outcome_states(NOTHING)["Outcome"].render(Scope())
    text = str(mapping(mapping(states["Assign"])["outcome"])["url"]).removeprefix("{% ").removesuffix(" %}")
    assert evaluate(text, {"states": {"result": {**FAILED, "ExecutionArn": arn}}}) == url


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({}, {"country": "de", "day": "2026-11-23"}),
        ({"country": "fr"}, {"country": "fr", "day": "2026-11-23"}),
        ({"day": "2026-01-02T03:04:05Z"}, {"country": "de", "day": "2026-01-02"}),
        ({"country": "at"}, {"country": "de", "day": "2026-11-23"}),
        ({"day": 5}, {"country": "de", "day": "2026-11-23"}),
        ("no object", {"country": "de", "day": "2026-11-23"}),
    ],
    ids=["the defaults", "given", "a time", "refused", "no date", "no object"],
)
def test_steps_at_the_end_read_the_parameters_of_the_run_and_the_defaults_of_one_that_refused_them(
    given: Json, read: Json
) -> None:
    state = outcome_states(DECLARED)["Parameters"].render(Scope())
    text = str(mapping(state["Assign"])["parameters"]).removeprefix("{% ").removesuffix(" %}")
    assert evaluate(text, {"states": {"input": {"input": given, "started": STARTED}}}) == read


def test_without_parameters_there_is_no_state_for_them() -> None:
    assert list(outcome_states(NOTHING)) == ["Outcome"]
    assert list(outcome_states(DECLARED)) == ["Outcome", "Parameters"]


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(WorkflowError) as raised:
        Outcome("reason")
    assert str(raised.value) == (
        'Outcome: there is no "reason" of a run. '
        'There is: "cause", "error", "execution", "name", "started", "status", "url".'
    )


def test_an_outcome_says_what_it_is_in_messages() -> None:
    assert repr(Outcome("status")) == 'The outcome "status" of the run'
