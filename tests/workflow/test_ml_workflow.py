"""Workflows: state machine, run parameters, roles, logs and data."""

import json

import pytest
from aws_cdk import App, Duration, Stack, TimeZone
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler

import zflow_constructs as zflow
from tests.asl import fields
from tests.core.machines import evaluate, mapping
from tests.parts import count, stack, train
from tests.templates import LOGGED_AND_TRACED, Synthesized, allow, inside
from zflow_constructs.core.values.templates import Json

KEY = "arn:aws:kms:eu-central-1:111122223333:key/runs"


class Minimal:
    """A workflow of one step that says no more than it must."""

    def __init__(self) -> None:
        scope = stack()
        self.workflow = zflow.MlWorkflow(scope, "Scoring", steps=[count(scope, "Count")])
        self.made = Synthesized.of(scope)


class Maximal:
    """A workflow that uses every keyword."""

    def __init__(self) -> None:
        scope = stack()
        key = kms.Key.from_key_arn(scope, "Key", KEY)
        runs = s3.Bucket.from_bucket_attributes(scope, "Runs", bucket_name="runs", encryption_key=key)
        self.train = train(scope)
        rows = count(
            scope, "Count", payload={"country": zflow.Parameter("country"), "model": self.train.model_data.uri}
        )
        self.workflow = zflow.MlWorkflow(
            scope,
            "Risk_Scoring-1",
            steps=[rows, self.train],
            parameters={"country": "de", "depth": 3, "share": 0.5, "dry": False},
            bucket=runs,
            schedule=scheduler.ScheduleExpression.cron(hour="3", minute="0", time_zone=TimeZone.EUROPE_BERLIN),
            schedule_parameters={"country": "ch"},
            timeout=Duration.hours(12),
            log_retention=logs.RetentionDays.TEN_YEARS,
        )
        self.starter = iam.Role(scope, "Starter", assumed_by=iam.AccountRootPrincipal())
        self.workflow.grant_start_execution(self.starter)
        self.made = Synthesized.of(scope)


@pytest.fixture(scope="module")
def minimal() -> Minimal:
    return Minimal()


@pytest.fixture(scope="module")
def maximal() -> Maximal:
    return Maximal()


def test_a_minimal_workflow_starts_with_its_first_step_and_ends_within_a_week(minimal: Minimal) -> None:
    definition = dict(minimal.made.definition)
    assert list(mapping(definition.pop("States"))) == ["Count"]
    legend = {"zflow_constructs": zflow.__version__, "steps": ["Count"], "states": "0w"}
    assert json.loads(str(definition.pop("Comment"))) == legend
    assert definition == {"QueryLanguage": "JSONata", "TimeoutSeconds": 7 * 86_400, "StartAt": "Count"}


def test_a_minimal_workflow_has_what_it_needs_and_nothing_that_starts_it(minimal: Minimal) -> None:
    kinds = sorted(str(fields(resource)["Type"]) for resource in fields(minimal.made.template["Resources"]).values())
    assert kinds == [
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "AWS::StepFunctions::StateMachine",
    ]


