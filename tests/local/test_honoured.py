"""What the local engine honours, and how it refuses the rest."""

from pathlib import Path

import pytest

from tests.local.assemblies import call, write_assembly
from zflow_constructs.assembly.cloud_assembly import load_stack
from zflow_constructs.assembly.input_error import AssemblyError
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.honoured import check_resources, check_tasks

STATES = {"Call": call({}, End=True)}


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
    task: Json = {"Type": "Task", "Resource": resource, "End": True}
    branch: Json = {"StartAt": "Inner", "States": {"Inner": task}}
    machine: dict[str, Json] = {
        "StartAt": "Outer",
        "States": {"Outer": {"Type": "Parallel", "Branches": [branch], "End": True}},
    }
    with pytest.raises(AssemblyError) as raised:
        check_tasks("Nightly", machine)
    assert f"can't run these states of Nightly:\n  Inner: {resource}\n" in str(raised.value)
    assert "It honours these integrations: lambda:invoke(.waitForTaskToken)?, sagemaker:(createTrainingJob" in str(
        raised.value
    )


def test_a_map_that_reads_its_items_from_s3_is_refused() -> None:
    items: Json = {"Type": "Map", "ItemReader": {"Resource": "arn:aws:states:::s3:getObject"}, "End": True}
    with pytest.raises(AssemblyError, match="can't run these states of Nightly:\n  Items: ItemReader\n"):
        check_tasks("Nightly", {"StartAt": "Items", "States": {"Items": items}})
