"""The first state of a workflow with run parameters, in the local AWS's interpreter."""

from collections.abc import Mapping
from datetime import UTC

import pytest

from tests.core.machines import compiled, mapping, of_states
from tests.local.aws.conftest import Run
from zflow_constructs.core.states.asl import Pass
from zflow_constructs.core.states.run_parameters import RunParameters
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.parameters import RunParameter
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.aws.server import AwsServer

SCORING = RunParameters.of(
    "Scoring",
    {
        "country": RunParameter.one_of("de", "fr", default="de"),
        "rounds": RunParameter.integer(default=100, least=1, most=1000),
        "eta": RunParameter.number(default=0.05),
        "dry": RunParameter.boolean(default=False),
        "day": RunParameter.date(default="today"),
        "channels": RunParameter.strings(default=[]),
        "cuts": RunParameter.numbers(default=[1, 2.5]),
        "model-version": RunParameter.string(pattern=r"v\d+"),
    },
)
GIVEN: dict[str, Json] = {
    "country": "fr",
    "rounds": 5,
    "eta": 1,
    "dry": True,
    "day": "2024-02-29T03:00:00Z",
    "channels": ["web"],
    "cuts": [],
    "model-version": "v2",
}


def machine() -> Mapping[str, Json]:
    """The states of `Scoring`'s parameters, and one that shows them."""
    show = of_states("Show", {"Show": Pass(assign={"Show": Jsonata("$parameters")})})
    return mapping(compiled(show, start=SCORING.start())["States"])


def test_a_run_has_what_it_gives_and_the_day_of_a_point_in_time(run: Run) -> None:
    ended = run(machine(), given=GIVEN)
    assert (ended.status, ended.output) == ("SUCCEEDED", {"Show": {**GIVEN, "day": "2024-02-29"}})


def test_a_run_has_the_defaults_of_what_it_does_not_give_and_the_day_of_its_start(run: Run, aws: AwsServer) -> None:
    ended = run(machine(), given={"model-version": "v1"})
    start = aws.clients.stepfunctions.describe_execution(executionArn=ended.arn)["startDate"]
    assert ended.output == {
        "Show": {
            "country": "de",
            "rounds": 100,
            "eta": 0.05,
            "dry": False,
            "day": start.astimezone(UTC).date().isoformat(),
            "channels": [],
            "cuts": [1, 2.5],
            "model-version": "v1",
        }
    }


WRONG: dict[str, Json] = {
    "country": "it",
    "rounds": 0.5,
    "eta": None,
    "dry": "yes",
    "day": "2026-02-30",
    "channels": ["web", None],
    "cuts": "1,2",
    "modelversion": "v1",
}


def test_a_wrong_input_ends_the_run_in_a_state_that_says_all_that_is_wrong(run: Run) -> None:
    ended = run(machine(), given=WRONG)
    assert (ended.status, ended.error) == ("FAILED", "Zflow.InvalidParameters")
    assert ended.cause == (
        'MlWorkflow "Scoring" can\'t run with this input: "country" is "it", and must be one of "de", "fr"; "rounds" '
        'is 0.5, and must be an integer from 1 up to 1000; "eta" is null, and must be a number; "dry" is "yes", and '
        'must be true or false; "day" is "2026-02-30", and must be a date such as 2026-11-24; "channels" is '
        '["web",null], and must be a list of strings; "cuts" is "1,2", and must be a list of numbers; "model-version" '
        r'is missing, and must be a string that matches v\d+; it has no "modelversion", only "channels", "country", '
        '"cuts", "day", "dry", "eta", "model-version", "rounds".'
    )


@pytest.mark.parametrize(("given", "shown"), [([1], "[1]"), ("de", '"de"')])
def test_an_input_that_is_no_object_ends_the_run_the_same_way(run: Run, given: Json, shown: str) -> None:
    ended = run(machine(), given=given)
    assert ended.cause == (
        f'MlWorkflow "Scoring" can\'t run with this input: the input is {shown}, and must be an object.'
    )
