"""The definition says what each state is for."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import zflow_constructs
from tests.core.machines import mapping, state_names, step, value_of
from zflow_constructs.core.compiler import compile_workflow
from zflow_constructs.core.states.asl import Pass, states_in
from zflow_constructs.core.states.fragment import Fragment, Loop, StepNode
from zflow_constructs.core.states.legend import Legend, StatePlace, StateRole
from zflow_constructs.core.values.references import Parameter
from zflow_constructs.core.values.templates import Json, Scope

DEPLOY = Parameter("deploy") == True  # noqa: E712


def machine(*steps: StepNode, **start: Pass) -> dict[str, Json]:
    return compile_workflow(
        steps, start=start, scope=Scope(), version="1.2.3", timeout_seconds=600, table=lambda: "Rendezvous"
    )


def n_shape() -> dict[str, Json]:
    """`Report` needs both others, `Deploy` only the one that runs beside `Report`'s branch."""
    return machine(
        step("Extract"), step("Train"), step("Report", uses=["Extract", "Train"]), step("Deploy", uses=["Train"])
    )


def read(definition: Mapping[str, Json]) -> Legend:
    legend = Legend.read(definition)
    assert legend is not None
    return legend


def test_the_legend_is_json_that_names_each_step_once() -> None:
    definition = machine(step("Train"), step("Report", uses=["Train"], when=DEPLOY), Parameters=Pass())

    assert json.loads(str(definition["Comment"])) == {
        "zflow_constructs": "1.2.3",
        "steps": ["Train", "Report"],
        "states": "b 0w 1g 1s 1w 1o",
    }
    assert list(state_names(definition)) == [
        "Parameters",
        "Train",
        "Report?",
        "Report: skipped",
        "Report",
        "Report: results",
    ]


def test_each_state_of_a_rendezvous_says_whom_it_waits_for_and_reads() -> None:
    legend = read(n_shape())

    roles = {name: place for name, place in legend.places.items() if place.role is not StateRole.WORK}
    assert {place.role for place in roles.values()} >= {
        StateRole.WAIT,
        StateRole.READ,
        StateRole.DONE,
        StateRole.WAKE,
        StateRole.FORK,
    }
    waits = [place for place in roles.values() if place.role in {StateRole.WAIT, StateRole.READ}]
    assert {place.producer for place in waits} <= {"Extract", "Train"}
    assert all(place.step in {"Report", "Deploy"} for place in waits)


def test_a_loop_and_the_steps_in_it_are_told_apart() -> None:
    loop = Loop(
        name="Countries",
        items=["de", "fr"],
        item="country",
        steps=(step("Fit"),),
        outputs={"auc": value_of("Fit")},
        max_concurrency=0,
        distributed=False,
        most_items=2,
        assign={"Countries": 1},
    )
    legend = read(machine(StepNode("Countries", "Countries", Fragment({"Countries": loop}, "Countries"))))

    assert legend.loops == {"Fit": "Countries"}
    assert legend.places == {
        "Countries": StatePlace(StateRole.WORK, "Countries"),
        "Countries: item": StatePlace(StateRole.ITEM, "Countries"),
        "Fit": StatePlace(StateRole.WORK, "Fit"),
        "Countries: item's results": StatePlace(StateRole.ITEM, "Countries"),
    }


def test_a_state_that_the_compiler_adds_never_takes_the_name_of_a_step() -> None:
    names = ["Extract", "Train", "Train is done", "Report reads Train", "Outputs", "Parameters"]
    definition = machine(
        *(step(name) for name in names),
        step("Report", uses=["Extract", "Train"]),
        step("Deploy", uses=["Train"]),
        Parameters=Pass(),
    )
    legend = read(definition)

    for name in [*names, "Report", "Deploy"]:
        assert legend.places[name] == StatePlace(StateRole.WORK, name)
    assert legend.places["Parameters 2"] == StatePlace(StateRole.WORKFLOW)
    assert definition["StartAt"] == "Parameters 2"
    assert list(legend.places) == [name for name, _ in states_in(definition)]


def test_a_machine_without_a_legend_or_with_other_states_than_it_was_made_with_has_none() -> None:
    definition = machine(step("Train"))
    edited = {**definition, "States": {**mapping(definition["States"]), "Added": {"Type": "Succeed"}}}

    others: tuple[Mapping[str, Json], ...] = (
        {"States": {}},
        {**definition, "Comment": "Trains a model."},
        {**definition, "Comment": "{}"},
        edited,
        {**definition, "Comment": str(definition["Comment"]).replace("0w", "0x")},
        {**definition, "Comment": str(definition["Comment"]).replace("0w", "7w")},
        {**definition, "Comment": str(definition["Comment"]).replace("0w", "Train")},
    )
    assert [Legend.read(other) for other in others] == [None] * 7


def test_the_legend_of_the_docs_is_that_of_their_workflow() -> None:
    page = (Path(__file__).parents[3] / "docs" / "shapes.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```json\n(.*?)\n```", page)
    features, quality = step("Features"), step("Quality check")
    train, report = step("Train", uses=["Features"]), step("Report", uses=["Features", "Quality check"])
    made = json.loads(str(machine(features, quality, train, report)["Comment"]))
    assert json.loads(shown) == {**made, "zflow_constructs": zflow_constructs.__version__}
