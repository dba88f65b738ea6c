"""Endpoints: created or updated without downtime, waited for, and loud when what serves is not what was wanted."""

import pytest
from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam

import zflow_constructs as zflow
from tests.constructs.parts import OWN_IMAGE, bucket, count, endpoint, model, stack
from tests.constructs.request_fields import set_fields
from tests.constructs.templates import (
    ASSETS,
    LOGGED_AND_TRACED,
    Synthesized,
    allow,
    arguments,
    hands_over,
    inside,
    job_name,
    jsonata,
    pulls,
    reads,
    sagemaker_logs,
)
from tests.core.machines import QueryEvaluationError, evaluate, mapping
from tools.generate_request_fields import STEPS
from zflow_constructs.core.templates import Json, Scope
from zflow_constructs.retry import CAPACITY, THROTTLING

SAGEMAKER = "arn:aws:sagemaker:eu-central-1:111122223333"
CALL = "arn:aws:states:::aws-sdk:sagemaker:"


class Example:
    """An endpoint that says no more than it must, and one that uses every keyword."""

    def __init__(self) -> None:
        scope = stack()
        rows = count(scope, "Count")
        self.minimal = zflow.InferencePipelineEndpoint(scope, "Minimal", containers=[model(scope)])
        self.maximal = zflow.InferencePipelineEndpoint(
            scope,
            "Maximal",
            containers=[
                zflow.ModelContainer(
                    image=OWN_IMAGE,
                    model_data=zflow.ModelData.from_bucket(bucket(scope), "own/m.tar.gz"),
                    environment={"LEVEL": "info"},
                ),
                model(scope),
            ],
            endpoint_name="risk-scoring",
            instance_type=ec2.InstanceType("c5.2xlarge"),
            instance_count=3,
            timeout=Duration.minutes(45),
            role=iam.Role(scope, "OwnRole", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com")),
            request_overrides={"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://lake/answers/"}}},
            after=[self.minimal],
            when=rows.outputs["rows"] > 0,
        )
        self.client = iam.Role(scope, "Client", assumed_by=iam.AccountRootPrincipal())
        self.maximal.grant_invoke(self.client)
        self.workflow = zflow.MlWorkflow(scope, "Scoring", steps=[rows, self.minimal, self.maximal])
        self.made = Synthesized.of(scope)


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def test_a_model_and_a_configuration_are_made_anew_in_each_run(example: Example) -> None:
    made = example.made
    creation = made.state("Minimal: model")
    assert creation["Resource"] == f"{CALL}createModel"
    assert creation["Arguments"] == {
        "ModelName": job_name("Minimal"),
        "ExecutionRoleArn": made.role_arn(example.minimal.role),
        "PrimaryContainer": {
            "Image": "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-xgboost:1.7-1",
            "ModelDataUrl": "s3://models/scoring/model.tar.gz",
            "Environment": {
                "SAGEMAKER_PROGRAM": "serve.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{ASSETS}/<hash>.gz",
            },
        },
    }
    config = made.state("Minimal: config")
    assert config["Resource"] == f"{CALL}createEndpointConfig"
    assert config["Arguments"] == {
        "EndpointConfigName": job_name("Minimal"),
        "ProductionVariants": [
            {
                "VariantName": "AllTraffic",
                "ModelName": jsonata("$Minimal_model"),
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "InitialVariantWeight": 1,
            }
        ],
    }


def test_every_keyword_of_a_step_is_in_its_requests(example: Example) -> None:
    made = example.made
    request = mapping(made.state("Maximal: model")["Arguments"])
    containers = request["Containers"]
    assert isinstance(containers, list)
    assert [mapping(container)["Environment"] for container in containers] == [
        {"LEVEL": "info"},
        {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{ASSETS}/<hash>.gz"},
    ]
    assert request["ExecutionRoleArn"] == made.role_arn(example.maximal.role)
    assert made.state("Maximal: config")["Arguments"] == {
        "EndpointConfigName": job_name("Maximal"),
        "ProductionVariants": [
            {
                "VariantName": "AllTraffic",
                "ModelName": jsonata("$Maximal_model"),
                "InitialInstanceCount": 3,
                "InstanceType": "ml.c5.2xlarge",
                "InitialVariantWeight": 1,
            }
        ],
        "AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://lake/answers/"}},
    }
    assert made.state("Maximal: create")["Arguments"] == {
        "EndpointName": "risk-scoring",
        "EndpointConfigName": jsonata("$Maximal_config"),
    }
    assert made.state("Maximal?")["Default"] == "Maximal: skipped"


