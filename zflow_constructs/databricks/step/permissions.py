"""Who may see and manage a run."""

from dataclasses import dataclass
from typing import Literal

from zflow_constructs.core.values.templates import Template

PermissionLevel = Literal["CAN_MANAGE", "CAN_MANAGE_RUN", "CAN_VIEW", "IS_OWNER"]
"""What one may do, as Databricks names it."""


@dataclass(frozen=True)
class RunPermission:
    """What somebody may do with a step's runs, besides their owner: the principal of the credentials.

    https://docs.databricks.com/api/workspace/jobs/submit (access_control_list)

    Args:
        principal: `group_name`, `service_principal_name` or `user_name`.
        name: whose.
        level: what they may do.

    Example:
        `RunPermission.of_group("data-science", "CAN_VIEW")`
    """

    principal: Literal["group_name", "service_principal_name", "user_name"]
    name: str
    level: PermissionLevel

    @classmethod
    def of_group(cls, name: str, level: PermissionLevel) -> "RunPermission":
        """For a group."""
        return cls("group_name", name, level)

    @classmethod
    def of_user(cls, name: str, level: PermissionLevel) -> "RunPermission":
        """For a user, by their e-mail address."""
        return cls("user_name", name, level)

    @classmethod
    def of_service_principal(cls, application_id: str, level: PermissionLevel) -> "RunPermission":
        """For a service principal, by its application id."""
        return cls("service_principal_name", application_id, level)

    def render(self) -> dict[str, Template]:
        """An entry of the request's `access_control_list`."""
        return {self.principal: self.name, "permission_level": self.level}
