"""A loop in one branch of an N, which repeats an N itself: each iteration's branches meet apart from all others."""

from collections.abc import Mapping, Sequence
from random import Random

import pytest

from tests.core.machines import compiled, of_states, step, value_of
from tests.core.test_any_workflow import START
from tests.simulation.definition import Scope
from tests.simulation.execution import Status
from tests.simulation.mutants import keyed
from tests.simulation.rewriting import rewritten
from tests.simulation.world import Execution, Faults, World
from zflow_constructs.core.states.asl import Task
from zflow_constructs.core.states.fragment import Fragment, Loop, StepNode
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.iterations import Collected, Item
from zflow_constructs.core.values.references import Parameter
from zflow_constructs.core.values.templates import Json, Template
from zflow_constructs.local.lint import lint

DURATIONS = {"Extract": 3, "List": 5, "Report": 1, "Deploy": 2, "Prepare": 2, "Sample": 4, "Train": 1, "Compare": 1}


def repeated(name: str, *uses: str) -> StepNode:
    """A step of the loop, which is given its item."""
    arguments: dict[str, Template] = {"item": Item("country"), **{used: value_of(used) for used in uses}}
    value = {"value": Jsonata("$states.result.value")}
    return of_states(name, {name: Task("arn:run", arguments, 60, assign={name: value})})


def workflow(*, at_once: int = 40, optional: bool = False) -> dict[str, Json]:
    """Deploy comes after Extract and the loop, Report after Extract alone; in the loop, Compare after both others."""
    loop = Loop(
        name="Each",
        items=Parameter("countries"),
        item="country",
        steps=(
            repeated("Prepare", "List"),
            repeated("Sample"),
            repeated("Train", "Prepare"),
            repeated("Compare", "Prepare", "Sample"),
        ),
        outputs={"model": value_of("Compare")},
        max_concurrency=at_once,
        distributed=False,
        most_items=10,
        assign={"Each": {"results": Jsonata("[$states.result]")}},
    )
    each = StepNode("Each", "Each", Fragment({"Each": loop}, result="Each"), optional=optional)
    models: Mapping[str, Template] = {
        "Extract": value_of("Extract"),
        "models": Collected("Each", "Each", ("results", "model")),
    }
    deploy = Task("arn:run", models, 60, assign={"Deploy": {"value": Jsonata("$states.result.value")}})
    return compiled(
        step("Extract"),
        step("List"),
        each,
        step("Report", uses=["Extract"]),
        of_states("Deploy", {"Deploy": deploy}),
        start=START,
    )


def executed(
    machine: Mapping[str, Json],
    countries: Sequence[Json],
    *,
    seed: int = 0,
    faults: Faults | None = None,
    failures: float = 0,
    bad: tuple[str, int] = ("", 0),
) -> tuple[World, Execution]:
    random = Random(seed)
    world = World(
        seed=seed,
        # The later the iteration, the longer its first step takes.
        duration=lambda work: DURATIONS[work.step] + sum(work.iteration) * (work.step == "Prepare"),
        faults=faults or Faults(),
        fails=lambda work: (work.step, *work.iteration) == bad or random.random() < failures,
    )
    execution = world.start(Scope.of(machine), {"countries": list(countries)}, redrives=1000)
    world.clock.run(until=100_000)
    return world, execution


def expected(countries: Sequence[str]) -> dict[str, Json]:
    models = [f"Compare({each}, Prepare({each}, List()), Sample({each}))" for each in countries]
    return {"Report": {"value": "Report(Extract())"}, "Deploy": {"value": f"Deploy(Extract(), {models})"}}


@pytest.mark.parametrize("countries", [["de", "fr", "at", "ch", "nl"], ["de"], []])
def test_every_turn_s_steps_begin_as_early_as_their_needs_allow(countries: list[str]) -> None:
    for seed in range(20):
        world, execution = executed(workflow(), countries, seed=seed)
        assert execution.top.output == expected(countries)
        began = {(work.step, work.iteration): work.began for work in world.work}
        begins: dict[tuple[str, tuple[int, ...]], float] = {("Extract", ()): 0, ("List", ()): 0, ("Report", ()): 3}
        for iteration in range(len(countries)):
            begins |= {("Prepare", (iteration,)): 5, ("Sample", (iteration,)): 5}
            begins |= {("Train", (iteration,)): 7 + iteration, ("Compare", (iteration,)): max(7 + iteration, 9)}
        begins["Deploy", ()] = max(10, 7 + len(countries)) if countries else 5
        assert began == begins


@pytest.mark.parametrize("at_once", [1, 2, 40])
def test_no_turn_s_succeeded_step_runs_again_and_no_lost_message_stops_a_turn(at_once: int) -> None:
    countries = ["de", "fr", "at", "ch", "nl"]
    machine = workflow(at_once=at_once)
    redrives = 0
    for seed in range(30):
        faults = Faults(throttled=0.1, lost_response=0.1, lost_callback=0.3, late=0.5)
        world, execution = executed(machine, countries, seed=seed, faults=faults, failures=0.1)
        assert execution.top.output == expected(countries)
        succeeded = [(work.step, *work.iteration) for work in world.work if work.outcome == "succeeded"]
        assert len(succeeded) == len(set(succeeded)) == 4 + 4 * len(countries)
        redrives += execution.redrives
    assert redrives > 30


def test_an_optional_loop_that_fails_is_skipped_with_what_needs_it() -> None:
    machine = workflow(optional=True)
    for seed in range(20):
        _, execution = executed(machine, ["de", "fr", "at"], seed=seed, bad=("Train", 1))
        assert execution.status is Status.SUCCEEDED
        assert execution.redrives == 0
        assert execution.top.output == {"Report": {"value": "Report(Extract())"}, "Deploy": None}


def test_turns_that_share_a_key_are_found_out() -> None:
    """A mutant: the branches of an iteration meet under the key of the whole run."""
    shared = rewritten(workflow(), lambda states: keyed("{% $run_key.S %}", states))
    outputs = [executed(shared, ["de", "fr", "at"], seed=seed)[1].top.output for seed in range(5)]
    assert expected(["de", "fr", "at"]) not in outputs


def test_the_lint_finds_nothing_in_a_loop() -> None:
    assert lint(workflow()) == []