def test_the_page_of_all_fields_names_what_the_keywords_set(example: Example) -> None:
    """The minimal step has one container."""
    made = example.made
    models = [made.state(f"{name}: model")["Arguments"] for name in ("Minimal", "Maximal")]
    there = set_fields("CreateEndpointConfig", made.state("Maximal: config")["Arguments"])
    assert there - {"AsyncInferenceConfig"} == set(STEPS["CreateEndpointConfig"].fields)
    assert set_fields("CreateModel", *models) <= set(STEPS["CreateModel"].fields)
    for operation, state in (("CreateEndpoint", "create"), ("UpdateEndpoint", "update")):
        assert set_fields(operation, made.state(f"Maximal: {state}")["Arguments"]) == set(STEPS[operation].fields)


def test_an_endpoint_is_made_or_updated_as_the_one_that_is_there_demands(example: Example) -> None:
    made = example.made
    path = {name: made.state(f"Maximal: {name}").get("Next") for name in ("model", "config", "look", "create")}
    assert path == {
        "model": "Maximal: config",
        "config": "Maximal: look",
        "look": "Maximal: exists?",
        "create": "Maximal: wait",
    }
    assert made.state("Maximal: update")["Next"] == "Maximal: wait"
    assert made.state("Maximal: wait")["Next"] == "Maximal"
    assert made.state("Maximal")["Next"] == "Maximal: in service?"
    assert made.state("Maximal: delete")["Next"] == "Maximal: wait for others"
    assert made.state("Maximal: wait for others")["Next"] == "Maximal: look"
    for call in ("config", "create", "update", "delete"):
        assert made.state(f"Maximal: {call}")["Retry"] == [CAPACITY.render(), THROTTLING.render()]


def chosen(choice: dict[str, Json], variables: dict[str, object]) -> Json:
    """Where a choice leads."""
    rules = choice["Choices"]
    assert isinstance(rules, list)
    holding = (rule["Next"] for rule in rules if evaluate(inside(rule["Condition"]), variables) is True)
    return next(holding, choice["Default"])


@pytest.mark.parametrize(
    ("status", "then"),
    [
        ("missing", "create"),
        ("InService", "update"),
        ("OutOfService", "update"),
        ("UpdateRollbackFailed", "update"),
        ("Failed", "delete"),
        ("Creating", "wait for others"),
        ("Updating", "wait for others"),
        ("SystemUpdating", "wait for others"),
        ("RollingBack", "wait for others"),
        ("Deleting", "wait for others"),
        ("unknown", "wait for others"),
    ],
)
def test_what_is_there_decides_what_is_done(example: Example, status: str, then: str) -> None:
    choice = example.made.state("Maximal: exists?")
    assert chosen(choice, {"Maximal_found": status}) == f"Maximal: {then}"


@pytest.mark.parametrize(
    ("cause", "found"),
    [
        ('Could not find endpoint "arn:aws:sagemaker:eu-central-1:111122223333:endpoint/risk-scoring".', "missing"),
        ("Rate exceeded", "unknown"),
    ],
)
def test_a_missing_endpoint_and_throttling_bear_one_name_and_are_told_apart(
    example: Example, cause: str, found: str
) -> None:
    assert caught(example, cause) == found


def caught(example: Example, cause: str) -> Json:
    """What an error at the first look says of the endpoint."""
    catchers = example.made.state("Maximal: look")["Catch"]
    assert isinstance(catchers, list)
    (catcher,) = catchers
    assert (catcher["ErrorEquals"], catcher["Next"]) == (["SageMaker.SageMakerException"], "Maximal: exists?")
    states = {"errorOutput": {"Error": "SageMaker.SageMakerException", "Cause": cause}}
    return evaluate(inside(catcher["Assign"]["Maximal_found"]), {"states": states})


