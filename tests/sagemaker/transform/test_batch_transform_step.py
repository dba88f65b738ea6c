"""Batch transform steps: the model they make and delete, the job, and what its role may do."""

from typing import Literal

import pytest
from aws_cdk import Duration, Size
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

import zflow_constructs as zflow
from tests.core.machines import evaluate, mapping
from tests.parts import (
    OWN_IMAGE,
    SERVE_CODE,
    XGBOOST,
    bucket,
    count,
    data,
    model,
    network,
    stack,
    train,
    transform,
)
from tests.requests.request_fields import set_fields
from tests.templates import (
    ASSETS,
    ENCRYPTS,
    LOGGED_AND_TRACED,
    Synthesized,
    allow,
    arguments,
    completed,
    hands_over,
    inside,
    job_name,
    jsonata,
    listens,
    makes_interfaces,
    pulls,
    reads,
    sagemaker_logs,
    writes,
)
from tests.texts import text_of
from tools.generate_request_fields import STEPS
from zflow_constructs.core.values.templates import Json, Scope
from zflow_constructs.steps.retry import CAPACITY, THROTTLING

BUCKET = "scoringbucket3a58686c"
KEY = "arn:aws:kms:eu-central-1:111122223333:key"
SAGEMAKER = "arn:aws:sagemaker:eu-central-1:111122223333"
SCOPE = Scope()


