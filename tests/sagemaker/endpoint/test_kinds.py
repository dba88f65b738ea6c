"""Endpoints of each kind: serverless, asynchronous, of several variants, with a shadow, of a model that was there."""

import json
from collections.abc import Mapping

import pytest
from aws_cdk import Duration, Size, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

import zflow_constructs as zflow
from tests.core.machines import mapping, valued
from tests.parts import OWN_IMAGE, bucket, model, stack
from tests.requests.request_fields import set_fields
from tests.templates import (
    ASSETS,
    LOGGED_AND_TRACED,
    Synthesized,
    allow,
    hands_over,
    jsonata,
    pulls,
    reads,
    sagemaker_logs,
    writes,
)
from zflow_constructs.core.values.templates import Json
from zflow_constructs.requests.aws import validate_request
from zflow_constructs.steps.retry import SCALING

SAGEMAKER = "arn:aws:sagemaker:eu-central-1:111122223333"
ON_MACHINES: dict[str, Json] = {"InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}


def own(scope: Stack, name: str) -> zflow.ModelContainer:
    """A container whose image serves by itself."""
    return zflow.ModelContainer(
        image=OWN_IMAGE, model_data=zflow.ModelData.from_bucket(bucket(scope, "Models"), f"{name}.tar.gz")
    )


class Made:
    """A workflow of one endpoint, synthesized."""

    def __init__(self, step: zflow.InferencePipelineEndpoint) -> None:
        scope = Stack.of(step)
        self.step = step
        self.workflow = zflow.MlWorkflow(scope, "Scoring", steps=[step], bucket=bucket(scope, "Runs"))
        self.made = Synthesized.of(scope)

    @property
    def config(self) -> Mapping[str, Json]:
        """What CreateEndpointConfig is called with, without the name."""
        return {name: value for name, value in self.request("config").items() if name != "EndpointConfigName"}

    @property
    def granted(self) -> list[Mapping[str, Json]]:
        """What the state machine may do, besides logging and tracing."""
        *granted, log, trace = self.made.statements(self.workflow.role)
        assert [log, trace] == LOGGED_AND_TRACED
        return granted

    def request(self, state: str) -> Mapping[str, Json]:
        return mapping(self.made.state(f"Endpoint: {state}")["Arguments"])

    def items(self) -> Json:
        """What the loop over the variants that scale is given."""
        return self.made.state("Endpoint: scaling")["Items"]


# Serverless


@pytest.fixture(scope="module")
def serverless() -> Made:
    scope = stack()
    return Made(
        zflow.InferencePipelineEndpoint(
            scope,
            "Endpoint",
            containers=[model(scope)],
            endpoint_name="rare",
            serverless=zflow.Serverless(memory=Size.gibibytes(4), max_concurrency=20, provisioned_concurrency=5),
            autoscaling=zflow.AutoScaling(
                min_capacity=2,
                max_capacity=10,
                targets=[zflow.ScalingTarget.provisioned_concurrency_utilization(70)],
            ),
            smoke_test=zflow.SmokeTest.from_text("1", content_type="text/csv"),
        )
    )


def test_a_serverless_variant_has_memory_and_concurrency_in_the_place_of_machines(serverless: Made) -> None:
    assert serverless.config == {
        "ProductionVariants": [
            {
                "VariantName": "AllTraffic",
                "ModelName": jsonata("$Endpoint_model"),
                "ServerlessConfig": {"MemorySizeInMB": 4096, "MaxConcurrency": 20, "ProvisionedConcurrency": 5},
                "InitialVariantWeight": 1,
            }
        ]
    }


def test_the_image_of_a_serverless_variant_is_one_for_processors(serverless: Made) -> None:
    image = mapping(serverless.request("model")["PrimaryContainer"])["Image"]
    assert image == "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-xgboost:1.7-1"


def test_without_a_word_about_it_nothing_stays_warm() -> None:
    scope = stack()
    made = Made(
        zflow.InferencePipelineEndpoint(
            scope, "Endpoint", containers=[own(scope, "small")], serverless=zflow.Serverless()
        )
    )
    variants = made.config["ProductionVariants"]
    assert isinstance(variants, list)
    assert mapping(variants[0])["ServerlessConfig"] == {"MemorySizeInMB": 2048, "MaxConcurrency": 5}


def test_the_provisioned_concurrency_scales(serverless: Made) -> None:
    scaled = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/rare/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredProvisionedConcurrency",
    }
    assert serverless.items() == [
        {
            "variant": scaled,
            "target": [{**scaled, "MinCapacity": 2, "MaxCapacity": 10}],
            "policies": [
                {
                    **scaled,
                    "PolicyName": "rare-AllTraffic-provisioned",
                    "PolicyType": "TargetTrackingScaling",
                    "TargetTrackingScalingPolicyConfiguration": {
                        "TargetValue": 0.7,
                        "PredefinedMetricSpecification": {
                            "PredefinedMetricType": "SageMakerVariantProvisionedConcurrencyUtilization"
                        },
                        "ScaleInCooldown": 300,
                        "ScaleOutCooldown": 60,
                    },
                }
            ],
            "scheduled": [],
        }
    ]


