"""Workflows as steps of others: how one is started, and what the other may do."""

import json

import pytest
from aws_cdk import App, Duration, Environment, Stack

import zflow_constructs as zflow
from tests.asl import fields, rendered_definition
from tests.core.machines import evaluate, mapping
from tests.parts import count, stack
from tests.templates import LOGGED_AND_TRACED, Synthesized, allow, inside, jsonata, listens
from zflow_constructs.core.values.references import JobName
from zflow_constructs.core.values.templates import Json, Scope

COUNTS = allow("lambda:InvokeFunction", "arn:aws:lambda:eu-central-1:111122223333:function:count")
STARTED_BY = {"AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": jsonata("$states.context.Execution.Id")}


def inner_of(scope: Stack) -> zflow.MlWorkflow:
    """A workflow with parameters and outputs."""
    rows = count(scope, "Rows", payload={"country": zflow.Parameter("country")})
    return zflow.MlWorkflow(
        scope,
        "Inner",
        steps=[rows],
        parameters={"country": "de", "models": zflow.RunParameter.strings(default=[]), "rounds": 5},
        outputs={"validation:rows": rows.outputs["rows"]},
        timeout=Duration.hours(2),
    )


class Example:
    """A step that says no more than it must, and one that uses every keyword."""

    def __init__(self) -> None:
        self.scope = stack()
        self.inner = inner_of(self.scope)
        first = count(self.scope, "First")
        self.minimal = zflow.WorkflowStep(self.scope, "Minimal", workflow=self.inner)
        self.maximal = zflow.WorkflowStep(
            self.scope,
            "Max out",
            workflow=self.inner,
            parameters={"country": first.outputs["rows"], "models": ["a", first.outputs["rows"]], "rounds": 7},
            after=[self.minimal],
            when=first.outputs["rows"] > 0,
            optional=True,
        )
        payload = {"rows": self.maximal.outputs["validation:rows"], "run": self.maximal.execution_arn}
        last = count(self.scope, "Last", payload=payload)
        self.workflow = zflow.MlWorkflow(self.scope, "Outer", steps=[first, self.minimal, self.maximal, last])
        self.made = Synthesized.of(self.scope)
        self.machine = self.made.logical_id(self.inner.state_machine)
        outer = self.made.logical_id(self.workflow.state_machine)
        self.definition = rendered_definition(self.made.template, outer)

    def state(self, name: str) -> dict[str, Json]:
        scopes: list[Json] = [self.definition]
        found: dict[str, Json] = {}
        while scopes:
            for each, state in mapping(mapping(scopes.pop())["States"]).items():
                branches = mapping(state).get("Branches", [])
                assert isinstance(branches, list)
                scopes += branches
                found[each] = state
        return dict(mapping(found[name]))


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def named(step: str) -> str:
    """The name of an execution: the same for each retry, since the first call may have been accepted."""
    return jsonata(JobName(step, max_length=80, new_at_retry=False).render(Scope(workflow="Outer")))


def test_a_minimal_step_starts_the_other_workflow_with_its_own_defaults(example: Example) -> None:
    state = example.state("Minimal")
    assert {name: state[name] for name in ("Type", "Resource", "Arguments", "TimeoutSeconds", "Assign", "Retry")} == {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": {
            "StateMachineArn": f"arn:aws:states:eu-central-1:123456789012:stateMachine:{example.machine}",
            "Name": named("Minimal"),
            "Input": STARTED_BY,
        },
        "TimeoutSeconds": 7_200,
        "Assign": {
            "step_Minimal": {
                "execution": jsonata("$states.result.ExecutionArn"),
                "outputs": {"validation:rows": jsonata("$states.result.Output.`validation:rows`")},
            }
        },
        "Retry": [
            {
                "ErrorEquals": [
                    "StepFunctions.AWSStepFunctionsException",
                    "StepFunctions.ExecutionLimitExceededException",
                    "StepFunctions.SdkClientException",
                ],
                "IntervalSeconds": 10,
                "MaxAttempts": 8,
                "MaxDelaySeconds": 120,
                "JitterStrategy": "FULL",
            }
        ],
    }


