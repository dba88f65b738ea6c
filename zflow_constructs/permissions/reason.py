"""What a reason for a right is, and which right it is the reason for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from zflow_constructs.permissions.statements import Role, Statement


@dataclass(frozen=True)
class Reason:
    """Why a role may do something.

    Args:
        by: the service that assumes the role: `states` is `states.amazonaws.com`.
        actions: the actions, with spaces between them; each may have wildcards.
        why: what uses them, and for what.
        on: what the resource looks like. Default: anything
        under: what the condition looks like. Default: anything, or none
        star: where the resource is `*`, why it is no narrower. Empty: it never is `*`
    """

    by: str
    actions: str
    why: str
    on: str = "*"
    under: str = "*"
    star: str = ""

    def explains(self, role: Role, statement: Statement, action: str, resource: str) -> bool:
        """Whether it says why a role may do something on a resource.

        Args:
            role: the role.
            statement: the statement that allows it.
            action: the action.
            resource: the resource.
        """
        return (
            f"{self.by}.amazonaws.com" in (principal.name for principal in role.assumed_by)
            and any(fnmatchcase(action, each) for each in self.actions.split())
            and fnmatchcase(resource, self.on)
            and fnmatchcase(statement.condition, self.under)
            and (resource != "*" or bool(self.star))
        )


def reasons_for(
    role: Role, statement: Statement, reasons: Sequence[Reason]
) -> Iterator[tuple[str, str, Reason | None]]:
    """Find the first reason for each action on each resource of a statement, if it has one.

    Args:
        role: The role that has the statement.
        statement: The statement.
        reasons: All reasons.
    """
    known = reasons if statement.effect == "Allow" else ()
    for action in statement.actions:
        for resource in statement.resources or ("",):
            fitting = (each for each in known if each.explains(role, statement, action, resource))
            yield action, resource, next(fitting, None)