# Asynchronous


class Queue:
    """An asynchronous endpoint that uses every keyword of it, and has no machine when nobody asks."""

    def __init__(self) -> None:
        scope = stack()
        self.key = kms.Key.from_key_arn(scope, "Key", "arn:aws:kms:eu-central-1:111122223333:key/answers")
        self.answered, self.failed = (
            sns.Topic.from_topic_arn(scope, name, f"arn:aws:sns:eu-central-1:111122223333:{name}")
            for name in ("answered", "failed")
        )
        step = zflow.InferencePipelineEndpoint(
            scope,
            "Endpoint",
            containers=[own(scope, "slow")],
            endpoint_name="slow",
            asynchronous=zflow.AsyncInference(
                zflow.DataLocation.from_bucket(bucket(scope), "requests/"),
                max_concurrent_invocations=4,
                success_topic=self.answered,
                error_topic=self.failed,
                key=self.key,
            ),
            autoscaling=zflow.AutoScaling(
                min_capacity=0, max_capacity=3, targets=[zflow.ScalingTarget.backlog_per_instance(5)]
            ),
        )
        self.client = iam.Role(scope, "Client", assumed_by=iam.AccountRootPrincipal())
        step.grant_invoke(self.client)
        self.endpoint = Made(step)


@pytest.fixture(scope="module")
def queue() -> Queue:
    return Queue()


def folder(name: str) -> str:
    return jsonata(f'"s3://runs/Scoring/" & $states.context.Execution.Name & "/Endpoint/{name}/"')


def test_an_asynchronous_endpoint_answers_into_the_folder_of_the_run_that_deployed_it(queue: Queue) -> None:
    assert queue.endpoint.config == {
        "ProductionVariants": [
            {
                "VariantName": "AllTraffic",
                "ModelName": jsonata("$Endpoint_model"),
                **ON_MACHINES,
                "InitialVariantWeight": 1,
            }
        ],
        "AsyncInferenceConfig": {
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 4},
            "OutputConfig": {
                "S3OutputPath": folder("answers"),
                "S3FailurePath": folder("failures"),
                "NotificationConfig": {
                    "SuccessTopic": "arn:aws:sns:eu-central-1:111122223333:answered",
                    "ErrorTopic": "arn:aws:sns:eu-central-1:111122223333:failed",
                },
                "KmsKeyId": "arn:aws:kms:eu-central-1:111122223333:key/answers",
            },
        },
    }


def test_an_asynchronous_endpoint_that_says_no_more_than_it_must_tells_nobody() -> None:
    scope = stack()
    requests = zflow.DataLocation.from_bucket(bucket(scope), "requests/")
    step = zflow.InferencePipelineEndpoint(
        scope, "Endpoint", containers=[own(scope, "slow")], asynchronous=zflow.AsyncInference(requests)
    )
    assert Made(step).config["AsyncInferenceConfig"] == {
        "OutputConfig": {"S3OutputPath": folder("answers"), "S3FailurePath": folder("failures")}
    }


