"""Steps at the end of a run: their machine, what starts it, and what it may do."""

import json

import pytest
from aws_cdk import App, Duration, Environment, Stack
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Template

import zflow_constructs as zflow
from tests.asl import fields, rendered_definition, state_machines
from tests.core.machines import evaluate, mapping
from tests.parts import CLUSTER, SPARK_TASK, count, stack, train, workspace
from tests.templates import LOGGED_AND_TRACED, Synthesized, allow, inside
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.lint import lint

HERE = "eu-central-1:123456789012"
COUNTS = allow("lambda:InvokeFunction", "arn:aws:lambda:eu-central-1:111122223333:function:count")


class Example:
    """A workflow whose steps at the end are of every kind that needs something of its own."""

    def __init__(self, *, databricks: bool = True) -> None:
        self.scope = stack()
        extract = zflow.DatabricksJobStep(
            self.scope,
            "Extract",
            workspace=workspace(self.scope),
            task=SPARK_TASK,
            cluster=CLUSTER,
            outputs=["history"],
        )
        drop = zflow.DatabricksJobStep(
            self.scope,
            "Drop",
            workspace=extract._workspace,
            task=SPARK_TASK,
            cluster=CLUSTER,
            inputs={"history": extract.outputs["history"]},
            outputs=["log"],
        )
        failed = zflow.Outcome("status") != "SUCCEEDED"
        tell = count(
            self.scope,
            "Tell",
            payload={"who": zflow.Item("item"), "why": zflow.Outcome("cause"), "country": zflow.Parameter("country")},
        )
        each = zflow.ForEach(self.scope, "Each", items=["a", "b"], steps=[tell], max_concurrency=50, when=failed)
        self.workflow = zflow.MlWorkflow(
            self.scope,
            "Scoring",
            steps=[extract] if databricks else [count(self.scope, "Count")],
            finally_=[drop, each] if databricks else [count(self.scope, "Last")],
            parameters={"country": "de"},
            log_retention=logs.RetentionDays.ONE_YEAR,
            timeout=Duration.hours(1),
        )
        self.made = Synthesized.of(self.scope)
        self.main = self.made.logical_id(self.workflow.state_machine)
        (self.machine,) = [name for name in state_machines(self.made.template) if name != self.main]
        self.definition = rendered_definition(self.made.template, self.machine)

    def resources(self, kind: str, name: str) -> list[dict[str, Json]]:
        """The properties of the resources of a kind whose ids have a name in them."""
        resources = fields(self.made.template["Resources"])
        ids = [id for id, each in resources.items() if fields(each)["Type"] == kind and name in id]
        return [dict(self.made._rendered(resources[id])) for id in ids]

    def statements(self, name: str) -> list[Json]:
        (policy,) = self.resources("AWS::IAM::Policy", name)
        statements = mapping(policy["PolicyDocument"])["Statement"]
        assert isinstance(statements, list)
        return statements


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


@pytest.fixture(scope="module")
def minimal() -> Example:
    return Example(databricks=False)


def test_the_steps_at_the_end_are_a_machine_of_their_own(minimal: Example) -> None:
    states = mapping(minimal.definition["States"])
    assert list(states) == ["Outcome", "Parameters", "Last"]
    assert minimal.definition["StartAt"] == "Outcome"
    assert minimal.definition["TimeoutSeconds"] == 86_400
    assert "Last" not in mapping(rendered_definition(minimal.made.template, minimal.main)["States"])


def test_it_is_started_at_the_end_of_each_execution_however_it_ended(minimal: Example) -> None:
    (rule,) = minimal.resources("AWS::Events::Rule", "AtTheEnd")
    assert rule["EventPattern"] == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {
            "status": ["ABORTED", "FAILED", "SUCCEEDED", "TIMED_OUT"],
            "stateMachineArn": [f"arn:aws:states:{HERE}:stateMachine:{minimal.main}"],
        },
    }


def test_it_is_told_which_execution_has_ended_and_what_could_not_be_told_is_kept(minimal: Example) -> None:
    (rule,) = minimal.resources("AWS::Events::Rule", "AtTheEnd")
    targets = rule["Targets"]
    assert isinstance(targets, list)
    (target,) = targets
    assert target["Arn"] == f"arn:aws:states:{HERE}:stateMachine:{minimal.machine}"
    template = str(mapping(target["InputTransformer"])["InputTemplate"])
    assert json.loads(template.replace("<detail-executionArn>", '"<arn>"')) == {"execution": "<arn>"}
    assert "ScoringDeadLetterQueue" in str(target["DeadLetterConfig"])


def test_its_role_may_do_what_its_steps_do_and_look_at_the_execution_that_has_ended(minimal: Example) -> None:
    looks = allow(
        "states:DescribeExecution", f"arn:aws:states:eu-central-1:111122223333:execution:{minimal.main}-Name:*"
    )
    assert minimal.statements("FinallyRole") == [COUNTS, looks, *LOGGED_AND_TRACED]


def test_its_log_is_kept_as_long_as_the_workflows(minimal: Example) -> None:
    assert [log["RetentionInDays"] for log in minimal.resources("AWS::Logs::LogGroup", "Scoring")] == [365, 365]


