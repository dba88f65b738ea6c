import json
from collections.abc import Mapping

from tests.local.aws.conftest import REGION, Run, api, create, ended
from tests.waiting import until
from zflow_constructs.local.aws.server import AwsServer


def test_an_sdk_task_reads_and_writes_objects(aws: AwsServer, run: Run) -> None:
    aws.clients.s3.create_bucket(Bucket="objects", CreateBucketConfiguration={"LocationConstraint": REGION})
    ended = run(
        {
            "Put": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:s3:putObject",
                "Arguments": {"Bucket": "objects", "Key": "a.json", "Body": {"n": 1}},
                "Next": "Get",
            },
            "Get": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
                "Arguments": {"Bucket": "objects", "Key": "a.json"},
                "Output": {"body": "{% $parse($states.result.Body) %}", "at": "{% $states.result.LastModified %}"},
                "End": True,
            },
        }
    )
    assert ended.status == "SUCCEEDED", ended.cause
    assert isinstance(ended.output, dict)
    assert ended.output["body"] == {"n": 1}
    assert ended.output["at"].endswith("Z")


def test_an_sdk_task_s_parameters_are_in_pascal_case_for_every_service(aws: AwsServer, run: Run) -> None:
    inner = create(aws, "inner", {"StartAt": "Ok", "States": {"Ok": {"Type": "Succeed"}}})
    ended = run(
        {
            "Start": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:sfn:startExecution",
                "Arguments": {"StateMachineArn": inner, "Input": '{"n": 1}'},
                "Output": "{% $states.result.ExecutionArn %}",
                "End": True,
            }
        }
    )
    assert str(ended.output).startswith(inner.replace(":stateMachine:", ":execution:"))


def test_executions_without_a_name_don_t_collide(aws: AwsServer) -> None:
    machine = create(aws, "unnamed", {"StartAt": "Ok", "States": {"Ok": {"Type": "Succeed"}}})
    arns = {aws.clients.stepfunctions.start_execution(stateMachineArn=machine)["executionArn"] for _ in range(2)}
    assert len(arns) == 2


def test_a_task_token_is_answered_from_outside(aws: AwsServer) -> None:
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Ask",
        "States": {
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem.waitForTaskToken",
                "Arguments": {
                    "TableName": "asked",
                    "Item": {"Id": {"S": "1"}, "Token": {"S": "{% $states.context.Task.Token %}"}},
                },
                "Output": "{% $states.result.answer %}",
                "End": True,
            }
        },
    }
    dynamodb = api(aws, "dynamodb")
    dynamodb.create_table(
        TableName="asked",
        KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    arn = aws.clients.stepfunctions.start_execution(stateMachineArn=create(aws, "asks", definition))["executionArn"]
    until(lambda: "Item" in dynamodb.get_item(TableName="asked", Key={"Id": {"S": "1"}}))
    item = dynamodb.get_item(TableName="asked", Key={"Id": {"S": "1"}})["Item"]
    assert isinstance(item, Mapping)
    token = item["Token"]["S"]
    aws.clients.stepfunctions.send_task_success(taskToken=token, output=json.dumps({"answer": 42}))
    assert ended(aws, arn).output == 42
