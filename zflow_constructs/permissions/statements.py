"""The roles of a template: who assumes each, and the statements of its policies, wherever they stand."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

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
    """The roles that a template creates, or gives rights to, in its order.

    Args:
        template: as CloudFormation takes it.
    """
    resources = {name: _fields(resource) for name, resource in _fields(template["Resources"]).items()}
    properties = {name: _fields(resource.get("Properties", {})) for name, resource in resources.items()}
    created = [name for name, resource in resources.items() if resource["Type"] == "AWS::IAM::Role"]
    statements: dict[str, list[Statement]] = {name: [] for name in created}
    for name in created:
        for policy in _listed(properties[name].get("Policies", [])):
            statements[name].extend(_statements(_fields(policy)["PolicyDocument"]))
        for arn in _listed(properties[name].get("ManagedPolicyArns", [])):
            statements[name].append(Statement("Allow", (readable(arn),), (), ""))
    for name, resource in resources.items():
        if resource["Type"] in _POLICIES:
            for role in _listed(properties[name].get("Roles", [])):
                statements.setdefault(readable(role), []).extend(_statements(properties[name]["PolicyDocument"]))
    return [
        Role(name, tuple(_principals(properties[name])) if name in created else (), tuple(its))
        for name, its in statements.items()
    ]


def _principals(role: Mapping[str, Json]) -> Iterator[Principal]:
    for statement in _listed(_fields(role["AssumeRolePolicyDocument"])["Statement"]):
        principal = _fields(statement).get("Principal", {})
        named = _fields(principal).values() if isinstance(principal, Mapping) else [principal]
        for each in named:
            yield from (Principal(readable(name), _condition(_fields(statement))) for name in _listed(each))


def _statements(document: Json) -> Iterator[Statement]:
    for statement in map(_fields, _listed(_fields(document)["Statement"])):
        yield Statement(
            str(statement["Effect"]), _named(statement, "Action"), _named(statement, "Resource"), _condition(statement)
        )


def _named(statement: Mapping[str, Json], what: str) -> tuple[str, ...]:
    if f"Not{what}" in statement:
        return tuple(f"all but {readable(each)}" for each in _listed(statement[f"Not{what}"]))
    return tuple(readable(each) for each in _listed(statement[what]))


def _condition(statement: Mapping[str, Json]) -> str:
    return " and ".join(
        f"{key} {operator} {' or '.join(readable(value) for value in _listed(values))}"
        for operator, keys in _fields(statement.get("Condition", {})).items()
        for key, values in _fields(keys).items()
    )


def _fields(value: Json) -> Mapping[str, Json]:
    assert isinstance(value, Mapping)
    return value


def _listed(value: Json) -> list[Json]:
    return list(value) if isinstance(value, list) else [value]
