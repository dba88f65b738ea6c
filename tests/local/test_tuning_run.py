"""A tuning step, run: scikit-learn trees of several depths, of which the best is found, told and kept."""

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import joblib
import pytest
from aws_cdk import App, CfnOutput, Stack

import zflow_constructs as zflow
from tests.local.aws.conftest import Api, Ended, api, ended
from tests.parts import SKLEARN
from tests.waiting import until
from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.local.engine import Engine, RunSettings

SCRIPT = Path(__file__).parent / "containers" / "scripts" / "train_tree.py"
# Up and down three times: the deeper the tree, the better it follows.
ROWS = "".join(f"{number},{number // 8 % 2}\n" for number in range(48))


def synthesized(folder: Path) -> Path:
    """An app whose workflow tries three depths, and fails or waits as its parameters say."""
    (folder / "rows.csv").write_text(ROWS)
    app = App(outdir=str(folder / "cdk.out"))
    stack = Stack(app, "Trees")
    tune = zflow.TuningStep(
        stack,
        "Tune",
        image=SKLEARN,
        code=zflow.SourceCode.from_file(str(SCRIPT)),
        channels={"train": zflow.DataLocation.from_asset(stack, "Rows", str(folder / "rows.csv"))},
        ranges={"depth": zflow.CategoricalRange([1, 2, 5])},
        strategy="Grid",
        max_parallel_jobs=2,
        maximize="accuracy",
        metrics={"accuracy": "accuracy=([0-9.]+)"},
        retry=zflow.Retry(job_failures=1, interval_seconds=1),
        hyperparameters={"fails": zflow.Parameter("fails"), "seconds": zflow.Parameter("seconds")},
    )
    workflow = zflow.MlWorkflow(
        stack,
        "Trees",
        steps=[tune],
        parameters={"fails": "none", "seconds": 0},
        outputs={
            "tuning": tune.job_name,
            "job": tune.best_job_name,
            "accuracy": tune.best_metric,
            "depth": tune.best_hyperparameter("depth"),
            "model": tune.model_data.uri,
        },
    )
    CfnOutput(stack, "Machine", value=workflow.state_machine.state_machine_arn)
    return Path(app.synth().directory)


@dataclass
class Deployed:
    """The app on a local AWS."""

    engine: Engine
    machine: str

    @property
    def sagemaker(self) -> Api:
        return api(self.engine.aws, "sagemaker")

    def names(self, arn: str) -> list[str]:
        """The tuning jobs that an execution has asked for."""
        history = self.engine.aws.clients.stepfunctions.get_execution_history(executionArn=arn)["events"]
        asked = [
            event["taskScheduledEventDetails"]["parameters"] for event in history if event["type"] == "TaskScheduled"
        ]
        return [json.loads(parameters)["HyperParameterTuningJobName"] for parameters in asked]

    def start(self, **given: object) -> str:
        client = self.engine.aws.clients.stepfunctions
        return client.start_execution(stateMachineArn=self.machine, input=json.dumps(given))["executionArn"]

    def run(self, **given: object) -> Ended:
        return ended(self.engine.aws, self.start(**given))

    def depth(self, model: object) -> int:
        """How deep the tree in an archive is."""
        bucket, _, key = str(model).removeprefix("s3://").partition("/")
        archive = self.engine.aws.clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            file = tar.extractfile("model.joblib")
            assert file
            return int(joblib.load(io.BytesIO(file.read())).get_depth())


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("trees")
    with Engine(load_workflow(synthesized(folder), workflow="Trees"), RunSettings(folder=folder / "run")) as engine:
        yield Deployed(engine, engine.deploy().outputs["Machine"])


def output(execution: Ended) -> Mapping[str, object]:
    assert execution.status == "SUCCEEDED", execution.cause
    return cast("Mapping[str, object]", execution.output)


def counters(tuning: Mapping[str, object]) -> Mapping[str, int]:
    return cast("Mapping[str, int]", tuning["TrainingJobStatusCounters"])


def test_the_best_of_three_training_jobs_is_told_and_its_model_kept(deployed: Deployed) -> None:
    told = output(deployed.run())
    assert (told["accuracy"], told["depth"]) == (1.0, 5)
    assert str(told["job"]).startswith(f"{told['tuning']}-003-")
    assert str(told["model"]).endswith(f"/Tune/{told['job']}/output/model.tar.gz")
    assert deployed.depth(told["model"]) == 5


def test_a_training_job_that_fails_leaves_the_best_of_the_others(deployed: Deployed) -> None:
    told = output(deployed.run(fails="1,5"))
    assert (told["depth"], deployed.depth(told["model"])) == (2, 2)
    tuning = deployed.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=told["tuning"])
    assert counters(tuning) == {
        "Completed": 1,
        "InProgress": 0,
        "RetryableError": 0,
        "NonRetryableError": 2,
        "Stopped": 0,
    }


def test_the_step_fails_when_all_training_jobs_do_and_says_why(deployed: Deployed) -> None:
    execution = deployed.run(fails="1,2,5")
    assert (execution.status, execution.error) == ("FAILED", "States.TaskFailed")
    reason = json.loads(execution.cause)["FailureReason"]
    assert reason.startswith("All training jobs failed.")
    assert "a tree of depth 1 is not wanted" in reason


def test_a_retry_and_a_redrive_start_tuning_jobs_under_new_names(deployed: Deployed) -> None:
    arn = deployed.run(fails="1,2,5").arn
    assert len(deployed.names(arn)) == 2
    deployed.engine.aws.clients.stepfunctions.redrive_execution(executionArn=arn)
    assert ended(deployed.engine.aws, arn).status == "FAILED"
    assert len(set(deployed.names(arn))) == 4


def test_an_aborted_execution_leaves_no_training_job_running(deployed: Deployed) -> None:
    arn = deployed.start(seconds=600)
    until(lambda: bool(deployed.names(arn)))
    (name,) = deployed.names(arn)

    def described() -> Mapping[str, object]:
        return deployed.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)

    until(lambda: counters(described())["InProgress"] == 2)
    deployed.engine.aws.clients.stepfunctions.stop_execution(executionArn=arn)
    assert ended(deployed.engine.aws, arn).status == "ABORTED"
    until(lambda: described()["HyperParameterTuningJobStatus"] == "Stopped")
    assert counters(described()) == {
        "Completed": 0,
        "InProgress": 0,
        "RetryableError": 0,
        "NonRetryableError": 0,
        "Stopped": 2,
    }