def test_the_model_of_an_asynchronous_endpoint_reads_requests_and_writes_answers_and_tells_of_them(
    queue: Queue,
) -> None:
    assert queue.endpoint.made.statements(queue.endpoint.step.role) == [
        *sagemaker_logs("Endpoints/slow"),
        *pulls("111122223333:repository/scoring"),
        *reads("models", "slow.tar.gz"),
        *reads("lake", "requests/*"),
        *writes("runs", "Scoring/*/Endpoint/answers/*"),
        *writes("runs", "Scoring/*/Endpoint/failures/*"),
        allow("sns:Publish", "arn:aws:sns:eu-central-1:111122223333:answered"),
        allow("sns:Publish", "arn:aws:sns:eu-central-1:111122223333:failed"),
        allow(["kms:Decrypt", "kms:GenerateDataKey"], "arn:aws:kms:eu-central-1:111122223333:key/answers"),
    ]


def test_a_client_of_an_asynchronous_endpoint_may_queue_requests_alone(queue: Queue) -> None:
    assert queue.endpoint.made.statements(queue.client) == [
        allow("sagemaker:InvokeEndpointAsync", f"{SAGEMAKER}:endpoint/slow")
    ]


def scaled(variant: str, endpoint: str) -> dict[str, Json]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/{variant}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


def test_machines_that_may_all_be_gone_scale_by_the_backlog_and_are_woken(queue: Queue) -> None:
    target = scaled("AllTraffic", "slow")
    assert queue.endpoint.items() == [
        {
            "variant": target,
            "target": [{**target, "MinCapacity": 0, "MaxCapacity": 3}],
            "policies": [
                {
                    **target,
                    "PolicyName": "slow-AllTraffic-backlog",
                    "PolicyType": "TargetTrackingScaling",
                    "TargetTrackingScalingPolicyConfiguration": {
                        "TargetValue": 5,
                        "CustomizedMetricSpecification": {
                            "Namespace": "AWS/SageMaker",
                            "MetricName": "ApproximateBacklogSizePerInstance",
                            "Statistic": "Average",
                            "Dimensions": [{"Name": "EndpointName", "Value": "slow"}],
                        },
                        "ScaleInCooldown": 300,
                        "ScaleOutCooldown": 60,
                    },
                }
            ],
            "scheduled": [],
            "waking": [target],
        }
    ]


def test_of_what_may_have_no_machine_one_starts_at_each_update(queue: Queue, serverless: Made) -> None:
    """Any other keeps what it has scaled to."""
    assert set(queue.endpoint.request("update")) == {"EndpointName", "EndpointConfigName"}
    assert serverless.request("update")["RetainAllVariantProperties"] is True


WAKING: dict[str, Json] = {
    "PolicyName": "slow-requests-wait",
    "PolicyType": "StepScaling",
    "StepScalingPolicyConfiguration": {
        "AdjustmentType": "ChangeInCapacity",
        "MetricAggregationType": "Average",
        "Cooldown": 300,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
    },
}
ALARM: dict[str, Json] = {
    "AlarmName": "slow-requests-wait",
    "AlarmDescription": "Requests wait for slow, and it has no machine",
    "Namespace": "AWS/SageMaker",
    "MetricName": "HasBacklogWithoutCapacity",
    "Dimensions": [{"Name": "EndpointName", "Value": "slow"}],
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 2,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "missing",
}


def test_a_request_that_waits_without_a_machine_rings_an_alarm_that_starts_one(queue: Queue) -> None:
    made = queue.endpoint.made
    processor = mapping(made.state("Endpoint: scaling")["ItemProcessor"])
    assert list(mapping(processor["States"])) == [
        "Endpoint: reset scaling",
        "Endpoint: nothing to reset",
        "Endpoint: scalable target",
        "Endpoint: scaling policies",
        "Endpoint: scheduled capacity",
        "Endpoint: wake up",
    ]
    loop = made.state("Endpoint: wake up")
    assert (loop["Items"], loop["End"]) == (jsonata("[$states.input.waking]"), True)
    policy, alarm = made.state("Endpoint: waking policy"), made.state("Endpoint: waking alarm")
    assert policy == {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:applicationautoscaling:putScalingPolicy",
        "Arguments": jsonata(f"$merge([$states.input, {json.dumps(WAKING)}])"),
        "TimeoutSeconds": 60,
        "Output": {"policy": jsonata("[$states.result.PolicyARN, $states.result.PolicyArn][0]")},
        "Retry": [SCALING.render()],
        "Next": "Endpoint: waking alarm",
    }
    assert {name: value for name, value in alarm.items() if name != "Retry"} == {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:cloudwatch:putMetricAlarm",
        "Arguments": {**ALARM, "AlarmActions": [jsonata("$states.input.policy")]},
        "TimeoutSeconds": 60,
        "Output": {},
        "End": True,
    }
    for name in ("PolicyARN", "PolicyArn"):
        assert valued(policy["Output"], {"states": {"result": {name: "arn"}}}) == {"policy": "arn"}
    validate_request("Endpoint", "application-autoscaling", "PutScalingPolicy", {**scaled("All", "slow"), **WAKING})
    validate_request("Endpoint", "cloudwatch", "PutMetricAlarm", {**ALARM, "AlarmActions": ["arn"]})


