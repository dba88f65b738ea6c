"""Each state as Amazon States Language, and what a fragment knows of its states."""

import pytest

from tests.texts import joined
from zflow_constructs.core.states.asl import (
    EXIT,
    Catcher,
    Choice,
    Fail,
    Native,
    Pass,
    Retrier,
    Rule,
    State,
    Task,
    Wait,
)
from zflow_constructs.core.states.fragment import Fragment, redirect
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.references import Parameter
from zflow_constructs.core.values.templates import Json, Scope

STOP = Jsonata("$parameters.wait")
DEPLOY = Parameter("deploy") == True  # noqa: E712


@pytest.mark.parametrize(
    ("state", "rendered"),
    [
        (
            Task("arn:aws:states:::lambda:invoke", {"FunctionName": "f", "Payload": {"n": Parameter("n")}}, 60),
            {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Arguments": {"FunctionName": "f", "Payload": {"n": "{% $parameters.n %}"}},
                "TimeoutSeconds": 60,
                "Output": {},
                "End": True,
            },
        ),
        (
            Task(
                "arn:r",
                {},
                STOP,
                assign={"Train": Jsonata("$states.result")},
                output={"model": Jsonata("$states.result.model")},
                retry=(Retrier(("A", "B"), interval_seconds=2), Retrier(("C",), 60, 30, 1.5, 900)),
                catch=(
                    Catcher(("D",), "Recover", {"why": Jsonata("$states.errorOutput.Cause")}),
                    Catcher(("E",), "Stop"),
                ),
                next="Then",
                comment="Trains.",
            ),
            {
                "Type": "Task",
                "Comment": "Trains.",
                "Resource": "arn:r",
                "Arguments": {},
                "TimeoutSeconds": "{% $parameters.wait %}",
                "Assign": {"Train": "{% $states.result %}"},
                "Output": {"model": "{% $states.result.model %}"},
                "Retry": [
                    {
                        "ErrorEquals": ["A", "B"],
                        "IntervalSeconds": 2,
                        "JitterStrategy": "FULL",
                    },
                    {
                        "ErrorEquals": ["C"],
                        "IntervalSeconds": 60,
                        "MaxAttempts": 30,
                        "BackoffRate": 1.5,
                        "MaxDelaySeconds": 900,
                        "JitterStrategy": "FULL",
                    },
                ],
                "Catch": [
                    {"ErrorEquals": ["D"], "Assign": {"why": "{% $states.errorOutput.Cause %}"}, "Next": "Recover"},
                    {"ErrorEquals": ["E"], "Next": "Stop"},
                ],
                "Next": "Then",
            },
        ),
        (
            Pass(assign={"x": 1}, output=["y"], next="Then"),
            {"Type": "Pass", "Assign": {"x": 1}, "Output": ["y"], "Next": "Then"},
        ),
        (Pass(), {"Type": "Pass", "Output": {}, "End": True}),
        (Wait(30), {"Type": "Wait", "Seconds": 30, "Output": {}, "End": True}),
        (
            Wait(STOP, next="Check"),
            {"Type": "Wait", "Seconds": "{% $parameters.wait %}", "Output": {}, "Next": "Check"},
        ),
        (
            Choice((Rule(DEPLOY, "Deploy"), Rule(Jsonata("$exists($x)"), "Look")), default="Stop"),
            {
                "Type": "Choice",
                "Choices": [
                    {"Condition": "{% $parameters.deploy = true %}", "Next": "Deploy"},
                    {"Condition": "{% $exists($x) %}", "Next": "Look"},
                ],
                "Default": "Stop",
                "Output": {},
            },
        ),
        (
            Fail("Zflow.Late", "x" + Parameter("day")),
            {"Type": "Fail", "Error": "Zflow.Late", "Cause": f'{{% "x" & {joined("$parameters.day")} %}}'},
        ),
        (
            Native({"Type": "Parallel", "Branches": []}, {"n": Parameter("n")}, {"N": Jsonata("$states.result[0]")}),
            {
                "Type": "Parallel",
                "Branches": [],
                "Arguments": {"n": "{% $parameters.n %}"},
                "Assign": {"N": "{% $states.result[0] %}"},
                "Output": {},
                "End": True,
            },
        ),
    ],
)
def test_a_state_renders_whole(state: State, rendered: Json) -> None:
    assert state.render(Scope()) == rendered


