"""Tuning steps: the job, what its role may do, and what later steps learn of the best training job."""

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
    hands_over,
    inside,
    jsonata,
    listens,
    pulls,
    reads,
    sagemaker_logs,
    writes,
)
from tests.texts import number_text, text_of
from tools.generate_request_fields import STEPS
from zflow_constructs.core.values.references import JobName
from zflow_constructs.core.values.templates import Json, Scope
from zflow_constructs.sagemaker.jobs.job_fields import tuned_name
from zflow_constructs.steps.retry import CAPACITY, THROTTLING

BUCKET = "scoringbucket3a58686c"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/1a2b"
OUTPUT_KEY = "arn:aws:kms:eu-central-1:111122223333:key/3c4d"
OVERRIDDEN = {"HyperParameterTuningJobConfig.RandomSeed"}
BEST = "$states.result.BestTrainingJob"


class Example:
    """A tuning step that says no more than it must, and one that uses every keyword."""

    def __init__(self) -> None:
        scope = stack()
        lake = data(scope)
        rows = count(scope, "Count")
        self.minimal = zflow.TuningStep(
            scope,
            "Minimal",
            image=XGBOOST,
            channels={"train": lake},
            ranges={"eta": zflow.ContinuousRange(0.01, 0.3)},
            minimize="validation:rmse",
        )
        self.maximal = zflow.TuningStep(
            scope,
            "Maximal",
            image=OWN_IMAGE,
            channels={"train": lake, "model": zflow.DataLocation(self.minimal.model_data.uri, lake.place)},
            ranges={
                "eta": zflow.ContinuousRange(1e-5, 1, scale="Logarithmic"),
                "max-depth": zflow.IntegerRange(2, 10, scale="Linear"),
                "rounds": zflow.CategoricalRange([50, 100]),
                "method": zflow.CategoricalRange(["hist", True]),
                "alpha": zflow.ContinuousRange(0.5, 0.99, scale="ReverseLogarithmic"),
            },
            maximize="validation:auc",
            strategy="Random",
            max_jobs=21,
            max_parallel_jobs=2,
            early_stopping=True,
            warm_start=zflow.WarmStart(["coarse", self.minimal.job_name], kind="IdenticalDataAndAlgorithm"),
            input_mode="FastFile",
            code=TRAIN_CODE,
            hyperparameters={"seed": zflow.Parameter("seed"), "verbose": True},
            metrics={"validation:auc": "auc=([0-9.]+)", "loss": "loss=([0-9.]+)"},
            instance_type=ec2.InstanceType("m5.xlarge"),
            instance_count=2,
            volume_size=Size.gibibytes(100),
            volume_key=kms.Key.from_key_arn(scope, "Key", KEY),
            max_runtime=Duration.hours(4),
            max_retry_attempts=3,
            spot=True,
            max_wait=Duration.hours(6),
            vpc=network(scope),
            security_groups=[ec2.SecurityGroup.from_security_group_id(scope, "Group", "sg-1")],
            network_isolation=True,
            encrypt_traffic=True,
            output_key=kms.Key.from_key_arn(scope, "OutputKey", OUTPUT_KEY),
            environment={"ROWS": rows.outputs["rows"]},
            tags={"team": "risk"},
            role=iam.Role(scope, "OwnRole", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com")),
            retry=zflow.Retry(job_failures=2, interval_seconds=30),
            request_overrides={"HyperParameterTuningJobConfig": {"RandomSeed": 7}},
            after=[rows],
            when=rows.outputs["rows"] > 100,
            optional=True,
        )
        self.grid = zflow.TuningStep(
            scope,
            "Grid",
            image=OWN_IMAGE,
            channels={},
            ranges={"a": zflow.CategoricalRange([1, 2, 3]), "b": zflow.CategoricalRange(["x", "y"])},
            maximize="accuracy",
            metrics={"accuracy": "accuracy=([0-9.]+)"},
            strategy="Grid",
            max_parallel_jobs=4,
        )
        last = count(
            scope,
            "Last",
            payload={
                "auc": self.maximal.best_metric,
                "depth": self.maximal.best_hyperparameter("max-depth"),
                "method": self.maximal.best_hyperparameter("method"),
                "rounds": self.maximal.best_hyperparameter("rounds"),
                "job": self.maximal.best_job_name,
                "model": self.maximal.model_data.uri,
            },
        )
        self.workflow = zflow.MlWorkflow(
            scope, "Scoring", steps=[rows, self.minimal, self.maximal, self.grid, last], parameters={"seed": 3}
        )
        self.made = Synthesized.of(scope)


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def tuning_name(step: str) -> str:
    return jsonata(JobName(step, max_length=32).render(Scope(workflow="Scoring")))


def test_a_minimal_step_tries_ten_jobs_one_after_the_other(example: Example) -> None:
    state = example.made.state("Minimal")
    assigned = mapping(mapping(state["Assign"])["step_Minimal"])
    # What is read after the join alone.
    assert state.pop("Output") == {"Minimal": {name: assigned[name] for name in ("job_name", "model_data")}}
    arguments = dict(mapping(state.pop("Arguments")))
    definition = dict(mapping(arguments.pop("TrainingJobDefinition")))
    assert state == {
        "Type": "Task",
        "Resource": "arn:aws:states:::sagemaker:createHyperParameterTuningJob.sync",
        "TimeoutSeconds": 11 * (86_400 + 900),
        "Assign": {
            "step_Minimal": {
                "job_name": jsonata(tuned_name('Step "Minimal"').render(Scope())),
                "best_job_name": jsonata(f"{BEST}.TrainingJobName"),
                "best_metric": jsonata(f"{BEST}.FinalHyperParameterTuningJobObjectiveMetric.Value"),
                "model_data": jsonata(
                    '$replace($states.result.TrainingJobDefinition.OutputDataConfig.S3OutputPath, /\\/$/, "") & "/" & '
                    f'{BEST}.TrainingJobName & "/output/model.tar.gz"'
                ),
            }
        },
        "Retry": [CAPACITY.render(), THROTTLING.render()],
        "End": True,
    }
    assert arguments == {
        "HyperParameterTuningJobName": tuning_name("Minimal"),
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:rmse"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 10, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {
                "ContinuousParameterRanges": [
                    {"Name": "eta", "MinValue": "0.01", "MaxValue": "0.3", "ScalingType": "Auto"}
                ]
            },
            "TrainingJobEarlyStoppingType": "Off",
        },
    }
    channels = definition.pop("InputDataConfig")
    assert isinstance(channels, list)
    assert [mapping(channel)["ChannelName"] for channel in channels] == ["train"]
    assert definition == {
        "RoleArn": example.made.role_arn(example.minimal.role),
        "AlgorithmSpecification": {
            "TrainingImage": "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-xgboost:1.7-1",
            "TrainingInputMode": "File",
        },
        "OutputDataConfig": {
            "S3OutputPath": jsonata(f'"s3://{BUCKET}/Scoring/" & $states.context.Execution.Name & "/Minimal/"')
        },
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
        "StaticHyperParameters": {},
    }


