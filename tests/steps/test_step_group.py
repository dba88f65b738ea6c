"""Groups: parts of several steps that teams ship to each other."""

import json

import pytest
from aws_cdk import Stack
from constructs import Construct

import zflow_constructs as zflow
from tests.core.machines import evaluate, mapping
from tests.parts import bucket, count, function, model, stack
from tests.templates import Synthesized, inside, writes
from zflow_constructs.core.values.templates import Json


class Scoring(zflow.StepGroup):
    """Checks the data, predicts and counts the predictions, unless the check fails."""

    def __init__(self, scope: Construct, id: str, *, lake: zflow.DataLocation) -> None:
        super().__init__(scope, id)
        self.check = count(self, "Check")
        self.predict = zflow.BatchTransformStep(
            self, "Predict", containers=[model(Stack.of(scope))], data=lake, when=self.check.outputs["rows"] > 0
        )
        self.summary = Summary(self, "Summary", predictions=self.predict.output)


class Summary(zflow.StepGroup):
    """A group that another one is made of."""

    def __init__(self, scope: Construct, id: str, *, predictions: zflow.DataLocation) -> None:
        super().__init__(scope, id)
        self.count = count(self, "Count", payload={"predictions": predictions.uri})
        self.tell = count(self, "Tell", payload={"rows": self.count.outputs["rows"]})


class Example:
    """A group used twice, the second time after the first, and a step after both."""

    def __init__(self) -> None:
        self.scope = stack()
        lake = zflow.DataLocation.from_bucket(bucket(self.scope), "applications/", content_type="text/csv")
        self.first = Scoring(self.scope, "First", lake=lake)
        self.second = Scoring(self.scope, "Second", lake=lake)
        after = zflow.LambdaStep(self.scope, "Last", function=function(self.scope), after=[self.first, self.second])
        self.workflow = zflow.MlWorkflow(self.scope, "Scoring", steps=[self.first, self.second, after])
        self.made = Synthesized.of(self.scope)


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def test_the_steps_of_a_group_are_named_after_it_and_the_groups_around(example: Example) -> None:
    names = [step.name for step in example.first.steps]
    assert names == ["First Check", "First Predict", "First Summary Count", "First Summary Tell"]
    assert (example.first.name, example.first.summary.name) == ("First", "First Summary")
    assert [step.path for step in example.first.summary.steps] == [
        "Team/First/Summary/Count",
        "Team/First/Summary/Tell",
    ]


def test_a_group_is_used_twice_with_states_of_their_own(example: Example) -> None:
    for name in ("First", "Second"):
        payload = mapping(mapping(example.made.state(f"{name} Summary Tell")["Arguments"])["Payload"])
        assert evaluate(inside(payload["rows"]), {f"step_{name}_Summary_Count": {"rows": 5}}) == 5


def test_jobs_and_folders_are_named_after_the_group(example: Example) -> None:
    create = example.made.state("First Predict: model")
    assert "scoring-first-predict-" in str(mapping(create["Arguments"])["ModelName"])
    transform = mapping(example.made.state("First Predict")["Arguments"])
    path = inside(mapping(transform["TransformOutput"])["S3OutputPath"])
    variables: dict[str, object] = {"states": {"context": {"Execution": {"Name": "monday"}}}}
    assert evaluate(path, variables) == "s3://scoringbucket3a58686c/Scoring/monday/First Predict/"
    statements = example.made.statements(example.first.predict.role)
    assert writes("scoringbucket3a58686c", "Scoring/*/First Predict/*")[0] in statements


def test_a_step_that_comes_after_a_group_comes_after_all_of_its_steps(example: Example) -> None:
    states = mapping(example.made.definition["States"])
    assert [name for name, state in states.items() if mapping(state).get("Next") == "Last"] == [
        "First Check, Second Check in parallel"
    ]


def test_a_step_runs_as_soon_as_what_it_needs_is_there_wherever_it_is_grouped() -> None:
    scope = stack()
    group = zflow.StepGroup(scope, "Prepare")
    count(group, "Slow")
    quick = count(group, "Quick")
    use = count(scope, "Use", payload={"rows": quick.outputs["rows"]})
    zflow.MlWorkflow(scope, "Scoring", steps=[group, use])
    assert Synthesized.of(scope).state("Prepare Quick")["Next"] == "Use"


def test_a_loop_of_a_group_keeps_the_steps_that_it_repeats() -> None:
    scope = stack()
    group = zflow.StepGroup(scope, "PerCountry")
    rows = count(group, "Rows", payload={"country": zflow.Item("item")})
    loop = zflow.ForEach(group, "Each", items=["de", "fr"], steps=[rows], outputs={"rows": rows.outputs["rows"]})
    last = zflow.LambdaStep(scope, "Last", function=function(scope), after=[group])
    zflow.MlWorkflow(scope, "Scoring", steps=[group, last])
    assert group.steps == (loop,)
    assert list(mapping(Synthesized.of(scope).definition["States"])) == ["PerCountry Each", "Last"]


def test_a_step_listed_beside_its_group_runs_once() -> None:
    scope = stack()
    group = zflow.StepGroup(scope, "Prepare")
    clean = count(group, "Clean")
    zflow.MlWorkflow(scope, "Scoring", steps=[clean, group, clean])
    assert list(mapping(Synthesized.of(scope).definition["States"])) == ["Prepare Clean"]


def test_an_empty_group_adds_nothing() -> None:
    scope = stack()
    group = zflow.StepGroup(scope, "Prepare")
    step = zflow.LambdaStep(scope, "Last", function=function(scope), after=[group])
    zflow.MlWorkflow(scope, "Scoring", steps=[group, step])
    assert list(mapping(Synthesized.of(scope).definition["States"])) == ["Last"]


def test_a_groups_logical_ids_are_those_of_its_path(example: Example) -> None:
    roles = sorted(
        name
        for name, resource in mapping(example.made.template["Resources"]).items()
        if mapping(resource)["Type"] == "AWS::IAM::Role" and "Predict" in name
    )
    assert [name[:-8] for name in roles] == ["FirstPredictExecutionRole", "SecondPredictExecutionRole"]


def test_a_workflow_of_groups_is_the_same_each_time_it_is_synthesized() -> None:
    first, second = (json.dumps(Example().made.template) for _ in range(2))
    assert first == second


def test_the_results_of_a_group_come_out_at_the_end() -> None:
    scope = stack()
    group = zflow.StepGroup(scope, "Prepare")
    clean = count(group, "Clean", outputs=["rows"])
    zflow.MlWorkflow(scope, "Scoring", steps=[group], outputs={"validation:rows": clean.outputs["rows"]})
    output = mapping(Synthesized.of(scope).state("Outputs")["Output"])
    ran: Json = {"rows": 5}
    assert evaluate(inside(output["validation:rows"]), {"step_Prepare_Clean": ran}) == 5
    assert evaluate(inside(output["validation:rows"]), {"step_Prepare_Clean": None}) is None
