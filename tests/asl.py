"""State machines as tests look at them: out of a template, without CloudFormation's functions."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.waiting import LIMIT_SECONDS
from zflow_constructs.core.values.templates import Json

ROOT = Path(__file__).parents[1]
REGION = "eu-central-1"
ACCOUNT = "123456789012"
PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT,
    "AWS::NoValue": None,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/Stack/0a1b2c3d-0000-4000-8000-000000000000",
    "AWS::StackName": "Stack",
    "AWS::URLSuffix": "amazonaws.com",
}
ARNS = {
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::KMS::Key": "arn:aws:kms:{region}:{account}:key/0a1b2c3d-0000-4000-8000-000000000000",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{bucket}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:{region}:{account}:secret:{name}-a1b2c3",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{name}",
}
REFS_ARE_ARNS = {"AWS::SNS::Topic", "AWS::SecretsManager::Secret", "AWS::StepFunctions::StateMachine"}


def state_machines(template: Mapping[str, Json]) -> list[str]:
    """The logical ids of a template's state machines."""
    return [name for name, resource in fields(template["Resources"]).items() if kind(resource) == MACHINE]


def rendered_definition(template: Mapping[str, Json], logical_id: str) -> dict[str, Json]:
    """A state machine's definition as AWS would get it, with a likely value for each resource."""
    properties = fields(fields(fields(template["Resources"])[logical_id])["Properties"])
    definition = Rendering(template).value(properties.get("DefinitionString", properties.get("Definition")))
    rendered = json.loads(definition) if isinstance(definition, str) else definition
    assert isinstance(rendered, dict)
    return rendered


def asl_validator_findings(definition: Mapping[str, Json]) -> list[str]:
    """What the npm package asl-validator says of a definition; `make setup` installs it.

    It takes an empty string in a payload for a mistake, which AWS does not: it is shown a space instead.
    """
    assert (ROOT / "node_modules" / "asl-validator").is_dir(), "node_modules is missing: run `make setup`."
    script = (
        "const definition = JSON.parse(require('fs').readFileSync(0));"
        "console.log(JSON.stringify(require('asl-validator')(definition).errors))"
    )
    ran = subprocess.run(
        ["node", "-e", script],
        cwd=ROOT,
        input=json.dumps(definition).replace(': ""', ': " "'),
        capture_output=True,
        text=True,
        check=True,
        timeout=LIMIT_SECONDS,
    )
    return [json.dumps(error) for error in json.loads(ran.stdout)]


MACHINE = "AWS::StepFunctions::StateMachine"


def fields(value: Json) -> Mapping[str, Json]:
    assert isinstance(value, Mapping)
    return value


def kind(resource: Json) -> str:
    return str(fields(resource)["Type"])


class Rendering:
    """CloudFormation's functions with a likely result.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
    """

    def __init__(self, template: Mapping[str, Json]) -> None:
        self._resources = fields(template["Resources"])
        self._parameters = fields(template.get("Parameters", {}))
        self._mappings = fields(template.get("Mappings", {}))

    def value(self, value: Json) -> Json:
        if isinstance(value, str):
            return value
        if isinstance(value, Sequence):
            return [self.value(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            (name, argument), *_ = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._function(name, argument)
        return {key: self.value(item) for key, item in value.items()}

    def _function(self, name: str, argument: Json) -> Json:
        if name == "Fn::Sub":
            return self._sub(argument)
        match name, self.value(argument):
            case "Ref", str(logical_id):
                rendered = self._ref(logical_id)
            case "Fn::GetAtt", [str(logical_id), str(attribute)]:
                rendered = self._attribute(logical_id, attribute)
            case "Fn::Join", [str(separator), list(parts)]:
                rendered = separator.join(str(part) for part in parts)
            case "Fn::Select", [index, list(parts)]:
                rendered = parts[int(str(index))]
            case "Fn::Split", [str(separator), str(text)]:
                rendered = text.split(separator)
            case "Fn::FindInMap", [str(mapping), str(first), str(second), *_]:
                rendered = fields(fields(self._mappings[mapping])[first])[second]
            case _:
                raise AssertionError(f"{name} is not rendered: {argument}")
        return rendered

    def _ref(self, name: str) -> Json:
        if name in PSEUDO_PARAMETERS:
            return PSEUDO_PARAMETERS[name]
        if name in self._parameters:
            return fields(self._parameters[name]).get("Default", name)
        if kind(self._resources[name]) in REFS_ARE_ARNS:
            return self._arn(name)
        return name.lower() if kind(self._resources[name]) == "AWS::S3::Bucket" else name

    def _attribute(self, logical_id: str, attribute: str) -> str:
        if attribute == "GroupId":
            return f"sg-{logical_id[-8:].lower()}"
        return self._arn(logical_id) if attribute.endswith("Arn") else f"{logical_id}-{attribute}"

    def _arn(self, logical_id: str) -> str:
        form = ARNS.get(kind(self._resources[logical_id]), "arn:aws:service:{region}:{account}:{name}")
        return form.format(region=REGION, account=ACCOUNT, name=logical_id, bucket=logical_id.lower())

    def _sub(self, argument: Json) -> str:
        text, own = (argument[0], fields(argument[1])) if isinstance(argument, list) else (argument, {})

        def replaced(match: re.Match[str]) -> str:
            name = match[1]
            if name in own:
                return str(self.value(own[name]))
            logical_id, dot, attribute = name.partition(".")
            return self._attribute(logical_id, attribute) if dot else str(self._ref(name))

        return re.sub(r"\$\{([^!}]+)\}", replaced, str(text)).replace("${!", "${")
