"""Processing steps, run: a script whose report a condition reads, and how the workflow ends when it goes wrong."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aws_cdk import App, CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3
from botocore.exceptions import ClientError

import zflow_constructs as zflow
from tests.local.aws.conftest import Ended, api, ended
from tests.parts import SKLEARN
from tests.waiting import until
from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.local.deployed_workflow import DeployedWorkflow
from zflow_constructs.local.engine import Engine, RunResult, RunSettings

SCRIPTS = Path(__file__).parent / "containers" / "scripts"
SCORES = "1,1\n0,0\n1,0\n1,1\n"


def synthesized(folder: Path) -> Path:
    """An app whose workflow evaluates scores, and what was wrong among them only if enough agree."""
    (folder / "scores.csv").write_text(SCORES)
    app = App(outdir=str(folder / "cdk.out"))
    stack = Stack(app, "Scoring")
    evaluate = zflow.ProcessingStep(
        stack,
        "Evaluate",
        image=SKLEARN,
        code=zflow.SourceCode.from_file(str(SCRIPTS / "evaluate.py")),
        arguments=["--do", zflow.Parameter("do"), "--scores", "/opt/ml/processing/input/scores"],
        inputs={"scores": zflow.DataLocation.from_asset(stack, "Scores", str(folder / "scores.csv"))},
        outputs=["evaluation", "wrong"],
        reports={"metrics": "evaluation/metrics.json"},
        retry=zflow.Retry(job_failures=1, interval_seconds=1),
    )
    accuracy = evaluate.report("metrics.accuracy.value")
    again = zflow.ProcessingStep(
        stack,
        "Look at what is wrong",
        image=SKLEARN,
        code=zflow.SourceCode.from_directory(str(SCRIPTS), entry_point="evaluate.py"),
        inputs={"scores": evaluate.outputs["wrong"]},
        outputs=["evaluation", "wrong"],
        reports={"metrics": "evaluation/metrics.json", "same": "evaluation/metrics.json"},
        when=accuracy >= zflow.Parameter("least"),
    )
    workflow = zflow.MlWorkflow(
        stack,
        "Evaluation",
        steps=[evaluate, again],
        bucket=s3.Bucket(stack, "Bucket", removal_policy=RemovalPolicy.DESTROY),
        parameters={"do": "", "least": 0.5},
        outputs={
            "job": evaluate.job_name,
            "accuracy": accuracy,
            "rows": evaluate.report("metrics.rows"),
            "wrong": again.report("metrics.accuracy.value"),
            "wrong_rows": again.report("same.rows"),
        },
    )
    CfnOutput(stack, "Machine", value=workflow.state_machine.state_machine_arn)
    return Path(app.synth().directory)


@dataclass
class Deployed:
    """The app on a local AWS."""

    engine: Engine
    workflow: DeployedWorkflow

    def jobs(self, arn: str) -> list[str]:
        """The names of an execution's jobs, in the order in which they were started."""
        history = self.engine.aws.clients.stepfunctions.get_execution_history(executionArn=arn)["events"]
        scheduled = [event["taskScheduledEventDetails"] for event in history if "taskScheduledEventDetails" in event]
        return [json.loads(each["parameters"])["ProcessingJobName"] for each in scheduled]

    def status(self, arn: str) -> object:
        """The status of an execution's only job."""
        try:
            (name,) = self.jobs(arn)
            return api(self.engine.aws, "sagemaker").describe_processing_job(ProcessingJobName=name)[
                "ProcessingJobStatus"
            ]
        except (ClientError, ValueError):
            return "not there yet"

    def start(self, **given: object) -> str:
        client = self.engine.aws.clients.stepfunctions
        return client.start_execution(stateMachineArn=self.workflow.state_machine, input=json.dumps(given))[
            "executionArn"
        ]

    def run(self, **given: object) -> Ended:
        return ended(self.engine.aws, self.start(**given))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluation")


@pytest.fixture(scope="module")
def lines() -> list[tuple[str, str]]:
    return []


