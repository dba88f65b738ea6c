import io
import json
import zipfile
from pathlib import Path

import pytest

from tests.local.assemblies import call, write_assembly
from zflow_constructs.local.assembly import AssemblyError, load_stack, state_machine
from zflow_constructs.local.honoured import check_resources, check_tasks

STATES = {"Call": call({}, End=True)}


def test_a_stack_has_its_template_its_assets_and_an_open_environment(tmp_path: Path) -> None:
    stack = load_stack(write_assembly(tmp_path, STATES))
    assert (stack.name, stack.account, stack.region) == ("Demo", "", "")
    assert stack.resources["Machine"]["Type"] == "AWS::StepFunctions::StateMachine"
    (asset,) = stack.assets
    assert (asset.bucket, asset.key) == ("cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}", "code.zip")
    assert zipfile.ZipFile(io.BytesIO(asset.content())).namelist() == ["h.py"]


def test_a_stack_s_account_region_and_name_are_those_of_its_artifact(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, STATES)
    manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
    demo = manifest["artifacts"]["Demo"]
    demo["environment"] = "aws://111122223333/eu-west-1"
    demo["properties"]["stackName"] = "demo-production"
    (assembly / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    for name in ("", "Demo", "demo-production"):
        stack = load_stack(assembly, name)
        assert (stack.name, stack.account, stack.region) == ("demo-production", "111122223333", "eu-west-1")


def test_a_stack_comes_after_those_that_it_needs(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, STATES)
    manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
    manifest["artifacts"]["Network"] = {**manifest["artifacts"]["Demo"], "dependencies": []}
    manifest["artifacts"]["Demo"]["dependencies"].append("Network")
    (assembly / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert [stack.name for stack in load_stack(assembly, "Demo").in_order] == ["Network", "Demo"]
    with pytest.raises(AssemblyError, match="has 2 stacks; choose one with --stack: Demo, Network"):
        load_stack(assembly)


def test_an_unknown_stack_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(AssemblyError, match=r"has no stack 'Demp', but: Demo\. Did you mean 'Demo'\?"):
        load_stack(write_assembly(tmp_path, STATES), "Demp")


def test_a_folder_that_is_no_assembly_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(
        AssemblyError, match=r"is no cloud assembly: it has no manifest\.json\. Make one with `cdk synth`"
    ):
        load_stack(tmp_path)


def test_container_images_to_build_are_refused(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, STATES)
    (assembly / "Demo.assets.json").write_text(json.dumps({"files": {}, "dockerImages": {"x": {}}}), encoding="utf-8")
    stack = load_stack(assembly)
    with pytest.raises(AssemblyError, match="has container images to build, which the local engine can't"):
        list(stack.assets)


@pytest.mark.parametrize(
    ("resource", "refusal"),
    [
        ({"Type": "AWS::Glue::Job"}, "Extra: AWS::Glue::Job"),
        ({"Type": "Custom::S3AutoDeleteObjects"}, "Extra: Custom::S3AutoDeleteObjects"),
        (
            {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": "nodejs22.x"}},
            "Extra: AWS::Lambda::Function with runtime nodejs22.x; only Python handlers run here",
        ),
        (
            {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": "python3.13", "Layers": ["arn"]}},
            "Extra: AWS::Lambda::Function with layers",
        ),
        (
            {"Type": "AWS::Events::Rule", "Properties": {"Targets": [{"EcsParameters": {}}]}},
            "Extra: AWS::Events::Rule with a target other than a Lambda function or a queue",
        ),
        (
            {"Type": "AWS::Lambda::Url", "Properties": {"AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM"}},
            "Extra: AWS::Lambda::Url that streams its answers",
        ),
    ],
)
def test_a_resource_that_the_engine_can_t_honour_is_refused_by_name_and_type(
    tmp_path: Path, resource: object, refusal: str
) -> None:
    stack = load_stack(write_assembly(tmp_path, STATES, more={"Extra": resource}))
    with pytest.raises(AssemblyError) as raised:
        check_resources(stack)
    assert (
        f"can't run the stack Demo:\n  {refusal}\nIt honours these types: AWS::ApplicationAutoScaling::ScalableTarget,"
        in str(raised.value)
    )


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:states:::glue:startJobRun.sync",
        "arn:aws:states:::http:invoke",
        "arn:aws:states:::sagemaker:createLabelingJob",
        "arn:aws:states:::aws-sdk:sagemaker:createPipeline",
        "arn:aws:states:::aws-sdk:sagemaker:deleteModelPackage",
        "arn:aws:states:::aws-sdk:ec2:runInstances",
        "arn:aws:states:eu-central-1:123456789012:activity:human",
    ],
)
def test_an_integration_that_the_engine_can_t_honour_is_refused_by_its_state(resource: str) -> None:
    task = {"Type": "Task", "Resource": resource, "End": True}
    branch = {"StartAt": "Inner", "States": {"Inner": task}}
    machine = {"StartAt": "Outer", "States": {"Outer": {"Type": "Parallel", "Branches": [branch], "End": True}}}
    with pytest.raises(AssemblyError) as raised:
        check_tasks("Nightly", machine)
    assert f"can't run these states of Nightly:\n  Inner: {resource}\n" in str(raised.value)
    assert "It honours these integrations: lambda:invoke(.waitForTaskToken)?, sagemaker:(createTrainingJob" in str(
        raised.value
    )


def test_a_map_that_reads_its_items_from_s3_is_refused() -> None:
    items = {"Type": "Map", "ItemReader": {"Resource": "arn:aws:states:::s3:getObject"}, "End": True}
    with pytest.raises(AssemblyError, match="can't run these states of Nightly:\n  Items: ItemReader\n"):
        check_tasks("Nightly", {"StartAt": "Items", "States": {"Items": items}})


def test_what_a_rule_starts_after_a_workflow_is_no_workflow_to_choose(tmp_path: Path) -> None:
    rule = {"EventPattern": {"source": ["aws.states"]}, "Targets": [{"Id": "Target0", "Arn": {"Ref": "Cleanup"}}]}
    more = {
        "Cleanup": {"Type": "AWS::StepFunctions::StateMachine"},
        "AtTheEnd": {"Type": "AWS::Events::Rule", "Properties": rule},
    }
    assert state_machine(load_stack(write_assembly(tmp_path, STATES, more=more))) == "Machine"


def test_a_workflow_that_an_event_starts_is_one(tmp_path: Path) -> None:
    rule = {"EventPattern": {"source": ["aws.s3"]}, "Targets": [{"Id": "Target0", "Arn": {"Ref": "Machine"}}]}
    more = {"OnUpload": {"Type": "AWS::Events::Rule", "Properties": rule}}
    assert state_machine(load_stack(write_assembly(tmp_path, STATES, more=more))) == "Machine"


def test_a_machine_that_works_for_workflows_is_none_to_choose(tmp_path: Path) -> None:
    watcher = {"Type": "AWS::StepFunctions::StateMachine", "Metadata": {"zflow:machinery": "Watches runs."}}
    assert state_machine(load_stack(write_assembly(tmp_path, STATES, more={"Watcher": watcher}))) == "Machine"


def test_one_of_several_workflows_is_chosen_by_its_id(tmp_path: Path) -> None:
    other = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Metadata": {"aws:cdk:path": "Demo/Nightly/StateMachine/Resource"},
    }
    stack = load_stack(write_assembly(tmp_path, STATES, more={"NightlyStateMachine123": other}))
    assert state_machine(stack, "Nightly") == "NightlyStateMachine123"
    assert state_machine(stack, "Machine") == "Machine"
    with pytest.raises(AssemblyError, match="has 2 workflows; choose one with --workflow: Machine, Nightly"):
        state_machine(stack)
    with pytest.raises(
        AssemblyError, match=r"has no workflow 'Nightli', but: Machine, Nightly\. Did you mean 'Nightly'\?"
    ):
        state_machine(stack, "Nightli")
