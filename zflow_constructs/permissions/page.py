"""The roles of a stack as a page: each with who assumes it, and what it may do, on what, and why."""

from collections.abc import Iterable, Iterator, Sequence

from zflow_constructs.permissions.reason import Reason, reasons_for
from zflow_constructs.permissions.statements import Principal, Role, Statement

_SERVICES = {
    "ec2.amazonaws.com": "EC2",
    "events.amazonaws.com": "EventBridge",
    "lambda.amazonaws.com": "Lambda",
    "sagemaker.amazonaws.com": "SageMaker",
    "scheduler.amazonaws.com": "EventBridge Scheduler",
    "states.amazonaws.com": "Step Functions",
}
YOURS = "*not of zflow_constructs: yours to explain*"
UNKNOWN = "*who assumes the role isn't known here, and so not why*"


def to_markdown(title: str, roles: Iterable[Role], reasons: Sequence[Reason]) -> str:
    """The page of a stack.

    Args:
        title: its heading.
        roles: the stack's roles.
        reasons: why they may do what they may.
    """
    return f"## {title}\n\n" + "\n".join(_role(role, reasons) for role in roles)


def _role(role: Role, reasons: Sequence[Reason]) -> str:
    assumed = ", ".join(_principal(principal) for principal in role.assumed_by)
    rows = dict[tuple[str, str], list[str]]()
    for statement in role.statements:
        on = rows.setdefault((_actions(statement), _why(role, statement, reasons)), [])
        on.extend(line for line in _resources(statement) if line not in on)
    lines = (f"| {actions} | {_lines(on)} | {why} |" for (actions, why), on in rows.items())
    table = "\n".join(["| May | On | Because |", "|---|---|---|", *lines]) if rows else "It may do nothing."
    whose = f"Assumed by {assumed}." if assumed else "A role from elsewhere, which gets these rights, too."
    return f"### {role.name}\n\n{whose}\n\n{table}\n"


def _principal(principal: Principal) -> str:
    condition = f" if `{principal.condition}`" if principal.condition else ""
    return f"{_SERVICES.get(principal.name, f'`{principal.name}`')}{condition}"


def _actions(statement: Statement) -> str:
    denied = "**not** " if statement.effect == "Deny" else ""
    return _lines(f"{denied}`{action}`" for action in statement.actions)


def _resources(statement: Statement) -> Iterator[str]:
    condition = f" if `{statement.condition}`" if statement.condition else ""
    for resource in statement.resources:
        yield f"`{resource}`{condition}"


def _why(role: Role, statement: Statement, reasons: Sequence[Reason]) -> str:
    found = [(resource, reason) for _, resource, reason in reasons_for(role, statement, reasons)]
    words = dict.fromkeys(
        f"{reason.why} {reason.star}".strip() if resource == "*" else reason.why for resource, reason in found if reason
    )
    if all(reason for _, reason in found):
        return _lines(words)
    return _lines([*words, YOURS if role.assumed_by else UNKNOWN])


def _lines(texts: Iterable[str]) -> str:
    return "<br>".join(texts)