def test_a_databricks_run_of_a_step_at_the_end_is_stopped_when_its_own_execution_ends_badly(example: Example) -> None:
    rules = example.resources("AWS::Events::Rule", "OnStop")
    assert sorted(str(mapping(mapping(rule["EventPattern"])["detail"])["stateMachineArn"]) for rule in rules) == sorted(
        f"['arn:aws:states:{HERE}:stateMachine:{machine}']" for machine in (example.main, example.machine)
    )


def test_a_distributed_loop_at_the_end_may_start_its_turns(example: Example) -> None:
    executions = f"arn:aws:states:eu-central-1:111122223333:execution:{example.machine}-Name/*"
    assert example.statements("FinallyDistributedLoops") == [
        allow("states:StartExecution", f"arn:aws:states:{HERE}:stateMachine:{example.machine}"),
        allow(["states:DescribeExecution", "states:RedriveExecution", "states:StopExecution"], executions),
    ]


def test_the_turns_of_a_distributed_loop_at_the_end_read_how_the_run_ended(example: Example) -> None:
    loop = mapping(_state(example.definition, "Each"))
    iterations = mapping(mapping(loop["ItemProcessor"])["States"])
    payload = mapping(mapping(mapping(iterations["Tell"])["Arguments"])["Payload"])
    variables: dict[str, object] = {
        "Each_item": {"value": "a", "outer": {"outcome": {"cause": "no rows"}, "parameters": {"country": "fr"}}}
    }
    read = {name: evaluate(inside(value), variables) for name, value in payload.items()}
    assert read == {"who": "a", "why": "no rows", "country": "fr"}
    selected = mapping(mapping(loop["ItemSelector"])["outer"])
    assert {name: selected[name] for name in ("outcome", "parameters", "results")} == {
        "outcome": "{% $outcome %}",
        "parameters": "{% $parameters %}",
        "results": {},
    }


def test_steps_at_the_end_find_what_the_run_wrote_and_write_beside_it(example: Example) -> None:
    payload = mapping(mapping(_state(example.definition, "Drop")["Arguments"])["Payload"])
    tasks = mapping(payload["request"])["tasks"]
    assert isinstance(tasks, list)
    arguments = mapping(tasks[0]["spark_python_task"])["parameters"]
    assert isinstance(arguments, list)
    read = [evaluate(inside(each), {"outcome": {"name": "monday"}}) for each in arguments if "{%" in each]
    runs = "s3://scoringbucket3a58686c/Scoring/monday"
    assert read == [f"{runs}/Extract/history/", f"{runs}/Drop/log/"]


def test_branches_at_the_end_meet_at_a_table_of_their_own_and_at_none_with_barriers() -> None:
    for join, tables in (("rendezvous", 1), ("barrier", 0)):
        scope = stack()
        a, b = count(scope, "A"), count(scope, "B")
        c = count(scope, "C", payload={"a": a.outputs["rows"]})
        d = count(scope, "D", payload={"a": a.outputs["rows"], "b": b.outputs["rows"]})
        zflow.MlWorkflow(scope, "Scoring", steps=[count(scope, "Count")], finally_=[a, b, c, d], join=join)  # type: ignore[arg-type]
        assert len(Synthesized.of(scope).resources("AWS::DynamoDB::Table")) == tables


def test_a_group_may_run_at_the_end() -> None:
    scope = stack()
    group = zflow.StepGroup(scope, "Tidy")
    count(group, "Up")
    zflow.MlWorkflow(scope, "Scoring", steps=[count(scope, "Count")], finally_=[group])
    made = Synthesized.of(scope)
    names = [
        list(mapping(rendered_definition(made.template, each)["States"])) for each in state_machines(made.template)
    ]
    assert names == [["Count"], ["Outcome", "Tidy Up"]]


def test_the_end_of_a_run_fits_a_stack_in_china() -> None:
    scope = Stack(App(), "Team", env=Environment(account="111122223333", region="cn-north-1"))
    zflow.MlWorkflow(scope, "Scoring", steps=[train(scope)], finally_=[count(scope, "Tell")])
    template = json.loads(json.dumps(Template.from_stack(scope).to_json()))
    for machine in state_machines(template):
        assert lint(rendered_definition(template, machine)) == []
    text = json.dumps(template["Resources"]).replace("arn:aws:lambda:eu-central-1:111122223333:function:count", "")
    assert '"arn:aws:' not in text


def test_the_end_of_a_run_is_the_same_each_time_it_is_synthesized() -> None:
    first, second = (json.dumps(Example().made.template) for _ in range(2))
    assert first == second


def _state(scope: dict[str, Json], name: str) -> dict[str, Json]:
    """A state by its name, in whatever branch it is."""
    found: list[dict[str, Json]] = []
    scopes: list[Json] = [scope]
    while scopes:
        for each, state in mapping(mapping(scopes.pop())["States"]).items():
            branches = mapping(state).get("Branches", [])
            assert isinstance(branches, list)
            scopes += branches
            found += [dict(mapping(state))] if each == name else []
    (state,) = found
    return state


@pytest.mark.parametrize("at_the_end", [False, True])
def test_a_workflow_names_all_its_machines_for_alarms(at_the_end: bool) -> None:  # noqa: FBT001
    scope = stack()
    last = [count(scope, "Last")] if at_the_end else []
    workflow = zflow.MlWorkflow(scope, "Scoring", steps=[count(scope, "Count")], finally_=last)
    made = Synthesized.of(scope)
    assert {made.logical_id(machine) for machine in workflow.state_machines} == {*state_machines(made.template)}
    assert workflow.state_machines[0] is workflow.state_machine
