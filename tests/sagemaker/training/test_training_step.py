"""Training steps: the job, what its role may do, and what later steps learn of it."""

from collections.abc import Sequence

import pytest
from aws_cdk import Duration, Size
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

import zflow_constructs as zflow
from tests.core.machines import QueryEvaluationError, evaluate, mapping
from tests.parts import OWN_IMAGE, TRAIN_CODE, XGBOOST, count, data, network, stack
from tests.requests.request_fields import set_fields
from tests.templates import (
    ASSETS,
    LOGGED_AND_TRACED,
    Synthesized,
    allow,
    completed,
    hands_over,
    inside,
    job_name,
    jsonata,
    listens,
    pulls,
    reads,
    sagemaker_logs,
    writes,
)
from tests.texts import number_text, text_of
from tools.generate_request_fields import STEPS
from zflow_constructs.core.values.templates import Json
from zflow_constructs.steps.retry import CAPACITY, THROTTLING

BUCKET = "scoringbucket3a58686c"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/1a2b"
OUTPUT_KEY = "arn:aws:kms:eu-central-1:111122223333:key/3c4d"
OVERRIDDEN = {"ProfilerConfig"}


class Example:
    """A training step that says no more than it must, and three that use every keyword between them."""

    def __init__(self) -> None:
        scope = stack()
        lake = data(scope)
        rows = count(scope, "Count")
        self.minimal = zflow.TrainingStep(scope, "Minimal", image=OWN_IMAGE, channels={"train": lake})
        self.maximal = zflow.TrainingStep(
            scope,
            "Maximal",
            image=XGBOOST,
            channels={
                "train": lake,
                "model": zflow.DataLocation(self.minimal.model_data.uri, self.minimal.model_data.place),
            },
            code=TRAIN_CODE,
            input_mode="FastFile",
            hyperparameters={"depth": zflow.Parameter("depth"), "eta": 0.05, "verbose": True, "kind": "hist"},
            metrics={"validation:auc": "auc=([0-9.]+)", "loss": "loss=([0-9.]+)"},
            experiment=zflow.ExperimentConfig("churn", run_name=zflow.Parameter("run")),
            instance_type=ec2.InstanceType("m5.xlarge"),
            instance_count=2,
            volume_size=Size.gibibytes(100),
            volume_key=kms.Key.from_key_arn(scope, "Key", KEY),
            max_runtime=Duration.hours(4),
            max_retry_attempts=3,
            output_key=kms.Key.from_key_arn(scope, "OutputKey", OUTPUT_KEY),
            environment={"ROWS": rows.outputs["rows"]},
            tags={"team": "risk", "run": zflow.Parameter("run")},
            role=iam.Role(scope, "OwnRole", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com")),
            retry=zflow.Retry(job_failures=2, interval_seconds=30),
            spot=True,
            max_wait=Duration.hours(6),
            checkpoints=True,
            request_overrides={"ProfilerConfig": {"DisableProfiler": True}},
            after=[rows],
            when=rows.outputs["rows"] > 100,
        )
        self.isolated = zflow.TrainingStep(
            scope,
            "Isolated",
            image=XGBOOST,
            channels={"train": lake},
            code=TRAIN_CODE,
            keep_alive=Duration.minutes(30),
            max_retry_attempts=2,
            vpc=network(scope),
            network_isolation=True,
            encrypt_traffic=True,
        )
        # Machines in groups aren't kept for the next job.
        self.grouped = zflow.TrainingStep(
            scope,
            "Grouped",
            image=OWN_IMAGE,
            channels={"train": zflow.TrainingChannel.from_location(lake, instance_groups=["readers"])},
            instance_groups=[
                zflow.InstanceGroup("trainer", ec2.InstanceType("g5.xlarge")),
                zflow.InstanceGroup("readers", ec2.InstanceType("c5.xlarge"), 2),
            ],
        )
        last = count(
            scope,
            "Last",
            payload={
                "auc": self.maximal.metric("validation:auc"),
                "job": self.maximal.job_name,
                "model": self.maximal.model_data.uri,
            },
        )
        self.workflow = zflow.MlWorkflow(
            scope,
            "Scoring",
            steps=[rows, self.minimal, self.maximal, self.isolated, self.grouped, last],
            parameters={"depth": 3, "run": "nightly"},
        )
        self.made = Synthesized.of(scope)


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def test_a_minimal_step_is_one_job_on_one_machine_for_a_day_at_most(example: Example) -> None:
    state = example.made.state("Minimal")
    # What is read after the join alone.
    model_data = jsonata("$states.result.ModelArtifacts.S3ModelArtifacts")
    assert state.pop("Output") == {"Minimal": {"model_data": model_data}}
    assert state == {
        "Type": "Task",
        "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync",
        "Arguments": {
            "TrainingJobName": job_name("Minimal"),
            "RoleArn": example.made.role_arn(example.minimal.role),
            "AlgorithmSpecification": {
                "TrainingImage": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/scoring:1.0",
                "TrainingInputMode": "File",
            },
            "InputDataConfig": [
                {
                    "ChannelName": "train",
                    "DataSource": {
                        "S3DataSource": {
                            "S3DataType": "S3Prefix",
                            "S3Uri": "s3://lake/applications/",
                            "S3DataDistributionType": "FullyReplicated",
                        }
                    },
                    "ContentType": "text/csv",
                }
            ],
            "OutputDataConfig": {
                "S3OutputPath": jsonata(f'"s3://{BUCKET}/Scoring/" & $states.context.Execution.Name & "/Minimal/"')
            },
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
            "HyperParameters": {},
        },
        "TimeoutSeconds": 86_400 + 900,
        "Assign": {
            "step_Minimal": {
                "job_name": completed("Minimal", "TrainingJob"),
                "model_data": jsonata("$states.result.ModelArtifacts.S3ModelArtifacts"),
            }
        },
        "Retry": [CAPACITY.render(), THROTTLING.render()],
        "End": True,
    }


def test_every_keyword_of_a_step_is_in_its_request(example: Example) -> None:
    state = example.made.state("Maximal")
    arguments = dict(mapping(state["Arguments"]))
    channels = arguments.pop("InputDataConfig")
    assert isinstance(channels, Sequence)
    assert [mapping(channel)["ChannelName"] for channel in channels] == ["train", "model"]
    assert arguments == {
        "TrainingJobName": job_name("Maximal"),
        "RoleArn": example.made.role_arn(example.maximal.role),
        "AlgorithmSpecification": {
            "TrainingImage": "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-xgboost:1.7-1",
            "TrainingInputMode": "FastFile",
            "MetricDefinitions": [
                {"Name": "validation:auc", "Regex": "auc=([0-9.]+)"},
                {"Name": "loss", "Regex": "loss=([0-9.]+)"},
            ],
        },
        "OutputDataConfig": {
            "S3OutputPath": jsonata(f'"s3://{BUCKET}/Scoring/" & $states.context.Execution.Name & "/Maximal/"'),
            "KmsKeyId": OUTPUT_KEY,
        },
        "ResourceConfig": {
            "InstanceType": "ml.m5.xlarge",
            "InstanceCount": 2,
            "VolumeSizeInGB": 100,
            "VolumeKmsKeyId": KEY,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 14_400, "MaxWaitTimeInSeconds": 21_600},
        "EnableManagedSpotTraining": True,
        "CheckpointConfig": {
            "S3Uri": jsonata(f'"s3://{BUCKET}/Scoring/" & $states.context.Execution.Name & "/Maximal/checkpoints/"'),
            "LocalPath": "/opt/ml/checkpoints",
        },
        "RetryStrategy": {"MaximumRetryAttempts": 3},
        "ProfilerConfig": {"DisableProfiler": True},
        "ExperimentConfig": {"ExperimentName": "churn", "RunName": jsonata("$parameters.run")},
        "Tags": [{"Key": "team", "Value": "risk"}, {"Key": "run", "Value": jsonata("$parameters.run")}],
        "HyperParameters": {
            "depth": number_text("$parameters.depth"),
            "eta": "0.05",
            "verbose": "true",
            "kind": "hist",
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": f"s3://{ASSETS}/<hash>.gz",
        },
        "Environment": {"ROWS": text_of("$Count_Minimal_in_parallel.Count.rows")},
    }
    assert state["Retry"] == [
        CAPACITY.render(),
        THROTTLING.render(),
        {
            "ErrorEquals": ["States.TaskFailed"],
            "IntervalSeconds": 30,
            "MaxAttempts": 2,
            "JitterStrategy": "FULL",
        },
    ]
    assert example.made.state("Maximal?")["Choices"] == [
        {"Condition": jsonata("$Count_Minimal_in_parallel.Count.rows > 100"), "Next": "Maximal"}
    ]


def test_the_page_of_all_fields_names_what_the_keywords_set(example: Example) -> None:
    requests = [example.made.state(step)["Arguments"] for step in ("Maximal", "Isolated", "Grouped")]
    there = set_fields("CreateTrainingJob", *requests)
    assert there - OVERRIDDEN == set(STEPS["CreateTrainingJob"].fields)


def test_a_job_that_waits_for_spot_machines_is_given_the_time_to_wait(example: Example) -> None:
    assert example.made.state("Maximal")["TimeoutSeconds"] == 21_600 + 900


def test_a_job_that_sagemaker_starts_again_is_given_the_time_to_start(example: Example) -> None:
    assert example.made.state("Isolated")["TimeoutSeconds"] == 86_400 + 3 * 900


def test_a_minimal_job_reads_its_channel_and_writes_its_own_folder(example: Example) -> None:
    assert example.made.statements(example.minimal.role) == [
        *sagemaker_logs("TrainingJobs"),
        *pulls("111122223333:repository/scoring"),
        *reads("lake", "applications/*"),
        *writes(BUCKET, "Scoring/*/Minimal/*"),
    ]


def test_a_job_under_a_role_of_yours_is_granted_what_it_uses(example: Example) -> None:
    assert example.made.statements(example.maximal.role) == [
        *sagemaker_logs("TrainingJobs"),
        *pulls("492215442770:repository/sagemaker-xgboost"),
        allow("s3:GetObject", f"arn:aws:s3:::{ASSETS}/<hash>.gz"),
        *reads("lake", "applications/*"),
        *reads(BUCKET, "Scoring/*/Minimal/*"),
        *writes(BUCKET, "Scoring/*/Maximal/*"),
        encrypts(OUTPUT_KEY),
        allow("kms:CreateGrant", KEY),
        *reads(BUCKET, "Scoring/*/Maximal/checkpoints/*"),
        *writes(BUCKET, "Scoring/*/Maximal/checkpoints/*"),
    ]


def test_the_state_machine_may_run_the_jobs_of_its_steps_and_no_others(example: Example) -> None:
    def runs(step: zflow.TrainingStep) -> list[dict[str, Json]]:
        return [
            allow(
                [
                    "sagemaker:CreateTrainingJob",
                    "sagemaker:DescribeTrainingJob",
                    "sagemaker:StopTrainingJob",
                    "sagemaker:AddTags",
                    "sagemaker:ListTags",
                ],
                f"arn:aws:sagemaker:eu-central-1:111122223333:training-job/scoring-{step.name.lower()}-*",
            ),
            hands_over(example.made.role_arn(step.role)),
            listens("StepFunctionsGetEventsForSageMakerTrainingJobsRule"),
        ]

    calls = allow("lambda:InvokeFunction", "arn:aws:lambda:eu-central-1:111122223333:function:count")
    assert example.made.statements(example.workflow.role) == [
        calls,
        *runs(example.minimal),
        *runs(example.maximal)[:2],
        *runs(example.isolated)[:2],
        *runs(example.grouped)[:2],
        *LOGGED_AND_TRACED,
    ]


def encrypts(key: str) -> dict[str, Json]:
    """What a role needs to write objects under a key."""
    return allow(["kms:Decrypt", "kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"], key)


def test_machines_are_kept_for_the_next_job(example: Example) -> None:
    assert mapping(example.made.state("Isolated")["Arguments"])["ResourceConfig"] == {
        "InstanceType": "ml.m5.large",
        "InstanceCount": 1,
        "VolumeSizeInGB": 30,
        "KeepAlivePeriodInSeconds": 1800,
    }


def test_machines_of_several_types_are_groups_which_channels_name(example: Example) -> None:
    request = mapping(example.made.state("Grouped")["Arguments"])
    assert request["ResourceConfig"] == {
        "InstanceGroups": [
            {"InstanceGroupName": "trainer", "InstanceType": "ml.g5.xlarge", "InstanceCount": 1},
            {"InstanceGroupName": "readers", "InstanceType": "ml.c5.xlarge", "InstanceCount": 2},
        ],
        "VolumeSizeInGB": 30,
    }
    assert request["InputDataConfig"] == [
        {
            "ChannelName": "train",
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": "s3://lake/applications/",
                    "S3DataDistributionType": "FullyReplicated",
                    "InstanceGroupNames": ["readers"],
                }
            },
            "ContentType": "text/csv",
        }
    ]


