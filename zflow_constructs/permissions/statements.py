"""The roles of a template: who assumes each, and the statements of its policies, wherever they stand."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from zflow_constructs.assembly.input_error import AssemblyError
from zflow_constructs.assembly.json_document import fields
from zflow_constructs.core.values.templates import Json
from zflow_constructs.permissions.rendering import readable

_POLICIES = {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}


@dataclass(frozen=True)
class Statement:
    """What a statement allows, or denies.

    Args:
        effect: `Allow` or `Deny`.
        actions: such as `s3:GetObject`; a managed policy of AWS's by its ARN.
        resources: their ARNs, readably.
        condition: when it holds. Empty: always
    """

    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: str


@dataclass(frozen=True)
class Principal:
    """Who assumes a role.

    Args:
        name: a service, such as `states.amazonaws.com`, or an account.
        condition: when it may. Empty: always
    """

    name: str
    condition: str = ""


@dataclass(frozen=True)
class Role:
    """A role and what it may do.

    Args:
        name: its logical id, or, of a role that the template doesn't create, its name.
        assumed_by: services and others. Empty: the template doesn't create it
        statements: those of all its policies.
    """

    name: str
    assumed_by: tuple[Principal, ...]
    statements: tuple[Statement, ...]


def roles(template: Mapping[str, Json]) -> list[Role]:
    """List the roles that a template creates, or gives rights to, in its order.

    Args:
        template: The template, as CloudFormation takes it.

    Raises:
        AssemblyError: A policy can't be read: a function of CloudFormation's stands in its place.
    """
    try:
        return list(_roles(template))
    except KeyError as error:
        raise AssemblyError(
            f"A policy has no {error}: it is chosen when the stack is deployed, so what it allows isn't known."
        ) from error


def _roles(template: Mapping[str, Json]) -> Iterator[Role]:
    resources = {name: fields(resource) for name, resource in fields(template.get("Resources")).items()}
    properties = {name: fields(resource.get("Properties")) for name, resource in resources.items()}
    created = [name for name, resource in resources.items() if resource.get("Type") == "AWS::IAM::Role"]
    statements: dict[str, list[Statement]] = {name: [] for name in created}
    for name in created:
        for policy in _one_or_several(properties[name].get("Policies", [])):
            statements[name].extend(_statements(fields(policy)["PolicyDocument"]))
        for arn in _one_or_several(properties[name].get("ManagedPolicyArns", [])):
            statements[name].append(Statement("Allow", (readable(arn),), (), ""))
    for name, resource in resources.items():
        if resource.get("Type") in _POLICIES:
            for role in _one_or_several(properties[name].get("Roles", [])):
                statements.setdefault(readable(role), []).extend(_statements(properties[name]["PolicyDocument"]))
    for name, its in statements.items():
        yield Role(name, tuple(_principals(properties[name])) if name in created else (), tuple(its))


def _principals(role: Mapping[str, Json]) -> Iterator[Principal]:
    for statement in _one_or_several(fields(role["AssumeRolePolicyDocument"])["Statement"]):
        principal = fields(statement).get("Principal", {})
        named = principal.values() if isinstance(principal, Mapping) else [principal]
        for each in named:
            yield from (Principal(readable(name), _condition(fields(statement))) for name in _one_or_several(each))


def _statements(document: Json) -> Iterator[Statement]:
    for statement in map(fields, _one_or_several(fields(document)["Statement"])):
        yield Statement(
            str(statement["Effect"]), _named(statement, "Action"), _named(statement, "Resource"), _condition(statement)
        )


def _named(statement: Mapping[str, Json], what: str) -> tuple[str, ...]:
    if f"Not{what}" in statement:
        return tuple(f"all but {readable(each)}" for each in _one_or_several(statement[f"Not{what}"]))
    return tuple(readable(each) for each in _one_or_several(statement[what]))


def _condition(statement: Mapping[str, Json]) -> str:
    return " and ".join(
        f"{key} {operator} {' or '.join(readable(value) for value in _one_or_several(values))}"
        for operator, keys in fields(statement.get("Condition")).items()
        for key, values in (keys.items() if isinstance(keys, Mapping) else [("", keys)])
    ).strip()


def _one_or_several(value: Json) -> list[Json]:
    return list(value) if isinstance(value, list) else [value]