class Example:
    """A transform step that says no more than it must, and one that uses every keyword."""

    def __init__(self) -> None:
        scope = stack()
        lake = data(scope)
        own_model = zflow.ModelData.from_bucket(bucket(scope, "Models"), "own/m.tar.gz")
        trained = train(scope)
        rows = count(scope, "Count")

        def key(name: str) -> kms.IKey:
            return kms.Key.from_key_arn(scope, f"Key {name}", f"{KEY}/{name}")

        self.minimal = zflow.BatchTransformStep(
            scope, "Minimal", containers=[zflow.ModelContainer(image=OWN_IMAGE, model_data=own_model)], data=lake
        )
        self.maximal = zflow.BatchTransformStep(
            scope,
            "Maximal",
            containers=[
                zflow.ModelContainer(image=OWN_IMAGE, model_data=own_model, environment={"LEVEL": "info"}),
                zflow.ModelContainer(image=XGBOOST, model_data=trained.model_data, code=SERVE_CODE),
            ],
            data=self.minimal.output,
            compression="Gzip",
            accept="text/csv",
            split="Line",
            assemble="Line",
            batch_strategy="SingleRecord",
            max_payload=Size.mebibytes(20),
            max_concurrency=5,
            input_filter="$[1:]",
            join_input=True,
            output_filter="$[0,-1]",
            data_capture=zflow.BatchDataCapture.to_run_folder(key=key("captured"), inference_ids=True),
            experiment=zflow.ExperimentConfig(
                "risk", trial_name="nightly", run_name="one", trial_component_display_name=rows.outputs["rows"]
            ),
            instance_type=ec2.InstanceType("c5.2xlarge"),
            instance_count=3,
            timeout=Duration.hours(2),
            invocation_timeout=Duration.minutes(20),
            invocation_retries=1,
            vpc=network(scope),
            security_groups=[ec2.SecurityGroup.from_security_group_id(scope, "Group", "sg-1")],
            volume_key=key("disks"),
            output_key=key("answers"),
            environment={"ROWS": rows.outputs["rows"]},
            tags={"team": "risk", "rows": rows.outputs["rows"]},
            role=iam.Role(scope, "OwnRole", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com")),
            retry=zflow.Retry(job_failures=1),
            request_overrides={"TransformResources": {"TransformAmiVersion": "al2-ami-sagemaker-batch-gpu-535"}},
            after=[rows],
            when=rows.outputs["rows"] > 0,
        )
        there = iam.Role.from_role_name(scope, "ModelRole", "scoring")
        self.there = zflow.BatchTransformStep(
            scope,
            "There",
            model=zflow.Model.from_name("scoring-2026", role=there),
            data=data(scope),
            manifest=zflow.DataLocation.from_bucket(bucket(scope), "manifests/today.json"),
            accept="application/x-recordio-protobuf",
            split="RecordIO",
            max_payload=Size.mebibytes(0),
            data_capture=zflow.BatchDataCapture.to_location(
                zflow.DataLocation.from_bucket(bucket(scope), "captured/", key=key("captured-lake"))
            ),
            tags={"team": "risk"},
            after=[self.maximal],
        )
        last = count(
            scope,
            "Last",
            payload={
                "job": self.maximal.job_name,
                "scores": self.maximal.output.uri,
                "captured": self.maximal.captured.uri,
            },
            after=[self.there],
        )
        self.workflow = zflow.MlWorkflow(
            scope, "Scoring", steps=[rows, trained, self.minimal, self.maximal, self.there, last]
        )
        self.made = Synthesized.of(scope)


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def test_a_minimal_step_makes_its_model_transforms_and_deletes_the_model(example: Example) -> None:
    made = example.made
    assert made.state("Minimal: model") == {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sagemaker:createModel",
        "Arguments": {
            "ModelName": job_name("Minimal"),
            "ExecutionRoleArn": made.role_arn(example.minimal.role),
            "PrimaryContainer": {
                "Image": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/scoring:1.0",
                "ModelDataUrl": "s3://models/own/m.tar.gz",
                "Environment": {},
            },
        },
        "TimeoutSeconds": 60,
        "Assign": {"Minimal_model": jsonata('$substringAfter($states.result.ModelArn, "model/")')},
        "Output": {},
        "Retry": [THROTTLING.render()],
        "Next": "Minimal",
    }
    assert made.state("Minimal") == {
        "Type": "Task",
        "Resource": "arn:aws:states:::sagemaker:createTransformJob.sync",
        "Arguments": {
            "TransformJobName": job_name("Minimal"),
            "ModelName": jsonata("$Minimal_model"),
            "BatchStrategy": "MultiRecord",
            "MaxPayloadInMB": 6,
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://lake/applications/"}},
                "ContentType": "text/csv",
                "SplitType": "Line",
            },
            "TransformOutput": {
                "S3OutputPath": jsonata(f'"s3://{BUCKET}/Scoring/" & $states.context.Execution.Name & "/Minimal/"'),
                "Accept": "text/csv",
                "AssembleWith": "Line",
            },
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        },
        "TimeoutSeconds": 86_400,
        "Assign": {"step_Minimal": {"job_name": completed("Minimal", "TransformJob")}},
        "Output": {},
        "Retry": [CAPACITY.render(), THROTTLING.render()],
        "Next": "Minimal: clean up",
    }
    clean_up = made.state("Minimal: clean up")
    assert clean_up.pop("End") is True
    assert clean_up == {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sagemaker:deleteModel",
        "Arguments": {"ModelName": jsonata("$Minimal_model")},
        "TimeoutSeconds": 60,
        "Output": {},
        "Retry": [THROTTLING.render()],
    }


