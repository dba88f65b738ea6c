"""The CloudFormation resource types of a workflow that moto doesn't know.

See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
"""

import json
import secrets
import string
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException, ValidationError
from moto.secretsmanager.models import secretsmanager_backends

from zflow_constructs.local.aws.hooks import all_replaced, replaced
from zflow_constructs.local.aws.resource_types import INERT_TYPES, InertType


class Resource:
    """A made resource, as moto's CloudFormation wants it.

    Args:
        ref: What Ref gives.
        attributes: What Fn::GetAtt gives.
    """

    def __init__(self, ref: str, attributes: Mapping[str, str]) -> None:
        self.physical_resource_id = ref
        self._attributes = attributes
        self.cf_resource_type = ""
        self.logical_resource_id = ""

    @property
    def physical_name(self) -> str:
        """The same as what Ref gives."""
        return self.physical_resource_id

    def is_created(self) -> bool:
        """Always: it is made at once."""
        return True

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """What Fn::GetAtt gives.

        Args:
            attribute_name: The attribute.
        """
        if attribute_name not in self._attributes:
            raise UnformattedGetAttTemplateException
        return self._attributes[attribute_name]


Maker = Callable[[str, Mapping[str, object], str, str], Resource]
"""Makes a resource of its name, its properties, the account and the region."""


class ResourceType:
    """A type, as moto's CloudFormation wants it.

    Args:
        name_property: The property that names a resource of the type; empty if there is none.
        attributes: What Fn::GetAtt may ask for.
        make: Makes a resource.
    """

    def __init__(self, *, name_property: str, attributes: frozenset[str], make: Maker) -> None:
        self.name_property = name_property
        self._attributes = attributes
        self._make = make

    def has_cfn_attr(self, attr: str) -> bool:
        """Whether Fn::GetAtt may ask for an attribute.

        Args:
            attr: The attribute.
        """
        return attr in self._attributes

    def create_from_cloudformation_json(
        self,
        resource_name: str,
        cloudformation_json: Mapping[str, Mapping[str, object]],
        account_id: str,
        region_name: str,
        **_ids: str,
    ) -> Resource:
        """Make a resource.

        Args:
            resource_name: Its name, given or generated.
            cloudformation_json: Its part of the template, resolved.
            account_id: The AWS account.
            region_name: The AWS region.
            **_ids: What moto tells beside.
        """
        return self._make(resource_name, cloudformation_json["Properties"], account_id, region_name)


def _inert(inert: InertType) -> ResourceType:
    def make(name: str, _properties: Mapping[str, object], account: str, region: str) -> Resource:
        arn = "arn:aws:" + inert.arn.format(name=name, account=account, region=region)
        return Resource(arn if inert.ref_is_arn else name, {"Arn": arn} if inert.arn else {})

    attributes = frozenset({"Arn"} if inert.arn else ())
    return ResourceType(name_property=inert.name, attributes=attributes, make=make)


def _secret(name: str, properties: Mapping[str, object], account: str, region: str) -> Resource:
    value = properties.get("SecretString") or _generated(properties.get("GenerateSecretString", {}))
    created = secretsmanager_backends[account][region].create_secret(
        name=name,
        secret_string=str(value),
        secret_binary=None,
        description=None,
        tags=None,
        kms_key_id=None,
        client_request_token=None,
        replica_regions=[],
        force_overwrite=False,
    )
    arn = str(json.loads(created)["ARN"])
    return Resource(arn, {"Id": arn})


def _generated(settings: object) -> str:
    """A secret as GenerateSecretString describes it.

    See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html
    """
    assert isinstance(settings, Mapping)
    excluded = settings.get("ExcludeCharacters", "")
    letters = [letter for letter in string.ascii_letters + string.digits if letter not in excluded]
    password = "".join(secrets.choice(letters) for _ in range(int(settings.get("PasswordLength", 32))))
    if "GenerateStringKey" not in settings:
        return password
    return json.dumps({**json.loads(settings["SecretStringTemplate"]), settings["GenerateStringKey"]: password})


@contextmanager
def cloudformation() -> Iterator[None]:
    """Make the resource types that moto doesn't know, or whose attributes it doesn't; say which one can't be made."""
    own = {name: _inert(inert) for name, inert in INERT_TYPES.items()}
    own["AWS::SecretsManager::Secret"] = ResourceType(name_property="Name", attributes=frozenset({"Id"}), make=_secret)
    create = parsing.parse_and_create_resource

    def create_or_say_why(logical_id: str, resource_json: Mapping[str, object], *where: object, **more: str) -> object:
        try:
            return create(logical_id, resource_json, *where, **more)
        except ValidationError:
            raise
        except Exception as error:
            # moto would answer 500, without a word.
            reason = str(error) or type(error).__name__
            raise ValidationError(message=f"{logical_id} ({resource_json['Type']}): {reason}") from error

    with resource_types(own), replaced(parsing, "parse_and_create_resource", create_or_say_why):
        yield


@contextmanager
def resource_types(own: Mapping[str, ResourceType]) -> Iterator[None]:
    """Make resources of more types.

    Args:
        own: The types by name.
    """
    of_moto = parsing.get_model_map
    name_property = parsing.resource_name_property_from_type

    def model_map() -> Mapping[str, object]:
        return {**of_moto(), **own}

    def name_property_of(resource_type: str) -> str | None:
        return own[resource_type].name_property or None if resource_type in own else name_property(resource_type)

    with all_replaced(
        (parsing, "get_model_map", model_map),
        (parsing, "resource_name_property_from_type", name_property_of),
    ):
        yield


def function_url_type(serve: Callable[[str], str]) -> ResourceType:
    """`AWS::Lambda::Url`.

    Args:
        serve: Opens the URL of the function of an ARN.
    """

    def make(_name: str, properties: Mapping[str, object], _account: str, _region: str) -> Resource:
        function = str(properties["TargetFunctionArn"])
        return Resource(function, {"FunctionArn": function, "FunctionUrl": serve(function)})

    return ResourceType(name_property="", attributes=frozenset({"FunctionArn", "FunctionUrl"}), make=make)


def model_package_group_type(create: Callable[[Mapping[str, object]], Mapping[str, object]]) -> ResourceType:
    """`AWS::SageMaker::ModelPackageGroup`.

    Args:
        create: Creates the group, by the request of CreateModelPackageGroup.
    """

    def make(_name: str, properties: Mapping[str, object], _account: str, _region: str) -> Resource:
        arn = str(create(properties)["ModelPackageGroupArn"])
        return Resource(arn, {"ModelPackageGroupArn": arn})

    return ResourceType(
        name_property="ModelPackageGroupName", attributes=frozenset({"ModelPackageGroupArn"}), make=make
    )
