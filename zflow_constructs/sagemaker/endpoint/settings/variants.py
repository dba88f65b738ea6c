"""The variants of an endpoint: what serves, on which machines, and how much of the traffic it gets."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import Duration, Size
from aws_cdk import aws_ec2 as ec2

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Expression
from zflow_constructs.core.values.templates import Template
from zflow_constructs.requests.aws import merge_overrides
from zflow_constructs.sagemaker.endpoint.settings.autoscaling import AutoScaling
from zflow_constructs.sagemaker.images.containers import ModelContainer
from zflow_constructs.sagemaker.jobs.instances import Machines
from zflow_constructs.sagemaker.model.model import Model
from zflow_constructs.steps.durations import whole_seconds

ALL_TRAFFIC = "AllTraffic"
"""The name of an endpoint's only variant."""

_NAME = re.compile(r"(?=.{1,20}$)[A-Za-z0-9]+(-[A-Za-z0-9]+)*")
_MEMORY = (1024, 2048, 3072, 4096, 5120, 6144)


@dataclass(frozen=True)
class Serverless:
    """Serves without machines: paid by the request, with a cold start after a pause.

    https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html

    Args:
        memory: of each request's container: 1 to 6 GiB, in whole ones. Default: 2 GiB
        max_concurrency: how many requests at once, 200 at most. Default: 5
        provisioned_concurrency: for how many of them it stays warm. Default: none

    Raises:
        WorkflowError: SageMaker has no such size.

    Example:
        `Serverless(memory=Size.gibibytes(4), max_concurrency=20)`
    """

    memory: Size = field(default_factory=lambda: Size.gibibytes(2))
    max_concurrency: int = 5
    provisioned_concurrency: int = 0

    def __post_init__(self) -> None:
        megabytes = int(self.memory.to_mebibytes())
        if megabytes not in _MEMORY:
            raise WorkflowError(f"Serverless: memory is {megabytes} MiB. Give 1, 2, 3, 4, 5 or 6 GiB.")
        if not 1 <= self.max_concurrency <= 200:
            raise WorkflowError(f"Serverless: max_concurrency is {self.max_concurrency}. Give 1 to 200.")
        if not 0 <= self.provisioned_concurrency <= self.max_concurrency:
            raise WorkflowError(
                f"Serverless: provisioned_concurrency is {self.provisioned_concurrency}, and max_concurrency "
                f"{self.max_concurrency}. Give no more than that."
            )

    def fields(self) -> dict[str, Template]:
        """`{"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}`."""
        provisioned = self.provisioned_concurrency
        return {
            "ServerlessConfig": {
                "MemorySizeInMB": int(self.memory.to_mebibytes()),
                "MaxConcurrency": self.max_concurrency,
                **({"ProvisionedConcurrency": provisioned} if provisioned else {}),
            }
        }


