import json
from pathlib import Path

import pytest

from tests.snapshots import Snapshots
from zflow_constructs.core.values.templates import Json


def template(*, asset: str = "a" * 64, seconds: int = 60) -> dict[str, Json]:
    states = {"Count": {"Type": "Task", "Resource": "<arn>", "TimeoutSeconds": seconds, "End": True}}
    before, after = json.dumps({"StartAt": "Count", "States": states}).split("<arn>")
    definition: Json = {"Fn::Join": ["", [before, {"Fn::GetAtt": ["Function", "Arn"]}, after]]}
    machine: Json = {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"DefinitionString": definition}}
    function: Json = {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"S3Key": f"{asset}.zip"}}}
    return {"Resources": {"Machine": machine, "Function": function}}


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    Snapshots(tmp_path, renewed=True).check("Stack", template())
    return tmp_path


def test_a_template_matches_its_own_record_whatever_its_assets_hold(recorded: Path) -> None:
    Snapshots(recorded, renewed=False).check("Stack", template(asset="b" * 64))


def test_a_definition_is_recorded_as_json_with_the_names_of_what_it_calls(recorded: Path) -> None:
    machine = json.loads((recorded / "Stack.template.json").read_text())["Resources"]["Machine"]

    assert machine["Properties"]["Definition"]["States"]["Count"]["Resource"] == "${Function.Arn}"


def test_a_change_fails_with_its_lines_and_the_way_to_record_it(recorded: Path) -> None:
    with pytest.raises(AssertionError) as failure:
        Snapshots(recorded, renewed=False).check("Stack", template(seconds=90))

    message = str(failure.value).splitlines()
    assert message[0] == "Stack.template.json has changed. If it should have: pytest --update-snapshots"
    assert '-       "TimeoutSeconds": 60,' in message
    assert '+       "TimeoutSeconds": 90,' in message


def test_a_template_that_was_never_recorded_fails_with_the_way_to_record_it(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"Stack.template.json is not recorded yet: pytest --update-snapshots"):
        Snapshots(tmp_path / "none", renewed=False).check("Stack", template())