def test_every_keyword_of_a_step_is_in_its_requests(example: Example) -> None:
    made = example.made
    assert mapping(made.state("Maximal: model")["Arguments"]) == {
        "ModelName": job_name("Maximal"),
        "ExecutionRoleArn": made.role_arn(example.maximal.role),
        "Containers": [
            {
                "Image": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/scoring:1.0",
                "ModelDataUrl": "s3://models/own/m.tar.gz",
                "Environment": {"LEVEL": "info"},
            },
            {
                "Image": "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-xgboost:1.7-1",
                "ModelDataUrl": jsonata("$Count_Train_Minimal_in_parallel.Train.model_data"),
                "Environment": {
                    "SAGEMAKER_PROGRAM": "serve.py",
                    "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{ASSETS}/<hash>.gz",
                },
            },
        ],
        "VpcConfig": {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
        "Tags": [
            {"Key": "team", "Value": "risk"},
            {"Key": "rows", "Value": text_of("$Count_Train_Minimal_in_parallel.Count.rows")},
        ],
    }
    state = made.state("Maximal")
    assert mapping(state["Arguments"]) == {
        "TransformJobName": job_name("Maximal"),
        "ModelName": jsonata("$Maximal_model"),
        "BatchStrategy": "SingleRecord",
        "MaxPayloadInMB": 20,
        "MaxConcurrentTransforms": 5,
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": 1200, "InvocationsMaxRetries": 1},
        "Environment": {"ROWS": text_of("$Count_Train_Minimal_in_parallel.Count.rows")},
        "TransformInput": {
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": jsonata(f'"s3://{BUCKET}/Scoring/" & $states.context.Execution.Name & "/Minimal/"'),
                }
            },
            "ContentType": "text/csv",
            "CompressionType": "Gzip",
            "SplitType": "Line",
        },
        "TransformOutput": {
            "S3OutputPath": jsonata(f'"s3://{BUCKET}/Scoring/" & $states.context.Execution.Name & "/Maximal/"'),
            "Accept": "text/csv",
            "AssembleWith": "Line",
            "KmsKeyId": f"{KEY}/answers",
        },
        "DataProcessing": {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
        "DataCaptureConfig": {
            "DestinationS3Uri": jsonata(
                f'"s3://{BUCKET}/Scoring/" & $states.context.Execution.Name & "/Maximal.captured/"'
            ),
            "KmsKeyId": f"{KEY}/captured",
            "GenerateInferenceId": True,
        },
        "TransformResources": {
            "InstanceType": "ml.c5.2xlarge",
            "InstanceCount": 3,
            "VolumeKmsKeyId": f"{KEY}/disks",
            "TransformAmiVersion": "al2-ami-sagemaker-batch-gpu-535",
        },
        "ExperimentConfig": {
            "ExperimentName": "risk",
            "TrialName": "nightly",
            "RunName": "one",
            "TrialComponentDisplayName": jsonata("$Count_Train_Minimal_in_parallel.Count.rows"),
        },
        "Tags": [
            {"Key": "team", "Value": "risk"},
            {"Key": "rows", "Value": text_of("$Count_Train_Minimal_in_parallel.Count.rows")},
        ],
    }
    assert state["TimeoutSeconds"] == 7200
    assert state["Retry"] == [
        CAPACITY.render(),
        THROTTLING.render(),
        *(retrier.render() for retrier in zflow.Retry(job_failures=1).failure_retriers()),
    ]


def test_a_model_that_is_there_is_used_and_stays(example: Example) -> None:
    state = example.made.state("There")
    assert mapping(state["Arguments"]) == {
        "TransformJobName": job_name("There"),
        "ModelName": "scoring-2026",
        "BatchStrategy": "MultiRecord",
        "MaxPayloadInMB": 0,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": "s3://lake/manifests/today.json"}},
            "ContentType": "text/csv",
            "SplitType": "RecordIO",
        },
        "TransformOutput": {
            "S3OutputPath": jsonata(f'"s3://{BUCKET}/Scoring/" & $states.context.Execution.Name & "/There/"'),
            "Accept": "application/x-recordio-protobuf",
        },
        "DataCaptureConfig": {"DestinationS3Uri": "s3://lake/captured/", "KmsKeyId": f"{KEY}/captured-lake"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "Tags": [{"Key": "team", "Value": "risk"}],
    }
    with pytest.raises(ValueError, match="not enough values"):
        example.made.state("There: model")
    assert state["Next"] == "Last?"