def test_an_isolated_container_finds_its_script_in_a_channel(example: Example) -> None:
    request = mapping(example.made.state("Isolated")["Arguments"])
    channels = request["InputDataConfig"]
    assert isinstance(channels, Sequence)
    assert channels[1] == {
        "ChannelName": "code",
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": f"s3://{ASSETS}/<hash>.gz",
                "S3DataDistributionType": "FullyReplicated",
            }
        },
        "InputMode": "File",
    }
    assert request["HyperParameters"] == {
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": "/opt/ml/input/data/code/<hash>.gz",
    }
    assert example.made.statements(example.isolated.role)[4:9] == [
        *reads("lake", "applications/*"),
        *reads(ASSETS, "<hash>.gz"),
        *writes(BUCKET, "Scoring/*/Isolated/*"),
    ]


def test_who_uses_the_model_may_decrypt_it() -> None:
    scope = stack()
    key = kms.Key.from_key_arn(scope, "OutputKey", OUTPUT_KEY)
    step = zflow.TrainingStep(scope, "Train", image=OWN_IMAGE, channels={}, output_key=key)
    container = zflow.ModelContainer(image=OWN_IMAGE, model_data=step.model_data)
    predict = zflow.BatchTransformStep(scope, "Predict", containers=[container], data=data(scope))
    zflow.MlWorkflow(scope, "Scoring", steps=[step, predict])
    made = Synthesized.of(scope)
    assert [each for each in made.statements(predict.role) if each["Resource"] == OUTPUT_KEY] == [
        allow("kms:Decrypt", OUTPUT_KEY)
    ]
    assert [each for each in made.statements(step.role) if each["Resource"] == OUTPUT_KEY] == [encrypts(OUTPUT_KEY)]


