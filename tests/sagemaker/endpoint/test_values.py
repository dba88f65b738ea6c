"""The values that describe an endpoint: how it scales, is updated, rolled back, tested, and what it keeps."""

import re
from pathlib import Path

import pytest
from aws_cdk import Duration, Size
from aws_cdk import aws_applicationautoscaling as applicationautoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Annotations, Match

import zflow_constructs as zflow
from tests.core.machines import mapping
from tests.parts import bucket, model, stack
from tests.templates import Synthesized, allow, writes
from zflow_constructs.core.values.templates import Json
from zflow_constructs.sagemaker.endpoint.settings.autoscaling import scaling_requests

DAY = applicationautoscaling.Schedule.cron(hour="7", minute="0")


@pytest.mark.parametrize(
    ("target", "kind", "value", "specification"),
    [
        (
            zflow.ScalingTarget.invocations_per_instance(750),
            "invocations",
            750,
            {"PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}},
        ),
        (
            zflow.ScalingTarget.concurrent_requests_per_instance(5),
            "concurrency",
            5,
            {
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"
                }
            },
        ),
        (
            zflow.ScalingTarget.provisioned_concurrency_utilization(70),
            "provisioned",
            0.7,
            {
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "SageMakerVariantProvisionedConcurrencyUtilization"
                }
            },
        ),
        (
            zflow.ScalingTarget.cpu_utilization(280),
            "cpu",
            280,
            {
                "CustomizedMetricSpecification": {
                    "Namespace": "/aws/sagemaker/Endpoints",
                    "MetricName": "CPUUtilization",
                    "Unit": "Percent",
                    "Statistic": "Average",
                    "Dimensions": [
                        {"Name": "EndpointName", "Value": "scores"},
                        {"Name": "VariantName", "Value": "A"},
                    ],
                }
            },
        ),
        (
            zflow.ScalingTarget.backlog_per_instance(5),
            "backlog",
            5,
            {
                "CustomizedMetricSpecification": {
                    "Namespace": "AWS/SageMaker",
                    "MetricName": "ApproximateBacklogSizePerInstance",
                    "Statistic": "Average",
                    "Dimensions": [{"Name": "EndpointName", "Value": "scores"}],
                }
            },
        ),
    ],
    ids=["invocations", "concurrency", "provisioned", "cpu", "backlog"],
)
def test_a_target_names_its_metric_as_application_auto_scaling_does(
    target: zflow.ScalingTarget, kind: str, value: float, specification: Json
) -> None:
    assert (target.kind, target.value) == (kind, value)
    assert target.specification("scores", "A") == specification


def test_scaling_waits_longer_before_it_takes_machines_away_than_before_it_adds_some() -> None:
    scales = zflow.AutoScaling(
        min_capacity=1, max_capacity=2, targets=[zflow.ScalingTarget.invocations_per_instance(1)]
    )
    (policy,) = scaling_requests("scores", "A", scales, serverless=False)["policies"]
    cooldowns = mapping(policy["TargetTrackingScalingPolicyConfiguration"])  # type: ignore[arg-type]
    assert (cooldowns["ScaleInCooldown"], cooldowns["ScaleOutCooldown"]) == (300, 60)


def test_a_schedule_is_one_of_utc_unless_told() -> None:
    scales = zflow.AutoScaling(
        min_capacity=1,
        max_capacity=2,
        scheduled=[zflow.ScheduledCapacity("day", DAY, min_capacity=2, max_capacity=2)],
    )
    requests = scaling_requests("scores", "A", scales, serverless=False)
    assert requests["policies"] == []
    assert [action["Timezone"] for action in requests["scheduled"]] == ["Etc/UTC"]


