"""Any workflow, compiled and simulated: at its critical path, and well whatever fails or is lost.

What is checked is in `checks`; that the checks find mistakes is shown in `test_mutants`.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.ordering.random_orders import Needs, any_order
from tests.simulation import checks
from tests.simulation.cases import Case
from tests.simulation.families import FAMILIES, needs_of
from zflow_constructs.local.lint import lint


def test_every_step_begins_as_early_as_its_needs_allow_and_reads_the_right_values(cases: list[Case]) -> None:
    for case in cases:
        checks.runs_at_the_critical_path(case, case.machine)


def test_a_wait_that_takes_too_long_looks_again(cases: list[Case]) -> None:
    for case in cases[len(cases) // 2 :]:
        checks.looks_again(case, case.machine)


def test_no_succeeded_step_runs_again_however_often_others_fail(cases: list[Case]) -> None:
    for case in cases:
        checks.survives_failures(case, case.machine)


def test_nothing_fails_or_hangs_when_calls_are_throttled_and_messages_lost(cases: list[Case]) -> None:
    for case in cases:
        checks.survives_lost_messages(case, case.machine)


def test_all_ends_well_when_steps_fail_and_messages_are_lost(cases: list[Case]) -> None:
    for case in cases[: len(cases) // 2]:
        checks.survives_everything(case, case.machine)


def test_executions_of_one_name_take_nothing_from_each_other(cases: list[Case]) -> None:
    for case in cases[::5]:
        checks.runs_twice_at_once(case, case.machine)


def test_the_lint_finds_nothing_above_all_no_parallel_that_is_retried_and_no_variable_assigned_twice(
    cases: list[Case],
) -> None:
    for case in cases:
        assert lint(case.machine) == []


@given(needs=any_order(), name=st.uuids().map(str), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_the_smallest_workflows_behave_as_the_large_ones_do(needs: Needs, name: str, seed: int) -> None:
    case = Case.of(name, needs, skips=0.2)
    checks.runs_at_the_critical_path(case, case.machine, seed)
    checks.survives_everything(case, case.machine, seed)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_has_small_and_large_members_that_are_always_the_same(family: str) -> None:
    sizes = [len(needs_of(family, seed)) for seed in range(40)]
    assert 5 <= min(sizes) < 8
    assert 40 < max(sizes) <= 60
    assert [needs_of(family, seed) for seed in range(3)] == [needs_of(family, seed) for seed in range(3)]


def test_a_critical_path_is_the_longest_of_all_paths() -> None:
    case = Case.of("a diamond", {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]})
    a, b, c, d = (case.durations[step] for step in "abcd")
    assert case.critical_path == a + max(b, c) + d
