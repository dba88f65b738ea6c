"""What of the results of steps travels: only what is read, and at the end only what is small enough."""

from dataclasses import replace

import pytest

from tests.core.machines import compiled, mapping, of_states, run, step
from tests.core.test_any_workflow import START
from zflow_constructs.core.rendezvous.carried import most_bytes
from zflow_constructs.core.states.asl import Task
from zflow_constructs.core.states.fragment import StepNode
from zflow_constructs.core.values.expressions import Condition, Jsonata
from zflow_constructs.core.values.references import Parameter, StepOutput
from zflow_constructs.core.values.templates import Json, Template

LARGE = "x" * 100_000
ANSWER = {name: Jsonata(f"$states.result.{name}") for name in ("auc", "rows")}


def work(name: str, *, when: Condition | None = None, **arguments: Template) -> StepNode:
    """A step whose result has a small field and a large one."""
    return of_states(name, {name: Task("arn:run", arguments, 60, assign={name: ANSWER})}, when=when)


def auc(name: str) -> StepOutput:
    return StepOutput(name, name, ("auc",), "number")


def answered(_name: str, _arguments: Json) -> Json:
    return {"auc": 0.8512340188026428, "rows": LARGE}


def test_three_results_of_100_kb_cross_a_join_as_the_fields_that_are_read() -> None:
    three = [work(name) for name in ("A", "B", "C")]
    ran = run(compiled(*three, work("Last", a=auc("A"), b=auc("B"), c=auc("C"))), answered)
    assert ran.arguments["Last"] == dict.fromkeys("abc", 0.8512340188026428)


def test_what_crosses_joins_in_joins_is_cut_down_at_the_innermost() -> None:
    machine = compiled(
        work("A"), work("B", a=auc("A")), work("C", a=auc("A")), work("D"), work("Last", b=auc("B"), c=auc("C"))
    )
    assert run(machine, answered).arguments["Last"] == dict.fromkeys("bc", 0.8512340188026428)


def test_the_null_of_a_skipped_step_crosses_a_join_as_null_and_its_readers_are_skipped() -> None:
    skipped = work("A", when=Parameter("may") == True)  # noqa: E712
    also = replace(work("Also", b=auc("B")), after=("A",))
    machine = compiled(skipped, work("B"), work("Reads", a=auc("A"), b=auc("B")), also, start=START)
    assert run(machine, answered, {"may": False}).ran == {"B", "Also"}
    assert run(machine, answered, {"may": True}).ran == {"A", "B", "Reads", "Also"}


@pytest.mark.parametrize(("count", "most"), [(1, 260_100), (2, 130_000), (3, 86_700)])
def test_results_of_any_size_have_room_together_at_the_end(count: int, most: int) -> None:
    last = [replace(step(f"S{number}"), unbounded=True) for number in range(count)]
    assert most_bytes(last) == most


@pytest.mark.parametrize("character", ["x", "ü", "😀", "\n"])
@pytest.mark.parametrize("more", [0, 1])
def test_at_the_end_a_result_comes_out_if_it_is_small_enough_else_a_text_that_says_what_to_do(
    character: str, more: int
) -> None:
    """JSON of `most` bytes fits, one of a byte more doesn't: a character that is no ASCII counts as four."""
    counted = {"x": 1, "ü": 4, "😀": 4, "\n": 2}[character]
    most = most_bytes([replace(work(name), unbounded=True) for name in ("A", "B")])
    around = len('{"auc":0.5,"rows":""}')
    text = character * ((most - around) // counted)
    text += "y" * (most - around - counted * (len(text)) + more)
    machine = compiled(*(replace(work(name), unbounded=True) for name in ("A", "B")))
    result: Json = {"auc": 0.5, "rows": text}
    output = mapping(run(machine, lambda _name, _arguments: result).output)
    left_out = f"left out: more than {most} bytes of JSON. List what the workflow outputs: outputs={{...}}."
    assert output == dict.fromkeys("AB", left_out if more else result)
