"""Loops: the Map state that they become, and what the steps in them are called and may do."""

import json

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk.assertions import Template

import zflow_constructs as zflow
from tests.asl import rendered_definition, state_machines
from tests.core.machines import evaluate, mapping
from tests.parts import CLUSTER, SPARK_TASK, count, stack, train, workspace
from tests.templates import (
    LOGGED_AND_TRACED,
    Synthesized,
    allow,
    hands_over,
    inside,
    jsonata,
    listens,
    reads,
)
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.lint import lint

ITEM: dict[str, Json] = {
    "index": jsonata("$states.context.Map.Item.Index"),
    "value": jsonata("$states.context.Map.Item.Value"),
}


def rows(scope: Stack, id: str = "Rows") -> zflow.LambdaStep:
    """A step of a loop over countries."""
    return count(scope, id, payload={"country": zflow.Item("country")})


class Minimal:
    """A loop that says no more than it must."""

    def __init__(self) -> None:
        scope = stack()
        step = count(scope, "Rows", payload={"country": zflow.Item("item")})
        self.loop = zflow.ForEach(scope, "PerCountry", items=["de", "fr"], steps=[step])
        self.workflow = zflow.MlWorkflow(scope, "Scoring", steps=[self.loop])
        self.made = Synthesized.of(scope)


class Maximal:
    """A loop that uses every keyword, and a step after it."""

    def __init__(self) -> None:
        scope = stack()
        listed = count(scope, "List", outputs=["countries"])
        before = count(scope, "Before")
        step = count(scope, "Rows", payload={"country": zflow.Item("country"), "before": before.outputs["rows"]})
        self.train = train(scope)
        self.loop = zflow.ForEach(
            scope,
            "Per country",
            item="country",
            items=listed.outputs["countries"],
            steps=[step, self.train],
            outputs={"validation:rows": step.outputs["rows"], "both": [step.outputs["rows"], zflow.Item("country")]},
            max_concurrency=100,
            most_items=500,
            tolerated_failure_percentage=10,
            after=[listed],
            when=listed.outputs["countries"].is_present(),
            optional=True,
        )
        last = count(
            scope, "Last", payload={"rows": self.loop.outputs["validation:rows"], "all": self.loop.results}, outputs=()
        )
        other = count(scope, "Other", when=self.loop.otherwise)
        self.workflow = zflow.MlWorkflow(scope, "Scoring", steps=[listed, before, self.loop, last, other])
        self.made = Synthesized.of(scope)


@pytest.fixture(scope="module")
def minimal() -> Minimal:
    return Minimal()


@pytest.fixture(scope="module")
def maximal() -> Maximal:
    return Maximal()


def processor(state: dict[str, Json]) -> dict[str, Json]:
    return dict(mapping(state["ItemProcessor"]))


def test_a_minimal_loop_is_an_inline_map_of_its_steps(minimal: Minimal) -> None:
    state = minimal.made.state("PerCountry")
    states = mapping(processor(state)["States"])
    payload = mapping(mapping(mapping(states["Rows"])["Arguments"])["Payload"])
    assert payload == {"country": jsonata("$PerCountry_item.value")}
    assert {**state, "ItemProcessor": {**processor(state), "States": {**states, "Rows": {}}}} == {
        "Type": "Map",
        "Items": ["de", "fr"],
        "ItemSelector": ITEM,
        "MaxConcurrency": 40,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": "PerCountry: item",
            "States": {
                "PerCountry: item": {
                    "Type": "Pass",
                    "Assign": {"PerCountry_item": jsonata("$states.input")},
                    "Output": {},
                    "Next": "Rows",
                },
                "Rows": {},
                "PerCountry: item's results": {
                    "Type": "Pass",
                    "Output": {"item": jsonata("$PerCountry_item.value")},
                    "End": True,
                },
            },
        },
        "Assign": {"step_PerCountry": {"results": jsonata("[$states.result]")}},
        "Output": {"PerCountry": {"results": jsonata("[$states.result]")}},
        "End": True,
    }
    assert not minimal.loop.distributed
    assert dict(minimal.loop.outputs) == {}
    assert [step.name for step in minimal.loop.repeated] == ["Rows"]


def test_an_inline_loop_needs_no_rights_of_its_own(minimal: Minimal) -> None:
    calls = allow("lambda:InvokeFunction", "arn:aws:lambda:eu-central-1:111122223333:function:count")
    assert minimal.made.statements(minimal.workflow.role) == [calls, *LOGGED_AND_TRACED]