def test_the_state_machine_sets_up_the_scaling_of_this_endpoint_and_its_alarms(queue: Queue) -> None:
    configs, models = (f"{SAGEMAKER}:{kind}/slow-*" for kind in ("endpoint-config", "model"))
    actions = ["DeregisterScalableTarget", "RegisterScalableTarget", "PutScalingPolicy", "PutScheduledAction"]
    principal = "sagemaker.application-autoscaling.amazonaws.com"
    alarms = "arn:aws:cloudwatch:eu-central-1:111122223333:alarm"
    assert queue.endpoint.granted == [
        allow("sagemaker:CreateModel", models),
        hands_over(queue.endpoint.made.role_arn(queue.endpoint.step.role)),
        allow("sagemaker:ListEndpointConfigs", "*"),
        allow(["sagemaker:DeleteEndpointConfig", "sagemaker:DescribeEndpointConfig"], configs),
        allow("sagemaker:DeleteModel", models),
        allow("sagemaker:CreateEndpointConfig", configs),
        allow(["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"], [f"{SAGEMAKER}:endpoint/slow", configs]),
        allow(["sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint"], f"{SAGEMAKER}:endpoint/slow"),
        allow(
            [f"application-autoscaling:{action}" for action in actions],
            "arn:aws:application-autoscaling:eu-central-1:111122223333:scalable-target/*",
            StringEquals={"application-autoscaling:service-namespace": "sagemaker"},
        ),
        allow("sagemaker:UpdateEndpointWeightsAndCapacities", f"{SAGEMAKER}:endpoint/slow"),
        allow(
            ["cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"],
            [f"{alarms}:TargetTracking-endpoint/slow/*", f"{alarms}:slow-requests-wait"],
        ),
        allow(
            "iam:CreateServiceLinkedRole",
            f"arn:aws:iam::111122223333:role/aws-service-role/{principal}/"
            "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
            StringEquals={"iam:AWSServiceName": principal},
        ),
    ]


# Several variants


@pytest.fixture(scope="module")
def several() -> Made:
    scope = stack()
    scaling = zflow.AutoScaling(
        min_capacity=2, max_capacity=4, targets=[zflow.ScalingTarget.concurrent_requests_per_instance(3)]
    )
    champion = zflow.EndpointVariant(
        "Champion",
        containers=[model(scope), own(scope, "champion")],
        weight=9,
        instance_type=ec2.InstanceType("c5.xlarge"),
        instance_count=2,
        autoscaling=scaling,
        volume_size=Size.gibibytes(50),
        model_download_timeout=Duration.minutes(10),
        container_startup_timeout=Duration.minutes(5),
    )
    challenger = zflow.EndpointVariant(
        "Challenger-2",
        containers=[model(scope)],
        overrides={"EnableSSMAccess": True, "InferenceAmiVersion": "al2-ami-sagemaker-inference-gpu-2"},
    )
    return Made(
        zflow.InferencePipelineEndpoint(
            scope,
            "Endpoint",
            variants=[champion, challenger],
            endpoint_name="shared",
            deployment=zflow.Deployment.linear(zflow.Capacity.percent(25), wait_interval=Duration.minutes(5)),
            smoke_test=zflow.SmokeTest.from_text("1", content_type="text/csv"),
            network_isolation=False,
            tags={"team": "risk"},
        )
    )


