"""Who runs the check on AWS, and what is deployed there."""

from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from zflow_constructs.assembly.cloud_assembly import Stack
from zflow_constructs.workspace_check.clients import Clients, is_denied
from zflow_constructs.workspace_check.findings import Finding, Result, failed, ok, unknown
from zflow_constructs.workspace_check.values import Account, Deployed, Values

_ABOUT = "AWS account"


def account(clients: Clients, expected: str = "") -> Result[Account]:
    """Who runs this: there are credentials, of the stack's account.

    Args:
        clients: the AWS clients.
        expected: the account that the stack says. Empty: any
    """
    if not clients.region:
        return Result([failed(_ABOUT, "no region is known", "Set AWS_REGION to the region of the stack.")])
    try:
        identity = clients.sts.get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        remedy = "Sign in (`aws sso login`, `aws configure`), or set AWS_PROFILE to a profile that may."
        return Result([failed(_ABOUT, f"no usable credentials ({error})", remedy)])
    found = Account(identity["Account"], clients.region, clients.partition, identity["Arn"])
    if expected and found.id != expected:
        says = f"the stack belongs to {expected}, and these credentials ({found.caller}) to {found.id}"
        return Result([failed(_ABOUT, says, f"Set AWS_PROFILE to a profile of {expected}.")])
    return Result([ok(_ABOUT, f"{found.id} in {found.region}, as {found.caller}")], found)


def deployed(clients: Clients, where: Account | None, stacks: Sequence[Stack]) -> Result[Values]:
    """Ask CloudFormation what it knows of the stacks.

    Args:
        clients: The AWS clients.
        where: The account. None: it can't be asked.
        stacks: The stacks.
    """
    if where is None:
        return Result([], Values(stacks))
    findings: list[Finding] = []
    known: dict[str, Deployed] = {}
    for stack in stacks:
        about = f"stack {stack.name}"
        try:
            status, known[stack.name] = _stack(clients, stack.name)
            findings.append(ok(about, f"deployed ({status})"))
        except (BotoCoreError, ClientError) as error:
            findings.append(unknown(about, _why(error)))
    return Result(findings, Values(stacks, known, where))


def _stack(clients: Clients, name: str) -> tuple[str, Deployed]:
    client = clients.cloudformation
    stack = client.describe_stacks(StackName=name)["Stacks"][0]
    parameters = {
        parameter.get("ParameterKey", ""): parameter.get("ResolvedValue", parameter.get("ParameterValue", ""))
        for parameter in stack.get("Parameters", [])
    }
    # A parameter that is kept secret is shown as stars.
    parameters = {name: value for name, value in parameters.items() if value != "****"}
    pages = client.get_paginator("list_stack_resources").paginate(StackName=name)
    ids = {
        resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "")
        for page in pages
        for resource in page["StackResourceSummaries"]
    }
    # A resource that was never made has no id.
    return stack["StackStatus"], Deployed({name: each for name, each in ids.items() if each}, parameters)


def _why(error: BotoCoreError | ClientError) -> str:
    if isinstance(error, ClientError) and "does not exist" in str(error):
        return "not deployed yet: what only CloudFormation knows can be checked once it is (`cdk deploy`)"
    if isinstance(error, ClientError) and is_denied(error):
        return "who runs this may not look at it (cloudformation:DescribeStacks, ListStackResources)"
    return f"could not be looked at ({error})"
