"""The container images that SageMaker runs, and the model containers made of an image and a trained model."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from aws_cdk import Annotations, Aws, CfnMapping, Stack, Token
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecr_assets as ecr_assets
from constructs import Construct

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.templates import Template
from zflow_constructs.data.sources import ModelData, SourceCode
from zflow_constructs.sagemaker.images.framework_images import (
    Purpose,
    check_algorithm,
    check_framework,
    framework_accounts,
    framework_image,
    framework_repository_tag,
    needs_script,
    takes_script,
)
from zflow_constructs.sagemaker.images.image_support import support_warning

_ECR_URI = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.[a-z.]+/(?P<repository>[^:@]+)[:@].+")


@dataclass(frozen=True)
class BoundImage:
    """An image as one stack uses it.

    Args:
        uri: what SageMaker is given.
        repository_arn: the ECR repository that the execution role pulls from.
        needs_script: whether it does nothing without a script of yours.
        takes_script: whether it runs one.
        json_hyperparameters: Whether its training toolkit decodes hyperparameters as JSON.
        framework: the framework or algorithm, if it is an image of AWS's own. Default: none
    """

    uri: str
    repository_arn: str
    needs_script: bool = False
    takes_script: bool = True
    json_hyperparameters: bool = False
    framework: str = ""

    def check_script(self, owner: str, *, given: bool) -> None:
        """Checks that an image of an algorithm, which does what it does, is given no script.

        Args:
            owner: who runs it, for the message: `Step "Train"`.
            given: whether there is a script.

        Raises:
            WorkflowError: there is one.
        """
        if given and not self.takes_script:
            raise WorkflowError(
                f'{owner}: the algorithm "{self.framework}" runs no script of yours. Remove code, or give the image of '
                "a framework: ContainerImage.from_framework."
            )


class _Source(Protocol):
    """Where an image comes from."""

    def bind(self, scope: Construct, purpose: Purpose, instance_type: str) -> BoundImage:
        """The image in the stack of a construct."""


@dataclass(frozen=True)
class ContainerImage:
    """The image of a training, processing or model container.

    Example:
        `ContainerImage.from_framework("xgboost", "1.7-1")`
    """

    source: _Source

    @classmethod
    def from_framework(cls, framework: str, version: str) -> "ContainerImage":
        """AWS's image of a framework, right for the stack's region; a stack without a fixed region looks it up.

        Synthesis warns of a version whose security patches AWS is known to have ended.
        https://docs.aws.amazon.com/sagemaker/latest/dg-ecr-paths/sagemaker-algo-docker-registry-paths.html

        Args:
            framework: its name, such as `sklearn`, `xgboost`, `pytorch` or, for processing, `spark`.
            version: its version, such as `1.7-1`.

        Raises:
            WorkflowError: no such framework, or no such version of it.
        """
        check_framework(framework)
        framework_accounts(framework, version)
        return cls(_FrameworkSource(framework, version))

    @classmethod
    def from_algorithm(cls, algorithm: str, version: str) -> "ContainerImage":
        """SageMaker's image of an algorithm of its own, which trains and serves without a script.

        https://docs.aws.amazon.com/sagemaker/latest/dg/algos.html

        Args:
            algorithm: its name, such as `linear-learner`, `kmeans`, `blazingtext` or `xgboost`. LightGBM, CatBoost and
                other models of JumpStart have no image of their own.
            version: its version: `1`, but for XGBoost.

        Raises:
            WorkflowError: no such algorithm, or no such version of it.

        Example:
            `ContainerImage.from_algorithm("linear-learner", "1")`
        """
        check_algorithm(algorithm)
        framework_accounts(algorithm, version)
        return cls(_FrameworkSource(algorithm, version))

    @classmethod
    def from_ecr(cls, repository: ecr.IRepository, tag: str, *, json_hyperparameters: bool = False) -> "ContainerImage":
        """An image in a repository of yours.

        Args:
            repository: the ECR repository.
            tag: the image's tag. Not `latest`, which would change under a deployed workflow.
            json_hyperparameters: Whether it decodes hyperparameters as JSON, as the `sagemaker-training` toolkit does.
                A text that would become something else, such as `1.10`, is then sent in JSON's quotes. Default: no, it
                gets each hyperparameter as the text that it is
        """
        return cls(_RepositorySource(repository, tag, json_hyperparameters))

    @classmethod
    def from_asset(cls, directory: str, *, json_hyperparameters: bool = False) -> "ContainerImage":
        """An image that `cdk deploy` builds and pushes.

        Args:
            directory: where its `Dockerfile` is.
            json_hyperparameters: Whether it decodes hyperparameters as JSON, as in `from_ecr`. Default: no

        Raises:
            WorkflowError: there is no Dockerfile.
        """
        if not (Path(directory) / "Dockerfile").is_file():
            raise WorkflowError(f"ContainerImage: there is no Dockerfile in {directory}. Name the directory it is in.")
        return cls(_AssetSource(directory, json_hyperparameters))

    @classmethod
    def from_registry(cls, uri: str, *, json_hyperparameters: bool = False) -> "ContainerImage":
        """An image by its ECR address.

        Args:
            uri: `<account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>`. SageMaker pulls from ECR alone.
            json_hyperparameters: Whether it decodes hyperparameters as JSON, as in `from_ecr`. Default: no

        Raises:
            WorkflowError: the address is not one of ECR with a tag or digest.
        """
        if not _ECR_URI.fullmatch(uri):
            raise WorkflowError(
                f'ContainerImage "{uri}": SageMaker pulls from ECR alone. '
                "Give <account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>."
            )
        return cls(_RegistrySource(uri, json_hyperparameters))

    def bind(self, scope: Construct, *, purpose: Purpose, machine: str) -> BoundImage:
        """The image in the stack of a construct.

        Args:
            scope: the construct that runs it.
            purpose: `training`, `inference` or `processing`.
            machine: SageMaker's name of where it runs: it decides between an image for CPUs and one for GPUs.
        """
        return self.source.bind(scope, purpose, machine)


@dataclass(frozen=True)
class _FrameworkSource:
    framework: str
    version: str

    def bind(self, scope: Construct, purpose: Purpose, instance_type: str) -> BoundImage:
        stack = Stack.of(scope)
        repository, tag = framework_repository_tag(
            self.framework, self.version, instance_type=instance_type, purpose=purpose
        )
        if Token.is_unresolved(stack.region):
            account = self._mapping(stack).find_in_map(Aws.REGION, "account")
            uri = f"{account}.dkr.ecr.{Aws.REGION}.{Aws.URL_SUFFIX}/{repository}:{tag}"
        else:
            uri = framework_image(
                self.framework, self.version, region=stack.region, instance_type=instance_type, purpose=purpose
            )
            account = uri.split(".", 1)[0]
        if warning := support_warning(self.framework, self.version, purpose=purpose):
            # On the stack, where the same words are told once.
            Annotations.of(stack).add_warning_v2(
                f"zflow_constructs:image:{self.framework}-{self.version}-{purpose}", warning
            )
        return BoundImage(
            uri,
            _repository_arn(stack, account, repository),
            needs_script=needs_script(self.framework),
            takes_script=takes_script(self.framework),
            json_hyperparameters=takes_script(self.framework),
            framework=self.framework,
        )

    def _mapping(self, stack: Stack) -> CfnMapping:
        accounts = {
            region: account for region, (account, _) in framework_accounts(self.framework, self.version).items()
        }
        id = f"{self.framework.title()}Images{re.sub(r'[^0-9]', '', self.version)}".replace("-", "")
        existing = stack.node.try_find_child(id)
        if isinstance(existing, CfnMapping):
            return existing
        return CfnMapping(stack, id, mapping={region: {"account": account} for region, account in accounts.items()})


@dataclass(frozen=True)
class _RepositorySource:
    repository: ecr.IRepository
    tag: str
    json_hyperparameters: bool

    def bind(self, scope: Construct, purpose: Purpose, instance_type: str) -> BoundImage:
        return BoundImage(
            self.repository.repository_uri_for_tag(self.tag),
            self.repository.repository_arn,
            json_hyperparameters=self.json_hyperparameters,
        )


@dataclass(frozen=True)
class _AssetSource:
    directory: str
    json_hyperparameters: bool

    def bind(self, scope: Construct, purpose: Purpose, instance_type: str) -> BoundImage:
        asset = ecr_assets.DockerImageAsset(scope, f"Image{purpose.title()}", directory=self.directory)
        return BoundImage(
            asset.image_uri, asset.repository.repository_arn, json_hyperparameters=self.json_hyperparameters
        )


@dataclass(frozen=True)
class _RegistrySource:
    uri: str
    json_hyperparameters: bool

    def bind(self, scope: Construct, purpose: Purpose, instance_type: str) -> BoundImage:
        match = _ECR_URI.fullmatch(self.uri)
        if match is None:
            raise WorkflowError(f'ContainerImage "{self.uri}" is no address of ECR.')
        arn = _repository_arn(Stack.of(scope), match["account"], match["repository"], region=match["region"])
        return BoundImage(self.uri, arn, json_hyperparameters=self.json_hyperparameters)


def _repository_arn(stack: Stack, account: str, repository: str, region: str | None = None) -> str:
    return stack.format_arn(
        service="ecr", resource="repository", resource_name=repository, account=account, region=region or stack.region
    )


@dataclass(frozen=True)
class ModelContainer:
    """One container of a model: an image, the trained model it loads, and the script that serves it.

    A model of several is an inference pipeline: each one's answer is the next one's request.
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html

    Args:
        image: the container's image.
        model_data: the trained model.
        code: the script with `model_fn`, `input_fn`, `predict_fn`, `output_fn`. Default: the image serves by itself
        environment: its environment variables. Default: none
        overrides: fields of the ContainerDefinition that have no keyword here, laid over it; the model's role is
            granted nothing that they name. Default: none

    Example:
        `ModelContainer(image=xgboost, model_data=train.model_data, code=code)`
    """

    image: ContainerImage
    model_data: ModelData
    code: SourceCode | None = None
    environment: Mapping[str, Template] = field(default_factory=dict)
    overrides: Mapping[str, Template] = field(default_factory=dict)