def test_every_keyword_of_a_step_is_in_its_request(example: Example) -> None:
    state = example.made.state("Maximal")
    arguments = dict(mapping(state["Arguments"]))
    definition = dict(mapping(arguments.pop("TrainingJobDefinition")))
    channels = definition.pop("InputDataConfig")
    assert isinstance(channels, list)
    assert [mapping(channel)["ChannelName"] for channel in channels] == ["train", "model", "code"]
    assert arguments == {
        "HyperParameterTuningJobName": tuning_name("Maximal"),
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:auc"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 21, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {
                "ContinuousParameterRanges": [
                    {"Name": "eta", "MinValue": "1e-05", "MaxValue": "1", "ScalingType": "Logarithmic"},
                    {"Name": "alpha", "MinValue": "0.5", "MaxValue": "0.99", "ScalingType": "ReverseLogarithmic"},
                ],
                "IntegerParameterRanges": [
                    {"Name": "max-depth", "MinValue": "2", "MaxValue": "10", "ScalingType": "Linear"}
                ],
                "CategoricalParameterRanges": [
                    {"Name": "rounds", "Values": ["50", "100"]},
                    {"Name": "method", "Values": ["hist", "true"]},
                ],
            },
            "TrainingJobEarlyStoppingType": "Auto",
            "RandomSeed": 7,
        },
        "WarmStartConfig": {
            "ParentHyperParameterTuningJobs": [
                {"HyperParameterTuningJobName": "coarse"},
                {"HyperParameterTuningJobName": jsonata("$Count_Minimal_in_parallel.Minimal.job_name")},
            ],
            "WarmStartType": "IdenticalDataAndAlgorithm",
        },
        "Tags": [{"Key": "team", "Value": "risk"}],
    }
    assert definition == {
        "RoleArn": example.made.role_arn(example.maximal.role),
        "AlgorithmSpecification": {
            "TrainingImage": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/scoring:1.0",
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
        "VpcConfig": {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
        "EnableNetworkIsolation": True,
        "EnableInterContainerTrafficEncryption": True,
        "RetryStrategy": {"MaximumRetryAttempts": 3},
        "StaticHyperParameters": {
            "seed": number_text("$parameters.seed"),
            "verbose": "true",
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": "/opt/ml/input/data/code/<hash>.gz",
        },
        "Environment": {"ROWS": text_of("$Count_Minimal_in_parallel.Count.rows")},
    }
    assert isinstance(state["Retry"], list)
    assert [mapping(retrier)["MaxAttempts"] for retrier in state["Retry"]] == [30, 8, 2]


def test_the_page_of_all_fields_names_what_the_keywords_set(example: Example) -> None:
    operation = "CreateHyperParameterTuningJob"
    there = set_fields(operation, example.made.state("Maximal")["Arguments"])
    assert there - OVERRIDDEN == set(STEPS[operation].fields)


def test_a_tuning_job_is_given_the_time_that_its_jobs_may_take_in_their_rounds(example: Example) -> None:
    assert example.made.state("Maximal")["TimeoutSeconds"] == (11 + 1) * (21_600 + 900)
    assert example.made.state("Grid")["TimeoutSeconds"] == (2 + 1) * (86_400 + 900)


def test_sagemaker_counts_a_grid_s_combinations_itself(example: Example) -> None:
    config = mapping(mapping(example.made.state("Grid")["Arguments"])["HyperParameterTuningJobConfig"])
    assert (config["Strategy"], config["ResourceLimits"]) == ("Grid", {"MaxParallelTrainingJobs": 4})


@pytest.mark.parametrize("step", ["Minimal", "AVeryLongNameForAStepThatTunes"])
def test_a_tuning_job_s_name_has_32_characters_at_most(step: str) -> None:
    name = JobName(step, max_length=32)
    context = {"Execution": {"Id": "arn", "RedriveCount": 0}, "State": {"Name": step, "RetryCount": 0}}
    rendered = evaluate(name.render(Scope(workflow="CreditScoring")), {"states": {"context": context}})
    assert isinstance(rendered, str)
    assert len(rendered) <= 32
    assert rendered.startswith(name.prefix("CreditScoring"))


def test_a_minimal_job_reads_its_channel_and_writes_its_own_folder(example: Example) -> None:
    assert example.made.statements(example.minimal.role) == [
        *sagemaker_logs("TrainingJobs"),
        *pulls("492215442770:repository/sagemaker-xgboost"),
        *reads("lake", "applications/*"),
        *writes(BUCKET, "Scoring/*/Minimal/*"),
    ]


def test_a_job_under_a_role_of_yours_is_granted_what_it_uses(example: Example) -> None:
    statements = example.made.statements(example.maximal.role)
    assert statements[:-3] == [
        *sagemaker_logs("TrainingJobs"),
        *pulls("111122223333:repository/scoring"),
        # The channel "model" is said to be there, too.
        *reads("lake", "applications/*"),
        *reads(ASSETS, "<hash>.gz"),
        *writes(BUCKET, "Scoring/*/Maximal/*"),
        allow(["kms:Decrypt", "kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"], OUTPUT_KEY),
        allow("kms:CreateGrant", KEY),
    ]
    assert statements[-3]["Action"] == "ec2:CreateNetworkInterface"


def test_the_state_machine_may_run_the_tuning_jobs_of_its_steps_and_no_others(example: Example) -> None:
    def runs(step: zflow.TuningStep, prefix: str) -> list[dict[str, Json]]:
        arn = "arn:aws:sagemaker:eu-central-1:111122223333"
        return [
            allow(
                [
                    "sagemaker:CreateHyperParameterTuningJob",
                    "sagemaker:DescribeHyperParameterTuningJob",
                    "sagemaker:StopHyperParameterTuningJob",
                    "sagemaker:AddTags",
                    "sagemaker:ListTags",
                ],
                f"{arn}:hyper-parameter-tuning-job/{prefix}*",
            ),
            allow("sagemaker:AddTags", f"{arn}:training-job/{prefix}*"),
            hands_over(example.made.role_arn(step.role)),
            listens("StepFunctionsGetEventsForSageMakerTuningJobsRule"),
        ]

    calls = allow("lambda:InvokeFunction", "arn:aws:lambda:eu-central-1:111122223333:function:count")
    assert example.made.statements(example.workflow.role) == [
        calls,
        *runs(example.minimal, "scoring-min-"),
        *runs(example.maximal, "scoring-max-")[:3],
        *runs(example.grid, "scoring-gri-")[:3],
        *LOGGED_AND_TRACED,
    ]


def ended(status: str = "Completed", *, best: bool = True) -> dict[str, object]:
    """What AWS answers when the job has ended: much more than later steps read."""
    job = {
        "TrainingJobName": "scoring-max-1a2b-005-0e830ada",
        "TunedHyperParameters": {"eta": "0.006576404654024625", "max-depth": "7", "method": "true", "rounds": "50"},
        "FinalHyperParameterTuningJobObjectiveMetric": {"MetricName": "validation:auc", "Value": 0.81},
    }
    result = {
        "HyperParameterTuningJobName": "scoring-max-1a2b",
        "HyperParameterTuningJobStatus": status,
        "TrainingJobDefinition": {"OutputDataConfig": {"S3OutputPath": "s3://lake/monday/Maximal/"}},
        "TrainingJobStatusCounters": {"Completed": 20, "NonRetryableError": 1},
        **({"BestTrainingJob": job} if best else {}),
    }
    return {"states": {"result": result}}


def test_of_the_answer_only_what_later_steps_read_is_kept(example: Example) -> None:
    kept = dict(mapping(mapping(example.made.state("Maximal")["Assign"])["step_Maximal"]))
    best = mapping(kept.pop("hyperparameters"))
    assert {name: evaluate(inside(value), ended()) for name, value in kept.items()} == {
        "job_name": "scoring-max-1a2b",
        "best_job_name": "scoring-max-1a2b-005-0e830ada",
        "best_metric": 0.81,
        "model_data": "s3://lake/monday/Maximal/scoring-max-1a2b-005-0e830ada/output/model.tar.gz",
    }
    assert {name: evaluate(inside(value), ended()) for name, value in best.items()} == {
        "max-depth": 7,
        "method": "true",
        "rounds": 50,
    }


def test_a_later_step_reads_them(example: Example) -> None:
    assert mapping(mapping(example.made.state("Last")["Arguments"])["Payload"]) == {
        "auc": jsonata("$step_Maximal.best_metric"),
        "depth": jsonata("$step_Maximal.hyperparameters.`max-depth`"),
        "method": jsonata("$step_Maximal.hyperparameters.method"),
        "rounds": jsonata("$step_Maximal.hyperparameters.rounds"),
        "job": jsonata("$step_Maximal.best_job_name"),
        "model": jsonata("$step_Maximal.model_data"),
    }


@pytest.mark.parametrize(
    ("status", "best", "message"),
    [
        ("Stopped", True, 'Step "Maximal": the job scoring-max-1a2b ended Stopped.'),
        (
            "Completed",
            False,
            (
                'Step "Maximal": the tuning job scoring-max-1a2b ended Completed without a training job that has a '
                "model and a value of the objective metric. Look at the logs of its training jobs."
            ),
        ),
    ],
)
def test_a_tuning_job_that_was_stopped_or_has_no_best_training_job_is_no_success(
    example: Example, status: str, message: str, *, best: bool
) -> None:
    kept = mapping(mapping(example.made.state("Maximal")["Assign"])["step_Maximal"])
    # The first that is evaluated tells why.
    assert next(iter(kept)) == "job_name"
    with pytest.raises(QueryEvaluationError) as raised:
        evaluate(inside(kept["job_name"]), ended(status, best=best))
    assert message in str(raised.value.__cause__)
