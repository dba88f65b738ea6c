"""Training on spot machines, and from checkpoints: the job, how long it is waited for, and what its role may do."""

import pytest
from aws_cdk import Duration

import zflow_constructs as zflow
from tests.core.machines import evaluate, mapping
from tests.parts import stack, train
from tests.templates import (
    ASSETS,
    Synthesized,
    allow,
    arguments,
    inside,
    jsonata,
    pulls,
    reads,
    sagemaker_logs,
    writes,
)
from zflow_constructs.core.states.asl import Task
from zflow_constructs.core.values.templates import Scope

BUCKET = "scoringbucket3a58686c"


def test_a_job_on_spot_machines_shares_checkpoints_with_the_jobs_of_its_run() -> None:
    scope = stack()
    step = train(scope, max_runtime=Duration.hours(4), spot=True, max_wait=Duration.hours(6), checkpoints=True)
    zflow.MlWorkflow(scope, "Scoring", steps=[step])
    made = Synthesized.of(scope)
    request = mapping(made.state("Train")["Arguments"])
    asked = {"EnableManagedSpotTraining", "StoppingCondition", "CheckpointConfig"}
    assert {field: value for field, value in request.items() if field in asked} == {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 14_400, "MaxWaitTimeInSeconds": 21_600},
        "CheckpointConfig": {
            "S3Uri": jsonata(f'"s3://{BUCKET}/Scoring/" & $states.context.Execution.Name & "/Train/checkpoints/"'),
            "LocalPath": "/opt/ml/checkpoints",
        },
    }
    assert made.state("Train")["TimeoutSeconds"] == 21_600 + 900
    assert made.statements(step.role) == [
        *sagemaker_logs("TrainingJobs"),
        *pulls("492215442770:repository/sagemaker-xgboost"),
        allow("s3:GetObject", f"arn:aws:s3:::{ASSETS}/<hash>.gz"),
        *reads("lake", "applications/*"),
        *writes(BUCKET, "Scoring/*/Train/*"),
        *reads(BUCKET, "Scoring/*/Train/checkpoints/*"),
        *writes(BUCKET, "Scoring/*/Train/checkpoints/*"),
    ]


def test_each_turn_of_a_loop_has_checkpoints_of_its_own() -> None:
    scope = stack()
    step = train(scope, checkpoints=True)
    loop = zflow.ForEach(scope, "PerCountry", items=["de", "fr"], steps=[step])
    zflow.MlWorkflow(scope, "Scoring", steps=[loop])
    request = mapping(Synthesized.of(scope).state("Train")["Arguments"])
    assert mapping(request["CheckpointConfig"])["S3Uri"] == jsonata(
        f'"s3://{BUCKET}/Scoring/" & $states.context.Execution.Name & "/PerCountry/" & '
        '$string($PerCountry_item.index) & "/Train/checkpoints/"'
    )


@pytest.mark.parametrize(
    ("max_runtime", "max_wait", "waits"),
    [
        (None, None, Duration.days(2)),
        (Duration.days(20), None, Duration.days(28)),
        (Duration.days(28), Duration.days(28), Duration.days(28)),
    ],
    ids=["by default", "as long as SageMaker allows", "no longer than it runs"],
)
def test_a_job_waits_for_spot_machines_as_long_as_it_may_run_again(
    max_runtime: Duration | None, max_wait: Duration | None, waits: Duration
) -> None:
    step = train(stack(), max_runtime=max_runtime, spot=True, max_wait=max_wait)
    task = step.fragment().states["Train"]
    assert isinstance(task, Task)
    state = task.render(Scope(run_location='"s3://lake/runs"'))
    assert mapping(state["Arguments"])["StoppingCondition"] == {
        "MaxRuntimeInSeconds": int((max_runtime or Duration.days(1)).to_seconds()),
        "MaxWaitTimeInSeconds": int(waits.to_seconds()),
    }
    assert state["TimeoutSeconds"] == waits.to_seconds() + 900


def test_jobs_that_retry_and_redrive_a_step_go_on_from_its_checkpoints() -> None:
    scope = Scope(workflow="Scoring", run_location='"s3://lake/runs/" & $states.context.Execution.Name')
    request = arguments(train(stack(), checkpoints=True), "Train", scope)

    def job(*, retries: int, redrives: int) -> tuple[object, object]:
        context = {
            "Execution": {"Id": "arn", "Name": "nightly", "RedriveCount": redrives},
            "State": {"Name": "Train", "RetryCount": retries},
        }
        variables: dict[str, object] = {"states": {"context": context}}
        uri = mapping(request["CheckpointConfig"])["S3Uri"]
        return evaluate(inside(request["TrainingJobName"]), variables), evaluate(inside(uri), variables)

    jobs = [job(retries=0, redrives=0), job(retries=1, redrives=0), job(retries=0, redrives=1)]
    assert len({name for name, _ in jobs}) == 3
    assert {uri for _, uri in jobs} == {"s3://lake/runs/nightly/Train/checkpoints/"}
