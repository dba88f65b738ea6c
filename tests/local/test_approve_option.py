"""`zflow local run --approve`: what it approves, and what is said where it approves nothing."""

import json
from pathlib import Path

import pytest
from aws_cdk import App, RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from click.testing import CliRunner

import zflow_constructs as zflow
from tests.parts import SERVE_CODE, XGBOOST
from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.cli.main import main
from zflow_constructs.local.engine import Engine, RunResult, RunSettings


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workflow with one approval by link and one in the registry, both needed by nothing."""
    folder = tmp_path_factory.mktemp("approve")
    (folder / "model.tar.gz").write_bytes(b"")
    app = App(outdir=str(folder / "cdk.out"))
    stack = Stack(app, "Approving")
    topic = sns.Topic(stack, "Topic", topic_name="risk")
    location = zflow.DataLocation.from_asset(stack, "Model", str(folder / "model.tar.gz"))
    model = zflow.ModelContainer(
        image=XGBOOST, model_data=zflow.ModelData(location.uri, location.place), code=SERVE_CODE
    )
    group = zflow.ModelPackageGroup(stack, "Group", name="risk-scoring")
    register = zflow.RegisterModelStep(stack, "Register", group=group, containers=[model])
    page = zflow.ApprovalPage(stack, "Approvals")
    by_link = zflow.ApprovalStep(stack, "By link", page=page, topic=topic, question="Go?", after=[register])
    in_registry = zflow.RegistryApprovalStep(
        stack, "In the registry", model_package=register.model_package, after=[by_link]
    )
    zflow.MlWorkflow(
        stack,
        "Both",
        steps=[register, by_link, in_registry],
        bucket=s3.Bucket(stack, "Bucket", removal_policy=RemovalPolicy.DESTROY),
        outputs={"link": by_link.decided_by, "registry": in_registry.comment},
    )
    return Path(app.synth().directory)


def run(assembly: Path, folder: Path, *approve: str) -> tuple[RunResult, list[str]]:
    said: list[str] = []
    settings = RunSettings(folder=folder, approve=approve, time_scale=0.01)
    with Engine(load_workflow(assembly), settings, say=said.append) as engine:
        return engine.deploy().run(), said


@pytest.mark.parametrize("approve", [("all",), ("By link", "In the registry")])
def test_what_is_named_is_approved_the_way_that_people_approve(
    assembly: Path, tmp_path: Path, approve: tuple[str, ...]
) -> None:
    result, said = run(assembly, tmp_path / "run", *approve)
    assert result.status == "SUCCEEDED", result.cause
    assert result.output == {"link": "zflow local run --approve", "registry": "By --approve."}
    assert said == ["By link is approved, as --approve says", "In the registry is approved, as --approve says"]


def test_the_command_takes_the_option(assembly: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    options = ["--approve", "all", "--run-folder", str(folder), "--time-scale", "0.01"]
    ended = CliRunner().invoke(main, ["local", "run", str(assembly), *options])
    assert ended.exit_code == 0, ended.output
    assert "By link is approved, as --approve says" in ended.output
    assert json.loads((folder / "run.json").read_text())["status"] == "SUCCEEDED"
    assert "Approve or reject it here:" in (folder / "messages.txt").read_text()
