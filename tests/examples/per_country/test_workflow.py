"""The example's template, and two runs of it: for all countries, and for one whose model is good enough for less."""

import ast
import csv
import json
from pathlib import Path
from statistics import fmean
from typing import TypedDict, cast

import pytest

from tests.asl import ROOT, asl_validator_findings, fields, rendered_definition, state_machines
from tests.examples.findings import cfn_lint_findings
from tests.examples.risk_scoring.app import template_of
from tests.examples.risk_scoring.local_run import LocalRun, run_locally
from tests.examples.risk_scoring.pipeline import rows
from tests.snapshots import Snapshots
from zflow_constructs.core.picture.mermaid import to_mermaid
from zflow_constructs.core.picture.picture import GRAPH_METADATA, Picture
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.lint import lint

STACK = "PerCountry"
EXAMPLE = ROOT / "examples/per_country"


class Row(TypedDict):
    country: str
    learnt: int
    tested: int
    own_mae: float
    common_mae: float
    gain: float
    gain_error: float
    own_is_better: bool
    sure: bool
    version: int | None


@pytest.fixture(scope="module")
def template(assembly: Path) -> dict[str, Json]:
    return template_of(assembly, STACK)


@pytest.fixture(scope="module")
def definition(template: dict[str, Json]) -> dict[str, Json]:
    (machine,) = state_machines(template)
    return rendered_definition(template, machine)


