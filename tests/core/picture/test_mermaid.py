"""Pictures as Mermaid."""

from tests.core.picture.test_picture import EVERYTHING
from zflow_constructs.core.picture.mermaid import to_mermaid
from zflow_constructs.core.picture.picture import Node, Picture


def test_everything_that_a_picture_can_show_is_drawn() -> None:
    assert (
        to_mermaid(EVERYTHING)
        == """\
flowchart LR
    subgraph group-Preparation["Preparation"]
        direction LR
        Extract("Extract<br/>Databricks job")
        subgraph group-Preparation_Features["Features"]
            direction LR
            Fit("Fit<br/>SageMaker training")
        end
    end
    Audit("Audit<br/>Lambda, optional")
    subgraph Per_country["Per country<br/>for each country in countries"]
        direction LR
        Train("Train")
        Predict("Predict<br/>when auc ≥ 0.75")
        Train --> Predict
    end
    end_("end<br/>when auc ≥ 0.75 and country in (#quot;de#quot;, #quot;at#quot;)")
    Extract --> Fit
    Extract --> Audit
    Fit --> Per_country
    Per_country --> end_
    Audit -.-> end_
    subgraph at-last["at the end, succeeded or failed"]
        direction LR
        Tear_down("Tear down<br/>Lambda")
        Tell("Tell")
        Tear_down -.-> Tell
    end
    end_ ~~~ at-last
    classDef optional stroke-dasharray: 5 4
    class Audit optional"""
    )


def test_a_condition_is_text_and_not_markup() -> None:
    picture = Picture("Scoring", (Node("A", when='x < 1 and y = "#<b>&"'),))
    assert to_mermaid(picture).splitlines()[1] == (
        '    A("A<br/>when x #lt; 1 and y = #quot;#35;#lt;b#gt;#amp;#quot;")'
    )


def test_the_same_picture_gives_the_same_text() -> None:
    assert to_mermaid(Picture.from_json(EVERYTHING.to_json())) == to_mermaid(EVERYTHING)
