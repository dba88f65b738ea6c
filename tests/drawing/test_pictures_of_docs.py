"""The pictures in the docs are of what there is now. `pytest --update-snapshots` draws them again."""

import json
from pathlib import Path

import pytest

from zflow_constructs.core.picture.mermaid import to_mermaid
from zflow_constructs.core.picture.picture import GRAPH_METADATA, Node, Picture
from zflow_constructs.drawing.svg import to_svg

ROOT = Path(__file__).parents[2]
SNAPSHOT = ROOT / "tests/examples/risk_scoring/snapshots/RiskScoring.template.json"
EVERY_SIGN = Picture(
    "EverySign",
    (
        Node("Ingest", kind="Databricks"),
        Node("Prices", kind="Lambda"),
        Node("Features Clean", kind="Databricks", needs=("Ingest",), group=("Features",)),
        Node("Features Join", kind="Databricks", needs=("Features Clean", "Prices"), group=("Features",)),
        Node("Audit", kind="Lambda", needs=("Ingest",), optional=True),
        Node(
            "PerCountry",
            needs=("Features Join",),
            each='country in "de", "fr"',
            body=(
                Node("Train", kind="SageMaker training"),
                Node("Predict", kind="SageMaker batch transform", needs=("Train",), when="validation:auc >= 0.7"),
            ),
        ),
        Node("Publish", kind="SageMaker endpoint", needs=("PerCountry",), after=("Audit",), when="deploy = true"),
    ),
    cleanup=(Node("Tell", kind="Lambda"),),
)


def risk_scoring() -> Picture:
    """The picture in the example's template."""
    resources = json.loads(SNAPSHOT.read_text(encoding="utf-8"))["Resources"].values()
    (graph,) = [each["Metadata"][GRAPH_METADATA] for each in resources if GRAPH_METADATA in each.get("Metadata", {})]
    return Picture.from_json(graph)


def test_the_readme_shows_the_example_in_mermaid() -> None:
    assert f"```mermaid\n{to_mermaid(risk_scoring())}\n```" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "picture"), [("risk_scoring", risk_scoring()), ("every_sign", EVERY_SIGN)], ids=lambda part: str(part)[:12]
)
def test_the_docs_show_pictures_as_they_are_drawn(name: str, picture: Picture, request: pytest.FixtureRequest) -> None:
    file = ROOT / "docs/pictures" / f"{name}.svg"
    if request.config.getoption("--update-snapshots"):
        file.write_text(to_svg(picture), encoding="utf-8")
    assert file.read_text(encoding="utf-8") == to_svg(picture)
