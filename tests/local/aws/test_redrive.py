from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from tests.local.aws.conftest import REGION, create, ended
from zflow_constructs.local.aws.server import AwsServer


def read(key: str, **more: object) -> Mapping[str, object]:
    """A Task that fails as long as there is no such object."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
        "Arguments": {"Bucket": "redriven", "Key": key},
        "Output": "{% $states.result.Body %}",
        **more,
    }


def append(key: str, **more: object) -> Mapping[str, object]:
    """A Task that leaves a trace of each time that it runs."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:putObject",
        "Arguments": {"Bucket": "redriven", "Key": f"{{% '{key}/' & $uuid() %}}", "Body": "ran"},
        **more,
    }


def test_a_failed_execution_goes_on_from_the_states_that_failed(aws: AwsServer) -> None:
    s3, client = aws.clients.s3, aws.clients.stepfunctions
    s3.create_bucket(Bucket="redriven", CreateBucketConfiguration={"LocationConstraint": REGION})
    good = {"StartAt": "Good", "States": {"Good": append("good", Output="good", End=True)}}
    bad_states = {
        "Before": append("before", Assign={"mine": "{% $token %}"}, Next="Bad"),
        "Bad": read("late", End=True),
    }
    each = {
        "StartAt": "Each",
        "States": {"Each": append("each", Output="{% $states.context.Map.Item.Index %}", End=True)},
    }
    states = {
        "First": append("first", Assign={"token": "{% $uuid() %}"}, Next="All"),
        "All": {
            "Type": "Map",
            "Items": [1, 2],
            "ItemProcessor": each,
            "Assign": {"all": "{% $states.result %}"},
            "Next": "Both",
        },
        "Both": {
            "Type": "Parallel",
            "Branches": [good, {"StartAt": "Before", "States": bad_states}],
            "Assign": {"both": "{% $states.result %}"},
            "Next": "Last",
        },
        "Last": {
            "Type": "Pass",
            "Output": [
                "{% $all %}",
                "{% $both %}",
                "{% $length($token) %}",
                "{% $states.context.Execution.RedriveCount %}",
            ],
            "End": True,
        },
    }
    machine = create(aws, "redriven", {"QueryLanguage": "JSONata", "StartAt": "First", "States": states})
    arn = client.start_execution(stateMachineArn=machine)["executionArn"]
    assert ended(aws, arn).error == "S3.NoSuchKeyException"

    s3.put_object(Bucket="redriven", Key="late", Body=b"arrived")
    client.redrive_execution(executionArn=arn)
    again = ended(aws, arn)
    assert again.status == "SUCCEEDED", again.cause
    assert again.output == [[0, 1], ["good", "arrived"], 36, 1]
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket="redriven")["Contents"]]
    ran = {name: sum(key.startswith(name) for key in keys) for name in ("first", "each", "good", "before")}
    assert ran == {"first": 1, "each": 2, "good": 1, "before": 1}
    assert len(again.events("ExecutionStarted")) == 2


def test_a_state_is_told_when_its_execution_was_started_and_redriven(aws: AwsServer) -> None:
    s3, client = aws.clients.s3, aws.clients.stepfunctions
    s3.create_bucket(Bucket="times", CreateBucketConfiguration={"LocationConstraint": REGION})
    times = "{% [$states.context.Execution.StartTime, $states.context.Execution.RedriveTime] %}"
    read_late = {**read("late", End=True), "Arguments": {"Bucket": "times", "Key": "late"}, "Output": times}
    definition = {"QueryLanguage": "JSONata", "StartAt": "Read", "States": {"Read": read_late}}
    arn = client.start_execution(stateMachineArn=create(aws, "times", definition))["executionArn"]
    failed_at = client.describe_execution(executionArn=ended(aws, arn).arn)["stopDate"]

    s3.put_object(Bucket="times", Key="late", Body=b"arrived")
    client.redrive_execution(executionArn=arn)

    output = ended(aws, arn).output
    assert isinstance(output, list)
    started, redriven = (datetime.fromisoformat(str(moment)) for moment in output)
    # The start is told in milliseconds.
    assert started - timedelta(milliseconds=1) < failed_at < redriven + timedelta(milliseconds=1)


def test_an_execution_that_succeeded_is_not_redriven(aws: AwsServer) -> None:
    client = aws.clients.stepfunctions
    machine = create(aws, "succeeds", {"StartAt": "Ok", "States": {"Ok": {"Type": "Succeed"}}})
    arn = client.start_execution(stateMachineArn=machine)["executionArn"]
    ended(aws, arn)
    with pytest.raises(client.exceptions.ExecutionNotRedrivable, match="SUCCEEDED and cannot be redriven"):
        client.redrive_execution(executionArn=arn)
