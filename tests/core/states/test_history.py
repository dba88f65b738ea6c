"""How many events an execution adds to its history: each message whole, and the last number that is taken."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.core.machines import mapping, of_states, step
from zflow_constructs.core.compiler import compile_workflow
from zflow_constructs.core.states.asl import Native, Pass, Task
from zflow_constructs.core.states.fragment import Fragment, Loop, StepNode
from zflow_constructs.core.states.history import check_history, events, most_events
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Json, Scope

DAY = 86_400
WEEK = 7 * DAY
CALL = 5


def loop(most_items: int, *, distributed: bool = False, looks: int = 0) -> StepNode:
    repeated = Loop(
        name="Each",
        items=[],
        item="item",
        steps=(replace(step("Train"), looks=looks),),
        outputs={},
        max_concurrency=40,
        distributed=distributed,
        most_items=most_items,
    )
    return StepNode("Each", "Each", Fragment({"Each": repeated}, result="Each"))


def machine(steps: Sequence[StepNode], *, timeout: int = WEEK) -> dict[str, Json]:
    return compile_workflow(
        steps, start={}, scope=Scope(), version="1.0", timeout_seconds=timeout, table=lambda: "Rendezvous"
    )


def checked(steps: Sequence[StepNode], *, timeout: int = WEEK) -> list[str]:
    return check_history("Scoring", machine(steps, timeout=timeout), steps)


def refused(steps: Sequence[StepNode]) -> str:
    with pytest.raises(WorkflowError) as raised:
        checked(steps)
    return str(raised.value)


def in_a_row(count: int) -> list[StepNode]:
    return [step(f"S{number}", after=[f"S{number - 1}"] if number else []) for number in range(count)]


def test_a_history_has_25_000_events_at_most() -> None:
    fits = 25_000 // CALL
    assert checked(in_a_row(fits)) == []
    assert refused(in_a_row(fits + 1)) == (
        'MlWorkflow "Scoring": an execution adds about 25005 events to its history, and Step Functions ends it at '
        f'25000. Step "S0" alone adds up to {events(step("S0"))}. Move steps into a workflow of their own, and run '
        "that as a WorkflowStep: it has a history of its own."
    )


def test_a_loop_of_many_turns_is_advised_to_have_histories_of_their_own() -> None:
    a_turn, around = 2 + 2 + CALL + 2, 4 + CALL
    fits = (25_000 - around) // a_turn
    assert checked([step("Extract"), replace(loop(fits), after=("Extract",))]) == []
    assert refused([step("Extract"), replace(loop(fits + 1), after=("Extract",))]) == (
        f'MlWorkflow "Scoring": an execution adds about {around + a_turn * (fits + 1)} events to its history, and Step '
        f'Functions ends it at 25000. Step "Each" alone adds up to {events(loop(fits + 1))}. '
        "Give it a max_concurrency above 40: each of its iterations has a history of its own then."
    )
    assert checked([loop(10_000, distributed=True)]) == []
    assert events(loop(10_000, distributed=True)) < 20


def test_a_step_that_may_look_too_often_is_warned_of() -> None:
    """Each look is a call, a pause and a question: 9 events."""
    often = [replace(step("Extract"), looks=looks) for looks in ((25_000 - CALL) // 9, (25_000 - CALL) // 9 + 1)]
    assert checked(often[:1]) == []
    (warning,) = checked(often[1:])
    assert warning == (
        'Step "Extract" may add 25002 events to the history of an execution by its looks at what it waits for, if it '
        "takes as long as it may, beside 5 of all else, and Step Functions ends an execution at 25000. Give it a "
        "shorter timeout, or a history of its own: separate_history=True of a DatabricksJobStep, or a WorkflowStep."
    )


def test_what_a_step_may_add_is_held_against_what_all_others_add() -> None:
    often = replace(step("Extract"), looks=2_000)
    assert checked([often]) == []
    (warning,) = checked([*in_a_row(1_400), replace(often, after=("S1399",))])
    assert "beside 7005 of all else" in warning


def test_the_looks_of_a_loops_steps_are_those_of_all_its_turns() -> None:
    assert most_events(loop(10, looks=5)) - events(loop(10)) == 10 * (
        most_events(replace(step("Train"), looks=5)) - events(step("Train"))
    )
    assert most_events(loop(10, looks=5, distributed=True)) == events(loop(10, distributed=True))


def late_readers(count: int) -> list[StepNode]:
    """Steps that each read of one producer late, in a branch that another step has begun."""
    first, others = (
        [step(f"A{number}") for number in range(count)],
        [step("Producer"), step("Report", uses=["Producer"])],
    )
    readers = [step(f"B{number}", uses=[f"A{number}", "Producer"]) for number in range(count)]
    alone = [step(f"C{number}", uses=[f"A{number}"]) for number in range(count)]
    return [*others, *first, *readers, *alone]


def waits(scope: Json) -> list[Json]:
    """For each state in which a step waits for one of another branch, how long it takes until it looks again."""
    found: list[Json] = []
    for state in map(mapping, mapping(mapping(scope)["States"]).values()):
        if str(state.get("Resource")).endswith(".waitForTaskToken"):
            found.append(state["TimeoutSeconds"])
        branches = state.get("Branches", [])
        assert isinstance(branches, list)
        found += [seconds for branch in branches for seconds in waits(branch)]
    return found


@pytest.mark.parametrize("timeout", [DAY, WEEK, 365 * DAY])
def test_64_late_readers_of_one_producer_look_so_rarely_that_the_history_has_room_for_all_looks(timeout: int) -> None:
    steps = late_readers(64)
    assert checked(steps, timeout=timeout) == []
    found = waits(machine(steps, timeout=timeout))
    assert len(found) == 64
    assert sum(4 * timeout / int(str(seconds)) for seconds in found) <= 8_000


def test_so_many_waits_that_their_looks_could_fill_the_history_are_warned_of() -> None:
    assert checked(late_readers(400)) == []
    (warning,) = checked(late_readers(500))
    assert warning == (
        'MlWorkflow "Scoring": an execution adds about 22150 events to its history, and its branches that wait for '
        "steps of others may add 6000, if it takes as long as it may. Step Functions ends it at 25000. Move steps into "
        "a workflow of their own, and run that as a WorkflowStep: it has a history of its own."
    )


@pytest.mark.parametrize(
    ("states", "more"),
    [
        ({"A": Task("arn:aws:states:::lambda:invoke", {}, 60)}, 5),
        ({"A": Task("arn:aws:states:::sagemaker:createTrainingJob.sync", {}, 60)}, 6),
        ({"A": Task("arn:aws:states:::states:startExecution.sync:2", {}, 60)}, 6),
        ({"A": Pass(next="B"), "B": Pass()}, 4),
        (
            {"A": Native({"Type": "Parallel", "Branches": [{"States": {"B": {"Type": "Pass", "End": True}}}]}, {})},
            14,
        ),
    ],
    ids=["call", "job", "workflow", "two", "chain"],
)
def test_each_kind_of_state_adds_its_events(states: dict[str, Task | Pass | Native], more: int) -> None:
    assert events(of_states("A", states)) - events(of_states("A", {})) == more
