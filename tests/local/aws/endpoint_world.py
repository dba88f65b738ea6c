"""An account whose endpoints change by the machines that are synthesized, and whose APIs fail when they are told to."""

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_s3 as s3

import zflow_constructs as zflow
from tests.local.aws.conftest import ACCOUNT, REGION, ROLE, Api, Ended, api, create, ended
from tests.local.aws.endpoints import no_jobs, no_versions
from tests.templates import Synthesized
from tests.waiting import LIMIT_SECONDS, until
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.aws.errors import ApiError
from zflow_constructs.local.aws.events import Deliveries, events
from zflow_constructs.local.aws.lambda_ import Functions, lambda_functions
from zflow_constructs.local.aws.sagemaker import sagemaker
from zflow_constructs.local.aws.sagemaker_endpoints import Endpoints
from zflow_constructs.local.aws.sagemaker_models import Models
from zflow_constructs.local.aws.sagemaker_tuning import TuningJobs
from zflow_constructs.local.aws.scaling import application_autoscaling
from zflow_constructs.local.aws.server import AwsServer
from zflow_constructs.local.containers import InferenceResponse
from zflow_constructs.local.objects import ObjectStore
from zflow_constructs.local.processes import Processes

HANDLER = Path(zflow.__file__).parent / "runtime" / "smoke_test" / "handler.py"
OF_TEMPLATES = "123456789012"
"""The account of rendered templates."""
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/scoring:1.0"
Action = Callable[[Mapping[str, object]], Mapping[str, object]]
Build = Callable[[Stack, str], zflow.Step]
"""A step of a stack, of an endpoint of that name."""

# Step Functions has one name for what SageMaker's own model doesn't name: these, and refused requests.
THROTTLED = ApiError("ValidationException", "Rate exceeded")


def forbidden(action: str) -> ApiError:
    """What AWS says of a missing right."""
    return ApiError("ValidationException", f"User: scoring is not authorized to perform: {action}")


@dataclass
class Faults:
    """Errors that actions answer with, one after the other: `None` lets one call through.

    An action that is `lost` does what it is asked, and its first answer does not arrive.
    """

    coming: dict[str, list[ApiError | None]] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)

    def before(self, name: str, action: Action) -> Action:
        """The action, which fails when it is told to."""

        def call(request: Mapping[str, object]) -> Mapping[str, object]:
            coming = self.coming.get(name)
            error = coming.pop(0) if coming else None
            if error:
                raise error
            answer = action(request)
            if name in self.lost:
                self.lost.remove(name)
                raise THROTTLED
            return answer

        return call

    def in_all(self, actions: Mapping[str, Action]) -> Mapping[str, Action]:
        """All actions of a service."""
        return {name: self.before(name, action) for name, action in actions.items()}


class VersionModel:
    """A model that is named after its data, and starts when its gate, if there is one, is open."""

    def __init__(self, containers: Sequence[Mapping[str, object]], gates: Mapping[str, threading.Event]) -> None:
        self._version = str(containers[0]["ModelDataUrl"]).split("/")[-2]
        self._gates = gates

    def start(self) -> None:
        if self._version in self._gates:
            assert self._gates[self._version].wait(LIMIT_SECONDS)
        if self._version == "broken":
            raise RuntimeError("this model can't be loaded")

    def invoke(self, body: bytes, *, content_type: str, accept: str) -> InferenceResponse:
        said = "nothing" if self._version == "silly" else f"score by {self._version}"
        return InferenceResponse(400 if body == b"bad" else 200, said.encode(), "text/csv", "primary")

    def stop(self) -> None:
        pass


@dataclass(frozen=True)
class Left:
    """What there is of an endpoint, and what was made for it."""

    status: str
    serves: str
    configurations: list[str]
    models: list[str]
    targets: list[str]