def test_each_variant_has_a_model_machines_and_a_weight_of_its_own(several: Made) -> None:
    assert several.config["ProductionVariants"] == [
        {
            "VariantName": "Champion",
            "ModelName": jsonata("$Endpoint_model_Champion"),
            "InitialInstanceCount": 2,
            "InstanceType": "ml.c5.xlarge",
            "InitialVariantWeight": 9,
            "VolumeSizeInGB": 50,
            "ModelDataDownloadTimeoutInSeconds": 600,
            "ContainerStartupHealthCheckTimeoutInSeconds": 300,
        },
        {
            "VariantName": "Challenger-2",
            "ModelName": jsonata("$Endpoint_model_Challenger_2"),
            **ON_MACHINES,
            "InitialVariantWeight": 1,
            "EnableSSMAccess": True,
            "InferenceAmiVersion": "al2-ami-sagemaker-inference-gpu-2",
        },
    ]


def test_the_models_are_made_one_after_the_other_and_share_a_role(several: Made) -> None:
    first, second = (several.made.state(f"Endpoint: model {name}") for name in ("Champion", "Challenger-2"))
    assert (first["Next"], second["Next"]) == ("Endpoint: model Challenger-2", "Endpoint: config")
    roles = [mapping(each["Arguments"])["ExecutionRoleArn"] for each in (first, second)]
    assert roles == [several.made.role_arn(several.step.role)] * 2
    assert [set(mapping(each["Assign"])) for each in (first, second)] == [
        {"Endpoint_model_Champion"},
        {"Endpoint_model_Challenger_2"},
    ]
    assert several.made.statements(several.step.role)[:-2] == [
        *sagemaker_logs("Endpoints/shared"),
        *pulls("492215442770:repository/sagemaker-xgboost", "111122223333:repository/scoring"),
        allow("s3:GetObject", f"arn:aws:s3:::{ASSETS}/<hash>.gz"),
        *reads("models", "scoring/model.tar.gz"),
        *reads("models", "champion.tar.gz"),
    ]


def test_of_several_variants_those_scale_that_say_so(several: Made) -> None:
    items = several.items()
    assert isinstance(items, list)
    (item,) = items
    assert mapping(item)["target"] == [{**scaled("Champion", "shared"), "MinCapacity": 2, "MaxCapacity": 4}]


def test_each_variant_is_watched_and_has_to_answer(several: Made) -> None:
    alarms = [several.made.properties(alarm) for alarm in several.step.alarms]
    assert [(alarm["MetricName"], alarm["Threshold"]) for alarm in alarms] == [("Invocation5XXErrors", 0.01)] * 2
    assert [alarm["Dimensions"] for alarm in alarms] == [
        [{"Name": "EndpointName", "Value": "shared"}, {"Name": "VariantName", "Value": name}]
        for name in ("Champion", "Challenger-2")
    ]
    assert mapping(several.request("smoke test")["Payload"])["variants"] == ["Champion", "Challenger-2"]


def test_the_metrics_of_a_variant_are_asked_for_by_its_name(several: Made) -> None:
    metrics = [several.step.metric_invocations(), several.step.metric_invocations("Challenger-2")]
    assert [mapping(metric.dimensions)["VariantName"] for metric in metrics if metric.dimensions] == [
        "Champion",
        "Challenger-2",
    ]


def test_variants_whose_names_differ_in_a_dash_alone_have_code_of_their_own() -> None:
    scope = stack()
    variants = [zflow.EndpointVariant(name, containers=[model(scope)]) for name in ("A-B", "AB", "Ab")]
    made = Made(zflow.InferencePipelineEndpoint(scope, "Endpoint", variants=variants))
    shown = made.config["ProductionVariants"]
    assert isinstance(shown, list)
    names = ["$Endpoint_model_A_B", "$Endpoint_model_AB", "$Endpoint_model_Ab"]
    assert [mapping(variant)["ModelName"] for variant in shown] == [jsonata(name) for name in names]


# With a shadow, with a model that was there, and isolated


@pytest.fixture(scope="module")
def shadowed() -> Made:
    scope = stack()
    return Made(
        zflow.InferencePipelineEndpoint(
            scope,
            "Endpoint",
            containers=[own(scope, "light")],
            shadow_variants=[zflow.EndpointVariant("Dark", containers=[own(scope, "dark")], weight=0.5)],
            endpoint_name="shadowed",
            network_isolation=True,
            data_capture=zflow.DataCapture(),
            smoke_test=zflow.SmokeTest.from_text("1", content_type="text/csv"),
        )
    )


