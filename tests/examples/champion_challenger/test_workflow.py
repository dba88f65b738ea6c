"""The example's template, and two runs of it: one in which the challenger wins, one in which the champion stays."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.asl import ROOT, asl_validator_findings, fields, rendered_definition, state_machines
from tests.examples.findings import cfn_lint_findings
from tests.examples.risk_scoring.app import template_of
from tests.examples.risk_scoring.local_run import LocalRun, run_locally
from tests.snapshots import Snapshots
from zflow_constructs.core.picture.mermaid import to_mermaid
from zflow_constructs.core.picture.picture import GRAPH_METADATA, Picture
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.lint import lint

STACK = "ChampionChallenger"


@pytest.fixture(scope="module")
def template(assembly: Path) -> dict[str, Json]:
    return template_of(assembly, STACK)


@pytest.fixture(scope="module")
def definitions(template: dict[str, Json]) -> list[dict[str, Json]]:
    return [rendered_definition(template, machine) for machine in state_machines(template)]


@pytest.fixture(scope="module")
def challenger_wins(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> LocalRun:
    return run_locally(assembly, tmp_path_factory.mktemp("challenger") / "run", stack=STACK)


@pytest.fixture(scope="module")
def champion_stays(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> LocalRun:
    """A run that asks for more than the challenger can give, of data that has drifted away."""
    options = ["--param", "least_gain=1", "--param", "expected_bad_share=0.1"]
    return run_locally(assembly, tmp_path_factory.mktemp("champion") / "run", *options, stack=STACK)


def report(run: LocalRun, name: str) -> Mapping[str, object]:
    (found,) = (run.folder / "objects").glob(f"*/reports/*/{name}.json")
    read: Mapping[str, object] = json.loads(found.read_text())
    return read


def is_live(run: LocalRun, step: str) -> bool:
    """Whether what is live is the model that a step of the run has trained."""
    (live,) = (run.folder / "objects").glob("*/live/model.tar.gz")
    (trained,) = (run.folder / "objects").glob(f"*/{STACK}/*/{step}/*/output/model.tar.gz")
    return live.read_bytes() == trained.read_bytes()


def test_the_template_is_as_recorded(template: dict[str, Json], snapshots: Snapshots) -> None:
    snapshots.check(STACK, template)


def test_the_readme_shows_it(template: dict[str, Json]) -> None:
    metadata = [fields(fields(each).get("Metadata", {})) for each in fields(template["Resources"]).values()]
    (graph,) = [each[GRAPH_METADATA] for each in metadata if GRAPH_METADATA in each]
    picture = to_mermaid(Picture.from_json(fields(graph)))
    assert f"```mermaid\n{picture}\n```" in (ROOT / "examples/champion_challenger/README.md").read_text()


def test_no_linter_finds_anything(assembly: Path, definitions: list[dict[str, Json]]) -> None:
    assert cfn_lint_findings(assembly, STACK) == ""
    assert [(asl_validator_findings(each), lint(each)) for each in definitions] == [([], []), ([], [])]


def test_the_branches_of_compare_and_card_meet_at_the_table(definitions: list[dict[str, Json]]) -> None:
    workflow, at_the_end = definitions
    assert "Run key" in fields(workflow["States"])
    assert set(fields(at_the_end["States"])) == {"Outcome", "Parameters", "Summary"}


def test_a_better_challenger_learns_from_all_and_goes_live(challenger_wins: LocalRun) -> None:
    run = challenger_wins
    assert run.exit_code == 0, run.printed + run.errors
    assert set(run.statuses.values()) == {"succeeded"}
    assert is_live(run, "Refit")
    card, summary = report(run, "card"), report(run, "summary")
    assert (card["rows"], card["shift"]) == (1000, 0.0)
    assert (summary["status"], summary["error"], summary["least_gain"]) == ("SUCCEEDED", "", 0.01)


@pytest.mark.slow
def test_the_champion_stays_live_unless_the_challenger_is_better(champion_stays: LocalRun) -> None:
    run = champion_stays
    assert run.exit_code == 0, run.printed + run.errors
    assert {step: status for step, status in run.statuses.items() if status != "succeeded"} == {
        "Drift": "failed",
        "Refit": "skipped",
    }
    assert is_live(run, "Champion")


@pytest.mark.slow
def test_a_drift_that_is_too_large_is_told_and_stops_nothing(champion_stays: LocalRun) -> None:
    drift = champion_stays.step("Drift")
    assert (drift["error"], json.loads(drift["cause"])["errorMessage"]) == (
        "ValueError",
        "30% of the applications are bad, and 10% should be",
    )
    assert report(champion_stays, "card")["shift"] is None


@pytest.mark.slow
def test_both_runs_measure_the_same(challenger_wins: LocalRun, champion_stays: LocalRun) -> None:
    one, other = (run.record["output"] or {} for run in (challenger_wins, champion_stays))
    assert one["gain"] == other["gain"]
    assert report(challenger_wins, "card")["auc"] == report(champion_stays, "card")["auc"]
