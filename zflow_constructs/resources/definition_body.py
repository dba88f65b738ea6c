"""How a state machine's definition gets into its template: as text in it, or, where it is large, as a file in S3."""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_stepfunctions as sfn

from zflow_constructs.core.values.templates import Json

# CloudFormation takes a template of 1 MB. A definition is a text in it, with a backslash before each of its quotes, and
# several machines may share a template.
MOST_BYTES_IN_A_TEMPLATE = 262_144
_TOKEN = re.compile(r"(\$\{Token\[[^\]]*\]\})")


@dataclass(frozen=True)
class DefinitionBody:
    """A definition as CloudFormation takes it.

    Args:
        body: The text, or the file.
        substitutions: What CloudFormation puts into the file, by the names there. Default: nothing, it is a text
    """

    body: sfn.DefinitionBody
    substitutions: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def definition_body(stack: Stack, definition: Json) -> Iterator[DefinitionBody]:
    """Put a definition into a template, or beside it where it is large; the file is there until the block ends.

    `DefinitionString`, or `DefinitionS3Location` with `DefinitionSubstitutions`.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html

    Args:
        stack: The stack of the state machine.
        definition: The definition.
    """
    text = json.dumps(definition, ensure_ascii=False, separators=(",", ":"))
    if len(json.dumps(text, ensure_ascii=False).encode()) <= MOST_BYTES_IN_A_TEMPLATE:
        yield DefinitionBody(sfn.DefinitionBody.from_string(stack.to_json_string(definition)))
        return
    content, substitutions = substituted(text)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "definition.json"
        file.write_text(content, encoding="utf-8")
        yield DefinitionBody(sfn.DefinitionBody.from_file(str(file)), substitutions)


def substituted(text: str) -> tuple[str, Mapping[str, str]]:
    r"""A definition with names in the places of what only CloudFormation knows: `"arn:${Value1}:states:::..."`.

    Args:
        text: The definition as JSON, with the CDK's tokens in it.

    Returns:
        The definition, and the token for each name. Where it has `${` itself, that is written as JSON's `\u0024{`:
        CloudFormation looks for names in the text, and knows nothing of JSON.
    """
    parts = _TOKEN.split(text)
    names = {token: f"Value{number}" for number, token in enumerate(dict.fromkeys(parts[1::2]), start=1)}
    content = (f"${{{names[part]}}}" if part in names else part.replace("${", "\\u0024{") for part in parts)
    return "".join(content), {name: token for token, name in names.items()}
