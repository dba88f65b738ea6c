"""Each row of docs/compared_with_cdk.md, shown on the aws-cdk-lib that is installed, and what is here instead.

When the CDK mends something, its test fails: take out the row.
"""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from aws_cdk import Size, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

import zflow_constructs as zflow
from tests.asl import fields
from tests.core.machines import evaluate
from tests.parts import OWN_IMAGE, data, endpoint, model, stack, train, transform
from tests.role_rights import Right, rights
from tests.templates import Synthesized, inside
from tests.workflow import plain_cdk
from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.templates import Json, Template
from zflow_constructs.requests.aws import validate_request
from zflow_constructs.sagemaker.model.model import StepModel

PAGE = Path(__file__).parents[2] / "docs" / "compared_with_cdk.md"
MACHINE, SAGEMAKER = "states.amazonaws.com", "sagemaker.amazonaws.com"
ROWS: list[str] = []
Shown = Callable[[], None]


def row(title: str) -> Callable[[Shown], Shown]:
    """A row of the page, by its first cell."""
    ROWS.append(title)
    return lambda test: test


def ours(*declared: Callable[..., zflow.Step]) -> Synthesized:
    scope = stack()
    runs = s3.Bucket.from_bucket_name(scope, "Runs", "runs")
    zflow.MlWorkflow(scope, "Scoring", steps=[declare(scope) for declare in declared], bucket=runs)
    return Synthesized.of(scope)


def request(made: Synthesized, state: str) -> dict[str, Json]:
    return dict(fields(made.state(state)["Arguments"]))


def refused_fields(operation: str, sent: Mapping[str, Json]) -> list[str]:
    """The fields of a request that AWS's own model of the operation refuses; expressions may become anything."""
    try:
        validate_request("Plain", "sagemaker", operation, {name: template(value) for name, value in sent.items()})
    except zflow.WorkflowError as error:
        return [line.strip().partition(":")[0] for line in str(error).splitlines()[1:-1]]
    return []


def template(value: Json) -> Template:
    if isinstance(value, Mapping):
        return {name: template(each) for name, each in value.items()}
    if isinstance(value, list):
        return [template(each) for each in value]
    return Jsonata(inside(value)) if isinstance(value, str) and value.startswith("{%") else value


def test_the_page_has_a_row_for_each_test_in_their_order() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert [line.split("|")[1].strip() for line in lines[1:]] == ROWS


@row("Containers of an inference pipeline")
def test_the_containers_of_a_pipeline_are_wrapped_in_parameters_beside_a_primary_container() -> None:
    theirs = request(plain_cdk.synthesized(lambda scope: [plain_cdk.model(scope, containers=2)]), "Model")
    containers = theirs["Containers"]
    assert isinstance(containers, list)
    assert [list(fields(container)) for container in containers] == [["parameters"], ["parameters"]]
    assert "PrimaryContainer" in theirs
    assert refused_fields("CreateModel", theirs) == ["Containers[0].parameters", "Containers[1].parameters"]

    own = request(ours(lambda scope: transform(scope, containers=[model(scope), model(scope)])), "Predict: model")
    assert refused_fields("CreateModel", own) == []
    assert isinstance(own["Containers"], list)
    assert len(own["Containers"]) == 2
    assert "PrimaryContainer" not in own


@row("Tags of models, configurations and endpoints")
def test_tags_are_an_object_where_sagemaker_takes_a_list_and_nobody_may_add_them() -> None:
    tags = sfn.TaskInput.from_object({"team": "risk"})
    theirs = plain_cdk.synthesized(lambda scope: [plain_cdk.model(scope, tags=tags)])
    assert request(theirs, "Model")["Tags"] == {"team": "risk"}
    assert refused_fields("CreateModel", request(theirs, "Model")) == ["Tags"]
    assert [right for right in rights(theirs.template, MACHINE) if right.action == "sagemaker:AddTags"] == []

    scope = stack()
    step = transform(scope)
    own = StepModel.of(
        step, [model(scope)], machine="ml.m5.large", role=step.role, title="tagged", tags={"team": "risk"}
    )
    assert own.request["Tags"] == [{"Key": "team", "Value": "risk"}]


@row("The right to tag a training job")
def test_the_right_to_tag_a_training_job_is_on_the_text_of_its_expression() -> None:
    theirs = plain_cdk.synthesized(lambda scope: [plain_cdk.training(scope)])
    assert resources(theirs, MACHINE, "sagemaker:AddTags") == {
        "arn:aws:sagemaker:eu-central-1:111122223333:training-job/{% $states.input.name %}*"
    }
    assert resources(ours(train), MACHINE, "sagemaker:AddTags") == {
        "arn:aws:sagemaker:eu-central-1:111122223333:training-job/scoring-train-*"
    }


@row("The right to list tags")
def test_the_right_to_list_tags_is_on_everything() -> None:
    theirs = plain_cdk.synthesized(lambda scope: [plain_cdk.training(scope)])
    assert resources(theirs, MACHINE, "sagemaker:ListTags") == {"*"}
    assert resources(ours(train), MACHINE, "sagemaker:ListTags") == {
        "arn:aws:sagemaker:eu-central-1:111122223333:training-job/scoring-train-*"
    }


