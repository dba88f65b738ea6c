"""The definition of a state machine, as the template has it."""

from collections.abc import Mapping

import pytest

from zflow_constructs.assembly.definition import definition
from zflow_constructs.assembly.input_error import AssemblyError
from zflow_constructs.core.values.templates import Json


def test_a_definition_has_cloudformation_s_functions_in_their_places() -> None:
    properties: Mapping[str, Json] = {
        "DefinitionString": {
            "Fn::Join": ["", ['{"A": "', {"Ref": "X"}, '", "B": ["s3://', {"Ref": "Y"}, '/${Z}/${other}", 1]}']]
        },
        "DefinitionSubstitutions": {"Z": {"Ref": "Bucket"}},
    }
    assert definition("Machine", properties) == {
        "A": {"Ref": "X"},
        "B": [{"Fn::Join": ["", ["s3://", {"Ref": "Y"}, "/", {"Ref": "Bucket"}, "/${other}"]]}, 1],
    }


def test_a_definition_that_is_no_json_is_said() -> None:
    with pytest.raises(AssemblyError) as raised:
        definition("Machine", {"DefinitionString": "{"})
    assert str(raised.value) == (
        "The definition of the state machine Machine is no JSON (Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1)). Synthesize it again."
    )