@pytest.fixture(scope="module")
def all_countries(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> LocalRun:
    return run_locally(assembly, tmp_path_factory.mktemp("all") / "run", stack=STACK)


@pytest.fixture(scope="module")
def japan(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> LocalRun:
    options = ["--param", "countries=Japan", "--param", "least_r2=0.4"]
    return run_locally(assembly, tmp_path_factory.mktemp("japan") / "run", *options, stack=STACK)


def table(run: LocalRun) -> dict[str, Row]:
    """What the execution put out, by country."""
    rows = cast("list[Row]", (run.record["output"] or {})["table"])
    return {row["country"]: row for row in rows}


def folder_of(run: LocalRun) -> Path:
    """The folder of the run in its bucket."""
    (found,) = (run.folder / "objects").glob(f"*/{STACK}/*")
    return found


def errors(predictions: Path) -> list[float]:
    """By how many miles per gallon each prediction is wrong."""
    with predictions.open(newline="") as file:
        return [abs(float(actual) - float(predicted)) for _, actual, predicted in csv.reader(file)]


def registered_by(run: LocalRun) -> dict[str, str]:
    """What became of the step that registers, for each country."""
    iterations = cast("list[dict[str, str]]", dict(run.step("Register"))["iterations"])
    return {iteration["item"]: iteration["status"] for iteration in iterations}


def test_the_template_is_as_recorded(template: dict[str, Json], snapshots: Snapshots) -> None:
    snapshots.check(STACK, template)


def test_the_readme_shows_it(template: dict[str, Json]) -> None:
    metadata = [fields(fields(each).get("Metadata", {})) for each in fields(template["Resources"]).values()]
    (graph,) = [each[GRAPH_METADATA] for each in metadata if GRAPH_METADATA in each]
    picture = to_mermaid(Picture.from_json(fields(graph)))
    assert f"```mermaid\n{picture}\n```" in (EXAMPLE / "README.md").read_text()


def test_no_linter_finds_anything(assembly: Path, definition: dict[str, Json]) -> None:
    assert cfn_lint_findings(assembly, STACK) == ""
    assert (asl_validator_findings(definition), lint(definition)) == ([], [])


@pytest.mark.parametrize("script", ["jobs/split.py", "jobs/evaluate.py", "model/train.py", "model/serve.py"])
def test_the_container_scripts_are_python_that_the_image_reads(script: str) -> None:
    # The image named in the workflow has Python 3.8.
    ast.parse((EXAMPLE / script).read_text(), feature_version=(3, 8))


def test_every_car_is_learnt_from_or_tested_with_and_never_both(all_countries: LocalRun) -> None:
    assert all_countries.exit_code == 0, all_countries.printed + all_countries.errors
    with (EXAMPLE / "data/cars.csv").open(newline="") as file:
        _, *cars = csv.reader(file)
    split = folder_of(all_countries) / "Split"
    assert sorted([*rows(split / "training"), *rows(split / "test")]) == sorted(cars)
    assert {row["country"]: (row["learnt"], row["tested"]) for row in table(all_countries).values()} == {
        "USA": (184, 61),
        "Japan": (60, 19),
        "Europe": (51, 17),
    }


def test_each_error_is_that_of_the_predictions(all_countries: LocalRun) -> None:
    run = folder_of(all_countries)
    for number, (country, row) in enumerate(table(all_countries).items()):
        own = errors(run / f"Countries/{number}/Predict/{country}.csv.out")
        common = errors(run / f"PredictCommon/{country}.csv.out")
        assert len(own) == len(common) == row["tested"]
        assert row["own_mae"] == pytest.approx(fmean(own), abs=1e-6)
        assert row["common_mae"] == pytest.approx(fmean(common), abs=1e-6)
        assert row["gain"] == pytest.approx(fmean(common) - fmean(own), abs=1e-6)
        assert row["own_is_better"] is (fmean(own) < fmean(common))


def test_the_models_know_something_and_those_of_a_country_something_else(all_countries: LocalRun) -> None:
    compared = table(all_countries)
    assert all(1 < error < 4 for row in compared.values() for error in (row["own_mae"], row["common_mae"]))
    assert {country: row["own_is_better"] for country, row in compared.items()} == {
        "USA": True,
        "Japan": False,
        "Europe": True,
    }
    assert not any(row["sure"] for row in compared.values())


def test_each_turn_has_files_and_jobs_of_its_own(all_countries: LocalRun) -> None:
    iterations = sorted((folder_of(all_countries) / "Countries").iterdir())
    written = [
        {path.relative_to(iteration).as_posix() for path in iteration.rglob("*") if path.is_file()}
        - {_model(iteration)}
        for iteration in iterations
    ]
    assert written == [
        {f"Predict/{country}.csv.out", "Evaluate/quality/quality.json"} for country in ("USA", "Japan", "Europe")
    ]
    assert len({(iteration / _model(iteration)).read_bytes() for iteration in iterations}) == 3
    for step in ("Train", "Predict", "Evaluate"):
        jobs = all_countries.step(step)["jobs"]
        assert len(set(jobs)) == 3
        assert all(job.startswith(f"percountry-{step.lower()}-") for job in jobs)


def _model(iteration: Path) -> str:
    (model,) = iteration.glob("Train/*/output/model.tar.gz")
    return model.relative_to(iteration).as_posix()


def test_a_model_that_is_not_good_enough_is_not_registered_and_the_others_are(all_countries: LocalRun) -> None:
    assert set(all_countries.statuses.values()) == {"succeeded"}
    assert registered_by(all_countries) == {"USA": "succeeded", "Japan": "skipped", "Europe": "succeeded"}
    versions = {country: row["version"] for country, row in table(all_countries).items()}
    assert versions in ({"USA": 1, "Japan": None, "Europe": 2}, {"USA": 2, "Japan": None, "Europe": 1})


@pytest.mark.slow
def test_a_run_chooses_its_countries_and_how_good_a_model_must_be(japan: LocalRun, all_countries: LocalRun) -> None:
    assert japan.exit_code == 0, japan.printed + japan.errors
    assert registered_by(japan) == {"Japan": "succeeded"}
    # The common model has learnt from all countries, whoever gets a model.
    assert table(japan) == {"Japan": {**table(all_countries)["Japan"], "version": 1}}


def test_the_table_is_written_as_json_and_as_a_page(all_countries: LocalRun) -> None:
    (reports,) = (all_countries.folder / "objects").glob("*/reports/*")
    assert json.loads((reports / "countries.json").read_text()) == list(table(all_countries).values())
    shown = (reports / "countries.html").read_text()
    assert all(f"<td>{country}<td>" in shown for country in table(all_countries))
    assert shown.count("not registered") == 1
    readme = (EXAMPLE / "README.md").read_text()
    assert all(_line(row) in readme for row in table(all_countries).values())


def _line(row: Row) -> str:
    """A country as the README shows it."""
    better = "its own" if row["own_is_better"] else "the common one"
    cells = [row["country"], row["learnt"], row["tested"], f"{row['own_mae']:.2f}", f"{row['common_mae']:.2f}"]
    gain = f"{row['gain']:+.2f} ± {row['gain_error']:.2f}"
    registered = "yes" if row["version"] else "no"
    return f"| {' | '.join(map(str, [*cells, gain, f'{better}, perhaps', registered]))} |"


@pytest.mark.slow
def test_a_country_without_cars_ends_the_run_and_is_named(assembly: Path, tmp_path: Path) -> None:
    run = run_locally(assembly, tmp_path / "run", "--param", "countries=Japan,Japam", stack=STACK)
    assert run.exit_code == 1
    assert "no model for Japam: there are enough cars of Europe, Japan, USA" in run.step("Split")["cause"]
    assert {status for step, status in run.statuses.items() if step != "Split"} == {"not run"}