def test_its_role_is_granted_what_the_job_reads_and_writes(example: Example) -> None:
    policies = [
        each["PolicyDocument"] for each in example.made.resources("AWS::IAM::Policy") if each["Roles"] == ["scoring"]
    ]
    assert [mapping(policy)["Statement"] for policy in policies] == [
        [
            *sagemaker_logs("TransformJobs"),
            *reads("lake", "applications/*"),
            *reads("lake", "manifests/today.json*"),
            *writes(BUCKET, "Scoring/*/There/*"),
            *writes("lake", "captured/*"),
            allow(ENCRYPTS, f"{KEY}/captured-lake"),
            allow("kms:CreateGrant", f"{KEY}/captured-lake"),
        ]
    ]


def test_steps_that_use_answers_under_a_key_may_decrypt_them() -> None:
    scope = stack()
    key = kms.Key.from_key_arn(scope, "Key", f"{KEY}/answers")
    own = zflow.ModelContainer(image=OWN_IMAGE, model_data=model(scope).model_data)
    first = zflow.BatchTransformStep(scope, "First", containers=[own], data=data(scope), output_key=key)
    again = zflow.BatchTransformStep(scope, "Again", containers=[own], data=first.output)
    zflow.MlWorkflow(scope, "Scoring", steps=[first, again])
    assert Synthesized.of(scope).statements(again.role)[-4:] == [
        *reads(BUCKET, "Scoring/*/First/*"),
        allow("kms:Decrypt", f"{KEY}/answers"),
        *writes(BUCKET, "Scoring/*/Again/*"),
    ]


def test_the_page_of_all_fields_names_what_the_keywords_set(example: Example) -> None:
    """The minimal step has one container, and alone puts its answers together by line."""
    jobs = [example.made.state(name)["Arguments"] for name in ("Minimal", "Maximal")]
    models = [example.made.state(f"{name}: model")["Arguments"] for name in ("Minimal", "Maximal")]
    there = set_fields("CreateTransformJob", *jobs)
    assert there - {"TransformResources.TransformAmiVersion"} == set(STEPS["CreateTransformJob"].fields)
    scope = stack()
    own = zflow.ModelContainer(image=OWN_IMAGE, model_data=model(scope).model_data)
    isolated = arguments(transform(scope, containers=[own], network_isolation=True), "Predict: model", SCOPE)
    assert set_fields("CreateModel", *models, isolated) == set(STEPS["CreateModel"].fields)


def test_later_steps_learn_the_job_and_where_its_answers_are(example: Example) -> None:
    payload = mapping(mapping(example.made.state("Last")["Arguments"])["Payload"])
    variables: dict[str, object] = {
        "step_Maximal": {"job_name": "scoring-maximal-1a2b"},
        "states": {"context": {"Execution": {"Name": "monday"}}},
    }
    assert evaluate(inside(payload["job"]), variables) == "scoring-maximal-1a2b"
    assert evaluate(inside(payload["scores"]), variables) == f"s3://{BUCKET}/Scoring/monday/Maximal/"
    assert evaluate(inside(payload["captured"]), variables) == f"s3://{BUCKET}/Scoring/monday/Maximal.captured/"
    assert example.maximal.output.content_type == "text/csv"
    assert example.there.captured.uri == "s3://lake/captured/"


def test_the_model_loads_its_data_reads_the_records_and_writes_its_answers(example: Example) -> None:
    assert example.made.statements(example.minimal.role) == [
        *sagemaker_logs("TransformJobs"),
        *pulls("111122223333:repository/scoring"),
        *reads("models", "own/m.tar.gz"),
        *reads("lake", "applications/*"),
        *writes(BUCKET, "Scoring/*/Minimal/*"),
    ]
    assert example.made.statements(example.maximal.role) == [
        *sagemaker_logs("TransformJobs"),
        *pulls("111122223333:repository/scoring", "492215442770:repository/sagemaker-xgboost"),
        allow("s3:GetObject", f"arn:aws:s3:::{ASSETS}/<hash>.gz"),
        *reads("models", "own/m.tar.gz"),
        *reads(BUCKET, "Scoring/*/Train/*"),
        *makes_interfaces("sg-1"),
        *reads(BUCKET, "Scoring/*/Minimal/*"),
        *writes(BUCKET, "Scoring/*/Maximal/*"),
        allow(ENCRYPTS, f"{KEY}/answers"),
        *writes(BUCKET, "Scoring/*/Maximal.captured/*"),
        allow(ENCRYPTS, f"{KEY}/captured"),
        allow("kms:CreateGrant", f"{KEY}/disks"),
        allow("kms:CreateGrant", f"{KEY}/captured"),
    ]


