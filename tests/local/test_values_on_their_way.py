"""Each kind of value, each way between steps: it arrives as it was produced."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import pytest

from tests.local.evaluations import Evaluations, recorded
from tests.local.test_values_arrive import WAYS, same, same_text
from tests.local.values_app import GIVEN, VALUES
from tests.local.ways_app import IN_ASCII, synthesized
from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.engine import Engine, RunSettings

Got = Mapping[str, Json]
BETWEEN_STEPS = [
    *(("across the table", name) for name in VALUES),
    *(("after a join", name) for name in VALUES),
    *(("as an item of an inline loop", name) for name in VALUES),
    *(("as an item of a distributed loop", name) for name in VALUES),
    *(("in a list of a loop", name) for name in VALUES),
    *(("into a workflow", name) for name in GIVEN),
    *(("out of a workflow", name) for name in VALUES),
]
TO_DATABRICKS = [(way, name) for way in ("literal", "output") for name in IN_ASCII]


@dataclass(frozen=True)
class Run:
    """A run of the app: what arrived by each way, which steps ran, and what was evaluated."""

    arrived: Mapping[str, Got]
    databricks: Mapping[str, str]
    statuses: Mapping[str, str]
    evaluations: Evaluations


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("ways")
    loaded = load_workflow(synthesized(folder), workflow="Outer")
    settings = RunSettings(folder=folder / "run", time_scale=0.02)
    with recorded() as evaluations, Engine(loaded, settings) as engine:
        result = engine.deploy().run()
    assert result.status == "SUCCEEDED", result.cause
    assert isinstance(result.output, Mapping)
    (seen,) = (folder / "run" / "objects").rglob("seen/seen.json")
    return Run(
        _arrived(cast("Mapping[str, Mapping[str, Json]]", result.output)),
        {name.removeprefix("--"): text for name, text in json.loads(seen.read_text()).items()},
        {step.id: str(step.status) for step in result.steps},
        evaluations,
    )


def _arrived(output: Mapping[str, Mapping[str, Json]]) -> Mapping[str, Got]:
    collected = output["collected"]
    lists = {name: cast("list[Mapping[str, Json]]", collected[name]) for name in ("inline", "distributed", "results")}
    return {
        "across the table": output["table"],
        "after a join": output["join"],
        "as an item of an inline loop": {name: each["v"] for name, each in zip(VALUES, lists["inline"], strict=True)},
        "as an item of a distributed loop": {
            name: each["v"] for name, each in zip(VALUES, lists["distributed"], strict=True)
        },
        "around a loop": {"inline": lists["inline"][0]["around"], "distributed": lists["distributed"][0]["around"]},
        "in a list of a loop": {
            name: cast("Mapping[str, Json]", each["item"])["v"]
            for name, each in zip(VALUES, lists["results"], strict=True)
        },
        "into a workflow": output["sub"],
        "out of a workflow": output["out"],
    }


@pytest.mark.parametrize(("way", "name"), BETWEEN_STEPS)
def test_a_value_arrives_as_it_was_produced(run: Run, way: str, name: str) -> None:
    arrived = run.arrived[way]
    if way in {"across the table", "after a join"}:
        # Of two branches; one of them reads the other's from the table.
        assert same(arrived[f"a_{name}"], VALUES[name])
        assert same(arrived[f"b_{name}"], VALUES[name])
    else:
        assert same(arrived[name], VALUES[name])


def test_what_is_around_a_loop_is_read_in_it_with_every_digit(run: Run) -> None:
    assert run.arrived["around a loop"] == dict.fromkeys(("inline", "distributed"), VALUES["metric"])


@pytest.mark.parametrize("name", GIVEN)
def test_a_condition_holds_for_the_value_that_was_produced(run: Run, name: str) -> None:
    assert run.statuses[f"When {name}"] == "succeeded"


@pytest.mark.parametrize(("way", "name"), TO_DATABRICKS)
def test_a_program_on_databricks_gets_it_as_text(run: Run, way: str, name: str) -> None:
    value = VALUES[name]
    if way == "literal" and value is None:
        assert f"literal_{name}" not in run.databricks
        return
    assert same_text(run.databricks[f"{way}_{name}"], value, digits=17 if way == "literal" else 15)


def test_the_reference_implementation_evaluates_all_expressions_of_the_run_to_the_same_values(run: Run) -> None:
    assert any("zflow:number" in expression for expression, _, _ in run.evaluations.repeatable)
    assert run.evaluations.differences() == []


def test_there_are_at_least_300_cells() -> None:
    """Those of `test_values_arrive` go to a function, a script and a training script, each."""
    assert len(BETWEEN_STEPS) + len(GIVEN) + len(TO_DATABRICKS) >= 200
    assert len(BETWEEN_STEPS) + len(GIVEN) + len(TO_DATABRICKS) + 3 * len(WAYS) >= 500