@pytest.mark.parametrize(
    ("deployment", "policy", "least_seconds"),
    [
        (
            zflow.Deployment.all_at_once(),
            {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
                    "TerminationWaitInSeconds": 300,
                }
            },
            300,
        ),
        (
            zflow.Deployment.canary(zflow.Capacity.instances(2), wait_interval=Duration.minutes(10)),
            {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {
                        "Type": "CANARY",
                        "WaitIntervalInSeconds": 600,
                        "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 2},
                    },
                    "TerminationWaitInSeconds": 300,
                }
            },
            900,
        ),
        (
            zflow.Deployment.linear(
                zflow.Capacity.percent(30),
                wait_interval=Duration.minutes(2),
                termination_wait=Duration.minutes(1),
                max_duration=Duration.hours(1),
            ),
            {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {
                        "Type": "LINEAR",
                        "WaitIntervalInSeconds": 120,
                        "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 30},
                    },
                    "TerminationWaitInSeconds": 60,
                    "MaximumExecutionTimeoutInSeconds": 3600,
                }
            },
            # Four steps: 30, 60, 90, 100 %.
            540,
        ),
        (
            zflow.Deployment.rolling(
                zflow.Capacity.percent(50), wait_interval=Duration.minutes(5), max_duration=Duration.hours(1)
            ),
            {
                "RollingUpdatePolicy": {
                    "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
                    "WaitIntervalInSeconds": 300,
                    "MaximumExecutionTimeoutInSeconds": 3600,
                }
            },
            600,
        ),
    ],
    ids=["all at once", "canary", "linear", "rolling"],
)
def test_a_deployment_is_sagemaker_s_policy_and_knows_how_long_it_waits_at_least(
    deployment: zflow.Deployment, policy: Json, least_seconds: int
) -> None:
    assert (deployment.policy, deployment.least_seconds) == (policy, least_seconds)


@pytest.mark.parametrize(("percent", "steps"), [(100, 1), (50, 2), (33, 4), (10, 10)])
def test_a_percentage_reaches_all_machines_in_so_many_steps(percent: int, steps: int) -> None:
    assert zflow.Capacity.percent(percent).steps == steps


def test_a_number_of_machines_takes_one_step_at_least() -> None:
    """How many there are, only SageMaker knows."""
    assert zflow.Capacity.instances(2).steps == 1


def test_alarms_of_yours_are_named_first_and_those_of_the_step_are_as_many_as_it_has_variants() -> None:
    scope = stack()
    own = cloudwatch.Alarm.from_alarm_arn(scope, "Own", "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:own")
    step = zflow.InferencePipelineEndpoint(
        scope,
        "Endpoint",
        variants=[zflow.EndpointVariant(name, containers=[model(scope)]) for name in ("A", "B")],
        rollback=zflow.Rollback(latency_p99=Duration.millis(50), alarms=[own]),
    )
    zflow.MlWorkflow(scope, "Scoring", steps=[step])
    made = Synthesized.of(scope)
    config = mapping(mapping(made.state("Endpoint: update")["Arguments"])["DeploymentConfig"])
    named = mapping(config["AutoRollbackConfiguration"])["Alarms"]
    created = [{"AlarmName": made.logical_id(alarm)} for alarm in step.alarms[1:]]
    assert named == [{"AlarmName": "own"}, *created]
    assert [made.properties(alarm)["MetricName"] for alarm in step.alarms[1:]] == [
        "Invocation5XXErrors",
        "ModelLatency",
        "Invocation5XXErrors",
        "ModelLatency",
    ]
    # An update without a deployment of its own, watched.
    assert config["BlueGreenUpdatePolicy"] == zflow.Deployment.all_at_once().policy["BlueGreenUpdatePolicy"]


def test_your_alarms_alone_roll_an_update_back_if_no_percentage_does() -> None:
    scope = stack()
    own = cloudwatch.Alarm.from_alarm_arn(scope, "Own", "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:own")
    rollback = zflow.Rollback(error_percent=0, alarms=[own])
    assert rollback.create(scope, endpoint="scores", variants=["A"]) == [own]


def test_an_update_machine_by_machine_is_put_back_machine_by_machine_whatever_the_alarms_say() -> None:
    scope = stack()
    rolling = zflow.Deployment.rolling(zflow.Capacity.percent(20), wait_interval=Duration.minutes(5))
    step = zflow.InferencePipelineEndpoint(
        scope,
        "Endpoint",
        containers=[model(scope)],
        deployment=rolling,
        smoke_test=zflow.SmokeTest.from_text("1", content_type="text/csv"),
    )
    zflow.MlWorkflow(scope, "Scoring", steps=[step])
    put_back = mapping(Synthesized.of(scope).state("Endpoint: put back")["Arguments"])
    assert put_back["DeploymentConfig"] == rolling.policy


