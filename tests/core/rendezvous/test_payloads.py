"""Where lists may be more together than Step Functions takes at once: each warning whole, and the last size without."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tests.core.machines import of_states, step
from zflow_constructs.core.rendezvous.payloads import check_payloads
from zflow_constructs.core.states.asl import Task
from zflow_constructs.core.states.fragment import Fragment, Loop, StepNode
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.iterations import Collected, Item
from zflow_constructs.core.values.templates import Template

FITS = 1_310
"""So many items of one output, each with the item beside it, have 262,000 bytes."""


def loop(name: str, most_items: int, *steps: StepNode, outputs: Sequence[str] = ("auc",)) -> StepNode:
    repeated = Loop(
        name=name,
        items=[],
        item="item",
        steps=steps or (step(f"{name} train"),),
        outputs={output: Item("item") for output in outputs},
        max_concurrency=40,
        distributed=False,
        most_items=most_items,
        assign={name: {"results": Jsonata("[$states.result]")}},
    )
    return StepNode(name, name, Fragment({name: repeated}, result=name), unbounded=True)


def collected(name: str, *output: str) -> Collected:
    return Collected(name, name, ("results", *output))


def warnings(steps: Sequence[StepNode], outputs: Mapping[str, Template] | None = None) -> list[str]:
    return check_payloads("Scoring", steps, {"done": True} if outputs is None else outputs, "rendezvous")


def test_a_loop_that_may_put_out_too_much_is_warned_of() -> None:
    assert warnings([loop("Each", FITS)]) == []
    (warning,) = warnings([loop("Each", FITS + 1)])
    assert warning == (
        'Step "Each" may have 1311 iterations of 1 outputs, about 262200 bytes, and Step Functions takes 262144. '
        "Lower most_items, or let the iterations write their results to S3, and put out less."
    )


def test_a_loop_in_a_loop_is_looked_at_too() -> None:
    (warning,) = warnings([loop("Outer", 2, loop("Inner", FITS + 1))])
    assert warning.startswith('Step "Inner" may have 1311 iterations')


def test_lists_that_are_read_after_a_join_fit_together_or_are_warned_of() -> None:
    """Both loops run in parallel, and the step after them reads of both."""

    def reading(first: int, second: int) -> list[str]:
        both = {"a": collected("A", "auc"), "b": collected("B", "auc")}
        return warnings([loop("A", first), loop("B", second), of_states("Last", {"Last": Task("arn:run", both, 60)})])

    assert reading(1_000, 310) == []
    (warning,) = reading(1_000, 311)
    assert warning == (
        'MlWorkflow "Scoring": where its branches meet, the lists of "A", "B" may have about 262200 bytes together, '
        "and Step Functions takes 262144. Lower most_items, or let the iterations write their results to S3, and put "
        "out less."
    )


def test_lists_that_nobody_reads_do_not_come_out_at_a_join() -> None:
    assert warnings([loop("A", 1_000), loop("B", 1_000)]) == []


def test_outputs_of_lists_fit_together_or_are_warned_of() -> None:
    steps = [loop("A", 1_310, outputs=["auc"]), replace(loop("B", 1_310), after=("A",))]
    assert warnings(steps, {"a": collected("A", "auc"), "b": collected("B", "auc")}) == []
    (warning,) = warnings(steps, {"a": collected("A", "auc"), "b": collected("B")})
    assert warning == (
        'MlWorkflow "Scoring" may output about 393000 bytes, and Step Functions takes 262144. '
        "Lower most_items, or let the iterations write their results to S3, and put out less."
    )


def test_several_results_of_any_size_at_the_end_are_said_to_be_bounded_where_no_outputs_are_declared() -> None:
    unbounded = [replace(step(name), unbounded=True) for name in ("A", "B")]
    assert check_payloads("Scoring", unbounded, {"a": True}, "rendezvous") == []
    assert check_payloads("Scoring", [unbounded[0], step("C")], None, "rendezvous") == []
    (warning,) = check_payloads("Scoring", [*unbounded, step("C")], None, "rendezvous")
    assert warning == (
        'MlWorkflow "Scoring" outputs the results of its last steps, and those of "A", "B" may have any size: one of '
        "more than 129000 bytes is left out. List what the workflow outputs: outputs={...}."
    )
