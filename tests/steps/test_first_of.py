"""Where the branches of a condition meet again: the first output that is there."""

import pytest

import zflow_constructs as zflow
from tests.core.machines import evaluate, mapping
from tests.parts import OWN_IMAGE, bucket, count, databricks_step, stack
from tests.templates import Synthesized, inside, reads
from zflow_constructs.core.values.templates import Json, Scope

NEW = "s3://new/model.tar.gz"


class Example:
    """A model trained if there are many rows, and one that is there already; data of a step, and of a bucket."""

    def __init__(self) -> None:
        scope = stack()
        rows = count(scope, "Rows")
        lake = zflow.DataLocation.from_bucket(bucket(scope), "applications/", content_type="text/csv")
        train = zflow.TrainingStep(
            scope, "Train", image=OWN_IMAGE, channels={"train": lake}, when=rows.outputs["rows"] > 1_000
        )
        known = zflow.ModelData.from_bucket(bucket(scope, "Models"), "small/model.tar.gz")
        extract = databricks_step(scope, outputs=["history"])
        self.model = zflow.first_of(train.model_data, known)
        history = zflow.first_of(
            extract.outputs["history"], zflow.DataLocation.from_bucket(bucket(scope), "old/", content_type="text/csv")
        )
        self.predict = zflow.BatchTransformStep(
            scope,
            "Predict",
            containers=[zflow.ModelContainer(image=OWN_IMAGE, model_data=self.model)],
            data=history,
        )
        number = zflow.first_of(rows.outputs["rows"], zflow.Parameter("rows"))
        last = count(scope, "Last", payload={"rows": number, "model": self.model.uri})
        zflow.MlWorkflow(scope, "Scoring", steps=[rows, extract, train, self.predict, last], parameters={"rows": 5})
        self.made = Synthesized.of(scope)


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def test_the_first_model_that_is_there_is_served_also_across_branches(example: Example) -> None:
    container = mapping(mapping(example.made.state("Predict: model")["Arguments"])["PrimaryContainer"])
    url = inside(container["ModelDataUrl"])
    assert (
        url == '($Predict_reads_Train != null ? $Predict_reads_Train.model_data : ("s3://models/small/model.tar.gz"))'
    )
    assert evaluate(url, {"Predict_reads_Train": {"model_data": NEW}}) == NEW
    assert evaluate(url, {"Predict_reads_Train": None}) == "s3://models/small/model.tar.gz"


def test_a_step_that_can_fall_back_runs_whatever_was_skipped(example: Example) -> None:
    assert "Predict?" not in str(example.made.definition)


def test_the_first_data_that_are_there_are_read(example: Example) -> None:
    source = mapping(mapping(example.made.state("Predict")["Arguments"])["TransformInput"])
    assert source["ContentType"] == "text/csv"
    uri = inside(mapping(mapping(source["DataSource"])["S3DataSource"])["S3Uri"])
    context: Json = {"Execution": {"Name": "monday"}}
    for extract, found in (
        ({}, "s3://scoringbucket3a58686c/Scoring/monday/Extract/history/"),
        (None, "s3://lake/old/"),
    ):
        assert evaluate(uri, {"step_Extract": extract, "states": {"context": context}}) == found


def test_the_step_may_read_all_places(example: Example) -> None:
    statements = example.made.statements(example.predict.role)
    assert statements[4:-1] == [
        *reads("scoringbucket3a58686c", "Scoring/*/Train/*"),
        *reads("models", "small/model.tar.gz"),
        *reads("scoringbucket3a58686c", "Scoring/*/Extract/history/*"),
        *reads("lake", "old/*"),
    ]


def test_a_value_falls_back_on_a_run_parameter(example: Example) -> None:
    payload = mapping(mapping(example.made.state("Last")["Arguments"])["Payload"])
    for rows, read in (({"rows": 7}, 7), (None, 5)):
        assert evaluate(inside(payload["rows"]), {"step_Rows": rows, "parameters": {"rows": 5}}) == read


def test_the_first_of_one_is_that_one() -> None:
    rows = count(stack(), "Rows").outputs["rows"]
    assert zflow.first_of(rows).render(Scope(results={"Team/Rows": "$step_Rows"})) == "($step_Rows.rows)"


def test_the_first_of_several_may_be_one_of_others() -> None:
    scope = stack()
    a, b, c = (count(scope, id).outputs["rows"] for id in "ABC")
    nested = zflow.first_of(zflow.first_of(a, b), c).render(Scope(results={f"Team/{id}": f"${id}" for id in "ABC"}))
    for present in ("A", "B", "C", "AB", "AC", "BC", "ABC"):
        variables: dict[str, object] = {id: {"rows": id} if id in present else None for id in "ABC"}
        assert evaluate(nested, variables) == present[0]
