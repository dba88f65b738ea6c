"""An endpoint over several executions of its workflow: created, updated while the old one serves, and rolled back."""

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, cast

import pytest
from aws_cdk import App, Stack

import zflow_constructs as zflow
from zflow_constructs.local.engine import Engine
from zflow_constructs.local.run import RunSettings

DEADLINE_SECONDS = 120
SCRIPT = """
import argparse, os, pathlib

def model_fn(model_dir):
    version = pathlib.Path(model_dir, "version").read_text()
    if version == "broken":
        raise ValueError("this model can't be loaded")
    return version

def transform_fn(version, body, content_type, accept):
    return version, "text/csv"

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--version")
    pathlib.Path(os.environ["SM_MODEL_DIR"], "version").write_text(parser.parse_args().version)
"""


class Client(Protocol):
    """A boto3 client, of which the tests need no types."""

    def __getattr__(self, operation: str) -> "Call": ...


class Call(Protocol):
    def __call__(self, **request: object) -> Mapping[str, object]: ...


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("endpoint")
    (folder / "model.py").write_text(SCRIPT)
    app = App(outdir=str(folder / "cdk.out"))
    stack = Stack(app, "Versions")
    image = zflow.ContainerImage.from_framework("sklearn", "1.2-1")
    code = zflow.SourceCode.from_file(str(folder / "model.py"))
    train = zflow.TrainingStep(
        stack, "Train", image=image, code=code, channels={}, hyperparameters={"version": zflow.Parameter("version")}
    )
    container = zflow.ModelContainer(image=image, model_data=train.model_data, code=code)
    endpoint = zflow.InferencePipelineEndpoint(stack, "Endpoint", containers=[container], endpoint_name="versions")
    zflow.MlWorkflow(stack, "Workflow", steps=[train, endpoint], parameters={"version": "first"})
    settings = RunSettings(assembly=Path(app.synth().directory), folder=folder / "run")
    with Engine(settings, on_step=lambda _: None) as running:
        running.deploy()
        assert running.run().status == "SUCCEEDED"
        yield running


def execute(engine: Engine, version: str) -> Mapping[str, object]:
    stepfunctions = cast("Client", engine.aws.clients("stepfunctions"))
    machines = cast("list[Mapping[str, str]]", stepfunctions.list_state_machines()["stateMachines"])
    started = stepfunctions.start_execution(
        stateMachineArn=machines[0]["stateMachineArn"], input=f'{{"version": "{version}"}}'
    )
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (execution := stepfunctions.describe_execution(executionArn=started["executionArn"]))["status"] == "RUNNING":
        assert time.monotonic() < deadline, "the execution doesn't end"
        time.sleep(0.05)
    return execution


def ask(engine: Engine) -> str:
    runtime = cast("Client", engine.aws.clients("sagemaker-runtime"))
    answer = runtime.invoke_endpoint(EndpointName="versions", ContentType="text/csv", Body=b"1")
    return cast("bytes", cast("Client", answer["Body"]).read()).decode()


def test_an_update_has_no_moment_without_an_answer_and_a_broken_model_leaves_the_old_one_serving(
    engine: Engine,
) -> None:
    answers = [ask(engine)]
    done = threading.Event()

    def keep_asking() -> None:
        while not done.wait(0.05):
            answers.append(ask(engine))

    with ThreadPoolExecutor() as pool:
        asking = pool.submit(keep_asking)
        try:
            updated = execute(engine, "second")
            after_the_update = len(answers)
            broken = execute(engine, "broken")
        finally:
            done.set()
        asking.result(DEADLINE_SECONDS)
    assert updated["status"] == "SUCCEEDED"
    assert answers[: answers.index("second")] == ["first"] * answers.index("second")
    assert set(answers[after_the_update + 1 :]) == {"second"}
    assert broken["status"] == "FAILED"
    assert broken["error"] == "States.QueryEvaluationError"
    assert (
        'Step "Endpoint": the endpoint versions does not serve this run\'s configuration: the update failed or was '
        "rolled back. Status: InService." in str(broken["cause"])
    )
    assert ask(engine) == "second"
