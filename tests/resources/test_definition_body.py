"""Large definitions: a file in S3, with names in the places of what only CloudFormation knows."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_

import zflow_constructs as zflow
from tests.asl import ROOT, fields
from tests.examples.findings import cfn_lint_findings
from tests.waiting import LIMIT_SECONDS
from zflow_constructs.assembly.cloud_assembly import load_stack
from zflow_constructs.assembly.definition import definition
from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.core.values.templates import Json, Template
from zflow_constructs.local.engine import Engine, RunSettings
from zflow_constructs.resources.definition_body import MOST_BYTES_IN_A_TEMPLATE, definition_body, substituted

HANDLER = """
def handler(event, context):
    return {"said": event["said"], "size": len(event["text"])}
"""
KEPT = 'a "${Value1}" and ${x}, \\${y} and {% no end'


def synthesized(folder: Path, *, size: int) -> Path:
    """Two calls of a function in parallel, each with a text of so many characters."""
    app = App(outdir=str(folder / "cdk.out"))
    stack = Stack(app, "Large")
    code, python = lambda_.Code.from_inline(HANDLER), lambda_.Runtime.PYTHON_3_13
    function = lambda_.Function(stack, "Function", runtime=python, handler="index.handler", code=code)
    first, second = (
        zflow.LambdaStep(
            stack,
            name,
            function=function,
            payload={"said": KEPT, "text": "ü" * size},
            outputs=["said", "size"],
        )
        for name in ("First", "Second")
    )
    outputs: dict[str, Template] = {
        "said": second.outputs["said"],
        "sizes": [first.outputs["size"], second.outputs["size"]],
    }
    zflow.MlWorkflow(stack, "Workflow", steps=[first, second], outputs=outputs)
    app.synth()
    return folder / "cdk.out"


def machine(assembly: Path) -> Mapping[str, Json]:
    """The properties of the state machine."""
    ((_, found),) = load_stack(assembly).resources_of("AWS::StepFunctions::StateMachine").items()
    return fields(found["Properties"])


@pytest.mark.parametrize(("more", "in_s3"), [(0, False), (1, True)])
def test_a_definition_is_a_text_up_to_a_quarter_of_a_template_and_a_file_beyond(*, more: int, in_s3: bool) -> None:
    """Counted as it stands in the template: with a backslash before each quote."""
    around = len(json.dumps('{"Comment":""}'))
    with definition_body(Stack(App(), "S"), {"Comment": "x" * (MOST_BYTES_IN_A_TEMPLATE - around + more)}) as given:
        assert type(given.body).__name__ == ("FileDefinitionBody" if in_s3 else "StringDefinitionBody")


def test_what_only_cloudformation_knows_has_a_name_and_what_looks_like_one_is_kept() -> None:
    text = json.dumps(
        {"a": "arn:${Token[AWS.Partition.1]}:x", "b": "${Token[TOKEN.22]}${Token[AWS.Partition.1]}", "c": KEPT}
    )
    content, names = substituted(text)
    assert names == {"Value1": "${Token[AWS.Partition.1]}", "Value2": "${Token[TOKEN.22]}"}
    put_in = content.replace("${Value1}", "aws").replace("${Value2}", "bucket")
    assert json.loads(put_in) == {"a": "arn:aws:x", "b": "bucketaws", "c": KEPT}


def test_a_small_definition_stays_in_the_template(tmp_path: Path) -> None:
    assert machine(synthesized(tmp_path, size=100)).keys() & {"DefinitionString", "DefinitionS3Location"} == {
        "DefinitionString"
    }


def test_a_large_one_is_found_in_s3_drawn_linted_and_run(tmp_path: Path) -> None:
    assembly = synthesized(tmp_path, size=75_000)
    properties = machine(assembly)
    assert "DefinitionString" not in properties
    assert fields(properties["DefinitionS3Location"]).keys() == {"Bucket", "Key"}
    assert list(fields(properties["DefinitionSubstitutions"])) == [
        f"Value{number + 1}" for number in range(len(fields(properties["DefinitionSubstitutions"])))
    ]
    stack = load_stack(assembly)
    (name,) = stack.resources_of("AWS::StepFunctions::StateMachine")
    assert "First, Second in parallel" in fields(fields(definition(stack, name))["States"])
    assert "E" not in {line[:1] for line in cfn_lint_findings(assembly, "Large").splitlines()}
    with Engine(load_workflow(assembly), RunSettings(folder=tmp_path / "run")) as engine:
        result = engine.deploy().run()
    assert (result.status, result.cause) == ("SUCCEEDED", "")
    assert result.output == {"said": KEPT, "sizes": [75_000, 75_000]}


def test_its_template_and_file_are_the_same_in_every_process(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tests.resources.test_definition_body import synthesized; "
        "synthesized(Path(sys.argv[1]), size=75_000)"
    )
    templates = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", script, str(tmp_path / seed)]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=LIMIT_SECONDS)
        templates.append((tmp_path / seed / "cdk.out" / "Large.template.json").read_text())
    assert templates[0] == templates[1]