@dataclass(frozen=True)
class EndpointVariant:
    """One of several models behind an endpoint, with its share of the traffic.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariant.html

    Args:
        name: its name: letters, digits and `-`, 20 at most.
        containers: 1 to 15 containers of the model that it makes in each run. Empty: `model` is given
        model: a model that is there already. Default: made of `containers`
        weight: its share of the traffic, beside those of the others; of a shadow variant, the share of the traffic that
            it gets a copy of, beside the production variant's. Default: 1
        instance_type: the machine. Default: m5.large
        instance_count: how many machines, at first if they scale. Default: 1
        serverless: serve without machines. Default: on machines
        autoscaling: how the machines, or the provisioned concurrency, scale. Default: they don't
        volume_size: the disk of each machine, where the type has none of its own. Default: SageMaker's
        model_download_timeout: how long it may take to load the model's data: 1 to 60 minutes. Default: SageMaker's
        container_startup_timeout: how long the containers may take to answer: 1 to 60 minutes. Default: SageMaker's
        overrides: fields of the variant that have no keyword here, laid over it. Default: none

    Example:
        `EndpointVariant("Challenger", containers=[challenger], weight=0.1)`
    """

    name: str
    containers: Sequence[ModelContainer] = ()
    model: Model | None = None
    weight: float = 1
    instance_type: ec2.InstanceType | None = None
    instance_count: int = 1
    serverless: Serverless | None = None
    autoscaling: AutoScaling | None = None
    volume_size: Size | None = None
    model_download_timeout: Duration | None = None
    container_startup_timeout: Duration | None = None
    overrides: Mapping[str, Template] = field(default_factory=dict)

    def machines(self, owner: str) -> Machines:
        """Where it serves: its image is chosen for that, without machines as for the default ones.

        Args:
            owner: the step, for messages: `Step "Endpoint"`.

        Raises:
            WorkflowError: the machines, or their scaling, make no sense.
        """
        named = f'{owner}, variant "{self.name}"'
        if not _NAME.fullmatch(self.name):
            raise WorkflowError(
                f'{owner}: a variant is named "{self.name}". Give letters, digits and single "-" between them, 20 at '
                "most. Rename it."
            )
        if bool(self.containers) == bool(self.model):
            raise WorkflowError(
                f"{named}: it has {'both containers and a model' if self.model else 'neither containers nor a model'}. "
                "Give one: containers=[...] for a model of this run, or model=... for one that is there."
            )
        if self.weight < 0:
            raise WorkflowError(f"{named}: weight is {self.weight}. Give 0 or more.")
        machines = Machines.of(named, self.instance_type, self.instance_count)
        if self.serverless and (self.instance_type or self.instance_count != 1):
            raise WorkflowError(f"{named}: serverless has no machines. Remove instance_type and instance_count.")
        if self.serverless and self.autoscaling and not self.serverless.provisioned_concurrency:
            raise WorkflowError(
                f"{named}: of serverless variants only the provisioned concurrency is scaled, and it has none. Give "
                "Serverless(provisioned_concurrency=...), or remove autoscaling."
            )
        scaling = self.autoscaling
        if scaling and not self.serverless and not scaling.min_capacity <= machines.count <= scaling.max_capacity:
            raise WorkflowError(
                f"{named}: instance_count is {machines.count}, and autoscaling keeps it from {scaling.min_capacity} to "
                f"{scaling.max_capacity}. Give a number between them."
            )
        return machines

    def render(self, owner: str, model: str | Expression) -> dict[str, Template]:
        """The variant as CreateEndpointConfig takes it: `{"VariantName": ..., "ModelName": ..., ...}`.

        Args:
            owner: the step, for messages: `Step "Endpoint"`.
            model: the model's name.

        Raises:
            WorkflowError: a time is out of bounds.
        """
        machines = self.machines(owner)
        on_machines: dict[str, Template] = {"InitialInstanceCount": machines.count, "InstanceType": machines.type}
        timeouts: dict[str, Template] = {
            field: whole_seconds(f'{owner}, variant "{self.name}"', keyword, timeout, least=60, most=3600)
            for field, keyword, timeout in (
                ("ModelDataDownloadTimeoutInSeconds", "model_download_timeout", self.model_download_timeout),
                (
                    "ContainerStartupHealthCheckTimeoutInSeconds",
                    "container_startup_timeout",
                    self.container_startup_timeout,
                ),
            )
            if timeout
        }
        request: dict[str, Template] = {
            "VariantName": self.name,
            "ModelName": model,
            **(self.serverless.fields() if self.serverless else on_machines),
            "InitialVariantWeight": self.weight,
            **({"VolumeSizeInGB": int(self.volume_size.to_gibibytes())} if self.volume_size else {}),
            **timeouts,
        }
        return merge_overrides(request, self.overrides)


def production_variants(
    owner: str, variants: Sequence[EndpointVariant], single: EndpointVariant
) -> Sequence[EndpointVariant]:
    """The variants that serve: those that a step lists, or the single one that its other keywords declare.

    Args:
        owner: The step, for messages: `Step "Endpoint"`.
        variants: Those that are listed.
        single: The one of the other keywords, named `AllTraffic`.

    Raises:
        WorkflowError: Both are given, or nothing is.
    """
    if variants and single != EndpointVariant(ALL_TRAFFIC):
        raise WorkflowError(
            f"{owner}: there are variants, and containers, model, instance_type, instance_count, serverless "
            "or autoscaling beside them. Say these of each variant: EndpointVariant(name, containers=[...], ...)."
        )
    if not variants and not single.containers and single.model is None:
        raise WorkflowError(
            f"{owner}: nothing serves. Give containers=[...], model=... for one that is there already, or "
            "variants=[...]."
        )
    return variants or [single]