def test_the_state_machine_may_make_the_models_and_run_the_jobs_of_its_steps(example: Example) -> None:
    def runs(step: zflow.BatchTransformStep, *tagged: str) -> list[dict[str, Json]]:
        return [
            allow(
                ["sagemaker:CreateModel", "sagemaker:DeleteModel", *tagged],
                f"{SAGEMAKER}:model/scoring-{step.name.lower()}-*",
            ),
            hands_over(example.made.role_arn(step.role)),
            allow(
                [
                    "sagemaker:CreateTransformJob",
                    "sagemaker:DescribeTransformJob",
                    "sagemaker:StopTransformJob",
                    "sagemaker:AddTags",
                    "sagemaker:ListTags",
                ],
                f"{SAGEMAKER}:transform-job/scoring-{step.name.lower()}-*",
            ),
            listens("StepFunctionsGetEventsForSageMakerTransformJobsRule"),
        ]

    granted = example.made.statements(example.workflow.role)
    there = {**runs(example.minimal)[2], "Resource": f"{SAGEMAKER}:transform-job/scoring-there-*"}
    assert granted[4:] == [
        *runs(example.minimal),
        *runs(example.maximal, "sagemaker:AddTags")[:3],
        there,
        *LOGGED_AND_TRACED,
    ]


@pytest.mark.parametrize("number", [2, 15])
def test_a_chain_has_up_to_15_containers(number: int) -> None:
    scope = stack()
    chain = transform(scope, containers=[model(scope)] * number)
    request = arguments(chain, "Predict: model", SCOPE)
    containers = request["Containers"]
    assert isinstance(containers, list)
    assert len(containers) == number
    assert "PrimaryContainer" not in request


@pytest.mark.parametrize(("split", "assembled"), [("Line", {"AssembleWith": "Line"}), ("None", {}), ("TFRecord", {})])
def test_answers_are_put_together_by_line_where_the_records_are_lines(
    split: Literal["Line", "None", "TFRecord"], assembled: dict[str, Json]
) -> None:
    scope = stack()
    step = zflow.BatchTransformStep(scope, "Predict", containers=[model(scope)], data=data(scope), split=split)
    request = arguments(step, "Predict", SCOPE)
    output = dict(mapping(request["TransformOutput"]))
    del output["S3OutputPath"]
    assert output == {"Accept": "text/csv", **assembled}


def test_what_is_only_filtered_may_be_answered_in_another_format_that_sagemaker_reads() -> None:
    step = transform(stack(), accept="application/json", input_filter="$[1:]", assemble="None")
    request = arguments(step, "Predict", SCOPE)
    assert request["DataProcessing"] == {"InputFilter": "$[1:]"}
    assert {**mapping(request["TransformOutput"]), "S3OutputPath": ""} == {
        "S3OutputPath": "",
        "Accept": "application/json",
        "AssembleWith": "None",
    }


def test_a_json_object_may_be_one_record_and_joined() -> None:
    scope = stack()
    records = zflow.DataLocation.from_bucket(bucket(scope), "documents/", content_type="application/json")
    step = transform(scope, records=records, accept="application/json", split="None", join_input=True)
    assert arguments(step, "Predict", SCOPE)["DataProcessing"] == {"JoinSource": "Input"}
