"""The model registry: groups of a model's versions, and one version of a group."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import CfnTag, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Expression

_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


class RegisteredGroup(Construct):
    """A group of the registry, whoever created it: what a step needs to know of it.

    Args:
        scope: the construct that owns it.
        id: its id.
        name: the group's name.

    Raises:
        WorkflowError: SageMaker would refuse the name.
    """

    def __init__(self, scope: Construct, id: str, *, name: str) -> None:
        super().__init__(scope, id)
        if not _NAME.fullmatch(name):
            raise WorkflowError(
                f'ModelPackageGroup "{id}": name is "{name}". Give letters, digits and "-" between them, 63 at most.'
            )
        self._name = name

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def arns(self) -> Sequence[str]:
        """Its ARN. SageMaker writes a name in ARNs as it is, or in lower case: a policy must name both."""
        return self._spelled("model-package-group", "")

    @property
    def version_arns(self) -> Sequence[str]:
        """The ARN of any of its versions."""
        return self._spelled("model-package", "/*")

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets someone look at the group and its versions.

        Args:
            grantee: a role, a user, or what has one.
        """
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=[
                "sagemaker:DescribeModelPackage",
                "sagemaker:DescribeModelPackageGroup",
                "sagemaker:ListModelPackages",
            ],
            resource_arns=[*self.arns, *self.version_arns],
        )

    def grant_approve(self, grantee: iam.IGrantable) -> iam.Grant:
        """Lets someone approve and reject the group's versions.

        Args:
            grantee: a role, a user, or what has one.
        """
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["sagemaker:DescribeModelPackage", "sagemaker:UpdateModelPackage"],
            resource_arns=list(self.version_arns),
        )

    def _spelled(self, resource: str, version: str) -> list[str]:
        spellings = dict.fromkeys([self._name, self._name.lower()])
        return [
            Stack.of(self).format_arn(service="sagemaker", resource=resource, resource_name=f"{name}{version}")
            for name in spellings
        ]


class ModelPackageGroup(RegisteredGroup):
    """A group of the SageMaker model registry: it holds the versions of one model.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-model-group.html

    Args:
        scope: the construct that owns it.
        id: its id.
        name: its name, which no other group of the account has in this region.
        description: what the model is. Default: none
        tags: its tags, which are those of its versions, too. Default: none
        removal_policy: what becomes of it when the stack is deleted. A group that has versions can't be deleted.
            Default: it is kept, with its versions

    Raises:
        WorkflowError: SageMaker would refuse the name.

    Example:
        group = ModelPackageGroup(self, "Models", name="risk-scoring", description="Scores applications for credit")
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, id, name=name)
        group = sagemaker.CfnModelPackageGroup(
            self,
            "Resource",
            model_package_group_name=name,
            model_package_group_description=description or None,
            tags=[CfnTag(key=key, value=value) for key, value in tags.items()] if tags else None,
        )
        group.apply_removal_policy(removal_policy)

    @classmethod
    def from_name(cls, scope: Construct, id: str, name: str) -> RegisteredGroup:
        """A group that was created elsewhere, in this account and region.

        Args:
            scope: the construct that owns the reference.
            id: its id.
            name: the group's name.
        """
        return RegisteredGroup(scope, id, name=name)


@dataclass(frozen=True)
class ModelPackage:
    """A version of a model in the registry.

    Args:
        arn: its ARN.
        group: the group that it is in, for permissions.
    """

    arn: str | Expression
    group: RegisteredGroup
