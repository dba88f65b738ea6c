"""Tuning jobs over HTTP. Their training jobs compute here; `tests/local/test_tuning_run.py` trains for real."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest
from botocore.exceptions import ClientError

from tests.local.aws.conftest import ROLE, Api, Run, api, create, ended
from tests.local.aws.endpoints import no_endpoints, no_versions
from tests.waiting import until
from zflow_constructs.local.aws.sagemaker import sagemaker
from zflow_constructs.local.aws.sagemaker_jobs import Jobs
from zflow_constructs.local.aws.sagemaker_models import Models
from zflow_constructs.local.aws.sagemaker_search import trials
from zflow_constructs.local.aws.sagemaker_tuning import TuningJobs
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.containers import JobOutcome
from zflow_constructs.local.processes import Reporter

IMAGE = "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


class Square:
    """A training job whose loss is the square of `x` less 1. Told so, it fails at an x, prints no loss, or waits."""

    most = 0
    _running = 0
    _lock = threading.Lock()

    def __init__(self, request: Mapping[str, object], folder: Path, on_line: Reporter) -> None:
        self._parameters = cast("Mapping[str, str]", request["HyperParameters"])
        self._log = folder / "log.txt"
        self._on_line = on_line
        self._stopped = threading.Event()

    def run(self) -> JobOutcome:
        with Square._lock:
            Square._running += 1
            Square.most = max(Square.most, Square._running)
        self._on_line(f"x={self._parameters['x']}")
        self._stopped.wait(float(self._parameters.get("wait", "0.02")))
        with Square._lock:
            Square._running -= 1
        if self._stopped.is_set():
            return JobOutcome("Stopped", "", "", {}, self._log)
        if self._parameters.get("fails", "") in {"always", self._parameters["x"]}:
            return JobOutcome("Failed", "AlgorithmError: it failed", "", {}, self._log)
        metric = self._parameters.get("metric", self._parameters["_tuning_objective_metric"])
        return JobOutcome(
            "Completed", "", "s3://lake/m.tar.gz", {metric: (float(self._parameters["x"]) - 1) ** 2}, self._log
        )

    def stop(self) -> None:
        self._stopped.set()


@pytest.fixture(scope="module")
def lines() -> list[tuple[str, str]]:
    return []


@pytest.fixture(scope="module")
def client(aws: AwsServer, lines: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("sagemaker")
    place = {"region": aws.region, "account": aws.account}
    jobs = Jobs(
        **place,
        folder=folder / "jobs",
        training=Square,
        transform=Square,
        processing=Square,
        on_line=lambda job, line: lines.append((job, line)),
    )
    tuning = TuningJobs(jobs, **place, on_line=lambda job, line: lines.append((job, line)))
    models = Models(**place)
    aws.use(
        [
            sagemaker(
                jobs=jobs,
                tuning=tuning,
                models=models,
                endpoints=no_endpoints(models, aws, folder),
                registry=no_versions(aws),
            )
        ]
    )
    yield api(aws, "sagemaker")
    tuning.stop()
    jobs.stop()


def request(
    name: str,
    *,
    values: Sequence[str] = ("3", "0", "2"),
    direction: str = "Minimize",
    parallel: int = 1,
    static: Mapping[str, str] | None = None,
) -> dict[str, object]:
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Grid",
            "HyperParameterTuningJobObjective": {"Type": direction, "MetricName": "loss"},
            "ResourceLimits": {"MaxParallelTrainingJobs": parallel},
            "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "x", "Values": list(values)}]},
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": static or {},
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": "s3://lake/models"},
            "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    }


def described(client: Api, name: str) -> Mapping[str, object]:
    return client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)


def tuned(client: Api, wanted: Mapping[str, object]) -> dict[str, object]:
    """The description of a tuning job that has ended."""
    client.create_hyper_parameter_tuning_job(**wanted)
    name = str(wanted["HyperParameterTuningJobName"])
    until(lambda: "HyperParameterTuningEndTime" in described(client, name))
    return dict(described(client, name))


def best(description: Mapping[str, object]) -> dict[str, object]:
    found = description["BestTrainingJob"]
    assert isinstance(found, dict)
    return found


def test_a_tuning_job_is_described_as_aws_describes_it(client: Api, lines: list[tuple[str, str]]) -> None:
    job = tuned(client, request("described", static={"fails": "2"}))
    for time in ("CreationTime", "LastModifiedTime", "HyperParameterTuningEndTime", "ResponseMetadata"):
        del job[time]
    first = best(job)
    for time in ("CreationTime", "TrainingStartTime", "TrainingEndTime"):
        del first[time]
    arn = "arn:aws:sagemaker:eu-central-1:111122223333"
    asked = request("described", static={"fails": "2"})
    assert job == {
        **asked,
        "HyperParameterTuningJobArn": f"{arn}:hyper-parameter-tuning-job/described",
        "HyperParameterTuningJobStatus": "Completed",
        "TrainingJobStatusCounters": {
            "Completed": 2,
            "InProgress": 0,
            "RetryableError": 0,
            "NonRetryableError": 1,
            "Stopped": 0,
        },
        "ObjectiveStatusCounters": {"Succeeded": 2, "Pending": 0, "Failed": 1},
        "BestTrainingJob": {
            "TrainingJobName": "described-002-e3b16ab6",
            "TrainingJobArn": f"{arn}:training-job/described-002-e3b16ab6",
            "TrainingJobStatus": "Completed",
            "TunedHyperParameters": {"x": "0"},
            "ObjectiveStatus": "Succeeded",
            "FinalHyperParameterTuningJobObjectiveMetric": {"Type": "Minimize", "MetricName": "loss", "Value": 1.0},
        },
    }
    assert lines == [
        ("described", "x=3"),
        ("described", "training jobs ended: 1, best loss: 4"),
        ("described", "x=0"),
        ("described", "training jobs ended: 2, best loss: 1"),
        ("described", "x=2"),
        ("described", "training jobs ended: 3, best loss: 1"),
    ]


def test_its_training_jobs_are_jobs_like_others(client: Api) -> None:
    first = best(tuned(client, request("parent", values=["1"], static={"rate": "0.1"})))
    job = client.describe_training_job(TrainingJobName=first["TrainingJobName"])
    assert job["TuningJobArn"] == "arn:aws:sagemaker:eu-central-1:111122223333:hyper-parameter-tuning-job/parent"
    assert job["HyperParameters"] == {"rate": "0.1", "_tuning_objective_metric": "loss", "x": "1"}
    assert job["OutputDataConfig"] == {"S3OutputPath": "s3://lake/models"}


def test_more_may_be_better(client: Api) -> None:
    assert best(tuned(client, request("maximizes", direction="Maximize")))["TunedHyperParameters"] == {"x": "3"}


def test_two_jobs_run_at_once_at_most(client: Api) -> None:
    Square.most = 0
    tuned(client, request("crowded", values=[str(number) for number in range(8)], parallel=8))
    assert Square.most == 2


@pytest.mark.parametrize(
    ("name", "static", "reason"),
    [
        (
            "fails",
            {"fails": "always"},
            (
                "All training jobs failed. Please take a look at the training jobs failures to get more details. "
                "fails-001-0336466e: AlgorithmError: it failed"
            ),
        ),
        (
            "silent",
            {"metric": "los"},
            (
                "No objective metrics found after running 3 training jobs. Please ensure that the custom algorithm is "
                "emitting the objective metric as defined by the regular expression provided."
            ),
        ),
    ],
)
def test_a_tuning_job_without_a_best_training_job_has_failed(
    client: Api, name: str, static: Mapping[str, str], reason: str
) -> None:
    job = tuned(client, request(name, static=static))
    assert (job["HyperParameterTuningJobStatus"], job["FailureReason"]) == ("Failed", reason)
    assert "BestTrainingJob" not in job


def test_a_stopped_tuning_job_stops_its_training_jobs_and_starts_no_more(client: Api) -> None:
    client.create_hyper_parameter_tuning_job(**request("stopped", parallel=2, static={"wait": "1000"}))
    until(lambda: counters(client, "stopped")["InProgress"] == 2)
    assert described(client, "stopped")["HyperParameterTuningJobStatus"] == "InProgress"
    client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="stopped")
    until(lambda: described(client, "stopped")["HyperParameterTuningJobStatus"] == "Stopped")
    assert counters(client, "stopped") == {
        "Completed": 0,
        "InProgress": 0,
        "RetryableError": 0,
        "NonRetryableError": 0,
        "Stopped": 2,
    }


def counters(client: Api, name: str) -> Mapping[str, int]:
    return cast("Mapping[str, int]", described(client, name)["TrainingJobStatusCounters"])


def task(wanted: Mapping[str, object], **more: object) -> Mapping[str, object]:
    resource = "arn:aws:states:::sagemaker:createHyperParameterTuningJob.sync"
    return {"Tune": {"Type": "Task", "Resource": resource, "Arguments": wanted, "End": True, **more}}


def test_a_task_that_times_out_leaves_no_training_job_running(client: Api, run: Run) -> None:
    execution = run(task(request("long", static={"wait": "1000"}), TimeoutSeconds=1))
    assert execution.error == "States.Timeout"
    until(lambda: described(client, "long")["HyperParameterTuningJobStatus"] == "Stopped")
    assert (counters(client, "long")["InProgress"], counters(client, "long")["Stopped"]) == (0, 1)


def test_a_tuning_job_that_somebody_stops_fails_its_task(aws: AwsServer, client: Api) -> None:
    states = task(request("halted", static={"wait": "1000"}))
    machine = create(aws, "halted", {"QueryLanguage": "JSONata", "StartAt": "Tune", "States": states})
    arn = aws.clients.stepfunctions.start_execution(stateMachineArn=machine)["executionArn"]
    until(lambda: status(client, "halted") == "InProgress")
    client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="halted")
    execution = ended(aws, arn)
    assert (execution.status, execution.error) == ("FAILED", "States.TaskFailed")
    assert json.loads(execution.cause)["HyperParameterTuningJobStatus"] == "Stopped"


def status(client: Api, name: str) -> str:
    try:
        return str(described(client, name)["HyperParameterTuningJobStatus"])
    except ClientError:
        return ""


def test_what_would_change_the_search_and_is_not_here_is_refused_as_a_failed_job(client: Api) -> None:
    job = tuned(client, {**request("automatic"), "Autotune": {"Mode": "Enabled"}})
    reason = "The local engine doesn't have Autotune of CreateHyperParameterTuningJob."
    assert (job["HyperParameterTuningJobStatus"], job["FailureReason"]) == ("Failed", reason)


def test_a_name_is_taken_once_and_has_to_exist(client: Api) -> None:
    tuned(client, request("taken"))
    with pytest.raises(ClientError, match="HyperParameterTuningJob names must be unique within an AWS account"):
        client.create_hyper_parameter_tuning_job(**request("taken"))
    with pytest.raises(ClientError, match="can't find a tuning job with name: nowhere"):
        described(client, "nowhere")


def config(strategy: str, seed: int = 0) -> dict[str, object]:
    return {
        "Strategy": strategy,
        "RandomSeed": seed,
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 400, "MaxParallelTrainingJobs": 1},
        "ParameterRanges": {
            "ContinuousParameterRanges": [
                {"Name": "linear", "MinValue": "-1", "MaxValue": "3", "ScalingType": "Linear"},
                {"Name": "log", "MinValue": "1e-4", "MaxValue": "1", "ScalingType": "Logarithmic"},
                {"Name": "reverse", "MinValue": "0", "MaxValue": "0.9999", "ScalingType": "ReverseLogarithmic"},
            ],
            "IntegerParameterRanges": [
                {"Name": "whole", "MinValue": "1", "MaxValue": "4"},
                {"Name": "wide", "MinValue": "1", "MaxValue": "10000", "ScalingType": "Logarithmic"},
            ],
            "CategoricalParameterRanges": [{"Name": "kind", "Values": ["a", "b"]}],
        },
    }


@pytest.mark.parametrize("strategy", ["Bayesian", "Hyperband", "Random"])
def test_a_random_search_covers_each_range_by_its_scale(strategy: str) -> None:
    tried = list(trials(config(strategy)))
    assert len(tried) == 400

    def below(name: str, value: float) -> float:
        return sum(float(trial[name]) < value for trial in tried) / 400

    assert all(-1 <= float(trial["linear"]) <= 3 and 1e-4 <= float(trial["log"]) <= 1 for trial in tried)
    shares = [below("linear", 1), below("log", 0.01), below("reverse", 0.99), below("wide", 100)]
    assert shares == pytest.approx([0.5] * 4, abs=0.08)
    assert {trial["whole"] for trial in tried} == {"1", "2", "3", "4"}
    assert {trial["kind"] for trial in tried} == {"a", "b"}


def test_a_random_search_is_the_same_in_each_run_and_another_for_another_seed() -> None:
    assert list(trials(config("Random"))) == list(trials(config("Random")))
    assert list(trials(config("Random"))) != list(trials(config("Random", seed=1)))


def test_a_grid_is_every_combination_once() -> None:
    ranges = [{"Name": "a", "Values": ["1", "2"]}, {"Name": "b", "Values": ["x", "y"]}]
    grid = {"Strategy": "Grid", "ParameterRanges": {"CategoricalParameterRanges": ranges}}
    assert list(trials(grid)) == [
        {"a": "1", "b": "x"},
        {"a": "1", "b": "y"},
        {"a": "2", "b": "x"},
        {"a": "2", "b": "y"},
    ]
