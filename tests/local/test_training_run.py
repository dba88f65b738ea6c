"""Training steps, run: a script without a network, in a channel, and jobs that this machine can't run."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from aws_cdk import App, CfnOutput, Duration, Stack
from aws_cdk import aws_ec2 as ec2

import zflow_constructs as zflow
from tests.local.aws.conftest import Ended, ended
from tests.parts import SKLEARN
from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.local.engine import Engine, RunSettings

SCRIPT = zflow.SourceCode.from_file(str(Path(__file__).parent / "containers" / "scripts" / "train_tree.py"))
ROWS = "".join(f"{number},{number // 8 % 2}\n" for number in range(48))
METRICS = {"accuracy": "accuracy=([0-9.]+)"}


def isolated(stack: Stack, rows: zflow.DataLocation) -> zflow.TrainingStep:
    """A training step with all that changes nothing here."""
    shared = zflow.TrainingChannel.from_location(rows, distribution="ShardedByS3Key", shuffle_seed=1)
    return zflow.TrainingStep(
        stack,
        "Isolated",
        image=SKLEARN,
        code=SCRIPT,
        channels={"train": shared},
        input_mode="FastFile",
        hyperparameters={"depth": 5},
        metrics=METRICS,
        experiment=zflow.ExperimentConfig("trees"),
        keep_alive=Duration.minutes(10),
        max_retry_attempts=2,
        network_isolation=True,
        tags={"team": "trees"},
        request_overrides={"ProfilerConfig": {"DisableProfiler": True}},
    )


def searched(stack: Stack, rows: zflow.DataLocation) -> zflow.TuningStep:
    return zflow.TuningStep(
        stack,
        "Searched",
        image=SKLEARN,
        code=SCRIPT,
        channels={"train": rows},
        ranges={"depth": zflow.CategoricalRange([1, 5])},
        strategy="Grid",
        max_parallel_jobs=2,
        maximize="accuracy",
        metrics=METRICS,
        spot=True,
        network_isolation=True,
        tags={"team": "trees"},
    )


def refused(stack: Stack, rows: zflow.DataLocation, what: str) -> zflow.TrainingStep:
    """A training step that is for AWS alone."""
    group = ec2.SecurityGroup.from_security_group_id(stack, f"{what}Group", "sg-1")
    vpc = ec2.Vpc.from_vpc_attributes(
        stack, f"{what}Vpc", vpc_id="vpc-1", availability_zones=["a"], private_subnet_ids=["subnet-1"]
    )
    channels = {
        "Pipe": zflow.TrainingChannel.from_location(rows, input_mode="Pipe"),
        "Mounted": zflow.TrainingChannel.from_fsx("fs-0123456789abcdef0", "/mount/rows"),
        "Listed": zflow.TrainingChannel.from_manifest(rows, data=rows),
        "Grouped": zflow.TrainingChannel.from_location(rows),
    }
    groups = [zflow.InstanceGroup("trainers", ec2.InstanceType("m5.large"))] if what == "Grouped" else []
    return zflow.TrainingStep(
        stack,
        what,
        image=SKLEARN,
        code=SCRIPT,
        channels={"train": channels[what]},
        hyperparameters={"depth": 1},
        instance_groups=groups,
        vpc=vpc,
        security_groups=[group],
    )


REFUSALS = {
    "Pipe": "InputDataConfig[train].InputMode is 'Pipe': a local run supports 'File' and 'FastFile' only.",
    "Mounted": (
        "InputDataConfig[train] is in a file system, which this machine doesn't have: for a local run, give the "
        "channel a DataLocation in S3."
    ),
    "Listed": "InputDataConfig[train].S3DataType is 'ManifestFile': a local run supports 'S3Prefix' only.",
    "Grouped": "A local run does not support InstanceGroups: leave it out, or run this on AWS.",
}


def synthesized(folder: Path) -> Path:
    """An app with a workflow that runs here, and one for each job that doesn't."""
    (folder / "rows.csv").write_text(ROWS)
    app = App(outdir=str(folder / "cdk.out"))
    stack = Stack(app, "Trees")
    rows = zflow.DataLocation.from_asset(stack, "Rows", str(folder / "rows.csv"))
    train, tune = isolated(stack, rows), searched(stack, rows)
    workflows = [
        zflow.MlWorkflow(
            stack,
            "Trees",
            steps=[train, tune],
            outputs={
                "accuracy": train.metric("accuracy"),
                "model": train.model_data.uri,
                "depth": tune.best_hyperparameter("depth"),
            },
        ),
        *(zflow.MlWorkflow(stack, f"{what}Trees", steps=[refused(stack, rows, what)]) for what in REFUSALS),
    ]
    for workflow in workflows:
        CfnOutput(stack, f"{workflow.node.id}Machine", value=workflow.state_machine.state_machine_arn)
    return Path(app.synth().directory)


@dataclass
class Deployed:
    """The app on a local AWS."""

    engine: Engine
    outputs: Mapping[str, str]

    def run(self, workflow: str) -> Ended:
        client = self.engine.aws.clients.stepfunctions
        machine = self.outputs[f"{workflow}Machine"]
        return ended(self.engine.aws, client.start_execution(stateMachineArn=machine)["executionArn"])


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("trees")
    with Engine(load_workflow(synthesized(folder), workflow="Trees"), RunSettings(folder=folder / "run")) as engine:
        yield Deployed(engine, engine.deploy().outputs)


def test_isolated_scripts_train_and_are_tuned(deployed: Deployed) -> None:
    execution = deployed.run("Trees")
    assert isinstance(execution.output, dict), execution.cause
    model = execution.output.pop("model")
    assert execution.output == {"accuracy": 1.0, "depth": 5}
    assert model.endswith("/output/model.tar.gz")


@pytest.mark.parametrize(("what", "message"), REFUSALS.items(), ids=REFUSALS)
def test_what_this_machine_can_t_do_fails_at_once_and_says_why(deployed: Deployed, what: str, message: str) -> None:
    execution = deployed.run(f"{what}Trees")
    assert (execution.status, execution.error) == ("FAILED", "States.TaskFailed")
    assert json.loads(execution.cause)["FailureReason"] == f"UnsupportedRequestError: {message}"