def test_every_keyword_of_a_loop_is_in_its_state(maximal: Maximal) -> None:
    state = maximal.made.state("Per country")
    inner = processor(state)
    assert {name: value for name, value in state.items() if name not in {"ItemProcessor", "Items"}} == {
        "Type": "Map",
        "ItemSelector": {
            **ITEM,
            "outer": {
                "execution": jsonata("$states.context.Execution.Id"),
                "run_location": jsonata('"s3://scoringbucket3a58686c/Scoring/" & $states.context.Execution.Name'),
                "iterations": [],
                "items": {},
                "results": {
                    "result0": jsonata(
                        '($result := $List_Before_in_parallel.Before; $result != null ? {"rows": $result.rows} : null)'
                    )
                },
            },
        },
        "MaxConcurrency": 100,
        "ToleratedFailurePercentage": 10,
        "Assign": {"step_Per_country": {"results": jsonata("[$states.result]")}},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Per country: failed"}],
        "Output": {},
        "Next": state["Next"],
    }
    assert inner["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert mapping(inner["States"])["Per country: item's results"] == {
        "Type": "Pass",
        "Output": {
            "item": jsonata("$Per_country_item.value"),
            "validation:rows": jsonata(
                "($Rows_Train_in_parallel.Rows != null ? $Rows_Train_in_parallel.Rows.rows : (null))"
            ),
            "both": [
                jsonata("($Rows_Train_in_parallel.Rows != null ? $Rows_Train_in_parallel.Rows.rows : (null))"),
                jsonata("($Per_country_item.value)"),
            ],
        },
        "End": True,
    }
    assert maximal.loop.distributed


def test_a_list_longer_than_said_fails_the_loop_before_it_starts(maximal: Maximal) -> None:
    items = inside(maximal.made.state("Per country")["Items"])
    listed: Json = {"List": {"countries": ["de", "fr"]}}
    assert evaluate(items, {"List_Before_in_parallel": listed}) == ["de", "fr"]
    one: Json = {"List": {"countries": ["de"]}}
    assert evaluate(items, {"List_Before_in_parallel": one}) == ["de"]
    many: Json = {"List": {"countries": ["x"] * 501}}
    with pytest.raises(
        Exception, match='Step "Per country": items has more than the 500 entries that it may have: 501'
    ):
        evaluate(items, {"List_Before_in_parallel": many})


def test_later_steps_get_what_the_turns_gave_as_lists(maximal: Maximal) -> None:
    payload = mapping(mapping(maximal.made.state("Last")["Arguments"])["Payload"])
    for results, listed in (
        ([], []),
        ([{"item": "de", "validation:rows": 5}], [5]),
        ([{"item": "de", "validation:rows": 5}, {"item": "fr", "validation:rows": None}], [5, None]),
        ([{"item": "de", "validation:rows": [1]}, {"item": "fr", "validation:rows": [2, 3]}], [[1], [2, 3]]),
    ):
        variables: dict[str, object] = {"step_Per_country": {"results": results}}
        assert evaluate(inside(payload["rows"]), variables) == listed
        assert evaluate(inside(payload["all"]), variables) == results


def test_the_other_path_of_a_loop_is_taken_where_it_was_skipped_or_failed(maximal: Maximal) -> None:
    rules = maximal.made.state("Other?")["Choices"]
    assert isinstance(rules, list)
    for value, holds in (({"results": []}, False), (None, True)):
        assert evaluate(inside(rules[0]["Condition"]), {"step_Per_country": value}) is holds


def test_a_distributed_loop_may_start_watch_stop_and_redrive_its_turns(maximal: Maximal) -> None:
    machine = maximal.made.logical_id(maximal.workflow.state_machine)
    assert maximal.made.statements(maximal.workflow.role)[-2:] == [
        allow("states:StartExecution", f"arn:aws:states:eu-central-1:123456789012:stateMachine:{machine}"),
        allow(
            ["states:DescribeExecution", "states:RedriveExecution", "states:StopExecution"],
            f"arn:aws:states:eu-central-1:111122223333:execution:{machine}-Name/*",
        ),
    ]


def test_a_steps_roles_are_those_of_a_step_outside_of_loops(maximal: Maximal) -> None:
    execution_role = maximal.made.role_arn(maximal.train.role)
    statements = maximal.made.statements(maximal.workflow.role)
    assert hands_over(execution_role) in statements
    assert listens("StepFunctionsGetEventsForSageMakerTrainingJobsRule") in statements
    assert all(each in maximal.made.statements(maximal.train.role) for each in reads("lake", "applications/*"))


