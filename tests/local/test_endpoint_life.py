"""An endpoint over several executions: created, updated while the old one serves, rolled back, put back, deleted."""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, cast

import pytest
from aws_cdk import App, Duration, Stack, TimeZone
from aws_cdk import aws_applicationautoscaling as applicationautoscaling
from aws_cdk import aws_ec2 as ec2

import zflow_constructs as zflow
from tests.waiting import LIMIT_SECONDS, until
from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.local.engine import Engine
from zflow_constructs.local.run import RunSettings

SCRIPT = """
import argparse, os, pathlib

def model_fn(model_dir):
    version = pathlib.Path(model_dir, "version").read_text()
    if version == "broken":
        raise ValueError("this model can't be loaded")
    return version

def transform_fn(version, body, content_type, accept):
    return ("nothing" if version == "silly" else f"score by {version}"), "text/csv"

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--version")
    pathlib.Path(os.environ["SM_MODEL_DIR"], "version").write_text(parser.parse_args().version)
"""
MORNING = applicationautoscaling.Schedule.cron(hour="7", minute="0")


class Client(Protocol):
    """A boto3 client, of which the tests need no types."""

    def __getattr__(self, operation: str) -> "Call": ...


class Call(Protocol):
    def __call__(self, **request: object) -> Mapping[str, object]: ...


class Versions(Stack):
    """Two workflows that bring one endpoint to another version, on different machines, and one that deletes it."""

    def __init__(self, app: App, folder: Path) -> None:
        super().__init__(app, "Versions")
        self._code = zflow.SourceCode.from_file(str(folder / "model.py"))
        endpoint = self.deploy("Small", "m5.large")
        self.deploy("Large", "m5.xlarge")
        delete = zflow.DeleteEndpointStep(self, "Delete", endpoint_name=endpoint.endpoint_name)
        zflow.MlWorkflow(self, "End", steps=[delete])

    def deploy(self, id: str, machine: str) -> zflow.InferencePipelineEndpoint:
        image = zflow.ContainerImage.from_framework("sklearn", "1.2-1")
        version = {"version": zflow.Parameter("version")}
        train = zflow.TrainingStep(
            self, f"Train{id}", image=image, code=self._code, channels={}, hyperparameters=version
        )
        scaling = zflow.AutoScaling(
            min_capacity=1,
            max_capacity=4,
            targets=[zflow.ScalingTarget.invocations_per_instance(600), zflow.ScalingTarget.cpu_utilization(70)],
            scheduled=[
                zflow.ScheduledCapacity(
                    "morning", MORNING, min_capacity=2, max_capacity=8, time_zone=TimeZone.EUROPE_BERLIN
                )
            ],
        )
        endpoint = zflow.InferencePipelineEndpoint(
            self,
            f"Endpoint{id}",
            containers=[zflow.ModelContainer(image=image, model_data=train.model_data, code=self._code)],
            endpoint_name="versions",
            instance_type=ec2.InstanceType(machine),
            autoscaling=scaling,
            deployment=zflow.Deployment.canary(zflow.Capacity.percent(10), wait_interval=Duration.minutes(5)),
            rollback=zflow.Rollback(latency_p99=Duration.millis(200)),
            smoke_test=zflow.SmokeTest.from_text("1", content_type="text/csv", contains="score"),
            keep_previous=1,
        )
        zflow.MlWorkflow(self, id, steps=[train, endpoint], parameters={"version": "first"})
        return endpoint


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("endpoint")
    (folder / "model.py").write_text(SCRIPT)
    app = App(outdir=str(folder / "cdk.out"))
    Versions(app, folder)
    workflow = load_workflow(Path(app.synth().directory), workflow="Small")
    with Engine(workflow, RunSettings(folder=folder / "run"), on_step=lambda _: None) as running:
        assert running.deploy().run().status == "SUCCEEDED"
        yield running


def client(engine: Engine, service: str) -> Client:
    return cast("Client", engine.aws.clients(service))


def execute(engine: Engine, workflow: str, version: str = "first") -> Mapping[str, object]:
    stepfunctions = client(engine, "stepfunctions")
    machines = cast("list[Mapping[str, str]]", stepfunctions.list_state_machines()["stateMachines"])
    (arn,) = [machine["stateMachineArn"] for machine in machines if workflow in machine["name"]]
    given = {} if workflow == "End" else {"version": version}
    return ended(
        engine, str(stepfunctions.start_execution(stateMachineArn=arn, input=json.dumps(given))["executionArn"])
    )


def ended(engine: Engine, arn: str) -> Mapping[str, object]:
    stepfunctions = client(engine, "stepfunctions")
    deadline = time.monotonic() + LIMIT_SECONDS
    while (execution := stepfunctions.describe_execution(executionArn=arn))["status"] == "RUNNING":
        assert time.monotonic() < deadline, "the execution doesn't end"
        time.sleep(0.05)
    return execution


def ask(engine: Engine) -> str:
    answer = client(engine, "sagemaker-runtime").invoke_endpoint(
        EndpointName="versions", ContentType="text/csv", Body=b"1"
    )
    return cast("bytes", cast("Client", answer["Body"]).read()).decode().removeprefix("score by ")


def scaling(engine: Engine) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
    """The variants that scale, the policies, and the scheduled actions."""
    application = client(engine, "application-autoscaling")
    found = [
        sorted(
            str(each[field]) for each in cast("list[Mapping[str, object]]", call(ServiceNamespace="sagemaker")[listed])
        )
        for call, listed, field in (
            (application.describe_scalable_targets, "ScalableTargets", "ResourceId"),
            (application.describe_scaling_policies, "ScalingPolicies", "PolicyName"),
            (application.describe_scheduled_actions, "ScheduledActions", "ScheduledActionName"),
        )
    ]
    return found[0], found[1], found[2]