def test_a_shadow_variant_gets_a_share_of_the_traffic_and_is_asked_for_nothing(shadowed: Made) -> None:
    light, dark = (
        {"VariantName": name, "ModelName": jsonata(variable), **ON_MACHINES, "InitialVariantWeight": weight}
        for name, variable, weight in (
            ("AllTraffic", "$Endpoint_model", 1),
            ("Dark", "$Endpoint_model_Dark", 0.5),
        )
    )
    assert shadowed.config["ProductionVariants"] == [light]
    assert shadowed.config["ShadowProductionVariants"] == [dark]
    assert mapping(shadowed.request("smoke test")["Payload"])["variants"] == ["AllTraffic"]


def test_the_containers_of_an_isolated_endpoint_reach_no_network(shadowed: Made) -> None:
    for name in ("model", "model Dark"):
        assert shadowed.request(name)["EnableNetworkIsolation"] is True


class There:
    """An endpoint of a model that was made elsewhere."""

    def __init__(self) -> None:
        scope = stack()
        self.role = iam.Role(scope, "ScoringRole", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
        step = zflow.InferencePipelineEndpoint(
            scope,
            "Endpoint",
            model=zflow.Model.from_name("scoring-2026", role=self.role),
            endpoint_name="there",
            data_capture=zflow.DataCapture(answers=False),
        )
        self.endpoint = Made(step)


@pytest.fixture(scope="module")
def there() -> There:
    return There()


def test_a_model_that_is_there_is_not_made_again(there: There) -> None:
    made = there.endpoint.made
    assert made.definition["StartAt"] == "Endpoint: config"
    assert there.endpoint.config["ProductionVariants"] == [
        {"VariantName": "AllTraffic", "ModelName": "scoring-2026", **ON_MACHINES, "InitialVariantWeight": 1}
    ]
    rules = made.state("Endpoint: done?")["Choices"]
    assert isinstance(rules, list)
    assert [mapping(rule)["Next"] for rule in rules] == ["Endpoint: config"]
    assert "createModel" not in str(made.definition)


def test_the_role_of_a_model_that_is_there_is_granted_what_this_endpoint_writes_and_no_other_role_is_made(
    there: There,
) -> None:
    made, step = there.endpoint.made, there.endpoint.step
    assert step.role is there.role
    assert made.statements(there.role) == writes("runs", "Scoring/*/Endpoint/captured/*")
    services = [str(role["AssumeRolePolicyDocument"]).count("sagemaker") for role in made.resources("AWS::IAM::Role")]
    assert sum(services) == 1


def test_the_state_machine_neither_makes_a_model_that_is_there_nor_hands_its_role_over(there: There) -> None:
    configs = f"{SAGEMAKER}:endpoint-config/there-*"
    assert there.endpoint.granted == [
        allow("sagemaker:ListEndpointConfigs", "*"),
        allow(["sagemaker:DeleteEndpointConfig", "sagemaker:DescribeEndpointConfig"], configs),
        allow("sagemaker:DeleteModel", f"{SAGEMAKER}:model/there-*"),
        allow("sagemaker:CreateEndpointConfig", configs),
        allow(["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"], [f"{SAGEMAKER}:endpoint/there", configs]),
        allow(["sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint"], f"{SAGEMAKER}:endpoint/there"),
    ]


def test_the_page_of_all_fields_names_what_these_kinds_set(
    serverless: Made, queue: Queue, several: Made, shadowed: Made
) -> None:
    """What test_inference_endpoint.py leaves to this file."""
    requests = [made.request("config") for made in (serverless, queue.endpoint, several, shadowed)]
    assert set_fields("CreateEndpointConfig", *requests) >= {
        "AsyncInferenceConfig",
        "ProductionVariants[].ContainerStartupHealthCheckTimeoutInSeconds",
        "ProductionVariants[].ModelDataDownloadTimeoutInSeconds",
        "ProductionVariants[].ServerlessConfig",
        "ProductionVariants[].VolumeSizeInGB",
        "ShadowProductionVariants",
    }
    assert "EnableNetworkIsolation" in set_fields("CreateModel", shadowed.request("model"))
