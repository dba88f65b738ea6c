"""The order of steps, and its nesting: exactly the order that was declared, at the critical path."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zflow_constructs.core.errors import WorkflowError
from zflow_constructs.core.graph import Branches, Nested, Series, nest, steps_of, topological_order

Needs = dict[str, list[str]]
Pairs = set[tuple[str, str]]


def test_one_step_is_itself() -> None:
    assert nest({"a": []}) == "a"


def test_steps_in_a_chain_run_in_sequence() -> None:
    assert nest({"c": ["b"], "b": ["a"], "a": []}) == Series(("a", "b", "c"))


def test_steps_that_need_nothing_run_in_parallel() -> None:
    assert nest({"a": [], "b": [], "c": []}) == Branches(("a", "b", "c"))


def test_a_diamond_splits_and_joins() -> None:
    diamond: Needs = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}
    assert nest(diamond) == Series(("a", Branches(("b", "c")), "d"))


def test_branches_may_be_sequences_and_sequences_may_have_branches() -> None:
    needs: Needs = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": [], "f": ["e"], "g": ["d", "f"]}
    assert nest(needs) == Series(
        (Branches((Series(("a", Branches(("b", "c")), "d")), Series(("e", "f")))), "g"),
    )


def test_a_need_that_others_imply_changes_nothing() -> None:
    assert nest({"a": [], "b": ["a"], "c": ["b", "a"]}) == Series(("a", "b", "c"))


def test_steps_that_all_need_all_of_the_earlier_ones_join_in_between() -> None:
    needs: Needs = {"a": [], "b": [], "c": ["a", "b"], "d": ["a", "b"]}
    assert nest(needs) == Series((Branches(("a", "b")), Branches(("c", "d"))))


def test_the_order_of_declaration_decides_only_what_the_needs_leave_open() -> None:
    assert topological_order({"d": ["c"], "b": [], "a": [], "c": []}) == ["c", "b", "a", "d"]


@pytest.mark.parametrize(
    ("needs", "circle"),
    [
        ({"Train": ["Train"]}, "Train -> Train"),
        ({"Train": ["Predict"], "Predict": ["Train"]}, "Train -> Predict -> Train"),
        ({"App/A": ["App/C"], "App/B": ["App/A"], "App/C": ["App/B"], "App/D": ["App/C"]}, "A -> B -> C -> A"),
    ],
)
def test_a_circle_is_named_in_the_order_in_which_its_steps_would_run(needs: Needs, circle: str) -> None:
    with pytest.raises(WorkflowError) as error:
        nest(needs)
    assert str(error.value) == (
        f"The steps need each other in a circle: {circle}. Remove one of these needs: an output that is used, or an "
        "after=."
    )


def test_an_order_that_holds_an_n_is_refused_with_the_need_and_two_remedies() -> None:
    needs: Needs = {
        "App/Extract": [],
        "App/Audit": [],
        "App/Train": ["App/Extract"],
        "App/Report": ["App/Extract", "App/Audit"],
    }
    with pytest.raises(WorkflowError) as error:
        nest(needs)
    assert str(error.value) == (
        'The need of step "Report" for step "Audit" can\'t be nested: "Train" and "Report" both come after "Extract", '
        'and "Report" alone also after "Audit", while Step Functions\' parallel branches must all join. '
        'Let "Train" come after "Audit" too (after=[...]), or "Audit" after "Extract".'
    )


def test_the_need_that_is_named_is_one_that_was_declared() -> None:
    # "Report" comes after "Audit" only by way of "Check": the error names the need for "Check".
    needs: Needs = {
        "Extract": [],
        "Audit": [],
        "Check": ["Audit"],
        "Train": ["Extract"],
        "Report": ["Extract", "Check"],
    }
    with pytest.raises(WorkflowError, match='The need of step "Report" for step "Check" can\'t be nested'):
        nest(needs)


def test_a_thousand_steps_in_a_chain_and_a_thousand_in_parallel_nest() -> None:
    names = [f"s{number}" for number in range(1000)]
    assert nest({"s0": [], **{name: [earlier] for earlier, name in pairwise(names)}}) == Series(tuple(names))
    assert nest({name: [] for name in names}) == Branches(tuple(names))


@st.composite
def durations(draw: st.DrawFn, needs: Needs) -> dict[str, int]:
    return {step: draw(st.integers(1, 50)) for step in needs}


@st.composite
def series_parallel(draw: st.DrawFn, most: int = 12) -> Needs:
    """The needs of steps that were nested at random, some implied ones among them, declared in a random order."""
    needs: Needs = {}

    def grow(steps: list[str], *, parallel: bool) -> tuple[list[str], list[str]]:
        """The first steps and the last ones of a part."""
        if len(steps) == 1:
            needs[steps[0]] = []
            return steps, steps
        cuts = sorted(draw(st.sets(st.integers(1, len(steps) - 1), min_size=1, max_size=3)))
        bounds = [0, *cuts, len(steps)]
        parts = [grow(steps[low:high], parallel=not parallel) for low, high in pairwise(bounds)]
        if parallel:
            return [step for first, _ in parts for step in first], [step for _, last in parts for step in last]
        for (_, last), (first, _) in pairwise(parts):
            for step in first:
                needs[step] += last
        return parts[0][0], parts[-1][1]

    count = draw(st.integers(1, most))
    grow([f"s{number}" for number in range(count)], parallel=draw(st.booleans()))
    implied = sorted(closure(needs) - {(need, step) for step in needs for need in needs[step]})
    for need, step in draw(st.lists(st.sampled_from(implied), max_size=4, unique=True)) if implied else []:
        needs[step].append(need)
    return {step: needs[step] for step in draw(st.permutations(list(needs)))}


@st.composite
def any_order(draw: st.DrawFn) -> Needs:
    names = [f"s{number}" for number in range(draw(st.integers(2, 7)))]
    return {
        name: draw(st.lists(st.sampled_from(names[:index]), unique=True, max_size=3)) if index else []
        for index, name in enumerate(names)
    }


def closure(needs: Mapping[str, Sequence[str]]) -> Pairs:
    """Who comes before whom, directly or by way of others."""
    before: dict[str, set[str]] = {}

    def reached(step: str) -> set[str]:
        if step not in before:
            before[step] = {*needs[step]}.union(*(reached(need) for need in needs[step]))
        return before[step]

    return {(earlier, step) for step in needs for earlier in reached(step)}


def ordered(nested: Nested) -> Iterator[tuple[str, str]]:
    """Who comes before whom in the nested steps."""
    match nested:
        case Series(parts):
            for index, part in enumerate(parts):
                yield from ordered(part)
                for later in parts[index + 1 :]:
                    yield from product(steps_of(part), steps_of(later))
        case Branches(parts):
            for part in parts:
                yield from ordered(part)
        case _:
            pass


def makespan(nested: Nested, duration: Mapping[str, int]) -> int:
    match nested:
        case Series(parts):
            return sum(makespan(part, duration) for part in parts)
        case Branches(parts):
            return max(makespan(part, duration) for part in parts)
        case step:
            return duration[step]


def critical_path(needs: Mapping[str, Sequence[str]], duration: Mapping[str, int]) -> int:
    end: dict[str, int] = {}
    for step in topological_order(needs):
        end[step] = duration[step] + max((end[need] for need in needs[step]), default=0)
    return max(end.values())


def shapes(nested: Nested) -> Iterator[Nested]:
    yield nested
    if not isinstance(nested, str):
        for part in nested.parts:
            yield from shapes(part)


@given(needs=series_parallel())
@settings(max_examples=100, deadline=None)
def test_every_series_parallel_order_nests_and_the_nesting_orders_no_more_and_no_less(needs: Needs) -> None:
    nested = nest(needs)
    assert sorted(steps_of(nested)) == sorted(needs)
    assert set(ordered(nested)) == closure(needs)


@given(data=st.data(), needs=series_parallel())
@settings(max_examples=60, deadline=None)
def test_the_nested_steps_take_as_long_as_the_critical_path(data: st.DataObject, needs: Needs) -> None:
    duration = data.draw(durations(needs))
    assert makespan(nest(needs), duration) == critical_path(needs, duration)


@given(needs=series_parallel())
@settings(max_examples=60, deadline=None)
def test_sequences_and_branches_alternate_and_none_has_a_single_part(needs: Needs) -> None:
    for part in shapes(nest(needs)):
        if not isinstance(part, str):
            assert len(part.parts) > 1
            assert not any(type(inner) is type(part) for inner in part.parts)


@given(needs=any_order())
@settings(max_examples=150, deadline=None)
def test_an_order_is_refused_exactly_if_it_holds_an_n_and_the_error_names_one(needs: Needs) -> None:
    pairs = closure(needs)

    def is_n(a: str, b: str, c: str, d: str) -> bool:
        apart = [(a, b), (b, c), (c, d)]
        return {(a, c), (a, d), (b, d)} <= pairs and not any({(x, y), (y, x)} & pairs for x, y in apart)

    try:
        nested = nest(needs)
    except WorkflowError as error:
        names = re.fullmatch(
            r'The need of step "(\w+)" for step "(\w+)" .*: "(\w+)" and "\1" both come after "(\w+)", and "\1" alone '
            r'also after "\2", .* Let "\3" come after "\2" too \(after=\[\.\.\.\]\), or "\2" after "\4"\.',
            str(error),
        )
        assert names
        d, b, c, a = names.groups()
        assert is_n(a, b, c, d)
        assert b in needs[d]
    else:
        assert not any(is_n(*steps) for steps in permutations(needs, 4))
        assert set(ordered(nested)) == pairs
