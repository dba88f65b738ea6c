"""A plain nest for any shape: it keeps every need, and its longest chain of steps is no longer than theirs."""

from collections.abc import Callable, Sequence
from random import Random

from hypothesis import given, settings

from tests.core.machines import run, step
from tests.core.ordering.random_orders import Needs, any_order, closure, ordered, series_parallel
from zflow_constructs.core.compiler import compile_workflow
from zflow_constructs.core.ordering.barriers import Barriers, barriers
from zflow_constructs.core.ordering.graph import Branches, Nested, Series, steps_of, topological_order
from zflow_constructs.core.ordering.nesting import plan
from zflow_constructs.core.values.templates import Scope


def test_an_n_becomes_two_levels_and_one_step_waits_for_more_than_it_needs() -> None:
    n: Needs = {"a": [], "b": [], "c": ["a"], "d": ["a", "b"]}
    levels = Series((Branches(("a", "b")), Branches(("c", "d"))))
    assert barriers(n) == Barriers(levels, waits=(("b", "c"),))


def test_only_what_is_stuck_gets_a_barrier() -> None:
    needs: Needs = {
        "first": [],
        "a": ["first"],
        "b": ["first"],
        "c": ["a"],
        "d": ["a", "b"],
        "last": ["c", "d"],
        "other": [],
        "after other": ["other"],
    }
    levels = (Branches(("a", "b")), Branches(("c", "d")))
    beside = Series(("other", "after other"))
    nested = Branches((Series(("first", *levels, "last")), beside))
    assert barriers(needs) == Barriers(nested, waits=(("b", "c"),))


def test_a_step_that_may_run_early_or_late_runs_where_fewer_wait() -> None:
    # Were "late" on the level of its start, all of the second level would wait for it.
    needs: Needs = {"a": [], "b": [], "c": ["a"], "d": ["a", "b"], "late": [], "e": ["c", "d", "late"], "f": ["d"]}
    planned = barriers(needs)
    assert planned.waits == (("b", "c"), ("c", "f"), ("late", "f"))


@settings(max_examples=100, deadline=None)
@given(needs=series_parallel())
def test_series_parallel_needs_get_the_nest_that_they_have_without_barriers(needs: Needs) -> None:
    assert barriers(needs) == Barriers(plan(needs).nested, waits=())


@settings(max_examples=200, deadline=None)
@given(needs=any_order())
def test_the_nest_keeps_every_need_and_the_waits_are_all_that_it_adds(needs: Needs) -> None:
    planned = barriers(needs)
    pairs, nested = closure(needs), set(ordered(planned.nested))
    assert sorted(steps_of(planned.nested)) == sorted(needs)
    assert pairs <= nested
    assert not pairs & set(planned.waits)
    with_waits = {
        step: [*before, *(one for one, other in planned.waits if other == step)] for step, before in needs.items()
    }
    assert closure(with_waits) == nested


@settings(max_examples=200, deadline=None)
@given(needs=any_order())
def test_no_chain_gets_longer_than_the_longest_of_the_needs(needs: Needs) -> None:
    level: dict[str, int] = {}
    for name in topological_order(needs):
        level[name] = 1 + max((level[need] for need in needs[name]), default=0)
    assert longest(barriers(needs).nested) == max(level.values())


@settings(max_examples=100, deadline=None)
@given(needs=any_order())
def test_each_step_reads_what_it_uses_and_what_nothing_uses_is_the_output_without_a_table(needs: Needs) -> None:
    steps = [step(name, uses=before) for name, before in needs.items()]
    machine = compile_workflow(steps, start={}, scope=Scope(), version="1.0", timeout_seconds=3600, join="barrier")

    def value(name: str) -> str:
        return f"{name}({', '.join(map(value, needs[name]))})"

    used = {name for before in needs.values() for name in before}
    assert run(machine).output == {name: {"value": value(name)} for name in needs if name not in used}


def test_a_thousand_steps_in_no_shape_at_all_get_barriers() -> None:
    random = Random(2)
    needs = {f"s{step}": [f"s{need}" for need in range(step) if random.random() < 0.004] for step in range(1000)}
    planned = barriers(needs)
    assert sorted(steps_of(planned.nested)) == sorted(needs)
    assert planned.waits


def longest(nested: Nested) -> int:
    """How many steps the longest chain of a nest has."""
    if isinstance(nested, str):
        return 1
    most: Callable[[Sequence[int]], int] = sum if isinstance(nested, Series) else max
    return most([longest(part) for part in nested.parts])