@dataclass
class World:
    """The account."""

    aws: AwsServer
    faults: Faults
    gates: dict[str, threading.Event]

    def start(self, build: Build, name: str, version: str = "first", *, seconds: float = 3600) -> str:
        """Starts to bring an endpoint to a version.

        Args:
            build: The step.
            name: The endpoint.
            version: What its containers' data is called.
            seconds: How long it may take: the limit of the step itself is for AWS's machines.
        """
        scope = Stack(App(), "Team", env=Environment(account=ACCOUNT, region=REGION))
        step = build(scope, name)
        runs = s3.Bucket.from_bucket_name(scope, "Runs", "runs")
        zflow.MlWorkflow(scope, "Scoring", steps=[step], bucket=runs)
        text = json.dumps(Synthesized.of(scope).definition).replace(OF_TEMPLATES, ACCOUNT)
        assert "$millis() + 3600000" in text
        text = text.replace("VERSION", version).replace("$millis() + 3600000", f"$millis() + {int(seconds * 1000)}")
        definition: dict[str, Json] = json.loads(text)
        self._create_functions(text)
        machine = create(self.aws, name, definition)
        return str(self.aws.clients.stepfunctions.start_execution(stateMachineArn=machine)["executionArn"])

    def run(self, build: Build, name: str, version: str = "first", *, seconds: float = 3600) -> Ended:
        """Brings an endpoint to a version, and waits for the end."""
        return ended(self.aws, self.start(build, name, version, seconds=seconds))

    def redrive(self, arn: str) -> Ended:
        """Lets a failed execution go on."""
        self.aws.clients.stepfunctions.redrive_execution(executionArn=arn)
        return ended(self.aws, arn)

    @property
    def sagemaker(self) -> Api:
        return api(self.aws, "sagemaker")

    def status(self, name: str) -> str:
        """The endpoint's status."""
        return str(self.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"])

    def wait_for(self, name: str, status: str) -> None:
        """Waits until the endpoint has a status."""
        until(lambda: self.status(name) == status)

    def left(self, name: str) -> Left:
        """What there is of an endpoint; the configurations and models are the newest first."""
        described = self.sagemaker.describe_endpoint(EndpointName=name)
        targets = cast(
            "list[Mapping[str, str]]",
            api(self.aws, "application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")[
                "ScalableTargets"
            ],
        )
        return Left(
            str(described["EndpointStatus"]),
            str(described["EndpointConfigName"]),
            self._names(self.sagemaker.list_endpoint_configs, "EndpointConfig", name),
            self._names(self.sagemaker.list_models, "Model", name),
            [each["ResourceId"] for each in targets if each["ResourceId"].split("/")[1] == name],
        )

    def ask(self, name: str, body: bytes = b"1", **more: str) -> str:
        """A prediction."""
        answer = self.aws.clients.sagemaker_runtime.invoke_endpoint(
            EndpointName=name, Body=body, ContentType="text/csv", **more
        )
        return answer["Body"].read().decode().removeprefix("score by ")

    def _names(self, call: Callable[..., Mapping[str, object]], kind: str, name: str) -> list[str]:
        found = cast("list[Mapping[str, str]]", call(NameContains=f"{name}-", MaxResults=100)[f"{kind}s"])
        return [each[f"{kind}Name"] for each in found]

    def _create_functions(self, definition: str) -> None:
        client = api(self.aws, "lambda")
        prefix = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
        known = cast("list[Mapping[str, str]]", client.list_functions()["Functions"])
        wanted = {part.split('"')[0] for part in definition.split(prefix)[1:]}
        for function in wanted - {each["FunctionName"] for each in known}:
            content = io.BytesIO()
            with zipfile.ZipFile(content, "w") as zipped:
                zipped.write(HANDLER, "handler.py")
            client.create_function(
                FunctionName=function,
                Runtime="python3.13",
                Handler="handler.handler",
                Role=ROLE,
                Code={"ZipFile": content.getvalue()},
                Timeout=900,
            )


@contextmanager
def world(aws: AwsServer, folder: Path) -> Iterator[World]:
    """An account with nothing in it but two buckets."""
    faults, gates = Faults(), dict[str, threading.Event]()
    models = Models(region=aws.region, account=aws.account)
    endpoints = Endpoints(
        models,
        region=aws.region,
        account=aws.account,
        folder=folder,
        model=lambda containers, _folder, _on_line: VersionModel(containers, gates),
        store=ObjectStore(aws.clients.s3),
        tell=lambda _topic, _message: None,
        on_line=lambda _endpoint, _line: None,
    )
    for service in (models, endpoints, endpoints.scaling):
        service.actions = faults.in_all(service.actions)
    jobs = no_jobs(aws, folder)
    api(aws, "iam").create_role(RoleName="workflow", AssumeRolePolicyDocument="{}")
    for bucket in ("lake", "runs"):
        aws.clients.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    with Processes() as processes:
        functions = Functions(
            folder=folder / "functions",
            processes=processes,
            environment=aws.environment,
            time_scale=0.001,
            on_line=lambda _name, _caller, _line: None,
        )
        deliveries = Deliveries({"lambda": functions.invoke_event})
        tuning = TuningJobs(jobs, region=aws.region, account=aws.account)
        aws.use(
            [
                sagemaker(jobs=jobs, tuning=tuning, models=models, endpoints=endpoints, registry=no_versions(aws)),
                application_autoscaling(endpoints.scaling),
                lambda_functions(functions, send=deliveries.send),
                events(deliveries),
            ]
        )
        yield World(aws, faults, gates)
        for gate in gates.values():
            gate.set()
        endpoints.stop()
        functions.stop()


def container(scope: Stack, version: str = "VERSION") -> zflow.ModelContainer:
    """A container whose model is a version: `VERSION` is replaced by the one that is deployed."""
    known = scope.node.try_find_child("Models")
    bucket = cast("s3.IBucket", known) if known else s3.Bucket.from_bucket_name(scope, "Models", "models")
    return zflow.ModelContainer(
        image=zflow.ContainerImage.from_registry(IMAGE),
        model_data=zflow.ModelData.from_bucket(bucket, f"{version}/model.tar.gz"),
    )
