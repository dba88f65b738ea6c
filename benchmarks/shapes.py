"""What a shape that Step Functions can't nest costs: `python -m benchmarks.shapes`.

Workflows of five families are compiled in three ways, and simulated with durations drawn at random:

- with rendezvous, as a workflow is by default,
- with barriers where nesting alone gets stuck (`join="barrier"`),
- with a barrier after each level, as when each stage waits for all of the one before.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import product
from random import Random
from typing import TypeAlias

from tests.core.machines import mapping, step
from tests.core.ordering.random_orders import Needs
from tests.simulation.definition import Scope as Machine
from tests.simulation.definition import items
from tests.simulation.execution import Status
from tests.simulation.families import FAMILIES
from tests.simulation.world import World
from zflow_constructs.core.compiler import compile_workflow
from zflow_constructs.core.ordering.graph import topological_order
from zflow_constructs.core.states.fragment import StepNode
from zflow_constructs.core.values.templates import Json, Scope

Compiled: TypeAlias = Callable[[Sequence[StepNode]], dict[str, Json]]

# So long that no wait, of a hundredth of it, has to look again.
FOREVER = 1_000_000


@dataclass(frozen=True)
class Cost:
    """What a workflow costs, compiled in one of the ways.

    Args:
        rendezvous: the needs that it waits for at the table, for each step.
        states: the states of its machine, for each step.
        transitions: those that an execution enters at most, for each step.
        size: the bytes of its definition, for each step.
        makespan: how long an execution takes, in critical paths.
    """

    rendezvous: float
    states: float
    transitions: float
    size: float
    makespan: float


def rendezvous(steps: Sequence[StepNode]) -> dict[str, Json]:
    """The machine whose branches meet at a table where they must."""
    return compile_workflow(
        steps,
        start={},
        scope=Scope(),
        version="1.0",
        timeout_seconds=FOREVER,
        table=lambda: "zflow-risk-scoring-rendezvous",
    )


def barriers(steps: Sequence[StepNode]) -> dict[str, Json]:
    """The machine in which steps wait for others without need where nesting gets stuck."""
    return compile_workflow(steps, start={}, scope=Scope(), version="1.0", timeout_seconds=FOREVER, join="barrier")


def levels(steps: Sequence[StepNode]) -> dict[str, Json]:
    """The machine in which all steps of a level wait for all of the level before."""
    needs = {node.key: node.needs for node in steps}
    level: dict[str, int] = {}
    for key in topological_order(needs):
        level[key] = 1 + max((level[need] for need in needs[key]), default=0)
    after = {key: tuple(other for other in level if level[other] == level[key] - 1) for key in level}
    return barriers([replace(node, after=after[node.key]) for node in steps])


WAYS: Mapping[str, Compiled] = {
    "rendezvous": rendezvous,
    "barriers": barriers,
    "levels": levels,
}


def states_of(definition: Json, *, inside_map: bool = False) -> Iterator[tuple[Mapping[str, Json], bool]]:
    """All states, those of branches and iterations too, each with whether it is inside a Map."""
    for state in mapping(mapping(definition)["States"]).values():
        fields = mapping(state)
        yield fields, inside_map
        for branch in items(fields.get("Branches", [])):
            yield from states_of(branch, inside_map=inside_map)
        if "ItemProcessor" in fields:
            yield from states_of(fields["ItemProcessor"], inside_map=True)


def cost(needs: Needs, compiled: Compiled, seed: int) -> Cost:
    """What a workflow of such needs costs."""
    steps = [step(name, uses=before) for name, before in needs.items()]
    machine = compiled(steps)
    states = list(states_of(machine))
    waits = sum(str(state.get("Resource")).endswith(".waitForTaskToken") for state, _ in states)
    random = Random(seed)
    durations = {name: random.expovariate(1) for name in needs}
    return Cost(
        rendezvous=waits / len(needs),
        states=len(states) / len(needs),
        # One Map wakes all that wait for a step: an iteration each.
        transitions=(sum(not inside_map for _, inside_map in states) + waits) / len(needs),
        size=len(json.dumps(machine, separators=(",", ":"))) / len(needs),
        makespan=makespan(machine, durations) / critical_path(needs, durations),
    )


def makespan(machine: Mapping[str, Json], durations: Mapping[str, float]) -> float:
    """How long a simulated execution takes, where states other than the steps take no time."""
    world = World(duration=lambda work: durations[work.step], result=lambda _, __: {"value": 1})
    execution = world.start(Machine.of(machine), {})
    world.clock.run(until=FOREVER)
    assert execution.status is Status.SUCCEEDED
    return world.clock.now


def critical_path(needs: Needs, durations: Mapping[str, float]) -> float:
    """How long the steps take if each starts as soon as all that it needs is done."""
    ends: dict[str, float] = {}
    for name in topological_order(needs):
        ends[name] = durations[name] + max((ends[need] for need in needs[name]), default=0)
    return max(ends.values())


def main() -> None:
    """Measure and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=5, help="of each family and size; default: 5")
    members = range(parser.parse_args().members)
    print("Means; states, transitions (at most) and bytes of definition for each step, of one small task each\n")
    print("| family               | steps | way        | rendezvous | states | transitions |  bytes | critical paths |")
    print("|----------------------|------:|------------|-----------:|-------:|------------:|-------:|---------------:|")
    for family, size, way in product(FAMILIES, (20, 50, 200), WAYS):
        costs = [cost(FAMILIES[family](Random(seed), size), WAYS[way], seed) for seed in members]
        means = [statistics.mean(values) for values in zip(*map(astuple, costs), strict=True)]
        cells = f"{means[0]:10.2f} | {means[1]:6.2f} | {means[2]:11.2f} | {means[3]:6.0f} | {means[4]:14.2f}"
        print(f"| {family:<20} | {size:>5} | {way:<10} | {cells} |")
    print("\nProcessor seconds to compile one\n")
    print(f"| {'family':<20} | steps | {' | '.join(f'{way:>10}' for way in WAYS)} |")
    print(f"|{'-' * 22}|------:|{'|'.join('-' * 11 + ':' for _ in WAYS)}|")
    for family, size in product(FAMILIES, (200, 1000)):
        steps = [step(name, uses=before) for name, before in FAMILIES[family](Random(0), size).items()]
        print(f"| {family:<20} | {size:>5} | {' | '.join(f'{seconds(steps, way):10.2f}' for way in WAYS.values())} |")


def seconds(steps: Sequence[StepNode], compiled: Compiled) -> float:
    """The processor time that it takes to compile steps."""
    start = time.process_time()
    compiled(steps)
    return time.process_time() - start


if __name__ == "__main__":
    main()