CAUGHT = Task("arn:r", {}, 60, catch=(Catcher(("E",), EXIT), Catcher(("F",), "Recover")))


@pytest.mark.parametrize(
    ("state", "redirected"),
    [
        (Pass(), Pass(next="Then")),
        (Pass(next="Other"), Pass(next="Other")),
        (Wait(1), Wait(1, next="Then")),
        (CAUGHT, Task("arn:r", {}, 60, catch=(Catcher(("E",), "Then"), Catcher(("F",), "Recover")), next="Then")),
        (Choice((Rule(STOP, EXIT), Rule(STOP, "X")), EXIT), Choice((Rule(STOP, "Then"), Rule(STOP, "X")), "Then")),
        (Fail("E", "why"), Fail("E", "why")),
        (Native({"Type": "Parallel"}, {}), Native({"Type": "Parallel"}, {}, next="Then")),
    ],
)
def test_the_ways_out_of_a_fragment_are_led_on_and_no_others(state: State, redirected: State) -> None:
    assert redirect(state, "Then") == redirected


@pytest.mark.parametrize(
    ("states", "last"),
    [
        ({"A": Pass()}, "A"),
        ({"A": Task("arn:r", {}, 60, next="B"), "B": Pass(next="C"), "C": Native({}, {})}, "C"),
        ({"A": Task("arn:r", {}, 60, catch=(Catcher(("E",), "B"),)), "B": Fail("E", "why")}, "A"),
        # A state can output for itself alone: not for another that leaves, nor for its own catcher.
        ({"A": Choice((Rule(DEPLOY, "B"),), "C"), "B": Pass(), "C": Pass()}, None),
        ({"A": Task("arn:r", {}, 60, catch=(Catcher(("E",), EXIT),))}, None),
        ({"A": Task("arn:r", {}, 60, next="B", catch=(Catcher(("E",), EXIT),)), "B": Wait(1, next="A")}, None),
        # What these two output they don't compute.
        ({"A": Pass(next="B"), "B": Wait(1)}, None),
        ({"A": Pass(next="B"), "B": Choice((Rule(DEPLOY, EXIT),), "A")}, None),
        ({"A": Choice((Rule(DEPLOY, EXIT),), EXIT)}, None),
    ],
)
def test_the_last_state_is_the_only_way_out_if_it_can_output_something(
    states: dict[str, State], last: str | None
) -> None:
    assert Fragment(states, result="A").last == last


def test_a_fragment_starts_with_its_first_state_and_knows_its_variables_and_expressions() -> None:
    x, y, z = Parameter("x"), Parameter("y"), Parameter("z")
    fragment = Fragment(
        {
            "B": Task("arn:r", {"x": x}, y, assign={"B": 1}, catch=(Catcher(("E",), "C", {"why": z}),), next="C"),
            "C": Wait(x, next="D"),
            "D": Choice((Rule(y >= 1, "E"),), "F"),
            "E": Fail("E", z),
            "F": Pass(assign={"A": x}, output=y, next="G"),
            "G": Native({}, z, {"G": x}, output=y),
        },
        result="B",
    )
    assert fragment.start == "B"
    assert fragment.variables == {"A", "B", "G", "why"}
    found = [part for part in fragment.expressions() if isinstance(part, Parameter)]
    assert [part.name for part in found] == ["x", "y", "z", "x", "y", "z", "x", "y", "z", "x", "y"]


def test_an_output_can_be_set_where_there_is_one() -> None:
    fragment = Fragment({"A": Pass(assign={"A": 1}, next="B"), "B": Wait(1)}, result="A")
    assert fragment.outputting("A", {"A": 1}).states["A"] == Pass(assign={"A": 1}, output={"A": 1}, next="B")
    with pytest.raises(TypeError, match="B can't output"):
        fragment.outputting("B", {})