@pytest.mark.parametrize("gibibytes", [1, 2, 3, 4, 5, 6])
def test_serverless_memory_is_1_to_6_gib(gibibytes: int) -> None:
    serverless = zflow.Serverless(memory=Size.gibibytes(gibibytes), max_concurrency=200, provisioned_concurrency=200)
    assert serverless.fields() == {
        "ServerlessConfig": {
            "MemorySizeInMB": gibibytes * 1024,
            "MaxConcurrency": 200,
            "ProvisionedConcurrency": 200,
        }
    }


def test_a_sample_is_a_text_or_a_file_of_any_bytes(tmp_path: Path) -> None:
    (tmp_path / "digit.png").write_bytes(b"\x89PNG\xff")
    image = zflow.SmokeTest.from_file(str(tmp_path / "digit.png"), content_type="image/png", accept="application/json")
    assert (image.body, image.content_type, image.accept, image.contains) == (
        b"\x89PNG\xff",
        "image/png",
        "application/json",
        "",
    )
    text = zflow.SmokeTest.from_text("ä", content_type="text/csv", contains="0.")
    assert (text.body, text.accept, text.contains) == ("ä".encode(), "text/csv", "0.")
    assert zflow.SmokeTest(b"x" * 65_536, "text/csv").body


class Captured:
    """An endpoint that keeps a part of its answers in a bucket of its own."""

    def __init__(self) -> None:
        scope = stack()
        key = kms.Key.from_key_arn(scope, "Key", "arn:aws:kms:eu-central-1:111122223333:key/captured")
        self.step = zflow.InferencePipelineEndpoint(
            scope,
            "Endpoint",
            containers=[model(scope)],
            data_capture=zflow.DataCapture(
                percent=5,
                requests=False,
                location=zflow.DataLocation.from_bucket(bucket(scope), "captured/"),
                key=key,
                csv_content_types=[],
                json_content_types=["application/json", "application/jsonlines"],
            ),
        )
        zflow.MlWorkflow(scope, "Scoring", steps=[self.step])
        self.made = Synthesized.of(scope)


def test_data_is_captured_as_told() -> None:
    captured = Captured()
    assert mapping(captured.made.state("Endpoint: config")["Arguments"])["DataCaptureConfig"] == {
        "EnableCapture": True,
        "InitialSamplingPercentage": 5,
        "DestinationS3Uri": "s3://lake/captured/",
        "CaptureOptions": [{"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json", "application/jsonlines"]},
        "KmsKeyId": "arn:aws:kms:eu-central-1:111122223333:key/captured",
    }
    role: iam.IRole = captured.step.role
    assert captured.made.statements(role)[-2:] == [
        *writes("lake", "captured/*"),
        allow(["kms:Decrypt", "kms:GenerateDataKey"], "arn:aws:kms:eu-central-1:111122223333:key/captured"),
    ]
    assert captured.step.captured.uri == "s3://lake/captured/"


@pytest.mark.parametrize(
    ("deployment", "machines", "warned"),
    [
        (zflow.Deployment.canary(zflow.Capacity.percent(10), wait_interval=Duration.minutes(5)), 1, True),
        (zflow.Deployment.rolling(zflow.Capacity.percent(50), wait_interval=Duration.minutes(5)), 1, True),
        (zflow.Deployment.linear(zflow.Capacity.percent(50), wait_interval=Duration.minutes(5)), 2, False),
        (zflow.Deployment.all_at_once(), 1, False),
    ],
)
def test_a_part_of_a_single_machine_is_warned_of(deployment: zflow.Deployment, machines: int, *, warned: bool) -> None:
    scope = stack()
    zflow.InferencePipelineEndpoint(
        scope, "Endpoint", containers=[model(scope)], deployment=deployment, instance_count=machines
    )
    text = (
        'The variant "AllTraffic" starts with one machine, and its traffic moves in parts. SageMaker takes half of the '
        "machines at most for a part. Give instance_count=2, or use Deployment.all_at_once."
    )
    found = Annotations.from_stack(scope).find_warning("*", Match.string_like_regexp(f"^{re.escape(text)}"))
    assert len(found) == warned
