"""The plan of a workflow: no order that was not declared, each that was, and as few rendezvous as can be."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import combinations, pairwise
from random import Random

import pytest
from hypothesis import given, settings

from tests.core.ordering.random_orders import Needs, any_order, closure, ordered, series_parallel, shapes
from zflow_constructs.core.ordering.graph import Branches, Series, steps_of
from zflow_constructs.core.ordering.nesting import Plan, plan
from zflow_constructs.core.values.errors import WorkflowError

N: Needs = {"a": [], "b": [], "c": ["a"], "d": ["a", "b"]}
W: Needs = {"a": [], "b": [], "c": [], "d": ["a", "b"], "e": ["b", "c"]}
ZIGZAG: Needs = {"a": [], "b": [], "c": [], "d": [], "e": ["a"], "f": ["a", "b"], "g": ["b", "c"], "h": ["c", "d"]}


def test_one_step_is_itself() -> None:
    assert plan({"a": []}) == Plan("a", ())


def test_steps_in_a_chain_run_in_sequence() -> None:
    assert plan({"c": ["b"], "b": ["a"], "a": []}) == Plan(Series(("a", "b", "c")), ())


def test_steps_that_need_nothing_run_in_parallel() -> None:
    assert plan({"a": [], "b": [], "c": []}) == Plan(Branches(("a", "b", "c")), ())


def test_a_diamond_splits_and_joins() -> None:
    diamond: Needs = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}
    assert plan(diamond) == Plan(Series(("a", Branches(("b", "c")), "d")), ())


def test_branches_may_be_sequences_and_sequences_may_have_branches() -> None:
    needs: Needs = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": [], "f": ["e"], "g": ["d", "f"]}
    diamond = Series(("a", Branches(("b", "c")), "d"))
    assert plan(needs) == Plan(Series((Branches((diamond, Series(("e", "f")))), "g")), ())


def test_steps_that_all_need_all_of_the_earlier_ones_join_in_between() -> None:
    needs: Needs = {"a": [], "b": [], "c": ["a", "b"], "d": ["a", "b"]}
    assert plan(needs) == Plan(Series((Branches(("a", "b")), Branches(("c", "d")))), ())


def test_an_n_becomes_two_chains_and_one_waits_for_the_other() -> None:
    assert plan(N) == Plan(Branches((Series(("a", "c")), Series(("b", "d")))), (("a", "d"),))


def test_a_w_gets_one_rendezvous() -> None:
    nested = Branches((Series((Branches(("a", "b")), "d")), Series(("c", "e"))))
    assert plan(W) == Plan(nested, (("b", "e"),))


def test_two_ns_side_by_side_are_chains_of_one_parallel() -> None:
    needs = {**N, **{f"{step}2": [f"{need}2" for need in before] for step, before in N.items()}}
    chains = Branches((Series(("a", "c")), Series(("b", "d")), Series(("a2", "c2")), Series(("b2", "d2"))))
    assert plan(needs) == Plan(chains, (("a", "d"), ("a2", "d2")))


def test_a_zigzag_is_cut_at_every_third_need() -> None:
    assert len(plan(ZIGZAG).rendezvous) == 2


def test_what_runs_before_and_after_an_n_stays_outside() -> None:
    needs: Needs = {"first": [], **{step: [*before, "first"] for step, before in N.items()}, "last": ["c", "d"]}
    assert plan(needs) == Plan(Series(("first", plan(N).nested, "last")), (("a", "d"),))


def test_a_need_that_others_imply_is_no_rendezvous() -> None:
    assert plan({**N, "e": ["d"], "f": ["a", "e"]}).rendezvous == (("a", "d"),)


def test_a_circle_is_refused() -> None:
    with pytest.raises(WorkflowError, match="The steps need each other in a circle: a -> b -> a"):
        plan({"a": ["b"], "b": ["a"]})


def test_the_plan_depends_on_the_declaration_alone() -> None:
    needs = sampled(Random(1), 40)
    code = f"from zflow_constructs.core.ordering.nesting import plan; print(plan({needs}))"
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert ran.stdout == f"{plan(needs)}\n"


def test_a_thousand_steps_in_a_chain_in_parallel_and_in_no_shape_at_all_get_a_plan() -> None:
    names = [f"s{number}" for number in range(1000)]
    assert plan({"s0": [], **{name: [earlier] for earlier, name in pairwise(names)}}) == Plan(Series(tuple(names)), ())
    assert plan({name: [] for name in names}) == Plan(Branches(tuple(names)), ())
    planned = plan(sampled(Random(2), 1000))
    assert sorted(steps_of(planned.nested)) == sorted(names)
    assert planned.rendezvous


@settings(max_examples=200, deadline=None)
@given(needs=any_order())
def test_the_nest_orders_nothing_more_and_the_rendezvous_are_the_direct_needs_that_it_lacks(needs: Needs) -> None:
    planned = plan(needs)
    pairs, nested = closure(needs), set(ordered(planned.nested))
    assert sorted(steps_of(planned.nested)) == sorted(needs)
    assert nested <= pairs
    direct = {(a, b) for a, b in pairs if not any({(a, c), (c, b)} <= pairs for c in needs)}
    assert sorted(planned.rendezvous) == sorted(direct - nested)


@settings(max_examples=100, deadline=None)
@given(needs=series_parallel())
def test_every_series_parallel_order_nests_without_a_rendezvous(needs: Needs) -> None:
    planned = plan(needs)
    assert planned.rendezvous == ()
    assert set(ordered(planned.nested)) == closure(needs)


@settings(max_examples=60, deadline=None)
@given(needs=any_order())
def test_sequences_and_branches_alternate_and_none_has_a_single_part(needs: Needs) -> None:
    for part in shapes(plan(needs).nested):
        if not isinstance(part, str):
            assert len(part.parts) > 1
            assert not any(type(inner) is type(part) for inner in part.parts)


def test_no_nest_of_up_to_five_steps_gets_by_with_fewer_rendezvous() -> None:
    for needs in every_order(5):
        assert len(plan(needs).rendezvous) == fewest(needs), needs


def test_no_nest_of_eight_steps_gets_by_with_fewer_rendezvous() -> None:
    random = Random(3)
    for _ in range(50):
        needs = sampled(random, 8)
        assert len(plan(needs).rendezvous) == fewest(needs), needs


def sampled(random: Random, count: int) -> Needs:
    """Each step needs about two of the earlier ones."""
    likely = random.choice([2, 4]) / count
    return {f"s{step}": [f"s{need}" for need in range(step) if random.random() < likely] for step in range(count)}


def every_order(count: int) -> Iterator[Needs]:
    """Every partial order of some steps, each once, in one of the turns that it allows."""
    edges = list(combinations(range(count), 2))
    seen: set[frozenset[tuple[str, str]]] = set()
    for chosen in range(1 << len(edges)):
        needs: Needs = {f"s{step}": [] for step in range(count)}
        for index, (need, step) in enumerate(edges):
            if chosen >> index & 1:
                needs[f"s{step}"].append(f"s{need}")
        pairs = frozenset(closure(needs))
        if pairs not in seen:
            seen.add(pairs)
            yield needs


def fewest(needs: Needs) -> int:
    """The fewest direct needs that any nest loses: of all of them, tried one by one."""
    pairs = closure(needs)
    direct = {(a, b) for a, b in pairs if not any({(a, c), (c, b)} <= pairs for c in needs)}
    later = {step: sum(1 << index for index, other in enumerate(needs) if (step, other) in pairs) for step in needs}
    near = {step: sum(1 << index for index, other in enumerate(needs) if (step, other) in direct) for step in needs}

    @cache
    def lost(steps: int) -> int:
        inside = [step for index, step in enumerate(needs) if steps >> index & 1]
        best = len(direct) if len(inside) > 1 else 0
        part = (steps - 1) & steps
        while part:
            rest = steps & ~part
            members = [step for index, step in enumerate(needs) if part >> index & 1]
            if not any(rest & ~later[step] for step in members):
                best = min(best, lost(part) + lost(rest))
            if part > rest:
                others = [step for step in inside if step not in members]
                crossing = sum((near[step] & rest).bit_count() for step in members)
                crossing += sum((near[step] & part).bit_count() for step in others)
                best = min(best, crossing + lost(part) + lost(rest))
            part = (part - 1) & steps
        return best

    return lost((1 << len(needs)) - 1)