def test_every_keyword_of_a_step_is_in_its_states(example: Example) -> None:
    given = mapping(mapping(example.state("Max out")["Arguments"])["Input"])
    models = given["models"]
    assert isinstance(models, list)
    read = {"rows": 5}
    variables: dict[str, object] = {"First_Minimal_in_parallel": {"First": read}, "First": read}
    assert evaluate(inside(given["country"]), variables) == 5
    assert [models[0], evaluate(inside(models[1]), variables)] == ["a", 5]
    assert given["rounds"] == 7
    assert example.state("Max out")["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "Max out: failed"}]
    assert example.state("Max out?")["Default"] == "Max out: skipped"


def test_later_steps_read_what_the_other_workflow_gave(example: Example) -> None:
    payload = mapping(mapping(example.state("Last")["Arguments"])["Payload"])
    ran: Json = {"execution": "arn:run", "outputs": {"validation:rows": 5}}
    assert {name: evaluate(inside(value), {"step_Max_out": ran}) for name, value in payload.items()} == {
        "rows": 5,
        "run": "arn:run",
    }
    assert list(example.minimal.outputs) == ["validation:rows"]


def test_the_workflow_may_start_watch_and_stop_its_own_executions_of_the_other_one_alone(example: Example) -> None:
    executions = f"arn:aws:states:eu-central-1:111122223333:execution:{example.machine}-Name"
    watched = ["states:DescribeExecution", "states:StopExecution"]
    assert example.made.statements(example.workflow.role) == [
        COUNTS,
        allow("states:StartExecution", f"arn:aws:states:eu-central-1:123456789012:stateMachine:{example.machine}"),
        allow(watched, f"{executions}:outer-minimal-*"),
        listens("StepFunctionsGetEventsForStepFunctionsExecutionRule"),
        allow(watched, f"{executions}:outer-max-out-*"),
        *LOGGED_AND_TRACED,
    ]


def test_a_workflow_in_a_loop_is_started_under_another_name_in_each_turn() -> None:
    scope = stack()
    step = zflow.WorkflowStep(scope, "Run", workflow=inner_of(scope), parameters={"country": zflow.Item("item")})
    outputs = {"validation:rows": step.outputs["validation:rows"]}
    loop = zflow.ForEach(scope, "Each", items=["de", "fr"], steps=[step], outputs=outputs)
    workflow = zflow.MlWorkflow(scope, "Outer", steps=[loop], outputs={"rows": loop.outputs["validation:rows"]})
    made = Synthesized.of(scope)
    states = mapping(rendered_definition(made.template, made.logical_id(workflow.state_machine))["States"])
    iteration = mapping(mapping(mapping(states["Each"])["ItemProcessor"])["States"])
    arguments = mapping(mapping(iteration["Run"])["Arguments"])
    context: Json = {"Execution": {"Id": "arn", "RedriveCount": 0}, "State": {"Name": "Run", "RetryCount": 0}}
    names = {
        evaluate(inside(arguments["Name"]), {"Each_item": {"index": index}, "states": {"context": context}})
        for index in range(3)
    }
    assert len(names) == 3
    rows = inside(mapping(mapping(states["Outputs"])["Output"])["rows"])
    results: Json = {"results": [{"validation:rows": 1}, {"validation:rows": None}]}
    assert evaluate(rows, {"step_Each": results}) == [1, None]


@pytest.mark.parametrize("region", ["eu-central-1", "cn-north-1"])
def test_a_workflow_may_run_one_of_another_stack(region: str) -> None:
    app = App()
    here, there = (Stack(app, id, env=Environment(account="111122223333", region=region)) for id in ("Here", "There"))
    inner = inner_of(there)
    step = zflow.WorkflowStep(here, "Run", workflow=inner)
    zflow.MlWorkflow(here, "Outer", steps=[step])
    synthesized = app.synth()
    template = json.dumps(synthesized.get_stack_by_name("Here").template)
    exported = fields(synthesized.get_stack_by_name("There").template["Outputs"])
    names = [str(mapping(mapping(each)["Export"])["Name"]) for each in exported.values()]
    assert len(names) == 2
    assert all(f'"Fn::ImportValue": "{name}"' in template for name in names)


def test_a_workflow_without_outputs_gives_none() -> None:
    scope = stack()
    inner = zflow.MlWorkflow(scope, "Inner", steps=[count(scope, "Rows")])
    assert list(zflow.WorkflowStep(scope, "Run", workflow=inner).outputs) == []


def test_a_workflow_in_a_workflow_is_the_same_each_time_it_is_synthesized() -> None:
    first, second = (json.dumps(Example().made.template) for _ in range(2))
    assert first == second