@row("The role of a batch transform")
def test_a_batch_transform_creates_a_role_with_full_access_that_its_job_does_not_use() -> None:
    theirs = plain_cdk.synthesized(lambda scope: [plain_cdk.model(scope), plain_cdk.transform(scope)])
    managed = [role.get("ManagedPolicyArns", []) for role in theirs.resources("AWS::IAM::Role")]
    assert ["arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"] in managed
    assert [name for name in request(theirs, "Predict") if "Role" in name] == []
    assert not Right("s3:GetObject", "arn:aws:s3:::lake/applications/*").within(rights(theirs.template, SAGEMAKER))

    own = ours(transform)
    assert [role for role in own.resources("AWS::IAM::Role") if "ManagedPolicyArns" in role] == []
    assert Right("s3:GetObject", "arn:aws:s3:::lake/applications/*").within(rights(own.template, SAGEMAKER))


@row("The role of a training job")
def test_the_role_of_a_training_job_writes_any_log_and_deletes_what_is_in_its_bucket() -> None:
    theirs = rights(plain_cdk.synthesized(lambda scope: [plain_cdk.training(scope)]).template, SAGEMAKER)
    own = rights(ours(train).template, SAGEMAKER)
    for wide in (
        Right("logs:PutLogEvents", "*"),
        Right("cloudwatch:PutMetricData", "*"),
        Right("s3:ListBucket", "arn:aws:s3:::lake"),
        Right("s3:GetBucketPolicy", "arn:aws:s3:::lake"),
        Right("s3:DeleteObject", "arn:aws:s3:::runs/Scoring/monday/Extract/history"),
    ):
        assert wide.within(theirs), wide
        assert not wide.within(own), wide


@row("Images named by their address")
def test_nobody_may_pull_an_image_that_is_named_by_its_address() -> None:
    pull = Right("ecr:BatchGetImage", "arn:aws:ecr:eu-central-1:111122223333:repository/scoring")
    theirs = plain_cdk.synthesized(lambda scope: [plain_cdk.training(scope)])
    assert request(theirs, "Train")["AlgorithmSpecification"] == fields(
        request(ours(own_image), "Train")["AlgorithmSpecification"]
    )
    assert not pull.within(rights(theirs.template, SAGEMAKER))
    assert pull.within(rights(ours(own_image).template, SAGEMAKER))


@row("Names of jobs")
def test_a_retry_or_redrive_starts_a_job_by_the_name_that_is_taken() -> None:
    def retried(scope: Stack) -> list[plain_cdk.Task]:
        task = plain_cdk.training(scope)
        task.add_retry(errors=["States.TaskFailed"], max_attempts=2)
        return [task]

    # The name is asked for: there is none by default.
    asked = inspect.signature(tasks.SageMakerCreateTrainingJob.__init__).parameters["training_job_name"]
    assert asked.default is inspect.Parameter.empty
    theirs = plain_cdk.synthesized(retried)
    assert names(request(theirs, "Train")["TrainingJobName"]) == {"nightly"}
    assert len(names(request(ours(train), "Train")["TrainingJobName"])) == 3


@row("Retries and time limits")
def test_nothing_is_retried_and_nothing_ends() -> None:
    theirs = plain_cdk.synthesized(
        lambda scope: [plain_cdk.training(scope), plain_cdk.model(scope), plain_cdk.update(scope)]
    )
    for state in ("Train", "Model", "Update"):
        assert theirs.state(state).keys() & {"Retry", "TimeoutSeconds"} == set()
    own = ours(train, endpoint)
    for state in ("Train", "Endpoint: model", "Endpoint: update"):
        assert limits(own, state) == {"Retry", "TimeoutSeconds"}


@row("An endpoint's update")
def test_an_update_ends_when_it_has_begun_and_a_rolled_back_one_succeeds() -> None:
    with pytest.raises(RuntimeError, match="Unsupported service integration pattern"):
        plain_cdk.creation(stack(), pattern=sfn.IntegrationPattern.RUN_JOB)
    theirs = plain_cdk.synthesized(lambda scope: [plain_cdk.update(scope)])
    assert theirs.state("Update")["Resource"] == "arn:aws:states:::sagemaker:updateEndpoint"
    assert theirs.state("Update")["End"] is True

    own = ours(endpoint)
    assert own.state("Endpoint: update")["Next"] == "Endpoint: wait"
    rolled_back = {"EndpointStatus": "InService", "EndpointConfigName": "old"}
    known = {
        "step_Endpoint_config": "new",
        "step_Endpoint_before": "old",
        "step_Endpoint_failure": "",
        "states": {"result": rolled_back},
    }
    failure = evaluate(inside(fields(own.state("Endpoint: check")["Assign"])["step_Endpoint_failure"]), known)
    assert "the update failed or was rolled back" in str(failure)


