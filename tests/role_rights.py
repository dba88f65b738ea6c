"""What the roles of a template may do, and whether one may do what another may."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import cast

from tests.asl import Rendering, fields, kind
from zflow_constructs.core.values.templates import Json

_ROLE = re.compile(r":role/\w+$")


@dataclass(frozen=True)
class Right:
    """An action on a resource, under a condition; each may have wildcards."""

    action: str
    resource: str
    condition: str = "{}"

    def within(self, others: Iterable["Right"]) -> bool:
        """Whether one of other rights allows all that this one does.

        A `*` of this one is a character like others to the pattern that holds it: what that matches, it matches with
        anything in the place of the `*`.
        """
        return any(
            fnmatchcase(self.action.lower(), other.action.lower())
            and fnmatchcase(self.resource, other.resource)
            and other.condition in {"{}", self.condition}
            for other in others
        )


def rights(template: Mapping[str, Json], service: str, *, role: str = "") -> set[Right]:
    """The rights of the roles that a service assumes, whose logical ids begin as told. Roles are called alike."""
    rendering = Rendering(template)
    resources = {
        name: (kind(resource), fields(rendering.value(fields(resource).get("Properties", {}))))
        for name, resource in fields(template["Resources"]).items()
    }
    roles = {
        name
        for name, (type_name, properties) in resources.items()
        if type_name == "AWS::IAM::Role"
        and name.startswith(role)
        and service in str(properties["AssumeRolePolicyDocument"])
    }
    inline = [policy for name in roles for policy in cast("list[Json]", resources[name][1].get("Policies", []))]
    attached = [
        properties
        for type_name, properties in resources.values()
        if type_name == "AWS::IAM::Policy" and roles & set(cast("list[str]", properties["Roles"]))
    ]
    return {right for policy in [*inline, *attached] for right in _rights(fields(policy))}


def _rights(policy: Mapping[str, Json]) -> Iterator[Right]:
    for statement in cast("list[Mapping[str, Json]]", fields(policy["PolicyDocument"])["Statement"]):
        assert statement["Effect"] == "Allow"
        for action in _listed(statement["Action"]):
            for resource in _listed(statement["Resource"]):
                yield Right(action, _ROLE.sub(":role/<role>", resource), str(statement.get("Condition", {})))


def _listed(value: Json) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]
