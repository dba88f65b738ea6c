"""The definition of a state machine, as the template has it."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from zflow_constructs.assembly.cloud_assembly import Stack
from zflow_constructs.assembly.definition import definition
from zflow_constructs.assembly.input_error import AssemblyError
from zflow_constructs.core.values.templates import Json


def of_machine(properties: Mapping[str, Json], *manifests: Path) -> Json:
    machine: Json = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
    return definition(Stack("Scoring", template={"Resources": {"Machine": machine}}, manifests=manifests), "Machine")


def test_a_definition_has_cloudformation_s_functions_in_their_places() -> None:
    properties: Mapping[str, Json] = {
        "DefinitionString": {
            "Fn::Join": ["", ['{"A": "', {"Ref": "X"}, '", "B": ["s3://', {"Ref": "Y"}, '/${Z}/${other}", 1]}']]
        },
        "DefinitionSubstitutions": {"Z": {"Ref": "Bucket"}},
    }
    assert of_machine(properties) == {
        "A": {"Ref": "X"},
        "B": [{"Fn::Join": ["", ["s3://", {"Ref": "Y"}, "/", {"Ref": "Bucket"}, "/${other}"]]}, 1],
    }


def test_a_definition_that_is_no_json_is_said() -> None:
    with pytest.raises(AssemblyError) as raised:
        of_machine({"DefinitionString": "{"})
    assert str(raised.value) == (
        "The definition of the state machine Machine is no JSON (Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1)). Synthesize it again."
    )


def test_a_definition_in_s3_is_the_file_of_the_assembly_with_cloudformation_s_functions_in_their_places(
    tmp_path: Path,
) -> None:
    (tmp_path / "definition.json").write_text('{"A": "s3://${Value1}/x", "B": "\\u0024{Value1} ${other}"}')
    destination = {"bucketName": "assets-${AWS::AccountId}", "objectKey": "abc.json"}
    asset = {"source": {"path": "definition.json", "packaging": "file"}, "destinations": {"current": destination}}
    (tmp_path / "assets.json").write_text(json.dumps({"files": {"abc": asset}}))
    properties: Mapping[str, Json] = {
        "DefinitionS3Location": {"Bucket": {"Fn::Sub": "assets-${AWS::AccountId}"}, "Key": "abc.json"},
        "DefinitionSubstitutions": {"Value1": {"Ref": "Bucket"}},
    }
    assert of_machine(properties, tmp_path / "assets.json") == {
        "A": {"Fn::Join": ["", ["s3://", {"Ref": "Bucket"}, "/x"]]},
        "B": "${Value1} ${other}",
    }
    with pytest.raises(AssemblyError) as raised:
        of_machine({**properties, "DefinitionS3Location": {"Key": "gone.json"}}, tmp_path / "assets.json")
    assert str(raised.value) == (
        "The definition of the state machine Machine is the file gone.json in S3, and the assembly has no such file. "
        "Synthesize it again."
    )
