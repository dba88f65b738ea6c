"""Pictures as SVG."""

import os
import subprocess
import sys
from xml.etree import ElementTree as ET

from tests.core.picture.test_picture import EVERYTHING
from tests.drawing.pictures import DIAMOND, GROUPS, LOOP
from zflow_constructs.core.picture.picture import Node, Picture
from zflow_constructs.drawing.svg import to_svg

NAMESPACE = {"": "http://www.w3.org/2000/svg"}


def steps(svg: ET.Element) -> dict[str, ET.Element]:
    return {name: group for group in svg.iterfind("g", NAMESPACE) if (name := group.get("data-name"))}


def texts(group: ET.Element, kind: str = "") -> list[str]:
    return ["".join(text.itertext()) for text in group.iterfind("text", NAMESPACE) if kind in text.get("class", "")]


def meanings(picture: Picture) -> list[str]:
    legend = [group for group in ET.fromstring(to_svg(picture)) if group.get("class", "").startswith("legend")]
    return [text for group in legend for text in texts(group)[-1:]]


def test_every_step_and_every_edge_is_drawn() -> None:
    svg = ET.fromstring(to_svg(LOOP))
    assert list(steps(svg)) == ["PerCountry", "List", "Train", "Predict", "Collect", "Tear down", "Tell"]
    arrows = [group for group in svg if group.get("class", "").startswith("arrow")]
    assert [(each.get("data-source"), each.get("data-target"), each.get("class")) for each in arrows] == [
        ("Train", "Predict", "arrow"),
        ("List", "PerCountry", "arrow"),
        ("PerCountry", "Collect", "arrow"),
        ("Tear down", "Tell", "arrow order"),
    ]


def test_a_step_says_what_it_is_and_when_it_runs() -> None:
    drawn = steps(ET.fromstring(to_svg(DIAMOND)))
    assert texts(drawn["Endpoint"]) == ["Endpoint", "SageMaker endpoint", "when validation:auc ≥ 0.75"]
    assert texts(drawn["Endpoint"], "when") == ["when validation:auc ≥ 0.75"]
    assert texts(drawn["Audit"]) == ["Audit", "Lambda, optional"]
    assert {name: group.get("class") for name, group in drawn.items()} == {
        "Extract": "step databricks",
        "Train": "step sagemaker",
        "Audit": "step lambda optional",
        "Endpoint": "step sagemaker",
    }


def test_a_step_tells_all_about_it_where_the_pointer_rests() -> None:
    drawn = steps(ET.fromstring(to_svg(DIAMOND)))
    assert drawn["Endpoint"].findtext("title", "", NAMESPACE) == (
        "Endpoint\nSageMaker endpoint\nwhen validation:auc ≥ 0.75\nuses Train\nafter Audit"
    )


def test_a_long_condition_is_broken_into_lines() -> None:
    picture = Picture("Long", (Node("Endpoint", when='auc >= 0.75 and country in ("de", "at", "ch") and rows > 9'),))
    assert texts(steps(ET.fromstring(to_svg(picture)))["Endpoint"], "when") == [
        "when auc ≥ 0.75 and country",
        'in ("de", "at", "ch") and',
        "rows > 9",
    ]


def test_of_a_very_long_condition_the_beginning_is_drawn_and_all_of_it_told() -> None:
    condition = " and ".join(f"metric_{number} >= {number}" for number in range(40))
    step = steps(ET.fromstring(to_svg(Picture("Long", (Node("Endpoint", when=condition),)))))["Endpoint"]
    *_, last = texts(step, "when")
    assert (len(texts(step, "when")), last) == (6, "metric_7 ≥ 7 and metric_8 …")
    assert step.findtext("title", "", NAMESPACE).endswith("metric_39 ≥ 39")


def test_a_step_of_a_group_is_named_without_the_groups_name() -> None:
    svg = ET.fromstring(to_svg(GROUPS))
    assert texts(steps(svg)["Prepare Features Fit"]) == ["Fit"]
    groups = [group for group in svg if group.get("class") == "group"]
    assert [texts(group) for group in groups] == [["Prepare"], ["Features"]]


def test_the_legend_explains_the_signs_that_are_there_and_no_others() -> None:
    assert meanings(Picture("Plain", (Node("A"), Node("B", needs=("A",))))) == []
    assert meanings(DIAMOND) == [
        "comes after, uses nothing of it",
        "runs only if this holds; else it and all that need it are skipped",
        "its failure does not fail the workflow",
    ]
    assert meanings(LOOP) == ["comes after, uses nothing of it", "runs once for each item"]


def test_a_text_is_no_markup() -> None:
    picture = Picture('<b> & "c"', (Node("A", kind="<script>", when='x < 1 & y = "</text>"'),))
    svg = ET.fromstring(to_svg(picture))
    assert svg.findtext("title", "", NAMESPACE) == '<b> & "c"'
    assert texts(steps(svg)["A"]) == ["A", "<script>", 'when x < 1 & y = "</text>"']


def test_the_same_picture_gives_the_same_bytes_in_every_process() -> None:
    script = (
        "from tests.core.picture.test_picture import EVERYTHING; from zflow_constructs.drawing.svg import to_svg; "
        "import sys; sys.stdout.buffer.write(to_svg(EVERYTHING).encode())"
    )
    for seed in ("1", "2"):
        drawn = subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        )
        assert drawn.stdout.decode() == to_svg(EVERYTHING)