def test_a_missing_permission_fails_at_once_instead_of_being_waited_out(example: Example) -> None:
    with pytest.raises(QueryEvaluationError) as raised:
        caught(example, "User: scoring is not authorized to perform: sagemaker:DescribeEndpoint")
    assert (
        'Step "Maximal": the endpoint risk-scoring could not be looked at. '
        "User: scoring is not authorized to perform: sagemaker:DescribeEndpoint"
    ) in str(raised.value.__cause__)


def seen(example: Example, result: dict[str, Json], *, redrive: int | None = None, redriven_before: int = 0) -> Json:
    """What the look at the endpoint says of it."""
    execution = {} if redrive is None else {"RedriveCount": redrive}
    variables: dict[str, object] = {
        "Maximal_config": "scoring-maximal-new",
        "Maximal_attempt": {"redrive": redriven_before, "deadline": 0},
        "states": {"result": result, "context": {"Execution": execution}},
    }
    assigned = mapping(example.made.state("Maximal")["Assign"])
    return evaluate(inside(mapping(assigned["Maximal"])["status"]), variables)


def test_an_endpoint_is_live_once_the_wanted_configuration_serves(example: Example) -> None:
    result: dict[str, Json] = {"EndpointStatus": "InService", "EndpointConfigName": "scoring-maximal-new"}
    assert seen(example, result) == "live"
    assert chosen(example.made.state("Maximal: in service?"), {"Maximal": {"status": "live"}}) == "Maximal: results"


@pytest.mark.parametrize(
    "status", ["Creating", "Updating", "SystemUpdating", "RollingBack", "OutOfService", "Deleting"]
)
def test_an_endpoint_that_changes_is_looked_at_again(example: Example, status: str) -> None:
    assert seen(example, {"EndpointStatus": status, "EndpointConfigName": "scoring-maximal-old"}) == "changing"
    assert chosen(example.made.state("Maximal: in service?"), {"Maximal": {"status": "changing"}}) == "Maximal: wait"


ROLLED_BACK: dict[str, Json] = {
    "EndpointStatus": "InService",
    "EndpointConfigName": "scoring-maximal-old",
    "FailureReason": "The primary container did not pass the ping health check.",
}


def test_a_rolled_back_update_fails_though_the_endpoint_is_in_service(example: Example) -> None:
    with pytest.raises(QueryEvaluationError) as raised:
        seen(example, ROLLED_BACK)
    assert (
        'Step "Maximal": the endpoint risk-scoring does not serve this run\'s configuration: the update failed or was '
        "rolled back. Status: InService. Reason: The primary container did not pass the ping health check."
    ) in str(raised.value.__cause__)


@pytest.mark.parametrize("status", ["Failed", "UpdateRollbackFailed"])
def test_a_failed_endpoint_fails_the_step_also_without_a_reason(example: Example, status: str) -> None:
    with pytest.raises(QueryEvaluationError) as raised:
        seen(example, {"EndpointStatus": status, "EndpointConfigName": "scoring-maximal-new"})
    assert f"rolled back. Status: {status}. Reason: " in str(raised.value.__cause__)


def test_after_a_redrive_the_step_begins_again_with_a_new_model(example: Example) -> None:
    assert seen(example, ROLLED_BACK, redrive=1) == "again"
    assert chosen(example.made.state("Maximal: in service?"), {"Maximal": {"status": "again"}}) == "Maximal: model"
    with pytest.raises(QueryEvaluationError):
        seen(example, ROLLED_BACK, redrive=1, redriven_before=1)


def asked(example: Example, *, deadline: int, redrive: int | None = None) -> Json:
    """The request with which the endpoint is looked at."""
    execution = {} if redrive is None else {"RedriveCount": redrive}
    variables: dict[str, object] = {
        "Maximal_attempt": {"redrive": 0, "deadline": deadline},
        "states": {"context": {"Execution": execution}},
    }
    arguments = [example.made.state(name)["Arguments"] for name in ("Maximal", "Maximal: look")]
    assert arguments[0] == arguments[1]
    return evaluate(inside(arguments[0]), variables)


