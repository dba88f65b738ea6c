"""The Databricks workspaces of an app, and what its workflows submit to them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from zflow_constructs.assembly.cloud_assembly import Stack
from zflow_constructs.assembly.definition import definition
from zflow_constructs.assembly.json_document import fields, items
from zflow_constructs.core.values.templates import Json

_INVOKE = ":states:::lambda:invoke"


@dataclass(frozen=True)
class Submission:
    """What a step submits.

    Args:
        step: the step's name.
        stack: the stack of its workflow.
        request: the body of `runs/submit` or `run-now`, as the template has it.
    """

    step: str
    stack: str
    request: Mapping[str, Json]


@dataclass(frozen=True)
class Workspace:
    """A workspace as its Lambda's environment describes it; each value may be a function of CloudFormation.

    Args:
        name: what to call it.
        stack: the stack of its Lambda. Empty: there is none
        host: its address.
        auth: `oauth-m2m`, `token` or `aws-iam`.
        secret: the ARN or name of the secret.
        client_id: the service principal's, of `aws-iam`.
        audience: of the tokens, of `aws-iam`.
        proxy: what the Lambda goes through.
        role: the ARN of the Lambda's role.
        submissions: what is submitted to it.
    """

    name: str
    host: Json
    auth: str
    stack: str = ""
    secret: Json = ""
    client_id: Json = ""
    audience: Json = ""
    proxy: Json = ""
    role: Json = ""
    submissions: Sequence[Submission] = ()


def workspaces(stacks: Sequence[Stack]) -> Sequence[Workspace]:
    """Find the workspaces of a stack, and those of the stacks it needs that it submits to.

    Args:
        stacks: The stack, then those that it needs.

    Raises:
        AssemblyError: The definition of one of its state machines is no JSON.
    """
    submitted: dict[tuple[str, str], list[Submission]] = {}
    for function, submission in _submissions(stacks):
        known = submitted.setdefault(function, [])
        if submission not in known:
            known.append(submission)
    found = {
        (stack.name, name): _workspace(stack, name, fields(function.get("Properties")))
        for stack in stacks
        for name, function in stack.resources_of("AWS::Lambda::Function").items()
        if "DATABRICKS_HOST" in _environment(fields(function.get("Properties")))
    }
    return [
        replace(workspace, submissions=submitted.get(key, ()))
        for key, workspace in found.items()
        if key in submitted or workspace.stack == stacks[0].name
    ]


def exported(stacks: Sequence[Stack], name: str) -> tuple[Stack, Json] | None:
    """Find the stack that exports a value, and the value there.

    Args:
        stacks: Where to look.
        name: The name of the export.
    """
    for stack in stacks:
        for output in fields(stack.template.get("Outputs")).values():
            if fields(fields(output).get("Export")).get("Name") == name:
                return stack, fields(output).get("Value")
    return None


def _workspace(stack: Stack, name: str, properties: Mapping[str, Json]) -> Workspace:
    environment = _environment(properties)
    return Workspace(
        name=str(environment.get("DATABRICKS_WORKSPACE") or name),
        stack=stack.name,
        host=environment["DATABRICKS_HOST"],
        auth=str(environment.get("DATABRICKS_AUTH", "")),
        secret=environment.get("DATABRICKS_SECRET_ARN", ""),
        client_id=environment.get("DATABRICKS_CLIENT_ID", ""),
        audience=environment.get("DATABRICKS_AUDIENCE", ""),
        proxy=environment.get("DATABRICKS_PROXY", ""),
        role=properties.get("Role", ""),
    )


def _environment(properties: Mapping[str, Json]) -> Mapping[str, Json]:
    return fields(fields(properties.get("Environment")).get("Variables"))


def _submissions(stacks: Sequence[Stack]) -> Iterator[tuple[tuple[str, str], Submission]]:
    """What the machines of the first stack submit, each with the stack and logical id of the Lambda."""
    stack = stacks[0]
    for name in stack.resources_of("AWS::StepFunctions::StateMachine"):
        for state in _tasks(definition(stack, name)):
            arguments = fields(state.get("Arguments"))
            payload = fields(arguments.get("Payload"))
            if isinstance(request := payload.get("request"), Mapping):
                function = _function(stacks, stack, arguments.get("FunctionName"))
                yield function, Submission(str(payload.get("step", "")), stack.name, request)


def _tasks(value: Json) -> Iterator[Mapping[str, Json]]:
    """The states that invoke a Lambda, at any depth."""
    match value:
        case {"Type": "Task", "Resource": resource, "Arguments": _}:
            if _is_invoke(resource):
                yield fields(value)
        case Mapping():
            for each in value.values():
                yield from _tasks(each)
        case _:
            for each in items(value):
                yield from _tasks(each)


def _is_invoke(resource: Json) -> bool:
    match resource:
        case {"Fn::Join": [_, [*_, str(end)]]}:
            return end.endswith(_INVOKE)
        case _:
            return str(resource).endswith(_INVOKE)


def _function(stacks: Sequence[Stack], stack: Stack, value: Json) -> tuple[str, str]:
    match value:
        case {"Fn::GetAtt": [str(name), "Arn"]}:
            return stack.name, name
        case {"Fn::ImportValue": str(export)} if source := exported(stacks, export):
            return _function(stacks, *source)
        case _:
            return "", ""