@pytest.fixture(scope="module")
def deployed(folder: Path, lines: list[tuple[str, str]]) -> Iterator[Deployed]:
    workflow, settings = load_workflow(synthesized(folder), workflow="Evaluation"), RunSettings(folder=folder / "run")
    with Engine(workflow, settings, on_step=lambda step: lines.append((step.id, step.last_line))) as engine:
        yield Deployed(engine, engine.deploy())


@pytest.fixture(scope="module")
def result(deployed: Deployed) -> RunResult:
    """What became of a run with the parameters' defaults."""
    return deployed.workflow.run()


def test_a_report_that_is_good_enough_lets_the_next_step_read_what_the_job_wrote(result: RunResult) -> None:
    assert result.status == "SUCCEEDED", result.cause
    told = result.output
    assert isinstance(told, dict)
    assert str(told.pop("job")).startswith("evaluation-evaluate-")
    assert told == {"accuracy": 0.75, "rows": 4, "wrong": 0, "wrong_rows": 1}


def test_the_run_shows_the_log_of_the_job_and_records_it(
    result: RunResult, folder: Path, lines: list[tuple[str, str]]
) -> None:
    assert ("Evaluate", "4 rows") in lines
    assert ("Look at what is wrong", "1 rows") in lines
    evaluate, again = json.loads((folder / "run" / "run.json").read_text())["steps"]
    assert [state["name"] for state in evaluate["states"]] == ["Evaluate", "Evaluate: report metrics"]
    assert (evaluate["status"], again["status"], [step.id for step in result.steps]) == (
        "succeeded",
        "succeeded",
        ["Evaluate", "Look at what is wrong"],
    )
    (log,) = evaluate["logs"]
    assert (folder / "run" / log).read_text() == "4 rows\n"


def test_a_report_that_is_not_good_enough_skips_it(deployed: Deployed) -> None:
    execution = deployed.run(least=0.8)
    told = execution.output
    assert isinstance(told, dict)
    assert (execution.status, told["accuracy"], told["wrong"]) == ("SUCCEEDED", 0.75, None)


def test_a_script_that_fails_says_why_in_the_cause(deployed: Deployed) -> None:
    execution = deployed.run(do="fail")
    assert (execution.status, execution.error) == ("FAILED", "States.TaskFailed")
    said = json.loads(execution.cause)
    assert (said["ProcessingJobStatus"], said["FailureReason"], said["ExitMessage"]) == (
        "Failed",
        "AlgorithmError: the scores are of last week, exit code: 3",
        "the scores are of last week",
    )


def test_a_report_that_the_script_did_not_write_fails_the_step_by_its_name(deployed: Deployed) -> None:
    execution = deployed.run(do="write no report")
    assert (execution.status, execution.error) == ("FAILED", "Zflow.NoReport")
    assert execution.cause.startswith(
        'Step "Evaluate" ended, but its report "metrics" can\'t be read. Did the job write metrics.json into its '
        'output "evaluation"? S3 says: S3.NoSuchKeyException: The specified key does not exist.'
    )


def test_a_field_that_the_report_does_not_have_fails_the_step_by_its_name(deployed: Deployed) -> None:
    execution = deployed.run(do="leave a field out")
    assert (execution.status, execution.error) == ("FAILED", "States.QueryEvaluationError")
    assert 'Step "Evaluate" ended, but its report "metrics" has no field "accuracy.value".' in execution.cause


def test_the_job_of_a_stopped_execution_is_stopped(deployed: Deployed) -> None:
    arn = deployed.start(do="wait")
    until(lambda: deployed.status(arn) == "InProgress")
    deployed.engine.aws.clients.stepfunctions.stop_execution(executionArn=arn)
    assert ended(deployed.engine.aws, arn).status == "ABORTED"
    until(lambda: deployed.status(arn) == "Stopped")


def test_a_retry_and_a_redrive_start_jobs_under_new_names(deployed: Deployed) -> None:
    arn = deployed.run(do="fail").arn
    assert len(set(deployed.jobs(arn))) == 2
    deployed.engine.aws.clients.stepfunctions.redrive_execution(executionArn=arn)
    assert ended(deployed.engine.aws, arn).status == "FAILED"
    assert len(set(deployed.jobs(arn))) == 4
