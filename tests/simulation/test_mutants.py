"""The checks find the mistakes that they are for: each machine with one mistake in it fails one."""

from collections.abc import Callable

import pytest

from tests.core.ordering.random_orders import Needs
from tests.sampling import sampled
from tests.simulation import checks, mutants
from tests.simulation.cases import Case
from tests.simulation.definition import InvalidMachineError
from tests.simulation.mutants import Mutant
from tests.simulation.rewriting import rewritten
from zflow_constructs.local.lint import lint

Check = Callable[[Case, checks.Machine, int], None]
N: Needs = {"a": [], "b": [], "c": ["a"], "d": ["a", "b"]}
TWO_WAITERS: Needs = {"a": [], "b": [], "c": [], "d": ["a", "b"], "e": ["b", "c"], "f": ["a", "b", "c"], "g": ["b"]}
CASES = [
    Case.of(f"{shape} {number}", needs, skips=0.3 * (number % 2))
    for number in range(10)
    for shape, needs in {"N": N, "two waiters": TWO_WAITERS}.items()
]


@pytest.mark.parametrize(
    ("mutant", "check", "reason"),
    [
        (mutants.waits_for_nothing, checks.runs_at_the_critical_path, "began before"),
        (mutants.wakes_nobody, checks.runs_at_the_critical_path, "it has not ended"),
        (mutants.does_not_look_who_waits, checks.runs_at_the_critical_path, "it has not ended"),
        (mutants.wakes_one_waiter_alone, checks.runs_at_the_critical_path, "it has not ended"),
        (mutants.waits_unconditionally, checks.runs_at_the_critical_path, "it has not ended"),
        (mutants.waits_unless_it_waited_before, checks.looks_again, "began before"),
        (
            mutants.fails_where_it_need_not_wait,
            checks.runs_at_the_critical_path,
            "DynamoDb.ConditionalCheckFailedException",
        ),
        (mutants.does_not_look_again, checks.survives_lost_messages, "States.Timeout"),
        (mutants.goes_on_when_a_wait_takes_too_long, checks.looks_again, "began before"),
        (mutants.shares_one_attribute_among_waiters, checks.runs_at_the_critical_path, "it has not ended"),
        (mutants.waits_for_another_step, checks.runs_at_the_critical_path, "it has not ended"),
        (mutants.fails_on_a_stale_token, checks.looks_again, "Sfn."),
        (mutants.does_not_retry_calls, checks.survives_lost_messages, "DynamoDb."),
        (
            mutants.reads_what_was_there_before,
            checks.survives_lost_messages,
            "$parse($states.result.Item.done.S)",
        ),
        (mutants.stores_no_value, checks.survives_lost_messages, "$parse($states.result.Item.done.S)"),
        (
            mutants.stores_the_value_after_waking,
            checks.runs_at_the_critical_path,
            "steps began late",
        ),
        (mutants.marks_before_the_step, checks.runs_at_the_critical_path, "was given the wrong values"),
        (mutants.skips_the_mark_with_the_step, checks.runs_at_the_critical_path, "it has not ended"),
        (mutants.keys_by_the_execution_s_name, checks.runs_twice_at_once, "began before"),
        (mutants.keys_each_call_anew, checks.runs_at_the_critical_path, "it has not ended"),
        (mutants.keys_anew_after_a_redrive, checks.survives_failures, "it has not ended"),
        (mutants.retries_a_parallel, checks.survives_failures, "a step that had succeeded ran again"),
        (mutants.catches_a_parallel, checks.survives_failures, "the wrong steps ran"),
        (
            mutants.assigns_the_key_again_in_a_branch,
            checks.runs_at_the_critical_path,
            "run_key is assigned in an outer scope too",
        ),
    ],
)
def test_a_check_fails_for_a_machine_that(mutant: Mutant, check: Check, reason: str) -> None:
    mutated = [(case, rewritten(case.machine, mutant)) for case in CASES]
    changed = [(case, machine) for case, machine in mutated if machine != case.machine]
    assert any(reason in _failure(check, case, machine, seed) for case, machine in changed for seed in range(5))


@pytest.mark.parametrize(
    ("mutant", "rule"),
    [
        (mutants.retries_a_parallel, "retried-rendezvous"),
        (mutants.catches_a_parallel, "retried-rendezvous"),
        (mutants.assigns_the_key_again_in_a_branch, "shadowed-variable"),
    ],
)
def test_the_lint_finds_a_machine_that(mutant: Mutant, rule: str) -> None:
    for case in CASES:
        assert {finding.rule for finding in lint(rewritten(case.machine, mutant))} == {rule}


@pytest.mark.parametrize("case", sampled(CASES, always=8), ids=lambda case: case.name)
def test_no_check_fails_for_the_machine_without_a_mistake(case: Case) -> None:
    for seed in range(5):
        checks.runs_at_the_critical_path(case, case.machine, seed)
        checks.looks_again(case, case.machine, seed)
        checks.runs_twice_at_once(case, case.machine, seed)
        checks.survives_failures(case, case.machine, seed)
        checks.survives_lost_messages(case, case.machine, seed)


def _failure(check: Check, case: Case, machine: checks.Machine, seed: int) -> str:
    try:
        check(case, machine, seed)
    except (AssertionError, InvalidMachineError) as error:
        return str(error)
    return "none"
