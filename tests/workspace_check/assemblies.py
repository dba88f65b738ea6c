"""Cloud assemblies by hand: workspaces' functions, and machines that submit to them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

Json = Mapping[str, object]

ACCOUNT, REGION = "123456789012", "eu-central-1"
ASSETS = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
FUNCTION: Json = {"Fn::GetAtt": ["Function", "Arn"]}
SCRIPT: Json = {"Fn::Sub": "s3://cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}/extract.py"}
SECRET: Json = {
    "Fn::Join": ["", ["arn:aws:secretsmanager:", {"Ref": "AWS::Region"}, ":", ACCOUNT, ":secret:risk/databricks"]]
}
ROLE: Json = {
    "Type": "AWS::IAM::Role",
    "Properties": {"RoleName": "clusters-role", "AssumeRolePolicyDocument": {"Statement": []}},
}
PROFILE: Json = {
    "Type": "AWS::IAM::InstanceProfile",
    "Properties": {"InstanceProfileName": "clusters", "Roles": [{"Ref": "ClusterRole"}]},
}


def function(host: object, **environment: object) -> Json:
    """The function of a workspace."""
    variables = {"DATABRICKS_HOST": host, "DATABRICKS_AUTH": "oauth-m2m", "DATABRICKS_SECRET_ARN": SECRET}
    properties = {
        "Environment": {"Variables": {**variables, "DATABRICKS_WORKSPACE": "Databricks", **environment}},
        "Role": {"Fn::GetAtt": ["FunctionRole", "Arn"]},
    }
    return {"Type": "AWS::Lambda::Function", "Properties": properties}


def submit(step: str, request: Json, *, call: str = "submit", to: object = FUNCTION) -> Json:
    """The state that submits a step's run."""
    payload = {
        "action": "submit",
        "execution": "{% $states.context.Execution.Id %}",
        "step": step,
        "attempt": 0,
        "call": call,
        "request": request,
    }
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": to, "Payload": payload},
        "End": True,
    }


def machine(states: Json) -> Json:
    """A state machine: the template has its definition as CDK writes it, a text with functions in between."""
    definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}
    functions: list[object] = []
    text = json.dumps(_marked(definition, functions))
    parts: list[object] = []
    for index, each in enumerate(functions):
        before, text = text.split(f"<{index}>")
        parts += [before, each]
    return {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"DefinitionString": {"Fn::Join": ["", [*parts, text]]}},
    }


def _marked(value: object, functions: list[object]) -> object:
    match value:
        case {"Ref": _} | {"Fn::GetAtt": _} | {"Fn::Sub": _} | {"Fn::ImportValue": _}:
            functions.append(value)
            return f"<{len(functions) - 1}>"
        case {"Fn::Join": ["", [*parts]]}:
            return "".join(str(_marked(part, functions)) for part in parts)
        case Mapping():
            return {name: _marked(each, functions) for name, each in value.items()}
        case list():
            return [_marked(each, functions) for each in value]
        case _:
            return value


def write_assembly(folder: Path, stacks: Mapping[str, Json], *, account: str = "unknown-account") -> Path:
    """An assembly of stacks with these resources, each of which needs those before it."""
    assembly = folder / "cdk.out"
    assembly.mkdir()
    artifacts: dict[str, Json] = {}
    for name, template in stacks.items():
        (assembly / f"{name}.template.json").write_text(json.dumps(template), encoding="utf-8")
        needed: Sequence[str] = list(artifacts)
        artifacts[name] = {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://{account}/unknown-region",
            "properties": {"templateFile": f"{name}.template.json"},
            "dependencies": needed,
        }
    (assembly / "manifest.json").write_text(json.dumps({"version": "48.0.0", "artifacts": artifacts}), encoding="utf-8")
    return assembly
