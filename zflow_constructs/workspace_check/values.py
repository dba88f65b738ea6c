"""What CloudFormation's functions stand for, as far as the deployed stack tells."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from zflow_constructs.assembly.cloud_assembly import Stack
from zflow_constructs.assembly.json_document import fields
from zflow_constructs.core.values.templates import Json
from zflow_constructs.workspace_check.workspaces import exported

_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")
_JSONATA = re.compile(r"\s*\{%.*%\}\s*", re.DOTALL)
# The ARNs that `Fn::GetAtt` of `Arn` gives, from the physical id and, of IAM, the path.
_ARNS = {
    "AWS::IAM::InstanceProfile": "arn:{partition}:iam::{account}:instance-profile{path}{id}",
    "AWS::IAM::Role": "arn:{partition}:iam::{account}:role{path}{id}",
    "AWS::Lambda::Function": "arn:{partition}:lambda:{region}:{account}:function:{id}",
    "AWS::S3::Bucket": "arn:{partition}:s3:::{id}",
}


class NotKnownError(ValueError):
    """A value isn't known here; the message says when it is."""


@dataclass(frozen=True)
class Account:
    """Where the stacks are, and who looks.

    Args:
        id: the account's number.
        region: its region.
        partition: such as `aws`.
        caller: the ARN of who looks.
    """

    id: str
    region: str
    partition: str
    caller: str


@dataclass(frozen=True)
class Deployed:
    """What CloudFormation knows of a stack.

    Args:
        ids: the physical id of each resource, by its logical one.
        parameters: the value of each parameter.
    """

    ids: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Values:
    """What the values of the templates are.

    Args:
        stacks: The stacks with the templates. Default: none.
        deployed: What CloudFormation knows, by the stack's name. Default: nothing.
        account: Where they are. Default: not known.
    """

    stacks: Sequence[Stack] = ()
    deployed: Mapping[str, Deployed] = field(default_factory=dict)
    account: Account | None = None

    def known(self, stack: str, value: Json) -> str:
        """A value that doesn't depend on the run.

        Args:
            stack: the stack in whose template it stands.
            value: a string, or a function.

        Raises:
            NotKnownError: it isn't known, or only when the workflow runs.
        """
        text = self.text(stack, value)
        if _JSONATA.fullmatch(text):
            raise NotKnownError("known when the workflow runs")
        return text

    def text(self, stack: str, value: Json) -> str:
        """A value, perhaps with JSONata.

        Args:
            stack: the stack in whose template it stands.
            value: a string, or a function.

        Raises:
            NotKnownError: it isn't known.
        """
        match value:
            case str() | int() | float():
                return str(value)
            case {"Ref": str(name)}:
                return self._ref(stack, name)
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                return self._attribute(stack, name, attribute)
            case {"Fn::Join": [str(separator), [*parts]]}:
                return separator.join(self.text(stack, part) for part in parts)
            case {"Fn::Sub": str(text)}:
                return _VARIABLE.sub(lambda match: self._variable(stack, match[1]), text)
            case _:
                return self._taken(stack, value)

    def _taken(self, stack: str, value: Json) -> str:
        match value:
            case {"Fn::Select": [index, {"Fn::Split": [str(separator), whole]}]}:
                return self.text(stack, whole).split(separator)[int(str(index))]
            case {"Fn::ImportValue": str(name)} if source := exported(self.stacks, name):
                return self.text(source[0].name, source[1])
            case _:
                raise NotKnownError(f"not known here ({json.dumps(value)})")

    def _variable(self, stack: str, name: str) -> str:
        resource, dot, attribute = name.partition(".")
        return self._attribute(stack, resource, attribute) if dot else self._ref(stack, name)

    def _ref(self, stack: str, name: str) -> str:
        if name.startswith("AWS::"):
            return self._pseudo(self._stack(stack), name.removeprefix("AWS::"))
        parameter = fields(fields(self._stack(stack).template.get("Parameters")).get(name))
        deployed = self.deployed.get(stack)
        if deployed and name in {**deployed.parameters, **deployed.ids}:
            return {**deployed.parameters, **deployed.ids}[name]
        if deployed and parameter:
            raise NotKnownError(f"not shown by the stack {stack} ({name})")
        # The default of a parameter of SSM's is where the value is, not what it is.
        if isinstance(default := parameter.get("Default"), str) and parameter.get("Type") == "String":
            return default
        raise NotKnownError(f"known once the stack {stack} is deployed ({name})")

    def _pseudo(self, stack: Stack, name: str) -> str:
        account = self.account
        found = {
            "StackName": stack.name,
            "AccountId": account.id if account else stack.account,
            "Region": account.region if account else stack.region,
            "Partition": account.partition if account else "",
            "URLSuffix": "amazonaws.com.cn" if account and account.partition == "aws-cn" else "amazonaws.com",
        }.get(name, "")
        if not found:
            raise NotKnownError(f"known with AWS credentials (AWS::{name})")
        return found

    def _attribute(self, stack: str, name: str, attribute: str) -> str:
        resource = self._stack(stack).resources.get(name, {})
        physical = self._ref(stack, name)
        if attribute != "Arn" or resource.get("Type") not in _ARNS or not self.account:
            raise NotKnownError(f"not known here ({name}.{attribute})")
        return _ARNS[str(resource["Type"])].format(
            partition=self.account.partition,
            region=self.account.region,
            account=self.account.id,
            path=fields(resource.get("Properties")).get("Path", "/"),
            id=physical,
        )

    def _stack(self, name: str) -> Stack:
        return next((stack for stack in self.stacks if stack.name == name), Stack(name))
