"""SageMaker's endpoints over HTTP: their variants, their updates, what they capture and queue, and their scaling."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import pytest
from botocore.exceptions import ClientError

from tests.local.aws.conftest import REGION, ROLE, Api, api
from tests.local.aws.endpoints import EchoModel, no_jobs, no_versions
from tests.waiting import until
from zflow_constructs.local.aws.sagemaker import sagemaker
from zflow_constructs.local.aws.sagemaker_endpoints import Endpoints
from zflow_constructs.local.aws.sagemaker_models import Models
from zflow_constructs.local.aws.sagemaker_tuning import TuningJobs
from zflow_constructs.local.aws.scaling import application_autoscaling
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.containers import InferenceResponse
from zflow_constructs.local.objects import ObjectStore

IMAGE = "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SCALED = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/scaled/variant/All",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


class Asked(EchoModel):
    """A model that remembers what it was asked."""

    def __init__(self, containers: Sequence[Mapping[str, object]], asked: list[str]) -> None:
        super().__init__(containers)
        self._asked = asked

    def invoke(self, body: bytes, *, content_type: str, accept: str) -> InferenceResponse:
        self._asked.append(f"{self.names[0]}: {body.decode()}")
        return super().invoke(body, content_type=content_type, accept=accept)


@pytest.fixture(scope="module")
def asked() -> list[str]:
    """Which model was asked what."""
    return []


@pytest.fixture(scope="module")
def told() -> list[tuple[str, str]]:
    """What topics were told."""
    return []


@pytest.fixture(scope="module")
def client(
    aws: AwsServer, asked: list[str], told: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("endpoints")
    models = Models(region=aws.region, account=aws.account)
    endpoints = Endpoints(
        models,
        region=aws.region,
        account=aws.account,
        folder=folder,
        model=lambda containers, _folder, _on_line: Asked(containers, asked),
        store=ObjectStore(aws.clients.s3),
        tell=lambda topic, message: told.append((topic, message)),
        on_line=lambda _endpoint, _line: None,
    )
    jobs = no_jobs(aws, folder)
    tuning = TuningJobs(jobs, region=aws.region, account=aws.account)
    aws.use(
        [
            sagemaker(jobs=jobs, tuning=tuning, models=models, endpoints=endpoints, registry=no_versions(aws)),
            application_autoscaling(endpoints.scaling),
        ]
    )
    yield api(aws, "sagemaker")
    endpoints.stop()


@pytest.fixture(scope="module")
def bucket(aws: AwsServer) -> str:
    aws.clients.s3.create_bucket(Bucket="captures", CreateBucketConfiguration={"LocationConstraint": REGION})
    return "captures"


def make_model(client: Api, name: str, *containers: str) -> str:
    model = {"ModelName": name, "ExecutionRoleArn": ROLE}
    definitions = [{"Image": IMAGE, "ModelDataUrl": container} for container in containers]
    client.create_model(
        **model, **({"Containers": definitions} if definitions[1:] else {"PrimaryContainer": definitions[0]})
    )
    return name


def variant(name: str, model: str, *, weight: float = 1, machine: str = "ml.m5.large") -> dict[str, object]:
    on = {"InstanceType": machine, "InitialInstanceCount": 1}
    return {"VariantName": name, "ModelName": model, "InitialVariantWeight": weight, **on}


def make_config(client: Api, name: str, *containers: str, machine: str = "ml.m5.large") -> str:
    model = make_model(client, name, *containers)
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant("All", model, machine=machine)])
    return name


def wait_for(client: Api, endpoint: str, status: str) -> Mapping[str, object]:
    until(lambda: client.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == status)
    return dict(client.describe_endpoint(EndpointName=endpoint))


def predict(aws: AwsServer, endpoint: str, body: bytes = b"1,2", *, variant: str = "") -> Mapping[str, object]:
    runtime = aws.clients.sagemaker_runtime
    request = {"TargetVariant": variant} if variant else {}
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint, Body=body, ContentType="text/csv", Accept="text/plain", **request
    )
    return dict(json.loads(answer["Body"].read()))


def test_an_endpoint_is_created_invoked_updated_and_deleted(aws: AwsServer, client: Api) -> None:
    first, second = make_config(client, "first", "preprocessor", "classifier"), make_config(client, "second", "newer")
    client.create_endpoint(EndpointName="scores", EndpointConfigName=first)
    assert wait_for(client, "scores", "InService")["EndpointConfigName"] == first
    answer = {"by": ["preprocessor", "classifier"], "body": "1,2", "type": "text/csv", "accept": "text/plain"}
    assert predict(aws, "scores") == answer

    client.update_endpoint(EndpointName="scores", EndpointConfigName=second)
    until(lambda: client.describe_endpoint(EndpointName="scores")["EndpointConfigName"] == second)
    assert predict(aws, "scores")["by"] == ["newer"]

    client.delete_endpoint(EndpointName="scores")
    with pytest.raises(ClientError, match="Could not find endpoint"):
        client.describe_endpoint(EndpointName="scores")


def test_an_endpoint_whose_model_doesn_t_start_has_failed_and_says_why(client: Api) -> None:
    client.create_endpoint(EndpointName="dead", EndpointConfigName=make_config(client, "dead", "broken"))
    assert "no such model" in str(wait_for(client, "dead", "Failed")["FailureReason"])


def test_an_update_that_doesn_t_start_is_rolled_back_while_the_old_model_serves(aws: AwsServer, client: Api) -> None:
    good, bad = make_config(client, "good", "works"), make_config(client, "bad", "broken")
    client.create_endpoint(EndpointName="rolled", EndpointConfigName=good)
    wait_for(client, "rolled", "InService")
    client.update_endpoint(EndpointName="rolled", EndpointConfigName=bad)
    described = wait_for(client, "rolled", "InService")
    assert described["EndpointConfigName"] == good
    assert predict(aws, "rolled")["by"] == ["works"]


def test_a_model_s_refusal_is_a_model_error(aws: AwsServer, client: Api) -> None:
    client.create_endpoint(EndpointName="strict", EndpointConfigName=make_config(client, "strict", "one"))
    wait_for(client, "strict", "InService")
    runtime = aws.clients.sagemaker_runtime
    with pytest.raises(
        runtime.exceptions.ModelError, match=r"client error \(400\) from primary with message .can't read that"
    ):
        predict(aws, "strict", b"bad")


def test_variants_share_the_traffic_by_their_weights_and_can_be_asked_by_name(aws: AwsServer, client: Api) -> None:
    for name in ("champion", "challenger", "idle"):
        make_model(client, name, name)
    weights = {"champion": 3.0, "challenger": 1.0, "idle": 0.0}
    variants = [variant(name, name, weight=weight) for name, weight in weights.items()]
    client.create_endpoint_config(EndpointConfigName="shared", ProductionVariants=variants)
    client.create_endpoint(EndpointName="shared", EndpointConfigName="shared")
    described = wait_for(client, "shared", "InService")
    shown = cast("list[Mapping[str, object]]", described["ProductionVariants"])
    assert {each["VariantName"]: each["CurrentWeight"] for each in shown} == weights

    answers = [cast("list[str]", predict(aws, "shared")["by"])[0] for _ in range(200)]
    assert set(answers) == {"champion", "challenger"}
    assert 120 < answers.count("champion") < 180
    assert predict(aws, "shared", variant="idle")["by"] == ["idle"]
    with pytest.raises(ClientError, match="Variant nobody not found for endpoint shared"):
        predict(aws, "shared", variant="nobody")


def test_a_shadow_variant_is_asked_too_and_nobody_hears_its_answer(
    aws: AwsServer, client: Api, asked: list[str]
) -> None:
    make_model(client, "light", "light")
    make_model(client, "dark", "dark")
    client.create_endpoint_config(
        EndpointConfigName="shadowed",
        ProductionVariants=[variant("Light", "light")],
        ShadowProductionVariants=[variant("Dark", "dark")],
    )
    client.create_endpoint(EndpointName="shadowed", EndpointConfigName="shadowed")
    wait_for(client, "shadowed", "InService")
    assert predict(aws, "shadowed", b"7")["by"] == ["light"]
    assert [each for each in asked if each.endswith(": 7")] == ["light: 7", "dark: 7"]


@pytest.mark.usefixtures("bucket")
def test_requests_and_answers_are_captured_as_sagemaker_does(aws: AwsServer, client: Api) -> None:
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://captures/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
    }
    make_model(client, "kept", "kept")
    client.create_endpoint_config(
        EndpointConfigName="kept", ProductionVariants=[variant("All", "kept")], DataCaptureConfig=capture
    )
    client.create_endpoint(EndpointName="kept", EndpointConfigName="kept")
    wait_for(client, "kept", "InService")
    predict(aws, "kept", b"1,2")
    store = ObjectStore(aws.clients.s3)
    (file,) = store.list("s3://captures/captured/kept/All/")
    line = json.loads(store.read(file))
    data = line["captureData"]
    assert data["endpointInput"] == {
        "observedContentType": "text/csv",
        "mode": "INPUT",
        "data": "1,2",
        "encoding": "CSV",
    }
    assert (data["endpointOutput"]["mode"], data["endpointOutput"]["encoding"]) == ("OUTPUT", "BASE64")
    assert line["eventVersion"] == "0"
    assert line["eventMetadata"].keys() == {"eventId", "inferenceTime"}


@pytest.mark.usefixtures("bucket")
def test_an_asynchronous_endpoint_answers_into_s3_and_tells_of_it(
    aws: AwsServer, client: Api, told: list[tuple[str, str]]
) -> None:
    topics = {"SuccessTopic": "arn:aws:sns:eu-central-1:111122223333:answers"}
    queue = {
        "OutputConfig": {
            "S3OutputPath": "s3://captures/answers",
            "S3FailurePath": "s3://captures/failures",
            "NotificationConfig": topics,
        }
    }
    make_model(client, "queued", "queued")
    client.create_endpoint_config(
        EndpointConfigName="queued", ProductionVariants=[variant("All", "queued")], AsyncInferenceConfig=queue
    )
    client.create_endpoint(EndpointName="queued", EndpointConfigName="queued")
    wait_for(client, "queued", "InService")
    store = ObjectStore(aws.clients.s3)
    runtime = api(aws, "sagemaker-runtime")
    for name, body in (("good", b"1,2"), ("bad", b"bad")):
        store.write(f"s3://captures/requests/{name}.csv", body)
    good, bad = (
        runtime.invoke_endpoint_async(
            EndpointName="queued", InputLocation=f"s3://captures/requests/{name}.csv", ContentType="text/csv"
        )
        for name in ("good", "bad")
    )
    until(lambda: store.exists(str(bad["FailureLocation"])))
    assert json.loads(store.read(str(good["OutputLocation"])))["body"] == "1,2"
    assert "can't read that" in store.read(str(bad["FailureLocation"])).decode()
    assert not store.exists(str(bad["OutputLocation"]))
    ((topic, message),) = told
    assert topic == topics["SuccessTopic"]
    assert json.loads(message)["outputLocation"] == good["OutputLocation"]


def test_an_endpoint_that_answers_at_once_takes_no_asynchronous_request(aws: AwsServer, client: Api) -> None:
    client.create_endpoint(EndpointName="direct", EndpointConfigName=make_config(client, "direct", "one"))
    wait_for(client, "direct", "InService")
    with pytest.raises(ClientError, match="does not support async inference"):
        api(aws, "sagemaker-runtime").invoke_endpoint_async(EndpointName="direct", InputLocation="s3://captures/x")


def test_configurations_are_listed_the_newest_first_by_a_part_of_their_names(client: Api) -> None:
    for number in range(5):
        make_config(client, f"many-{number}", "one")
    asked_for = {"NameContains": "many-", "SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 3}
    page = client.list_endpoint_configs(**asked_for)
    rest = client.list_endpoint_configs(**asked_for, NextToken=page["NextToken"])
    names = [
        each["EndpointConfigName"]
        for found in (page, rest)
        for each in cast("list[Mapping[str, object]]", found["EndpointConfigs"])
    ]
    assert names == ["many-4", "many-3", "many-2", "many-1", "many-0"]
    assert "NextToken" not in rest


def test_a_variant_that_scales_keeps_its_machine_until_it_is_deregistered(aws: AwsServer, client: Api) -> None:
    scaling = api(aws, "application-autoscaling")
    bounds = {"MinCapacity": 1, "MaxCapacity": 3}
    with pytest.raises(ClientError, match="not found or not in service"):
        scaling.register_scalable_target(**SCALED, **bounds)
    client.create_endpoint(EndpointName="scaled", EndpointConfigName=make_config(client, "small", "small"))
    wait_for(client, "scaled", "InService")
    scaling.register_scalable_target(**SCALED, **bounds)
    policy = {"TargetValue": 1.0, "PredefinedMetricSpecification": {"PredefinedMetricType": "X"}}
    scaling.put_scaling_policy(
        **SCALED,
        PolicyName="requests",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=policy,
    )
    large = make_config(client, "large", "large", machine="ml.m5.xlarge")
    with pytest.raises(ClientError, match="must be deregistered as scalable targets"):
        client.update_endpoint(EndpointName="scaled", EndpointConfigName=large)

    scaling.deregister_scalable_target(**SCALED)
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []
    client.update_endpoint(EndpointName="scaled", EndpointConfigName=large)
    until(lambda: client.describe_endpoint(EndpointName="scaled")["EndpointConfigName"] == large)
    with pytest.raises(ClientError, match="ObjectNotFoundException"):
        scaling.deregister_scalable_target(**SCALED)
    scaling.register_scalable_target(**SCALED, **bounds)
    client.delete_endpoint(EndpointName="scaled")
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
