"""The smallest order that nesting can't express, as its machine is written by hand.

Report comes after Extract, Deploy after Extract and Train: Deploy, in the branch of Extract, waits for Train's mark.
"""

from collections.abc import Mapping

from zflow_constructs.core.rendezvous.exact_values import Read, Written
from zflow_constructs.core.values.references import RESULT, Variable
from zflow_constructs.core.values.templates import Json, Scope

TABLE = "Rendezvous"
RUN_VARIABLES: Json = {
    "run_key": {"S": "{% $uuid() %}"},
    "run_expiry": {"N": "{% $string($floor($millis() / 1000) + 7948800) %}"},
}
KEY: Json = {"run": "{% $run_key %}", "step": {"S": "Train"}}
ANY_ERROR: Json = {"ErrorEquals": ["States.ALL"], "MaxAttempts": 8, "MaxDelaySeconds": 128}
VALUE: Json = "{% $states.result.value %}"
EXPIRES: Json = "{% $run_expiry %}"


def state(kind: str, following: str, fields: Mapping[str, Json]) -> dict[str, Json]:
    """A state that leads to another, or ends its scope if that is empty."""
    return {"Type": kind, "Output": {}, **fields, **({"Next": following} if following else {"End": True})}


def work(name: str, uses: tuple[str, ...] = (), following: str = "") -> dict[str, Json]:
    """A step: it is given the values of those that it uses, and has one itself."""
    return state(
        "Task",
        following,
        {
            "Resource": "arn:run",
            "Arguments": {each.strip("$"): f"{{% {each}.value %}}" for each in uses},
            "TimeoutSeconds": 60,
            "Assign": {name: {"value": "{% $states.result.value %}"}},
        },
    )


def call(api: str, following: str, arguments: Mapping[str, Json], fields: Mapping[str, Json]) -> dict[str, Json]:
    """A call of an AWS service."""
    return state(
        "Task",
        following,
        {"Resource": f"arn:aws:states:::aws-sdk:{api}", "Arguments": arguments, "TimeoutSeconds": 60, **fields},
    )


WAIT = call(
    "dynamodb:updateItem.waitForTaskToken",
    "Deploy reads Train",
    {
        "TableName": TABLE,
        "Key": KEY,
        "UpdateExpression": "SET waiter1=:t,expires=:e",
        "ConditionExpression": "attribute_not_exists(done)",
        "ExpressionAttributeValues": {":t": {"S": "{% $states.context.Task.Token %}"}, ":e": EXPIRES},
    },
    {
        "TimeoutSeconds": 6048,
        "Retry": [
            {"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 1000, "BackoffRate": 1},
            {"ErrorEquals": ["DynamoDb.ConditionalCheckFailedException"], "MaxAttempts": 0},
            ANY_ERROR,
        ],
        "Catch": [
            {
                "ErrorEquals": ["DynamoDb.ConditionalCheckFailedException"],
                "Output": {},
                "Next": "Deploy reads Train",
            }
        ],
    },
)
READ = call(
    "dynamodb:getItem",
    "Deploy",
    {
        "TableName": TABLE,
        "Key": KEY,
        "ConsistentRead": True,
        "ProjectionExpression": "done",
    },
    {
        "Retry": [ANY_ERROR],
        "Assign": {
            "Deploy_reads_Train": "{% " + Read(RESULT["Item"]["done"]["S"], plain=False).render(Scope()) + " %}"
        },
    },
)
MARK = call(
    "dynamodb:updateItem",
    "Train wakes Deploy",
    {
        "TableName": TABLE,
        "Key": KEY,
        "UpdateExpression": "SET done=:d,expires=:e",
        "ExpressionAttributeValues": {
            ":d": {"S": "{% " + Written(Variable("Train"), plain=False).render(Scope()) + " %}"},
            ":e": EXPIRES,
        },
        "ReturnValues": "ALL_OLD",
    },
    {"Retry": [ANY_ERROR], "Output": "{% [$states.result.Attributes.[waiter1.S]] %}"},
)
WAKE = state(
    "Map",
    "",
    {
        "Items": "{% $states.input %}",
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": "Wake Deploy",
            "States": {
                "Wake Deploy": call(
                    "sfn:sendTaskSuccess",
                    "",
                    {"TaskToken": "{% $states.input %}", "Output": "{}"},
                    {
                        "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 4}],
                        "Catch": [
                            {
                                "ErrorEquals": ["States.ALL"],
                                "Next": "Deploy waits no more",
                            }
                        ],
                    },
                ),
                "Deploy waits no more": state("Pass", "", {}),
            },
        },
    },
)
N_MACHINE: dict[str, Json] = {
    "QueryLanguage": "JSONata",
    "TimeoutSeconds": 86400,
    "StartAt": "Run key",
    "States": {
        "Run key": state("Pass", "All", {"Assign": RUN_VARIABLES}),
        "All": state(
            "Parallel",
            "",
            {
                "Branches": [
                    {
                        "StartAt": "Extract",
                        "States": {
                            "Extract": work("Extract", (), "Report, Deploy"),
                            "Report, Deploy": state(
                                "Parallel",
                                "",
                                {
                                    "Branches": [
                                        {
                                            "StartAt": "Report",
                                            "States": {"Report": {**work("Report", ("$Extract",)), "Output": VALUE}},
                                        },
                                        {
                                            "StartAt": "Deploy waits for Train",
                                            "States": {
                                                "Deploy waits for Train": WAIT,
                                                "Deploy reads Train": READ,
                                                "Deploy": {
                                                    **work("Deploy", ("$Extract", "$Deploy_reads_Train")),
                                                    "Output": VALUE,
                                                },
                                            },
                                        },
                                    ],
                                    "Output": "{% $states.result %}",
                                },
                            ),
                        },
                    },
                    {
                        "StartAt": "Train",
                        "States": {
                            "Train": work("Train", (), "Train is done"),
                            "Train is done": MARK,
                            "Train wakes Deploy": WAKE,
                        },
                    },
                ],
                "Output": "{% $states.result[0] %}",
            },
        ),
    },
}