def test_its_bucket_is_encrypted_closed_versioned_and_kept(minimal: Minimal) -> None:
    resource = fields(fields(minimal.made.template["Resources"])[minimal.made.logical_id(minimal.workflow.bucket)])
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
    bucket = minimal.made.properties(minimal.workflow.bucket)
    assert bucket["BucketEncryption"] == {
        "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    }
    assert set(mapping(bucket["PublicAccessBlockConfiguration"]).values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (policy,) = minimal.made.resources("AWS::S3::BucketPolicy")
    statements = mapping(policy["PolicyDocument"])["Statement"]
    assert isinstance(statements, list)
    assert {"Bool": {"aws:SecureTransport": "false"}} in [statement["Condition"] for statement in statements]


def test_its_executions_are_logged_and_traced(minimal: Minimal) -> None:
    machine = minimal.made.properties(minimal.workflow.state_machine)
    assert machine["TracingConfiguration"] == {"Enabled": True}
    log_group = minimal.made.logical_id(minimal.workflow.log_group)
    assert machine["LoggingConfiguration"] == {
        "Destinations": [
            {
                "CloudWatchLogsLogGroup": {
                    "LogGroupArn": f"arn:aws:logs:eu-central-1:123456789012:log-group:{log_group}:*"
                }
            }
        ],
        "IncludeExecutionData": True,
        "Level": "ALL",
    }
    assert minimal.made.properties(minimal.workflow.log_group)["RetentionInDays"] == 90
    assert machine["RoleArn"] == minimal.made.role_arn(minimal.workflow.role)


def test_every_keyword_of_a_workflow_is_in_its_template(maximal: Maximal) -> None:
    made = maximal.made
    assert made.definition["TimeoutSeconds"] == 43_200
    assert made.definition["StartAt"] == "Parameters"
    assert made.properties(maximal.workflow.log_group)["RetentionInDays"] == 3653
    assert made.resources("AWS::S3::Bucket") == []
    assert maximal.workflow.bucket.bucket_name == "runs"


def test_the_log_is_deleted_with_the_stack(maximal: Maximal) -> None:
    resource = fields(fields(maximal.made.template["Resources"])[maximal.made.logical_id(maximal.workflow.log_group)])
    assert resource["DeletionPolicy"] == "Delete"


def test_the_runs_of_a_bucket_with_a_key_are_written_with_it(maximal: Maximal) -> None:
    statements = maximal.made.statements(maximal.train.role)
    assert statements[-2:] == [
        allow(["s3:PutObject", "s3:AbortMultipartUpload"], "arn:aws:s3:::runs/Risk_Scoring-1/*/Train/*"),
        allow(["kms:Decrypt", "kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"], KEY),
    ]


def test_jobs_are_named_after_the_workflow_in_letters_that_sagemaker_takes(maximal: Maximal) -> None:
    first = maximal.made.statements(maximal.workflow.role)[1]
    assert first["Resource"] == "arn:aws:sagemaker:eu-central-1:111122223333:training-job/risk-scoring-1-train-*"
    assert maximal.made.statements(maximal.workflow.role)[-2:] == LOGGED_AND_TRACED


def parameters(maximal: Maximal, given: dict[str, Json]) -> Json:
    """The run parameters that an execution has with an input."""
    rules = maximal.made.state("Parameters")["Choices"]
    assert isinstance(rules, list)
    return evaluate(inside(mapping(rules[0]["Assign"])["parameters"]), {"states": {"input": given}})


def test_a_run_without_input_has_the_defaults(maximal: Maximal) -> None:
    assert parameters(maximal, {}) == {"country": "de", "depth": 3, "share": 0.5, "dry": False}


@pytest.mark.parametrize(
    "given",
    [{"country": "at"}, {"dry": True, "depth": 0}, {"country": "", "depth": 9, "share": 1, "dry": True}],
    ids=["one", "false and zero are values", "all"],
)
def test_a_run_overrides_the_defaults_that_it_names(maximal: Maximal, given: dict[str, Json]) -> None:
    assert parameters(maximal, given) == {"country": "de", "depth": 3, "share": 0.5, "dry": False, **given}


def test_a_run_with_wrong_parameters_is_told_all_that_is_wrong(maximal: Maximal) -> None:
    refused = maximal.made.state("Parameters: refused")
    given: Json = {"countri": "at", "depth": "4", "deep": True}
    assert refused["Error"] == "Zflow.InvalidParameters"
    assert evaluate(inside(refused["Cause"]), {"states": {"context": {"Execution": {"Input": given}}}}) == (
        'MlWorkflow "Risk_Scoring-1" can\'t run with this input: "depth" is "4", and must be a number; it has no '
        '"countri", "deep", only "country", "depth", "dry", "share".'
    )


def test_the_template_tells_tools_which_parameters_there_are(maximal: Maximal) -> None:
    resources = fields(maximal.made.template["Resources"])
    metadata = fields(fields(resources[maximal.made.logical_id(maximal.workflow.state_machine)])["Metadata"])
    assert metadata["zflow:parameters"] == {
        "country": {"type": "string", "allowed": "a string", "default": "de"},
        "depth": {"type": "number", "allowed": "a number", "default": 3},
        "share": {"type": "number", "allowed": "a number", "default": 0.5},
        "dry": {"type": "boolean", "allowed": "true or false", "default": False},
    }


def test_steps_read_the_parameters(maximal: Maximal) -> None:
    payload = mapping(mapping(maximal.made.state("Count")["Arguments"])["Payload"])
    assert evaluate(inside(payload["country"]), {"parameters": {"country": "at"}}) == "at"


def test_who_is_granted_it_may_start_executions(maximal: Maximal) -> None:
    machine = maximal.made.logical_id(maximal.workflow.state_machine)
    assert maximal.made.statements(maximal.starter) == [
        allow("states:StartExecution", f"arn:aws:states:eu-central-1:123456789012:stateMachine:{machine}")
    ]


def test_metrics_are_those_that_step_functions_reports_for_the_machine(maximal: Maximal) -> None:
    workflow = maximal.workflow
    metrics = [workflow.metric_failed(), workflow.metric_succeeded(), workflow.metric_duration()]
    assert [(metric.namespace, metric.metric_name, metric.statistic) for metric in metrics] == [
        ("AWS/States", "ExecutionsFailed", "Sum"),
        ("AWS/States", "ExecutionsSucceeded", "Sum"),
        ("AWS/States", "ExecutionTime", "Average"),
    ]


def test_a_workflow_is_the_same_template_each_time_it_is_synthesized() -> None:
    first, second = (json.dumps(Maximal().made.template) for _ in range(2))
    assert first == second


def test_a_workflow_fits_a_stack_without_account_and_region() -> None:
    scope = Stack(App(), "Team")
    workflow = zflow.MlWorkflow(scope, "Scoring", steps=[train(scope)])
    made = Synthesized.of(scope)
    jobs = made.statements(workflow.role)[0]["Resource"]
    assert jobs == "arn:aws:sagemaker:eu-central-1:123456789012:training-job/scoring-train-*"


def test_two_workflows_share_a_stack_and_a_bucket() -> None:
    scope = stack()
    shared = s3.Bucket.from_bucket_name(scope, "Runs", "runs")
    for id in ("Nightly", "Hourly"):
        zflow.MlWorkflow(scope, id, steps=[count(scope, f"Count{id}")], bucket=shared)
    assert len(Synthesized.of(scope).resources("AWS::StepFunctions::StateMachine")) == 2