def ended(metrics: list[Json]) -> dict[str, object]:
    """What AWS answers when the job has ended: much more than later steps read."""
    result = {
        "TrainingJobName": "scoring-maximal-1a2b",
        "TrainingJobStatus": "Completed",
        "ModelArtifacts": {"S3ModelArtifacts": "s3://lake/model.tar.gz"},
        "FinalMetricDataList": metrics,
        "SecondaryStatusTransitions": [{"Status": "Starting"}],
    }
    return {"states": {"result": result}}


def test_of_the_answer_only_what_later_steps_read_is_kept(example: Example) -> None:
    kept = mapping(mapping(example.made.state("Maximal")["Assign"])["step_Maximal"])
    assert set(kept) == {"job_name", "model_data", "metrics"}
    assert set(mapping(kept["metrics"])) == {"validation:auc"}
    variables = ended([{"MetricName": "loss", "Value": 2}, {"MetricName": "validation:auc", "Value": 0.5}])
    assert evaluate(inside(kept["job_name"]), variables) == "scoring-maximal-1a2b"
    assert evaluate(inside(kept["model_data"]), variables) == "s3://lake/model.tar.gz"
    assert evaluate(inside(mapping(kept["metrics"])["validation:auc"]), variables) == 0.5


def test_a_later_step_reads_them(example: Example) -> None:
    payload = mapping(mapping(example.made.state("Last")["Arguments"])["Payload"])
    assert payload == {
        "auc": jsonata("$step_Maximal.metrics.`validation:auc`"),
        "job": jsonata("$step_Maximal.job_name"),
        "model": jsonata("$step_Maximal.model_data"),
    }


@pytest.mark.parametrize("metrics", [[], [{"MetricName": "loss", "Value": 2}]], ids=["no metric", "another one"])
def test_a_metric_that_the_log_does_not_hold_fails_the_step_by_its_name(example: Example, metrics: list[Json]) -> None:
    kept = mapping(mapping(example.made.state("Maximal")["Assign"])["step_Maximal"])
    with pytest.raises(QueryEvaluationError) as raised:
        evaluate(inside(mapping(kept["metrics"])["validation:auc"]), ended(metrics))
    assert 'Step "Maximal" ended, but its log holds no value of the metric "validation:auc".' in str(
        raised.value.__cause__
    )
