"""What must hold for every workflow, whatever its shape: each check simulates a machine and fails if it doesn't."""

from collections.abc import Mapping
from random import Random

from tests.simulation.cases import Case, answer, step_of
from tests.simulation.definition import Scope
from tests.simulation.execution import Status
from tests.simulation.rewriting import States, rewritten, waiting_states, waits
from tests.simulation.world import Execution, Faults, Work, World
from zflow_constructs.core.values.templates import Json

Machine = Mapping[str, Json]
# Seconds for which who was woken too late is woken again, since it may be the call that has failed.
_OLD_TOKEN = 16
_FOREVER = 1_000_000
_REDRIVES = 2_000


def runs_at_the_critical_path(case: Case, machine: Machine, seed: int = 0) -> None:
    """Every step begins as early as its needs allow and reads the right values; exactly the right ones run."""
    world = _world(case, Faults(), seed)
    execution = world.start(Scope.of(machine), case.given)
    world.clock.run(until=case.critical_path)
    _is_right(case, execution, world.work)
    began = {step_of(work.step): work.began for work in world.work}
    expected = {step: expected.begins for step, expected in case.steps.items() if expected.runs}
    assert began == expected, f"steps began late: {dict(began.items() - expected.items())}"
    assert world.clock.now == case.critical_path, "it ended late"


def runs_twice_at_once(case: Case, machine: Machine, seed: int = 0) -> None:
    """Two executions of one name, of two machines that share the table, take nothing from each other."""
    world = _world(case, Faults(), seed)
    first = world.start(Scope.of(machine), case.given)
    world.clock.run(until=case.critical_path // 2)
    second = world.start(Scope.of(machine), case.given)
    world.clock.run(until=case.critical_path + case.critical_path // 2)
    for execution in (first, second):
        _is_right(case, execution, [work for work in world.work if work.execution == execution.id])


def looks_again(case: Case, machine: Machine, seed: int = 0) -> None:
    """Waits that are cut short look again and again: each costs a second between two looks, or some on an old token."""
    world = _world(case, Faults(), seed)
    execution = world.start(Scope.of(rewritten(machine, _impatient)), case.given)
    world.clock.run(until=case.critical_path + _OLD_TOKEN * sum(1 for _ in waiting_states(machine)))
    _is_right(case, execution, world.work)


def survives_failures(case: Case, machine: Machine, seed: int = 0) -> None:
    """Steps fail, the execution is redriven, no succeeded step runs again, and all ends well."""
    world = _world(case, Faults(late=0.5), seed, failures=0.15)
    execution = world.start(Scope.of(machine), case.given, redrives=_REDRIVES)
    world.clock.run(until=_FOREVER)
    _is_right(case, execution, world.work)
    assert execution.redrives <= sum(work.outcome == "failed" for work in world.work)


def survives_lost_messages(case: Case, machine: Machine, seed: int = 0) -> None:
    """Calls are throttled, their responses and callbacks lost: nothing fails, nothing hangs, all values are right."""
    world = _world(case, Faults(throttled=0.1, lost_response=0.1, unanswered=0.1, lost_callback=0.3), seed)
    execution = world.start(Scope.of(machine), case.given)
    world.clock.run(until=_FOREVER)
    _is_right(case, execution, world.work)
    assert {work.outcome for work in world.work if step_of(work.step) not in case.failing} <= {"succeeded"}


def survives_everything(case: Case, machine: Machine, seed: int = 0) -> None:
    """Steps fail, messages are lost, and all ends well nevertheless."""
    faults = Faults(throttled=0.1, lost_response=0.1, unanswered=0.1, lost_callback=0.3, late=0.5)
    world = _world(case, faults, seed, failures=0.1)
    execution = world.start(Scope.of(machine), case.given, redrives=_REDRIVES)
    world.clock.run(until=_FOREVER)
    _is_right(case, execution, world.work)


def _impatient(states: States) -> States:
    return {name: {**state, "TimeoutSeconds": 7} if waits(state) else state for name, state in states.items()}


def _world(case: Case, faults: Faults, seed: int, *, failures: float = 0) -> World:
    random = Random(seed)

    def fails(work: Work) -> bool:
        step = step_of(work.step)
        return step in case.failing or (step not in case.optional and random.random() < failures)

    return World(
        seed=seed,
        duration=lambda work: case.durations[step_of(work.step)],
        result=answer,
        faults=faults,
        fails=fails,
    )


def _is_right(case: Case, execution: Execution, work: list[Work]) -> None:
    """It has succeeded; each step that runs succeeded once, after all that it needs, and with the right arguments."""
    assert execution.status is Status.SUCCEEDED, f"it has {execution.status.value} {execution.top.failure}"
    succeeded = [step_of(each.step) for each in work if each.outcome == "succeeded"]
    assert len(succeeded) == len(set(succeeded)), "a step that had succeeded ran again"
    # An optional step that fails may do so more than once: if another one fails before its failure is caught.
    done = {step_of(each.step): each for each in work if each.outcome == "succeeded" or _failed_for_good(case, each)}
    wanted = {step for step, expected in case.steps.items() if expected.runs}
    assert done.keys() == wanted, f"the wrong steps ran: {sorted(done.keys() ^ wanted)}"
    for step, each in done.items():
        assert each.arguments == case.steps[step].arguments, f"{step} was given the wrong values"
    for each in work:
        early = [need for need in case.needs[step_of(each.step)] if need in done and done[need].ended > each.began]
        assert not early, f"{each.step} began before {early} ended"
    assert execution.top.output == case.output, "the output is wrong"


def _failed_for_good(case: Case, work: Work) -> bool:
    return work.outcome == "failed" and step_of(work.step) in case.failing
