"""What AWS bounds, known at synth: each message whole, and the last value that is taken."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from tests.core.machines import of_states, step
from zflow_constructs.core.states.asl import Native, Pass, Task
from zflow_constructs.core.states.fragment import Fragment, Loop, StepNode
from zflow_constructs.core.states.limits import check_definition, check_history, check_payloads, events, most_events
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.iterations import Item
from zflow_constructs.core.values.templates import Json


def machine(states: Mapping[str, Json]) -> dict[str, Json]:
    return {"StartAt": next(iter(states)), "States": states}


def handing_over(size: int) -> dict[str, Json]:
    """A state whose arguments have so many bytes as JSON."""
    return {"Type": "Task", "Arguments": "x" * (size - 2)}


def loop(most_items: int, *, distributed: bool = False, outputs: Sequence[str] = (), looks: int = 0) -> StepNode:
    inner = replace(step("Train"), looks=looks)
    repeated = Loop(
        name="Each",
        items=[],
        item="item",
        steps=(inner,),
        outputs={name: Item("item") for name in outputs},
        max_concurrency=40,
        distributed=distributed,
        most_items=most_items,
    )
    return StepNode("Each", "Each", Fragment({"Each": repeated}, result="Each"))


def refused(check: object, *arguments: object) -> str:
    assert callable(check)
    with pytest.raises(WorkflowError) as raised:
        check("Scoring", *arguments)
    return str(raised.value)


def test_a_state_hands_over_256_kib_at_most_wherever_it_is() -> None:
    check_definition("Scoring", machine({"Train": handing_over(262_144)}))
    too_large = machine({"Train": handing_over(262_145)})
    inside: list[dict[str, Json]] = [
        too_large,
        machine({"All": {"Type": "Parallel", "Branches": [too_large]}}),
        machine({"Each": {"Type": "Map", "ItemProcessor": too_large}}),
    ]
    for definition in inside:
        assert refused(check_definition, definition) == (
            'MlWorkflow "Scoring": state "Train" hands over 262145 bytes, and Step Functions takes 262144. '
            "Put what is large into S3, and hand over where it is."
        )


def test_a_definition_has_a_mebibyte_at_most_and_the_largest_states_are_named() -> None:
    states: dict[str, Json] = {f"S{number}": {"Type": "Pass", "Comment": "x" * 200_000} for number in range(5)}
    check_definition("Scoring", machine(states))
    states["S2"] = {"Type": "Pass", "Comment": "x" * 250_000}
    assert refused(check_definition, machine(states)) == (
        'MlWorkflow "Scoring": its definition has 1050224 bytes, and Step Functions takes 1048576. The largest '
        'states: "S2" (250031), "S0" (200031), "S1" (200031). Move some of its 5 states into a workflow of their '
        "own, and run that as a WorkflowStep."
    )


def test_a_history_has_25_000_events_at_most() -> None:
    one = events(step("Train"))
    fits = 25_000 // one
    steps = [step(f"S{number}") for number in range(fits + 1)]
    assert check_history("Scoring", steps[:-1]) == []
    assert refused(check_history, steps) == (
        f'MlWorkflow "Scoring": an execution adds about {one * (fits + 1)} events to its history, and Step Functions '
        f'ends it at 25000. Step "S0" alone adds {one}. Move steps into a workflow of their own, and run that as a '
        "WorkflowStep: it has a history of its own."
    )


def test_a_loop_of_many_turns_is_advised_to_have_histories_of_their_own() -> None:
    assert check_history("Scoring", [loop(900)]) == []
    assert refused(check_history, [step("Extract"), loop(1_100)]) == (
        f'MlWorkflow "Scoring": an execution adds about {events(step("Extract")) + events(loop(1_100))} events to its '
        f'history, and Step Functions ends it at 25000. Step "Each" alone adds {events(loop(1_100))}. '
        "Give it a max_concurrency above 40: each of its iterations has a history of its own then."
    )
    assert events(loop(10_000, distributed=True)) < 20


def test_a_step_that_may_look_too_often_is_warned_of() -> None:
    often = replace(step("Extract"), looks=3_000)
    assert check_history("Scoring", [replace(step("Extract"), looks=2_000)]) == []
    (warning,) = check_history("Scoring", [often])
    assert warning == (
        f'Step "Extract" may add {most_events(often)} events to the history of an execution, if it takes as long as '
        "it may, and Step Functions ends an execution at 25000. Give it a shorter timeout, or a history of its own: "
        "separate_history=True of a DatabricksJobStep, or a WorkflowStep."
    )


def test_the_looks_of_a_loops_steps_are_those_of_all_its_turns() -> None:
    assert most_events(loop(10, looks=5)) - events(loop(10)) == 10 * (
        most_events(replace(step("Train"), looks=5)) - events(step("Train"))
    )
    assert most_events(loop(10, looks=5, distributed=True)) == events(loop(10, distributed=True))


def test_a_loop_that_may_put_out_too_much_is_warned_of() -> None:
    assert check_payloads([loop(1_000, outputs=["a"])]) == []
    (warning,) = check_payloads([loop(1_000, outputs=["a", "b"])])
    assert warning == (
        'Step "Each" may have 1000 iterations of 2 outputs, about 300000 bytes, and Step Functions takes 262144. '
        "Lower most_items, or let the iterations write their results to S3, and put out less."
    )


@pytest.mark.parametrize(
    ("states", "more"),
    [
        ({"A": Task("arn:aws:states:::lambda:invoke", {}, 60)}, 5),
        ({"A": Task("arn:aws:states:::sagemaker:createTrainingJob.sync", {}, 60)}, 6),
        ({"A": Task("arn:aws:states:::states:startExecution.sync:2", {}, 60)}, 6),
        ({"A": Pass(next="B"), "B": Pass()}, 4),
        ({"A": Native({"Type": "Parallel", "Branches": [machine({"B": {"Type": "Pass", "End": True}})]}, {})}, 14),
    ],
    ids=["call", "job", "workflow", "two", "chain"],
)
def test_each_kind_of_state_adds_its_events(states: dict[str, Task | Pass | Native], more: int) -> None:
    assert events(of_states("A", states)) - events(of_states("A", {})) == more