SCALES = (
    ["endpoint/versions/variant/AllTraffic"],
    ["versions-AllTraffic-cpu", "versions-AllTraffic-invocations"],
    ["versions-AllTraffic-morning"],
)


def names(engine: Engine, kind: str) -> list[str]:
    """The configurations or models that there are."""
    sagemaker = client(engine, "sagemaker")
    call, field = {
        "configurations": (sagemaker.list_endpoint_configs, "EndpointConfig"),
        "models": (sagemaker.list_models, "Model"),
    }[kind]
    found = call(NameContains="versions-", MaxResults=100)[f"{field}s"]
    return [str(each[f"{field}Name"]) for each in cast("list[Mapping[str, object]]", found)]


def served(engine: Engine) -> tuple[str, str, str]:
    """The endpoint's status, its configuration, and the machine that it names."""
    sagemaker = client(engine, "sagemaker")
    described = sagemaker.describe_endpoint(EndpointName="versions")
    config = sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
    (variant,) = cast("list[Mapping[str, str]]", config["ProductionVariants"])
    return str(described["EndpointStatus"]), str(described["EndpointConfigName"]), variant["InstanceType"]


def test_an_endpoint_is_created_and_scales(engine: Engine) -> None:
    assert ask(engine) == "first"
    assert scaling(engine) == SCALES
    status, config, _ = served(engine)
    assert status == "InService"
    assert names(engine, "configurations") == [config]


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
            updated = execute(engine, "Small", "second")
            after_the_update = len(answers)
            broken = execute(engine, "Small", "broken")
        finally:
            done.set()
        asking.result(LIMIT_SECONDS)
    assert updated["status"] == "SUCCEEDED"
    assert answers[: answers.index("second")] == ["first"] * answers.index("second")
    assert set(answers[after_the_update + 1 :]) == {"second"}
    assert (broken["status"], broken["error"]) == ("FAILED", "States.QueryEvaluationError")
    assert (
        'Step "EndpointSmall": the endpoint versions does not serve this run\'s configuration: the update failed or '
        "was rolled back. Status: InService. Reason: The primary container did not pass the ping health check: "
        in str(broken["cause"])
    )
    assert ask(engine) == "second"
    assert scaling(engine) == SCALES


def test_a_model_that_fails_its_smoke_test_is_taken_back_and_the_step_says_why(engine: Engine) -> None:
    _, before, _ = served(engine)
    silly = execute(engine, "Small", "silly")
    assert silly["status"] == "FAILED"
    cause = str(silly["cause"])
    assert 'Step "EndpointSmall": the endpoint versions failed its smoke test: ' in cause
    assert "The variant AllTraffic gave an answer without" in cause
    assert "nothing" in cause
    assert f"It is put back to {before}." in cause
    status, config, _ = served(engine)
    assert (status, config) == ("InService", before)
    assert ask(engine) == "second"
    assert scaling(engine) == SCALES


def test_a_redrive_after_a_failed_smoke_test_begins_again_with_another_model_and_configuration(
    engine: Engine,
) -> None:
    failed = execute(engine, "Small", "silly")
    known = set(names(engine, "configurations"))
    arn = str(failed["executionArn"])
    client(engine, "stepfunctions").redrive_execution(executionArn=arn)
    again = ended(engine, arn)
    assert again["status"] == "FAILED"
    assert "failed its smoke test" in str(again["cause"])
    assert len(set(names(engine, "configurations")) - known) == 1
    assert ask(engine) == "second"


def test_a_model_that_fails_its_smoke_test_on_another_machine_is_taken_back_to_the_one_before(engine: Engine) -> None:
    _, before, machine = served(engine)
    cause = str(execute(engine, "Large", "silly")["cause"])
    assert f"It is put back to {before}." in cause
    assert "could not be put back" not in cause
    assert served(engine) == ("InService", before, machine)
    assert ask(engine) == "second"
    assert scaling(engine) == SCALES


def test_another_machine_is_given_to_a_variant_that_scales_and_it_scales_on(engine: Engine) -> None:
    _, before, machine = served(engine)
    assert machine == "ml.m5.large"
    large = execute(engine, "Large", "third")
    assert large["status"] == "SUCCEEDED", large.get("cause")
    assert served(engine)[2] == "ml.m5.xlarge"
    assert ask(engine) == "third"
    assert scaling(engine) == SCALES
    # Not the newer ones, which failed their smoke tests.
    assert names(engine, "configurations") == [served(engine)[1], before]


def test_the_configuration_before_is_kept_and_older_ones_are_gone_with_their_models(engine: Engine) -> None:
    assert execute(engine, "Large", "fourth")["status"] == "SUCCEEDED"
    configurations, models = names(engine, "configurations"), names(engine, "models")
    assert configurations[0] == served(engine)[1]
    assert len(configurations) == len(models) == 2
    back = client(engine, "sagemaker")
    back.update_endpoint(EndpointName="versions", EndpointConfigName=configurations[1])
    until(lambda: ask(engine) == "third")


def test_a_deleted_endpoint_leaves_nothing_behind_and_deleting_it_again_is_no_failure(engine: Engine) -> None:
    for _ in range(2):
        deleted = execute(engine, "End")
        assert deleted["status"] == "SUCCEEDED", deleted.get("cause")
        assert client(engine, "sagemaker").list_endpoints()["Endpoints"] == []
        assert (names(engine, "configurations"), names(engine, "models")) == ([], [])
        assert scaling(engine) == ([], [], [])