def test_the_step_fails_when_its_time_is_over(example: Example) -> None:
    assert asked(example, deadline=4_000_000_000_000) == {"EndpointName": "risk-scoring"}
    with pytest.raises(QueryEvaluationError) as raised:
        asked(example, deadline=1)
    assert 'Step "Maximal": the endpoint risk-scoring does not serve after 2700 seconds.' in str(raised.value.__cause__)


def test_a_redrive_looks_again_though_the_time_was_over(example: Example) -> None:
    assert asked(example, deadline=1, redrive=1) == {"EndpointName": "risk-scoring"}


def test_a_name_is_made_of_the_path_where_none_is_given(example: Example) -> None:
    assert example.minimal.endpoint_name.startswith("team-minimal-")
    assert example.maximal.endpoint_name == "risk-scoring"
    assert example.maximal.endpoint_arn.endswith(":sagemaker:eu-central-1:111122223333:endpoint/risk-scoring")


def test_the_model_loads_its_data_and_writes_the_log_of_its_own_endpoint(example: Example) -> None:
    assert example.made.statements(example.minimal.role) == [
        *sagemaker_logs(f"Endpoints/{example.minimal.endpoint_name}"),
        *pulls("492215442770:repository/sagemaker-xgboost"),
        allow("s3:GetObject", f"arn:aws:s3:::{ASSETS}/<hash>.gz"),
        *reads("models", "scoring/model.tar.gz"),
    ]
    assert example.made.statements(example.maximal.role) == [
        *sagemaker_logs("Endpoints/risk-scoring"),
        *pulls("111122223333:repository/scoring", "492215442770:repository/sagemaker-xgboost"),
        allow("s3:GetObject", f"arn:aws:s3:::{ASSETS}/<hash>.gz"),
        *reads("lake", "own/m.tar.gz"),
        *reads("models", "scoring/model.tar.gz"),
    ]


def test_the_state_machine_may_change_the_endpoints_of_its_steps_and_no_others(example: Example) -> None:
    def changes(step: zflow.InferencePipelineEndpoint) -> list[dict[str, Json]]:
        configs = f"{SAGEMAKER}:endpoint-config/scoring-{step.name.lower()}-*"
        endpoint_arn = f"{SAGEMAKER}:endpoint/{step.endpoint_name}"
        return [
            allow("sagemaker:CreateModel", f"{SAGEMAKER}:model/scoring-{step.name.lower()}-*"),
            hands_over(example.made.role_arn(step.role)),
            allow("sagemaker:CreateEndpointConfig", configs),
            allow(["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"], [endpoint_arn, configs]),
            allow(["sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint"], endpoint_arn),
        ]

    granted = example.made.statements(example.workflow.role)
    assert granted[1:] == [*changes(example.minimal), *changes(example.maximal), *LOGGED_AND_TRACED]


def test_a_client_may_invoke_the_endpoint_it_is_granted(example: Example) -> None:
    assert example.made.statements(example.client) == [
        allow("sagemaker:InvokeEndpoint", f"{SAGEMAKER}:endpoint/risk-scoring")
    ]


def test_metrics_are_those_that_sagemaker_reports_for_the_endpoint(example: Example) -> None:
    step = example.maximal
    metrics = [step.metric_invocations(), step.metric_invocation_5xx_errors(), step.metric_model_latency()]
    assert [(metric.metric_name, metric.statistic) for metric in metrics] == [
        ("Invocations", "Sum"),
        ("Invocation5XXErrors", "Sum"),
        ("ModelLatency", "p99"),
    ]
    for metric in metrics:
        assert metric.namespace == "AWS/SageMaker"
        assert metric.dimensions == {"EndpointName": "risk-scoring", "VariantName": "AllTraffic"}


@pytest.mark.parametrize(("number", "field"), [(1, "PrimaryContainer"), (2, "Containers"), (15, "Containers")])
def test_a_pipeline_has_1_to_15_containers(number: int, field: str) -> None:
    scope = stack()
    step = endpoint(scope, containers=[model(scope)] * number)
    request = arguments(step, "Endpoint: model", Scope())
    assert set(request) == {"ModelName", "ExecutionRoleArn", field}
    definitions = request[field]
    assert len(definitions if isinstance(definitions, list) else [definitions]) == number
