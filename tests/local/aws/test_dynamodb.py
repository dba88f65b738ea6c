import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from tests.local.aws.conftest import api
from tests.local.aws.rendezvous import TABLE
from zflow_constructs.local.aws.server import AwsServer


def test_a_table_of_cloudformation_has_its_name_arn_and_keys(aws: AwsServer) -> None:
    outputs = {"Name": {"Value": {"Ref": "Table"}}, "Arn": {"Value": {"Fn::GetAtt": ["Table", "Arn"]}}}
    client = aws.clients.cloudformation
    client.create_stack(StackName="table", TemplateBody=json.dumps({"Resources": {"Table": TABLE}, "Outputs": outputs}))
    made = {output["OutputKey"]: output["OutputValue"] for output in client.describe_stacks()["Stacks"][0]["Outputs"]}
    assert made == {"Name": "rendezvous", "Arn": f"arn:aws:dynamodb:{aws.region}:{aws.account}:table/rendezvous"}
    table = api(aws, "dynamodb").describe_table(TableName="rendezvous")["Table"]
    assert isinstance(table, dict)
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["run", "step"]


@pytest.mark.usefixtures("hasty_threads")
def test_of_writes_at_once_one_meets_its_condition(aws: AwsServer) -> None:
    dynamodb = api(aws, "dynamodb")

    def mark(number: int) -> bool:
        try:
            dynamodb.update_item(
                TableName="rendezvous",
                Key={"run": {"S": str(number // 8)}, "step": {"S": "Report"}},
                UpdateExpression="SET #done = :done",
                ConditionExpression="attribute_not_exists(#done)",
                ExpressionAttributeNames={"#done": "done"},
                ExpressionAttributeValues={":done": {"BOOL": True}},
            )
        except ClientError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(mark, range(40))) == 5
