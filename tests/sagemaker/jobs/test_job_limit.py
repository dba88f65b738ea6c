"""How long a SageMaker job may run, in its request."""

import pytest
from aws_cdk import Duration

import zflow_constructs as zflow
from zflow_constructs.core.values.templates import Template
from zflow_constructs.sagemaker.jobs.job_limit import job_limit, within

TIMEOUTS = zflow.Timeouts(job=Duration.hours(2))


def test_a_job_has_the_limit_of_its_workflow() -> None:
    limit = job_limit('Step "A"', None, overrides={}, most=86_400)
    request: dict[str, Template] = {"RoleArn": "role", "StoppingCondition": {"MaxRuntimeInSeconds": 86_400}}
    assert within(request, limit, TIMEOUTS) == {"RoleArn": "role", "StoppingCondition": {"MaxRuntimeInSeconds": 7_200}}


def test_on_spot_instances_it_waits_at_least_as_long_as_it_runs() -> None:
    limit = job_limit('Step "A"', None, overrides={}, most=86_400)
    condition = {"MaxRuntimeInSeconds": 1, "MaxWaitTimeInSeconds": 600}
    assert within({"StoppingCondition": condition}, limit, TIMEOUTS) == {
        "StoppingCondition": {"MaxRuntimeInSeconds": 7_200, "MaxWaitTimeInSeconds": 7_200}
    }


@pytest.mark.parametrize(
    ("max_runtime", "overrides"),
    [(Duration.minutes(5), {}), (None, {"StoppingCondition": {}})],
    ids=["own", "overridden"],
)
def test_a_request_with_a_limit_of_its_own_stays_as_it_is(
    max_runtime: Duration | None, overrides: dict[str, Template]
) -> None:
    request: dict[str, Template] = {"StoppingCondition": {"MaxRuntimeInSeconds": 300}}
    assert within(request, job_limit('Step "A"', max_runtime, overrides=overrides, most=86_400), TIMEOUTS) == request
