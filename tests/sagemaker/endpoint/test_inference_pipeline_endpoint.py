"""Endpoints: created or updated without downtime, waited for, and loud when what serves is not what was wanted."""

import json

import pytest
from aws_cdk import Duration
from aws_cdk import aws_applicationautoscaling as applicationautoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

import zflow_constructs as zflow
from tests.asl import fields, kind
from tests.core.machines import mapping
from tests.parts import OWN_IMAGE, bucket, count, endpoint, model, network, stack
from tests.requests.request_fields import set_fields
from tests.templates import (
    ASSETS,
    LOGGED_AND_TRACED,
    Synthesized,
    allow,
    arguments,
    hands_over,
    jsonata,
    makes_interfaces,
    pulls,
    reads,
    sagemaker_logs,
    writes,
)
from tools.generate_request_fields import STEPS
from zflow_constructs.core.values.references import JobName
from zflow_constructs.core.values.templates import Json, Scope

SAGEMAKER = "arn:aws:sagemaker:eu-central-1:111122223333"
CALL = "arn:aws:states:::aws-sdk:sagemaker:"
MORNING = applicationautoscaling.Schedule.cron(hour="7", minute="0")


class Example:
    """An endpoint that says no more than it must, and one that uses every keyword that goes with a pipeline."""

    def __init__(self) -> None:
        scope = stack()
        rows = count(scope, "Count")
        self.key = kms.Key.from_key_arn(scope, "Key", "arn:aws:kms:eu-central-1:111122223333:key/disks")
        self.minimal = zflow.InferencePipelineEndpoint(scope, "Minimal", containers=[model(scope)])
        self.maximal = zflow.InferencePipelineEndpoint(
            scope,
            "Maximal",
            containers=[
                zflow.ModelContainer(
                    image=OWN_IMAGE,
                    model_data=zflow.ModelData.from_bucket(bucket(scope), "own/m.tar.gz"),
                    environment={"LEVEL": "info"},
                ),
                model(scope),
            ],
            endpoint_name="risk-scoring",
            deployment=zflow.Deployment.canary(
                zflow.Capacity.percent(10),
                wait_interval=Duration.minutes(10),
                termination_wait=Duration.minutes(2),
                max_duration=Duration.minutes(40),
            ),
            rollback=zflow.Rollback(error_percent=0.5, latency_p99=Duration.millis(200)),
            smoke_test=zflow.SmokeTest.from_text("1,2\n", content_type="text/csv", contains="0."),
            data_capture=zflow.DataCapture(percent=20),
            keep_previous=5,
            instance_type=ec2.InstanceType("c5.2xlarge"),
            instance_count=3,
            autoscaling=zflow.AutoScaling(
                min_capacity=2,
                max_capacity=10,
                targets=[zflow.ScalingTarget.invocations_per_instance(750)],
                scheduled=[zflow.ScheduledCapacity("morning", MORNING, min_capacity=4, max_capacity=20)],
            ),
            timeout=Duration.minutes(45),
            vpc=network(scope),
            volume_key=self.key,
            tags={"team": "risk"},
            role=iam.Role(scope, "OwnRole", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com")),
            request_overrides={"MetricsConfig": {"EnableEnhancedMetrics": True}},
            after=[self.minimal],
            when=rows.outputs["rows"] > 0,
        )
        self.client = iam.Role(scope, "Client", assumed_by=iam.AccountRootPrincipal())
        self.maximal.grant_invoke(self.client)
        self.workflow = zflow.MlWorkflow(
            scope, "Scoring", steps=[rows, self.minimal, self.maximal], bucket=bucket(scope, "Runs")
        )
        self.made = Synthesized.of(scope)

    @property
    def watches(self) -> dict[str, Json]:
        """What SageMaker needs to look at the alarms."""
        arn = "arn:aws:service:eu-central-1:123456789012:"
        return allow(
            "cloudwatch:DescribeAlarms", [f"{arn}{self.made.logical_id(each)}" for each in self.maximal.alarms]
        )

    @property
    def smoke_test(self) -> str:
        """The Lambda that asks for a sample."""
        ((name, _),) = [
            (name, resource)
            for name, resource in fields(self.made.template["Resources"]).items()
            if kind(resource) == "AWS::Lambda::Function"
        ]
        return f"arn:aws:lambda:eu-central-1:123456789012:function:{name}"


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def named(step: zflow.InferencePipelineEndpoint) -> str:
    """What a step's models and configurations are called: after the endpoint, which no other endpoint is."""
    return jsonata(JobName(step.name, base=step.endpoint_name).render(Scope()))


def test_a_model_and_a_configuration_are_made_anew_in_each_run(example: Example) -> None:
    made = example.made
    creation = made.state("Minimal: model")
    assert creation["Resource"] == f"{CALL}createModel"
    assert creation["Arguments"] == {
        "ModelName": named(example.minimal),
        "ExecutionRoleArn": made.role_arn(example.minimal.role),
        "PrimaryContainer": {
            "Image": "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-xgboost:1.7-1",
            "ModelDataUrl": "s3://models/scoring/model.tar.gz",
            "Environment": {
                "SAGEMAKER_PROGRAM": "serve.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{ASSETS}/<hash>.gz",
            },
        },
    }
    config = made.state("Minimal: config")
    assert config["Resource"] == f"{CALL}createEndpointConfig"
    assert config["Arguments"] == {
        "EndpointConfigName": named(example.minimal),
        "ProductionVariants": [
            {
                "VariantName": "AllTraffic",
                "ModelName": jsonata("$Minimal_model"),
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "InitialVariantWeight": 1,
            }
        ],
    }


def test_every_keyword_of_a_step_is_in_its_requests(example: Example) -> None:
    made = example.made
    request = mapping(made.state("Maximal: model")["Arguments"])
    containers = request["Containers"]
    assert isinstance(containers, list)
    assert [mapping(container)["Environment"] for container in containers] == [
        {"LEVEL": "info"},
        {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": f"s3://{ASSETS}/<hash>.gz"},
    ]
    assert request["ExecutionRoleArn"] == made.role_arn(example.maximal.role)
    assert request["Tags"] == [{"Key": "team", "Value": "risk"}]
    assert mapping(request["VpcConfig"])["Subnets"] == ["subnet-1", "subnet-2"]
    captured = jsonata('"s3://runs/Scoring/" & $states.context.Execution.Name & "/Maximal/captured/"')
    assert made.state("Maximal: config")["Arguments"] == {
        "EndpointConfigName": named(example.maximal),
        "ProductionVariants": [
            {
                "VariantName": "AllTraffic",
                "ModelName": jsonata("$Maximal_model"),
                "InitialInstanceCount": 3,
                "InstanceType": "ml.c5.2xlarge",
                "InitialVariantWeight": 1,
            }
        ],
        "DataCaptureConfig": {
            "EnableCapture": True,
            "InitialSamplingPercentage": 20,
            "DestinationS3Uri": captured,
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {
                "CsvContentTypes": ["text/csv"],
                "JsonContentTypes": ["application/json"],
            },
        },
        "KmsKeyId": "arn:aws:kms:eu-central-1:111122223333:key/disks",
        "Tags": [{"Key": "team", "Value": "risk"}],
        "MetricsConfig": {"EnableEnhancedMetrics": True},
    }
    names = {"EndpointName": "risk-scoring", "EndpointConfigName": jsonata("$step_Maximal_config")}
    assert made.state("Maximal: create")["Arguments"] == {**names, "Tags": [{"Key": "team", "Value": "risk"}]}
    # The machines that it has scaled to stay; what is declared goes for all else.
    machines: dict[str, Json] = {
        "RetainAllVariantProperties": True,
        "ExcludeRetainedVariantProperties": [
            {"VariantPropertyType": "DesiredWeight"},
            {"VariantPropertyType": "DataCaptureConfig"},
        ],
    }
    assert made.state("Maximal: update")["Arguments"] == {
        **names,
        **machines,
        "DeploymentConfig": {
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {
                    "Type": "CANARY",
                    "WaitIntervalInSeconds": 600,
                    "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
                },
                "TerminationWaitInSeconds": 120,
                "MaximumExecutionTimeoutInSeconds": 2400,
            },
            "AutoRollbackConfiguration": {
                "Alarms": [{"AlarmName": made.logical_id(alarm)} for alarm in example.maximal.alarms]
            },
        },
    }
    assert made.state("Maximal: put back")["Arguments"] == {
        "EndpointName": "risk-scoring",
        "EndpointConfigName": jsonata("$step_Maximal_before"),
        **machines,
    }
    assert made.state("Maximal?")["Default"] == "Maximal: skipped"


def test_the_alarms_ring_for_failed_and_for_slow_requests(example: Example) -> None:
    errors, latency = (example.made.properties(alarm) for alarm in example.maximal.alarms)
    dimensions = [
        {"Name": "EndpointName", "Value": "risk-scoring"},
        {"Name": "VariantName", "Value": "AllTraffic"},
    ]
    assert errors == {
        "AlarmDescription": "risk-scoring: 0.5 % of the requests of AllTraffic fail",
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Dimensions": dimensions,
        "EvaluationPeriods": 1,
        "MetricName": "Invocation5XXErrors",
        "Namespace": "AWS/SageMaker",
        "Period": 60,
        "Statistic": "Average",
        "Threshold": 0.005,
        "TreatMissingData": "notBreaching",
    }
    assert latency == {
        "AlarmDescription": "risk-scoring: the slowest 1 % of AllTraffic take over 200 ms",
        "ComparisonOperator": "GreaterThanThreshold",
        "Dimensions": dimensions,
        "EvaluationPeriods": 2,
        "ExtendedStatistic": "p99",
        "MetricName": "ModelLatency",
        "Namespace": "AWS/SageMaker",
        "Period": 60,
        "Threshold": 200000,
        "TreatMissingData": "notBreaching",
    }


def test_the_page_of_all_fields_names_what_the_keywords_set(example: Example) -> None:
    """The minimal step has one container. Of a model's fields, a transform's model has the most."""
    made = example.made
    models = [made.state(f"{name}: model")["Arguments"] for name in ("Minimal", "Maximal")]
    there = set_fields("CreateEndpointConfig", made.state("Maximal: config")["Arguments"])
    # Endpoints of other kinds have these: test_endpoint_kinds.py.
    others = {
        "AsyncInferenceConfig",
        "ProductionVariants[].ContainerStartupHealthCheckTimeoutInSeconds",
        "ProductionVariants[].ModelDataDownloadTimeoutInSeconds",
        "ProductionVariants[].ServerlessConfig",
        "ProductionVariants[].VolumeSizeInGB",
        "ShadowProductionVariants",
    }
    assert there - {"MetricsConfig"} == set(STEPS["CreateEndpointConfig"].fields) - others
    isolated = {"EnableNetworkIsolation"}
    assert set_fields("CreateModel", *models) == set(STEPS["CreateModel"].fields) - isolated
    for operation, state in (("CreateEndpoint", "create"), ("UpdateEndpoint", "update")):
        assert set_fields(operation, made.state(f"Maximal: {state}")["Arguments"]) == set(STEPS[operation].fields)


def test_a_name_is_made_of_the_path_where_none_is_given(example: Example) -> None:
    assert example.minimal.endpoint_name.startswith("team-minimal-")
    assert example.maximal.endpoint_name == "risk-scoring"
    assert example.maximal.endpoint_arn.endswith(":sagemaker:eu-central-1:111122223333:endpoint/risk-scoring")


def test_the_model_loads_its_data_and_writes_the_log_of_its_own_endpoint(example: Example) -> None:
    assert example.made.statements(example.minimal.role) == [
        *sagemaker_logs(f"Endpoints/{example.minimal.endpoint_name}"),
        *pulls("492215442770:repository/sagemaker-xgboost"),
        allow("s3:GetObject", f"arn:aws:s3:::{ASSETS}/<hash>.gz"),
        *reads("models", "scoring/model.tar.gz"),
    ]
    assert example.made.statements(example.maximal.role) == [
        *sagemaker_logs("Endpoints/risk-scoring"),
        *pulls("111122223333:repository/scoring", "492215442770:repository/sagemaker-xgboost"),
        allow("s3:GetObject", f"arn:aws:s3:::{ASSETS}/<hash>.gz"),
        *reads("lake", "own/m.tar.gz"),
        *reads("models", "scoring/model.tar.gz"),
        *makes_interfaces("sg-cc38b1b4"),
        *writes("runs", "Scoring/*/Maximal/captured/*"),
        example.watches,
    ]


def test_the_state_machine_may_change_the_endpoints_of_its_steps_and_no_others(example: Example) -> None:
    def changes(step: zflow.InferencePipelineEndpoint, *tagging: str) -> list[dict[str, Json]]:
        configs, models = (f"{SAGEMAKER}:{kind}/{step.endpoint_name}-*" for kind in ("endpoint-config", "model"))
        arn = f"{SAGEMAKER}:endpoint/{step.endpoint_name}"
        return [
            allow(alone_or_all("sagemaker:CreateModel", *tagging), models),
            hands_over(example.made.role_arn(step.role)),
            allow("sagemaker:ListEndpointConfigs", "*"),
            allow(["sagemaker:DeleteEndpointConfig", "sagemaker:DescribeEndpointConfig"], configs),
            allow("sagemaker:DeleteModel", models),
            allow(alone_or_all("sagemaker:CreateEndpointConfig", *tagging), configs),
            allow(["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"], [arn, configs]),
            allow(["sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint", *tagging], arn),
        ]

    made = example.made
    granted = made.statements(example.workflow.role)
    listing = allow("sagemaker:ListEndpointConfigs", "*")
    of_the_maximal = changes(example.maximal, "sagemaker:AddTags")
    assert granted[1:] == [
        *changes(example.minimal),
        # An identical statement is there once.
        *(each for each in of_the_maximal if each != listing),
        example.watches,
        *SCALES,
        allow("lambda:InvokeFunction", example.smoke_test),
        allow("kms:CreateGrant", "arn:aws:kms:eu-central-1:111122223333:key/disks"),
        *LOGGED_AND_TRACED,
    ]


def alone_or_all(action: str, *more: str) -> str | list[str]:
    return [action, *more] if more else action


SCALES = [
    allow(
        [
            f"application-autoscaling:{action}"
            for action in (
                "DeregisterScalableTarget",
                "RegisterScalableTarget",
                "PutScalingPolicy",
                "PutScheduledAction",
            )
        ],
        "arn:aws:application-autoscaling:eu-central-1:111122223333:scalable-target/*",
        StringEquals={"application-autoscaling:service-namespace": "sagemaker"},
    ),
    allow("sagemaker:UpdateEndpointWeightsAndCapacities", f"{SAGEMAKER}:endpoint/risk-scoring"),
    allow(
        ["cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"],
        "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:TargetTracking-endpoint/risk-scoring/*",
    ),
    allow(
        "iam:CreateServiceLinkedRole",
        "arn:aws:iam::111122223333:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
        "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
        StringEquals={"iam:AWSServiceName": "sagemaker.application-autoscaling.amazonaws.com"},
    ),
]


def test_the_smoke_test_may_ask_this_endpoint_and_write_its_log(example: Example) -> None:
    (role,) = [
        role for role in example.maximal.node.children if isinstance(role, iam.Role) and role.node.id == "SmokeTestRole"
    ]
    log, invoke = example.made.statements(role)
    assert log["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert invoke == allow("sagemaker:InvokeEndpoint", f"{SAGEMAKER}:endpoint/risk-scoring")
    payload = mapping(mapping(example.made.state("Maximal: smoke test")["Arguments"])["Payload"])
    assert payload == {
        "endpoint": "risk-scoring",
        "variants": ["AllTraffic"],
        "content_type": "text/csv",
        "accept": "text/csv",
        "body": "MSwyCg==",
        "contains": "0.",
    }


def test_a_client_may_invoke_the_endpoint_it_is_granted(example: Example) -> None:
    assert example.made.statements(example.client) == [
        allow("sagemaker:InvokeEndpoint", f"{SAGEMAKER}:endpoint/risk-scoring")
    ]


def test_a_dashboard_shows_the_endpoint_in_a_row(example: Example) -> None:
    scope = stack()
    cloudwatch.Dashboard(scope, "Dashboard").add_widgets(*example.maximal.dashboard_row())
    (dashboard,) = Synthesized.of(scope).resources("AWS::CloudWatch::Dashboard")
    widgets = json.loads(str(dashboard["DashboardBody"]))["widgets"]
    assert [(widget["x"], widget["y"], widget["width"]) for widget in widgets] == [(0, 0, 8), (8, 0, 8), (16, 0, 8)]
    assert [widget["properties"]["title"] for widget in widgets] == [
        "risk-scoring: requests",
        "risk-scoring: failures",
        "risk-scoring: microseconds",
    ]


def test_metrics_are_those_that_sagemaker_reports_for_the_endpoint(example: Example) -> None:
    step = example.maximal
    metrics = [step.metric_invocations(), step.metric_invocation_5xx_errors(), step.metric_model_latency()]
    assert [(metric.metric_name, metric.statistic) for metric in metrics] == [
        ("Invocations", "Sum"),
        ("Invocation5XXErrors", "Sum"),
        ("ModelLatency", "p99"),
    ]
    for metric in metrics:
        assert metric.namespace == "AWS/SageMaker"
        assert metric.dimensions == {"EndpointName": "risk-scoring", "VariantName": "AllTraffic"}


@pytest.mark.parametrize(("number", "field"), [(1, "PrimaryContainer"), (2, "Containers"), (15, "Containers")])
def test_a_pipeline_has_1_to_15_containers(number: int, field: str) -> None:
    scope = stack()
    step = endpoint(scope, containers=[model(scope)] * number)
    request = arguments(step, "Endpoint: model", Scope())
    assert set(request) == {"ModelName", "ExecutionRoleArn", field}
    definitions = request[field]
    assert len(definitions if isinstance(definitions, list) else [definitions]) == number
