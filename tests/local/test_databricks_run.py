"""Databricks steps, run: scripts, wheels and jobs that are there, in one history or several, without a secret."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.local.aws.conftest import Ended, ended
from tests.local.databricks_app import BUCKET, MISSING, job_files, synthesized
from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.cli.databricks_jobs import databricks_jobs
from zflow_constructs.local.databricks.spark import SparkChoice
from zflow_constructs.local.deployed_workflow import DeployedWorkflow
from zflow_constructs.local.engine import Engine, RunResult, RunSettings
from zflow_constructs.local.steps import Step

STEPS = ("Extract", "Features", "Check", "Nightly job", "Several")


@dataclass
class Deployed:
    """The app on a local AWS, and the different last lines that each step has shown."""

    engine: Engine
    folder: Path
    workflow: DeployedWorkflow
    said: Mapping[str, list[str]]

    def run(self, workflow: str) -> Ended:
        machine = self.workflow.outputs[f"{workflow}Machine"]
        started = self.engine.aws.clients.stepfunctions.start_execution(stateMachineArn=machine)
        return ended(self.engine.aws, started["executionArn"])

    def redrive(self, arn: str) -> Ended:
        self.engine.aws.clients.stepfunctions.redrive_execution(executionArn=arn)
        return ended(self.engine.aws, arn)

    def read(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.engine.aws.clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def read_all(self, uri: str) -> list[str]:
        """The CSV files below a prefix."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        found = self.engine.aws.clients.s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
        keys = [entry["Key"] for entry in found if entry["Key"].endswith(".csv")]
        return [self.read(f"s3://{bucket}/{key}").decode() for key in keys]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("databricks")
    said: dict[str, list[str]] = {step: [] for step in STEPS}

    def listen(step: Step) -> None:
        if step.last_line and step.last_line not in said[step.id]:
            said[step.id].append(step.last_line)

    loaded = load_workflow(synthesized(folder), workflow="Nightly")
    # The quicker Spark where there is one.
    spark: SparkChoice = "sail" if find_spec("pysail") else "auto"
    settings = RunSettings(
        folder=folder / "run",
        spark=spark,
        time_scale=0.02,
        databricks_jobs=databricks_jobs(job_files(folder)),
    )
    with Engine(loaded, settings, on_step=listen) as engine:
        workflow = engine.deploy()
        for file in ("carry.py", "churn-1.0-py3-none-any.whl"):
            engine.aws.clients.s3.upload_file(str(folder / file), BUCKET, file)
        yield Deployed(engine, folder / "run", workflow, said)


@pytest.fixture(scope="module")
def result(deployed: Deployed) -> RunResult:
    return deployed.workflow.run()


@pytest.fixture(scope="module")
def output(result: RunResult) -> Mapping[str, str]:
    assert result.status == "SUCCEEDED", result.cause
    assert isinstance(result.output, dict)
    return result.output


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("history", ["country,amount\nde,10\nde,30\n"]),
        ("features", ["10\n30\n"]),
        ("check", ["10\n30\n"]),
        ("nightly", ["10\n30\n"]),
        ("several", ["country,amount\nde,10\nde,30\n"]),
    ],
)
def test_a_step_writes_its_output(deployed: Deployed, output: Mapping[str, str], name: str, files: list[str]) -> None:
    assert deployed.read_all(output[name]) == files


def test_a_report_is_read_from_what_the_wheel_wrote(result: RunResult) -> None:
    assert isinstance(result.output, dict)
    assert result.output["rows"] == 2


@pytest.mark.parametrize(
    ("step", "logs"),
    [
        ("Extract", {"Extract": "extracted de\n"}),
        ("Features", {"Features": "rows: 2\n"}),
        ("Check", {"Check": "carrying features\n"}),
        ("Nightly job", {"features": "rows: 2\n", "copy": "carrying features\n"}),
        ("Several", {"first": "carrying history\n", "again": ""}),
    ],
)
def test_the_full_output_of_each_task_is_in_the_workspaces_bucket(
    deployed: Deployed, output: Mapping[str, str], step: str, logs: Mapping[str, str]
) -> None:
    kept = json.loads(deployed.read(output[f"output of {step}"]))
    assert {task["task_key"]: task["logs"] for task in kept["tasks"]} == logs
    assert {task["state"]["result"] for task in kept["tasks"]} == {"SUCCESS"}
    assert (kept["step"], kept["state"]["result"]) == (step, "SUCCESS")


def test_every_step_shows_the_lines_of_its_scripts_and_nothing_of_who_watches_them(
    deployed: Deployed, output: Mapping[str, str]
) -> None:
    assert output
    # Of what a job's run writes before its id is known, the last line is shown.
    nightly = deployed.said["Nightly job"]
    assert nightly[-1] == "carrying features"
    assert deployed.said == {
        "Extract": ["extracted de"],
        "Features": ["rows: 2"],
        "Check": ["carrying features"],
        "Nightly job": nightly,
        "Several": ["carrying history"],
    }


def test_the_watchers_executions_are_a_part_of_their_step(result: RunResult) -> None:
    assert [step.id for step in result.steps] == list(STEPS)
    assert result.follow_ups == []
    assert result.undelivered == []


def test_the_record_leads_to_the_logs_of_all_tasks(deployed: Deployed, output: Mapping[str, str]) -> None:
    assert output
    record = json.loads((deployed.folder / "run.json").read_text(encoding="utf-8"))
    found = {
        step["id"]: [log.split("/") for log in step["logs"] if log.startswith("databricks/")]
        for step in record["steps"]
    }
    tasks = {step: [(log[1].rpartition("-")[0], *log[2:-1:2]) for log in logs] for step, logs in found.items()}
    assert tasks == {
        "Extract": [("Extract", "Extract")],
        "Features": [("Features", "Features")],
        "Check": [("Check", "Check")],
        "Nightly job": [("The_team_s_nightly_job", "features"), ("The_team_s_nightly_job", "copy")],
        "Several": [("Several", "first"), ("Several", "again", "clean")],
    }


def test_a_job_that_fails_says_why_and_a_redrive_repairs_its_run(deployed: Deployed) -> None:
    failed = deployed.run("JobThatFails")
    assert (failed.status, failed.error) == ("FAILED", "Databricks.RunFailed")
    assert "SystemExit: asked to fail" in failed.cause

    assert deployed.redrive(failed.arn).error == "Databricks.RunFailed"
    (run,) = (deployed.folder / "databricks").glob("Cleaning-*")
    assert sorted(task.name for task in run.iterdir()) == ["clean", "clean-1"]


def test_a_job_that_was_not_given_is_refused_with_the_remedy(deployed: Deployed) -> None:
    failed = deployed.run("JobThatIsMissing")
    assert (failed.status, failed.error) == ("FAILED", "Databricks.InvalidRequest")
    assert json.loads(failed.cause)["errorMessage"] == (
        f'Step "Lost": Databricks refused the request (HTTP 400, INVALID_PARAMETER_VALUE: Job {MISSING} does not exist '
        f"in this local run. Give it the job's settings, by the option --databricks-job {MISSING}=FILE, where FILE "
        f"holds what `databricks jobs get {MISSING}` prints.)."
    )
