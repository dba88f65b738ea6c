"""The plan of a workflow: never an order that was not declared, each that was, and few rendezvous."""

from hypothesis import given, settings

from tests.core.test_graph import Needs, any_order, closure, ordered
from zflow_constructs.core.graph import Branches, Series, steps_of
from zflow_constructs.core.nesting import Plan, plan


def test_series_parallel_needs_get_no_rendezvous() -> None:
    diamond: Needs = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}
    assert plan(diamond) == Plan(Series(("a", Branches(("b", "c")), "d")), ())


def test_an_n_gets_one_rendezvous() -> None:
    needs: Needs = {"a": [], "b": [], "c": ["a"], "d": ["a", "b"]}
    assert len(plan(needs).rendezvous) == 1


@settings(max_examples=200, deadline=None)
@given(needs=any_order())
def test_the_nest_orders_nothing_more_and_the_rendezvous_what_it_lacks(needs: Needs) -> None:
    planned = plan(needs)
    pairs, nested = closure(needs), set(ordered(planned.nested))
    assert sorted(steps_of(planned.nested)) == sorted(needs)
    assert nested <= pairs
    lacking = {step: [earlier for earlier, later in (*nested, *planned.rendezvous) if later == step] for step in needs}
    assert closure(lacking) == pairs