@row("How traffic moves to a new configuration, and what moves it back")
def test_the_deployment_of_an_update_has_no_keyword_and_cannot_be_given() -> None:
    theirs = inspect.signature(tasks.SageMakerUpdateEndpoint.__init__).parameters
    assert [name for name in theirs if any(word in name for word in ("deploy", "rollback", "retain"))] == []
    rendered = plain_cdk.synthesized(lambda scope: [plain_cdk.update(scope)]).state("Update")
    assert fields(rendered["Arguments"]).keys() == {"EndpointName", "EndpointConfigName"}
    own = inspect.signature(zflow.InferencePipelineEndpoint.__init__).parameters
    assert {"deployment", "rollback", "smoke_test"} <= own.keys()


@row("Values that SageMaker refuses")
def test_what_sagemaker_refuses_is_synthesized() -> None:
    def wrong(scope: Stack) -> list[plain_cdk.Task]:
        return [
            tasks.SageMakerCreateTransformJob.jsonata(
                scope,
                "Predict",
                transform_job_name="nightly_scores",
                model_name="scoring",
                max_concurrent_transforms=-1,
                transform_input=tasks.TransformInput(
                    transform_data_source=tasks.TransformDataSource(
                        s3_data_source=tasks.TransformS3DataSource(s3_uri="lake/applications")
                    )
                ),
                transform_output=tasks.TransformOutput(s3_output_path="runs"),
                transform_resources=tasks.TransformResources(
                    instance_count=0, instance_type=ec2.InstanceType("z9.large")
                ),
            )
        ]

    theirs = request(plain_cdk.synthesized(wrong), "Predict")
    assert sorted(refused_fields("CreateTransformJob", theirs)) == [
        "MaxConcurrentTransforms",
        "TransformInput.DataSource.S3DataSource.S3Uri",
        "TransformJobName",
        "TransformOutput.S3OutputPath",
        "TransformResources.InstanceCount",
        "TransformResources.InstanceType",
    ]
    with pytest.raises(zflow.WorkflowError, match="max_payload is 500 MiB"):
        transform(stack(), max_payload=Size.mebibytes(500))


@row("Models of batch transforms")
def test_models_are_left_behind() -> None:
    assert [name for name in dir(tasks) if name.startswith("SageMakerDelete")] == []
    own = ours(transform)
    assert own.state("Predict")["Next"] == "Predict: clean up"
    assert own.state("Predict: clean up")["Resource"] == "arn:aws:states:::aws-sdk:sagemaker:deleteModel"


@row("Processing and tuning jobs")
def test_there_are_no_processing_or_tuning_jobs() -> None:
    constructs = [name for name in dir(tasks) if name.startswith("SageMaker")]
    assert [name for name in constructs if "Processing" in name or "Tuning" in name] == []
    assert {"ProcessingStep", "TuningStep"} <= set(zflow.__all__)


@row("Spot machines, checkpoints, encrypted traffic")
def test_fields_of_a_training_job_that_have_no_keyword_cannot_be_given() -> None:
    theirs = inspect.signature(tasks.SageMakerCreateTrainingJob.__init__).parameters
    assert [name for name in theirs if any(word in name for word in ("spot", "checkpoint", "encrypt"))] == []
    own = inspect.signature(zflow.TrainingStep.__init__).parameters
    assert {"spot", "checkpoints", "encrypt_traffic", "request_overrides"} <= own.keys()


def test_both_machines_are_assumed_from_their_own_account_alone() -> None:
    theirs = plain_cdk.synthesized(lambda scope: [plain_cdk.update(scope)])
    assert trusts(theirs) == trusts(ours(endpoint))
    assert all(key in str(trusts(theirs)) for key in ("aws:SourceAccount", "aws:SourceArn"))


def own_image(scope: Stack) -> zflow.Step:
    return zflow.TrainingStep(
        scope,
        "Train",
        image=OWN_IMAGE,
        channels={"train": data(scope)},
        metrics={"validation:auc": "auc=([0-9.]+)"},
    )


def resources(made: Synthesized, service: str, action: str) -> set[str]:
    return {right.resource for right in rights(made.template, service) if right.action == action}


def trusts(made: Synthesized) -> list[Json]:
    documents = [role["AssumeRolePolicyDocument"] for role in made.resources("AWS::IAM::Role")]
    return [document for document in documents if MACHINE in str(document)]


def limits(made: Synthesized, state: str) -> set[str]:
    return made.state(state).keys() & {"Retry", "TimeoutSeconds"}


def names(expression: Json) -> set[str]:
    """The names that a job gets at first, when it is retried, and when it is redriven."""
    return {
        str(
            evaluate(
                inside(expression),
                {
                    "states": {
                        "input": {"name": "nightly"},
                        "context": {
                            "Execution": {"Id": "arn", "RedriveCount": redrive},
                            "State": {"Name": "Train", "RetryCount": retry},
                        },
                    }
                },
            )
        )
        for retry, redrive in ((0, 0), (1, 0), (0, 1))
    }
