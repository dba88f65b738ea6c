"""Cloud assemblies as `cdk synth` writes them, by hand: what the engine must run, small."""

import json
from collections.abc import Mapping
from pathlib import Path

from tests.waiting import LIMIT_SECONDS
from zflow_constructs.core.states.legend import Legend, StatePlace, StateRole
from zflow_constructs.core.values.templates import Json

ROLE = "arn:aws:iam::123456789012:role/workflow"
HANDLER = """
import json, os, time, boto3

def handler(event, context):
    print("handling", event.get("do", ""))
    match event.get("do"):
        case "raise":
            raise ValueError("asked to fail")
        case "sleep":
            time.sleep(600)
        case "note":
            body = json.dumps(event).encode()
            boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key=f"notes/{event['status']}.json", Body=body)
    return {"n": event.get("n", 0) + 1}
"""


def write_assembly(
    folder: Path,
    states: Mapping[str, object],
    *,
    more: Mapping[str, object] | None = None,
    metadata: Mapping[str, object] | None = None,
) -> Path:
    """An assembly of one stack, `Demo`: a bucket, a function, a machine of these states, a rule for the machine's end.

    In the states, `${Function}` and `${Bucket}` are the function's ARN and the bucket's name. The states are a whole
    machine, or the states alone.
    """
    assembly = folder / "cdk.out"
    (assembly / "asset.code").mkdir(parents=True)
    (assembly / "asset.code" / "h.py").write_text(HANDLER, encoding="utf-8")
    resources = {
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": []}}},
        "Function": _function(),
        "Machine": _machine(states if "States" in states else definition(states), metadata or {}),
        "Rule": _rule(),
        **(more or {}),
    }
    version = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/hnb659fds/version"}
    template = {
        "Resources": resources,
        "Parameters": {"BootstrapVersion": version},
        "Outputs": {"BucketName": {"Value": {"Ref": "Bucket"}}},
    }
    (assembly / "Demo.template.json").write_text(json.dumps(template), encoding="utf-8")
    destination = {"bucketName": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}", "objectKey": "code.zip"}
    asset = {"source": {"path": "asset.code", "packaging": "zip"}, "destinations": {"current": destination}}
    (assembly / "Demo.assets.json").write_text(json.dumps({"files": {"code": asset}}), encoding="utf-8")
    artifacts = {
        "Demo.assets": {"type": "cdk:asset-manifest", "properties": {"file": "Demo.assets.json"}},
        "Demo": {
            "type": "aws:cloudformation:stack",
            "environment": "aws://unknown-account/unknown-region",
            "properties": {"templateFile": "Demo.template.json"},
            "dependencies": ["Demo.assets"],
        },
    }
    (assembly / "manifest.json").write_text(json.dumps({"version": "48.0.0", "artifacts": artifacts}), encoding="utf-8")
    return assembly


def call(payload: Json, **more: Json) -> Mapping[str, Json]:
    """A Task that invokes the function."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "${Function}", "Payload": payload},
        "Output": "{% $states.result.Payload %}",
        **more,
    }


def definition(states: Mapping[str, object]) -> Mapping[str, object]:
    """The machine of these states; the first is where it starts."""
    return {
        "QueryLanguage": "JSONata",
        "StartAt": next(iter(states)),
        "TimeoutSeconds": LIMIT_SECONDS,
        "States": states,
    }


def with_legend(states: Mapping[str, Json], steps: Mapping[str, str]) -> Mapping[str, object]:
    """The machine of these states, which says of itself to which step each of them belongs."""
    places = {name: StatePlace(StateRole.WORK, step) for name, step in steps.items()}
    return {**definition(states), "Comment": Legend("1.0", places).comment({"States": states})}


def _machine(machine: Mapping[str, object], metadata: Mapping[str, object]) -> Mapping[str, object]:
    properties = {
        "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
        "DefinitionString": json.dumps(machine),
        "DefinitionSubstitutions": {"Function": {"Fn::GetAtt": ["Function", "Arn"]}, "Bucket": {"Ref": "Bucket"}},
    }
    return {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties, "Metadata": metadata}


def _function() -> Mapping[str, object]:
    bucket = {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"}
    properties = {
        "Code": {"S3Bucket": bucket, "S3Key": "code.zip"},
        "Environment": {"Variables": {"BUCKET": {"Ref": "Bucket"}}},
        "Handler": "h.handler",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Runtime": "python3.13",
        "Timeout": 300,
    }
    return {"Type": "AWS::Lambda::Function", "Properties": properties}


def _rule() -> Mapping[str, object]:
    pattern = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"status": ["SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"], "stateMachineArn": [{"Ref": "Machine"}]},
    }
    transformer = {
        "InputPathsMap": {"arn": "$.detail.executionArn", "status": "$.detail.status"},
        "InputTemplate": '{"do": "note", "execution": <arn>, "status": <status>}',
    }
    target = {"Id": "Target0", "Arn": {"Fn::GetAtt": ["Function", "Arn"]}, "InputTransformer": transformer}
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {"EventPattern": pattern, "State": "ENABLED", "Targets": [target]},
    }