class Nested:
    """Two loops in each other, around a Databricks step that reads what others wrote, and a job."""

    def __init__(self, *, at_once: int = 40) -> None:
        scope = stack()
        databricks = workspace(scope)

        def step(id: str, **inputs: zflow.DataLocation) -> zflow.DatabricksJobStep:
            return zflow.DatabricksJobStep(
                scope,
                id,
                workspace=databricks,
                task=SPARK_TASK,
                cluster=CLUSTER,
                inputs=inputs,
                parameters={"country": zflow.Item("country")["name"], "model": zflow.Item("model")} if inputs else {},
                outputs=["table"],
            )

        first = step("First")
        outer = zflow.DatabricksJobStep(
            scope, "Outer", workspace=databricks, task=SPARK_TASK, cluster=CLUSTER, outputs=["table"]
        )
        inner = step("Inner", first=first.outputs["table"], outer=outer.outputs["table"])
        job = train(scope)
        per_model = zflow.ForEach(
            scope,
            "PerModel",
            item="model",
            items=zflow.Item("country")["models"],
            steps=[inner, job],
            outputs={"scores": inner.outputs["table"].uri},
            max_concurrency=at_once,
        )
        per_country = zflow.ForEach(
            scope,
            "PerCountry",
            item="country",
            items=[{"name": "de", "models": ["a", "b"]}],
            steps=[outer, per_model],
            outputs={"scores": per_model.outputs["scores"]},
        )
        self.workflow = zflow.MlWorkflow(
            scope, "Scoring", steps=[first, per_country], outputs={"scores": per_country.outputs["scores"]}
        )
        self.made = Synthesized.of(scope)

    def submitted(self, state: str) -> list[Json]:
        """What a run of the script is given, in the third country's sixth model."""
        request = mapping(mapping(mapping(self.made.state(state)["Arguments"])["Payload"])["request"])
        (task,) = request["tasks"] if isinstance(request["tasks"], list) else []
        parameters = mapping(mapping(task)["spark_python_task"])["parameters"]
        assert isinstance(parameters, list)
        return [evaluate(inside(each), self.variables) if "{%" in str(each) else each for each in parameters]

    @property
    def variables(self) -> dict[str, object]:
        context: Json = {"Execution": {"Name": "monday", "Id": "arn"}, "State": {"Name": "Train", "RetryCount": 0}}
        handed: Json = {
            "run_location": "s3://scoringbucket3a58686c/Scoring/monday",
            "iterations": [2],
            "items": {"country": {"name": "de"}},
        }
        return {
            "PerCountry_item": {"index": 2, "value": {"name": "de"}},
            "PerModel_item": {"index": 5, "value": "b", "outer": handed},
            "states": {"context": context},
        }


RUN = "s3://scoringbucket3a58686c/Scoring/monday"


@pytest.mark.parametrize("at_once", [40, 41], ids=["inline", "distributed"])
def test_a_step_finds_what_others_wrote_wherever_they_are_and_writes_to_a_folder_of_its_turn(at_once: int) -> None:
    nested = Nested(at_once=at_once)
    assert nested.submitted("First") == ["--table", f"{RUN}/First/table/"]
    assert nested.submitted("Outer") == ["--table", f"{RUN}/PerCountry/2/Outer/table/"]
    assert nested.submitted("Inner") == [
        "--country",
        "de",
        "--model",
        "b",
        "--first",
        f"{RUN}/First/table/",
        "--outer",
        f"{RUN}/PerCountry/2/Outer/table/",
        "--table",
        f"{RUN}/PerCountry/2/PerModel/5/Inner/table/",
    ]


@pytest.mark.parametrize("at_once", [40, 41], ids=["inline", "distributed"])
def test_each_turn_names_its_jobs_and_runs_differently(at_once: int) -> None:
    nested = Nested(at_once=at_once)
    name = inside(mapping(nested.made.state("Train")["Arguments"])["TrainingJobName"])
    names = set()
    for index in range(3):
        item = {**mapping(nested.variables["PerModel_item"]), "index": index}  # type: ignore[arg-type]
        names.add(evaluate(name, {**nested.variables, "PerModel_item": item}))
    assert len(names) == 3
    iteration = inside(mapping(mapping(nested.made.state("Inner")["Arguments"])["Payload"])["item"])
    assert evaluate(iteration, nested.variables) == "2/5"


def test_a_loop_in_a_loop_gives_a_list_of_lists() -> None:
    nested = Nested()
    outputs = mapping(nested.made.state("Outputs")["Output"])
    results: Json = [{"item": "de", "scores": ["a", "b"]}, {"item": "fr", "scores": ["c"]}]
    assert evaluate(inside(outputs["scores"]), {"step_PerCountry": {"results": results}}) == [["a", "b"], ["c"]]


def test_a_distributed_loop_reads_nothing_of_the_outside_but_what_it_is_handed() -> None:
    text = json.dumps(mapping(Nested(at_once=41).made.state("PerModel"))["ItemProcessor"])
    assert "$PerCountry_item" not in text
    assert "$states.context.Execution.Name" not in text


def test_a_loop_in_a_branch_is_read_in_it_and_after_the_join() -> None:
    """Deploy comes after Extract and the loop, Report after Extract alone."""
    scope = stack()
    extract, listed = count(scope, "Extract"), count(scope, "List", outputs=["countries"])
    step = rows(scope)
    loop = zflow.ForEach(
        scope,
        "Each",
        item="country",
        items=listed.outputs["countries"],
        steps=[step],
        outputs={"rows": step.outputs["rows"]},
    )
    report = count(scope, "Report", payload={"rows": extract.outputs["rows"]})
    deploy = count(scope, "Deploy", payload={"rows": extract.outputs["rows"], "each": loop.outputs["rows"]})
    zflow.MlWorkflow(
        scope,
        "Scoring",
        steps=[extract, listed, loop, report, deploy],
        outputs={"rows": loop.outputs["rows"], "deployed": deploy.outputs["rows"]},
    )
    made = Synthesized.of(scope)
    table = mapping(made.resources("AWS::DynamoDB::Table")[0])
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    read = inside(mapping(mapping(made.state("Deploy")["Arguments"])["Payload"])["each"])
    variables: dict[str, object] = {"step_Each": {"results": [{"rows": 1}, {"rows": 2}]}}
    assert evaluate(read, variables) == [1, 2]
    output = inside(mapping(made.state("Outputs")["Output"])["rows"])
    assert "in_parallel.Each.results" in output


def test_many_turns_are_executions_of_their_own_since_a_history_has_an_end() -> None:
    scope = stack()
    many = [str(number) for number in range(1_000)]
    loops = [
        zflow.ForEach(scope, f"Of{size}", item="country", items=many[:size], steps=[rows(scope, f"Rows{size}")])
        for size in (500, 1_000)
    ]
    assert [loop.distributed for loop in loops] == [False, True]


def test_items_may_hold_what_other_steps_made() -> None:
    scope = stack()
    first = count(scope, "First")
    loop = zflow.ForEach(scope, "Each", item="country", items=["de", first.outputs["rows"]], steps=[rows(scope)])
    zflow.MlWorkflow(scope, "Scoring", steps=[first, loop])
    assert Synthesized.of(scope).state("Each")["Items"] == ["de", jsonata("$step_First.rows")]


def test_a_loop_repeats_the_steps_of_a_group() -> None:
    scope = stack()
    group = zflow.StepGroup(scope, "Score")
    first = count(group, "First")
    count(group, "Second", payload={"rows": first.outputs["rows"]})
    loop = zflow.ForEach(scope, "Each", items=["de"], steps=[group])
    zflow.MlWorkflow(scope, "Scoring", steps=[loop])
    states = mapping(processor(Synthesized.of(scope).state("Each"))["States"])
    assert list(states) == ["Each: item", "Score First", "Score Second", "Each: item's results"]


def test_a_loop_fits_a_stack_in_china() -> None:
    scope = Stack(App(), "Team", env=Environment(account="111122223333", region="cn-north-1"))
    loop = zflow.ForEach(scope, "Each", items=["a"], steps=[train(scope)], max_concurrency=50)
    zflow.MlWorkflow(scope, "Scoring", steps=[loop])
    template = json.loads(json.dumps(Template.from_stack(scope).to_json()))
    (machine,) = state_machines(template)
    assert lint(rendered_definition(template, machine)) == []
    assert '"arn:aws:' not in json.dumps(template["Resources"])


def test_a_loop_is_the_same_each_time_it_is_synthesized() -> None:
    first, second = (json.dumps(Nested(at_once=41).made.template) for _ in range(2))
    assert first == second
