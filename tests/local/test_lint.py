"""Each rule finds its mistake, seeded into a machine that is clean without it."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import TypeAlias

import pytest

from tests.asl import asl_validator_findings
from zflow_constructs.core.values.templates import Json
from zflow_constructs.local.lint import RULES, Finding, lint

Path: TypeAlias = tuple[str | int, ...]
Mistake: TypeAlias = Callable[[dict[str, Json]], None]

CLEAN: Mapping[str, Json] = {
    "QueryLanguage": "JSONata",
    "TimeoutSeconds": 3600,
    "StartAt": "Start",
    "States": {
        "Start": {
            "Type": "Pass",
            "Assign": {"parameters": "{% $merge([{'floor': 0.75}, $states.input]) %}"},
            "Next": "Prepare in parallel",
        },
        "Prepare in parallel": {
            "Type": "Parallel",
            "Branches": [
                {
                    "StartAt": "Train",
                    "States": {
                        "Train": {
                            "Type": "Task",
                            "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync",
                            "Arguments": {
                                "TrainingJobName": "{% 'train-' & $hash($states.context.Execution.Id, 'MD5') %}",
                                "RoleArn": "arn:aws:iam::123456789012:role/Train",
                                "AlgorithmSpecification": {
                                    "TrainingImage": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/train:1",
                                    "TrainingInputMode": "File",
                                },
                                "OutputDataConfig": {"S3OutputPath": "{% 's3://lake/' & $parameters.prefix %}"},
                                "ResourceConfig": {
                                    "InstanceType": "ml.m5.large",
                                    "InstanceCount": 1,
                                    "VolumeSizeInGB": 30,
                                },
                                "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
                            },
                            "TimeoutSeconds": 4500,
                            "Assign": {"Train": {"model": "{% $states.result.ModelArtifacts.S3ModelArtifacts %}"}},
                            "Retry": [{"ErrorEquals": ["SageMaker.ResourceLimitExceededException"]}],
                            "Next": "Train: results",
                        },
                        "Train: results": {"Type": "Pass", "Output": {"Train": "{% $Train %}"}, "End": True},
                    },
                },
                {
                    "StartAt": "Approve",
                    "States": {
                        "Approve": {
                            "Type": "Task",
                            "Resource": "arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken",
                            "Arguments": {
                                "TableName": "approvals",
                                "Key": {"id": {"S": "{% $states.context.Execution.Id %}"}},
                                "UpdateExpression": "SET waiter = :token",
                                "ExpressionAttributeValues": {":token": {"S": "{% $states.context.Task.Token %}"}},
                            },
                            "TimeoutSeconds": 3600,
                            "Output": {},
                            "Catch": [
                                {
                                    "ErrorEquals": ["DynamoDb.ConditionalCheckFailedException"],
                                    "Assign": {"refusal": "{% $states.errorOutput.Error %}"},
                                    "Next": "Refused",
                                }
                            ],
                            "End": True,
                        },
                        "Refused": {"Type": "Pass", "Output": {"refusal": "{% $refusal %}"}, "End": True},
                    },
                },
            ],
            "Assign": {"prepared": "{% $merge($states.result) %}"},
            "Output": {},
            "Next": "Good enough?",
        },
        "Good enough?": {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $exists($states.input.bonus) %}", "Assign": {"bonus": 1}, "Next": "Notify each"}
            ],
            "Default": "Notify each",
        },
        "Notify each": {
            "Type": "Map",
            "Items": "{% [$prepared.Train.model] %}",
            "ItemSelector": {"model": "{% $states.context.Map.Item.Value %}", "bonus": "{% $exists($bonus) %}"},
            "ItemProcessor": {
                "StartAt": "Notify",
                "States": {
                    "Notify": {
                        "Type": "Task",
                        "Resource": "arn:aws:states:::lambda:invoke",
                        "Arguments": {"FunctionName": "notify", "Payload": {"to": "{% $parameters.to %}"}},
                        "TimeoutSeconds": 60,
                        "Output": "{% $states.result.Payload %}",
                        "End": True,
                    }
                },
            },
            "Assign": {"notified": "{% [$states.result.id] %}"},
            "Output": "{% $map($states.result, function($one) { $one.id & '!' }) %}",
            "Next": "Done",
        },
        "Done": {"Type": "Succeed", "Output": {"notified": "{% $count($notified) %}"}},
    },
}

START: Path = ("States", "Start")
PARALLEL: Path = ("States", "Prepare in parallel")
TRAIN: Path = (*PARALLEL, "Branches", 0, "States", "Train")
APPROVE: Path = (*PARALLEL, "Branches", 1, "States", "Approve")
CHOICE: Path = ("States", "Good enough?")
MAP: Path = ("States", "Notify each")
NOTIFY: Path = (*MAP, "ItemProcessor", "States", "Notify")
DONE: Path = ("States", "Done")


def at(machine: dict[str, Json], path: Path) -> dict[str, Json]:
    found: Json = machine
    for part in path:
        if isinstance(part, int):
            assert isinstance(found, list)
            found = found[part]
        else:
            assert isinstance(found, dict)
            found = found[part]
    assert isinstance(found, dict)
    return found


def put(path: Path, **values: Json) -> Mistake:
    """Sets fields of the object at a path."""
    return lambda machine: at(machine, path).update(values)


def drop(path: Path, field: str) -> Mistake:
    def mistake(machine: dict[str, Json]) -> None:
        del at(machine, path)[field]

    return mistake


def findings(*mistakes: Mistake) -> list[Finding]:
    machine = deepcopy(dict(CLEAN))
    for mistake in mistakes:
        mistake(machine)
    return lint(machine)


def test_a_clean_machine_has_no_findings() -> None:
    assert lint(CLEAN) == []


def test_the_clean_machine_is_clean_to_asl_validator_too() -> None:
    assert asl_validator_findings(CLEAN) == []


def test_asl_validator_speaks_up() -> None:
    assert asl_validator_findings({"StartAt": "Nowhere", "States": {"Go": {"Type": "Pass", "End": True}}}) != []


def both(*mistakes: Mistake) -> Mistake:
    """Makes several changes."""

    def mistake(machine: dict[str, Json]) -> None:
        for each in mistakes:
            each(machine)

    return mistake


DISTRIBUTED: Mistake = put(
    (*MAP, "ItemProcessor"), ProcessorConfig={"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
)
KEY: Json = {"run": {"S": "{% $run_key %}"}, "step": {"S": "Report"}}
LOOKS_AGAIN: Mapping[str, Json] = {"Retry": [{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 1000}]}
WAIT: Mistake = both(
    put((*START, "Assign"), run_key="{% $uuid() %}"),
    put((*APPROVE, "Arguments"), Key=KEY, ConditionExpression="attribute_not_exists(#done)"),
)
MARK: Mistake = both(
    put((*START, "Assign"), run_key="{% $uuid() %}"),
    put(
        NOTIFY,
        Resource="arn:aws:states:::aws-sdk:dynamodb:updateItem",
        Arguments={"TableName": "t", "Key": KEY, "ExpressionAttributeNames": {"#done": "done"}},
    ),
)
ONWARD: Json = {"Type": "Pass", "End": True}
NEW_STATE: Json = {"Type": "Pass", "Next": "Done"}

SEEDED: list[tuple[str, str, Mistake, str]] = [
    # rule, state, mistake, a part of the message
    ("query-language", "", drop((), "QueryLanguage"), "its QueryLanguage is JSONPath"),
    ("query-language", "Start", put(START, QueryLanguage="JSONPath"), "in a machine of JSONata"),
    ("no-machine-timeout", "", drop((), "TimeoutSeconds"), "it has no TimeoutSeconds"),
    ("no-task-timeout", "Train", drop(TRAIN, "TimeoutSeconds"), "the task has no TimeoutSeconds"),
    ("long-name", "x" * 81, put(("States",), **{"x" * 81: NEW_STATE}), "its name has 81 characters"),
    (
        "duplicate-name",
        "Done",
        put((*MAP, "ItemProcessor", "States"), Done=ONWARD),
        "2 states have this name",
    ),
    ("missing-target", "Start", put(START, Next="Notify eech"), 'does not exist. Did you mean "Notify each"?'),
    ("missing-target", "Notify", put(NOTIFY, Next="Done"), 'leads to "Done", which is in another scope'),
    ("missing-target", "", put((), StartAt="Begin"), 'StartAt leads to "Begin"'),
    ("unreachable-state", "Island", put(("States",), Island=NEW_STATE), "no state leads to it"),
    ("jsonpath-field", "Start", put(START, ResultPath="$.start"), "it has ResultPath"),
    ("jsonpath-field", "Good enough?", put((*CHOICE, "Choices", 0), Variable="$.a"), "it has Variable"),
    ("jsonpath-field", "Start", put(START, Output={"a.$": "$.b"}), 'Output has the key "a.$"'),
    (
        "retried-rendezvous",
        "Prepare in parallel",
        put(PARALLEL, Retry=[{"ErrorEquals": ["States.ALL"]}]),
        'it has a Retry, and "Approve" inside waits for a task token',
    ),
    (
        "retried-rendezvous",
        "Notify each",
        both(MARK, put(MAP, Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Done"}])),
        'it has a Catch, and "Notify" inside marks that it is done',
    ),
    ("lost-wake-up", "Approve", WAIT, "it waits in vain if what should wake it is lost"),
    (
        "lost-wake-up",
        "Approve",
        both(WAIT, put(APPROVE, **LOOKS_AGAIN, Catch=[])),
        "it fails if what it waits for is done",
    ),
    (
        "map-mode",
        "Notify each",
        put(MAP, ToleratedFailurePercentage=5),
        "it has ToleratedFailurePercentage, which only",
    ),
    ("map-mode", "Notify each", put(MAP, Label="Notes"), "it has Label, which only a Distributed Map has"),
    ("map-mode", "Notify each", put(MAP, MaxConcurrency=41), "its MaxConcurrency is 41"),
    (
        "map-mode",
        "Notify each",
        put((*MAP, "ItemProcessor"), ProcessorConfig={"Mode": "DISTRIBUTED"}),
        "a Distributed Map without an ExecutionType",
    ),
    ("map-label", "Notify each", both(DISTRIBUTED, put(MAP, Label="two words")), "its Label is 'two words'"),
    (
        "map-label",
        "Notify each",
        both(DISTRIBUTED, put(MAP, Label="a"), put(("States",), Again={"Type": "Map", "Label": "a", "Next": "Done"})),
        "another Map has its Label, 'a'",
    ),
    (
        "map-context",
        "Done",
        put(DONE, Output="{% $states.context.Map.Item.Index %}"),
        "Output reads $states.context.Map",
    ),
    (
        "map-context",
        "Notify",
        both(DISTRIBUTED, put(NOTIFY, Output="{% $states.context.Map.Item.Value %}")),
        "Output reads $states.context.Map",
    ),
    (
        "map-context",
        "Notify each",
        put(MAP, Items="{% [$states.context.Map.Item.Value] %}"),
        "Items reads $states.context.Map",
    ),
    (
        "unknown-error",
        "Approve",
        put((*APPROVE, "Catch", 0), ErrorEquals=["DynamoDb.ConditionalCheckFailed"]),
        'Did you mean "DynamoDb.ConditionalCheckFailedException"?',
    ),
    (
        "unknown-error",
        "Notify",
        put(
            NOTIFY,
            Resource="arn:aws:states:::aws-sdk:sfn:sendTaskSuccess",
            Arguments={"TaskToken": "token", "Output": "{}"},
            Retry=[{"ErrorEquals": ["TaskTimedOut"]}],
        ),
        'it handles "TaskTimedOut", which SFN doesn\'t raise',
    ),
    (
        "request",
        "Notify",
        put(
            NOTIFY,
            Resource="arn:aws:states:::states:startExecution.sync:2",
            Arguments={"StateMachineArn": "arn", "Imput": {"n": 1}},
        ),
        "Imput",
    ),
    ("literal-expression", "Start", put(START, Output="s3://lake/{% $parameters.p %}"), "is taken literally"),
    ("literal-expression", "Start", put(START, Output=" {% 1 %}"), "is taken literally"),
    ("literal-expression", "Notify", put(NOTIFY, Resource="{% 'arn' %}"), "Resource is taken literally"),
    ("jsonata-syntax", "Start", put(START, Output={"a": ["{% 1 + %}"]}), "Output.a[0] is no JSONata: Unexpected end"),
    ("jsonata-syntax", "Start", put(START, Output="{% 'a' %} and {% 'b' %}"), "Output is no JSONata"),
    ("jsonata-syntax", "Start", put(START, Output="{% 1 !! 2 %}"), "Output is no JSONata"),
    ("unknown-function", "Start", put(START, Output="{% $lenght('a') %}"), 'Did you mean "length"?'),
    ("unknown-function", "Start", put(START, Output="{% [1] ~> $total() %}"), "calls $total"),
    ("eval", "Start", put(START, Output="{% $eval('1') %}"), "calls $eval"),
    ("no-context", "Start", put(START, Output="{% $.country %}"), "reads $ where no value is in context"),
    ("no-context", "Start", put(START, Output="{% $$.country %}"), "reads $$ where"),
    ("no-context", "Start", put(START, Output="{% states.input.country %}"), "reads states where"),
    ("no-context", "Start", put(START, Output="{% $states.input.x[$$.y = 1] %}"), "reads $$ where"),
    ("unknown-states-field", "Start", put(START, Output="{% $states.inputs %}"), 'Did you mean "input"?'),
    ("misplaced-result", "Notify", put(NOTIFY, Arguments="{% $states.result %}"), "Arguments reads $states.result"),
    ("misplaced-result", "Start", put(START, Output="{% $states.result %}"), "Output reads $states.result"),
    (
        "misplaced-result",
        "Good enough?",
        put((*CHOICE, "Choices", 0), Condition="{% $states.result %}"),
        "Choices[0].Condition reads $states.result",
    ),
    (
        "misplaced-result",
        "Approve",
        put((*APPROVE, "Catch", 0), Output="{% $states.result %}"),
        "Catch[0].Output reads $states.result",
    ),
    (
        "misplaced-error-output",
        "Refused",
        put((*PARALLEL, "Branches", 1, "States", "Refused"), Output="{% $states.errorOutput.Error %}"),
        "Output reads $states.errorOutput",
    ),
    (
        "task-token",
        "Approve",
        put((*APPROVE, "Arguments"), ExpressionAttributeValues={":token": {"S": "none"}}),
        "it waits for a task token that it gives to nobody",
    ),
    ("task-token", "Notify", put(NOTIFY, Output="{% $states.context.Task.Token %}"), "reads $states.context.Task"),
    (
        "flattened-result",
        "Notify each",
        put(MAP, Assign={"notified": "{% $states.result.id %}"}),
        "Assign.notified is $states.result.id",
    ),
    ("variable-name", "Start", put((*START, "Assign"), states=1), "it assigns $states"),
    ("variable-name", "Start", put((*START, "Assign"), **{"a-b": 1}), 'it assigns "a-b"'),
    ("shadowed-function", "Start", put((*START, "Assign"), join=1), "the function $join is gone"),
    (
        "shadowed-variable",
        "Notify",
        put(NOTIFY, Assign={"prepared": 1}),
        'it assigns $prepared, which "Prepare in parallel" assigns in an outer scope',
    ),
    (
        "shadowed-variable",
        "Train",
        put((*TRAIN, "Assign"), notified=1),
        'it assigns $notified, which "Notify each" assigns in an outer scope',
    ),
    (
        "shadowed-variable",
        "Approve",
        put((*APPROVE, "Catch", 0, "Assign"), parameters=1),
        'it assigns $parameters, which "Start" assigns in an outer scope',
    ),
    ("undefined-variable", "Done", put(DONE, Output="{% $prepard %}"), 'Did you mean "prepared"?'),
    ("undefined-variable", "Done", put(DONE, Output="{% $exists($never) %}"), "reads $never"),
    (
        "undefined-variable",
        "Done",
        put(DONE, Output="{% $bonus %}"),
        'not assigned on every path to here, though "Good enough?" assigns it',
    ),
    ("undefined-variable", "Start", put(START, Output="{% $parameters %}"), "which this state itself assigns"),
    (
        "undefined-variable",
        "Done",
        put(DONE, Output="{% $Train.model %}"),
        'reads $Train, which only lives inside "Prepare in parallel" (Prepare in parallel, branch 1)',
    ),
    (
        "undefined-variable",
        "Refused",
        put((*PARALLEL, "Branches", 1, "States", "Refused"), Output="{% $Train %}"),
        "reads $Train, which no state assigns where it could be read",
    ),
    (
        "undefined-variable",
        "Notify",
        put((*MAP, "ItemProcessor"), ProcessorConfig={"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}),
        "reads $parameters",
    ),
    ("undefined-variable", "Train", put((*TRAIN, "Arguments"), RoleArn="{% $prepared.role %}"), "reads $prepared"),
    (
        "unknown-action",
        "Train",
        put(TRAIN, Resource="arn:aws:states:::sagemaker:createTrainingJobs.sync"),
        'Did you mean "CreateTrainingJob"?',
    ),
    ("request", "Train", put((*TRAIN, "Arguments"), TrainingJobname="x"), "TrainingJobname"),
    ("request", "Train", drop((*TRAIN, "Arguments"), "RoleArn"), "RoleArn: missing, but required"),
    (
        "request",
        "Train",
        put((*TRAIN, "Arguments", "ResourceConfig"), InstanceCount="1"),
        "ResourceConfig.InstanceCount",
    ),
    ("request", "Approve", drop((*APPROVE, "Arguments"), "Key"), "Key: missing, but required"),
    (
        "request",
        "Notify",
        put(
            NOTIFY,
            Resource="arn:aws:states:::aws-sdk:sfn:sendTaskSuccess",
            Arguments={"taskToken": "token", "Output": "{}"},
        ),
        "taskToken (not in PascalCase)",
    ),
]


@pytest.mark.parametrize(("rule", "state", "mistake", "message"), SEEDED, ids=[f"{row[0]}-{row[3]}" for row in SEEDED])
def test_a_seeded_mistake_is_found(rule: str, state: str, mistake: Mistake, message: str) -> None:
    found = findings(mistake)
    matching = [finding for finding in found if finding.rule == rule and finding.state == state]
    assert [message in finding.message for finding in matching] == [True], found
    assert all(finding.remedy for finding in found)


def test_every_rule_has_a_seeded_mistake() -> None:
    assert {row[0] for row in SEEDED} == set(RULES)


@pytest.mark.parametrize(
    "mistake",
    [
        put(DONE, Output="{% $exists($bonus) ? $bonus : 0 %}"),
        put(DONE, Output="{% $exists($bonus) and $bonus > 0 %}"),
        put(DONE, Output="{% ($k := 2; $map([1, 2], function($v, $i) { $v * $k + $i })) %}"),
        put(DONE, Output="{% $states.input.rows[score > 0.5 and $.country = 'de'].{'id': id} %}"),
        put(DONE, Output="{% $states.input.rows^(>score) ~> $string %}"),
        put(DONE, Output="{% $sort([2, 1], function($l, $r) { $l > $r }) ~> $map($string) %}"),
        put(DONE, Output="{% $uuid() & $random() & $parse('1') & $join([$string($range(1, 2, 1))]) %}"),
        put(DONE, Output="{% [null, true, -1, 'text', /a+/, {'a': [1..3]}, 1 + 2 & '', $not(1 in [2])] %}"),
        put(DONE, Output="{% '{% not an expression %}' %}"),
        put(DONE, Comment="Reads {% $prepared %}."),
        put(
            NOTIFY,
            Resource="arn:aws:states:::aws-sdk:sfn:sendTaskSuccess",
            Arguments={"TaskToken": "token", "Output": "{}"},
        ),
        put(
            NOTIFY,
            Resource="arn:aws:states:::aws-sdk:s3:putObject",
            Arguments={"Bucket": "lake", "Key": "a.json", "Body": {"a": "{% $parameters.a %}"}},
        ),
        put(
            NOTIFY,
            Resource="arn:aws:states:::states:startExecution.sync:2",
            Arguments={"StateMachineArn": "arn", "Input": {"n": "{% $parameters.n %}"}, "Name": "{% $uuid() %}"},
            Output="{% $states.result.Output %}",
        ),
        put(
            NOTIFY,
            Resource="arn:aws:states:::aws-sdk:sfn:describeExecution",
            Arguments={"ExecutionArn": "{% $parameters.execution %}"},
            Retry=[
                {"ErrorEquals": ["Sfn.SfnException", "Sfn.SdkClientException", "Sfn.ExecutionDoesNotExistException"]}
            ],
            Output="{% $states.result.Status %}",
        ),
        put(NOTIFY, Output="{% $states.context.Map.Item.Index %}"),
        both(WAIT, put(APPROVE, **LOOKS_AGAIN)),
        both(MARK, put(MAP, MaxConcurrency=40)),
        put(NOTIFY, Resource="arn:aws:states:::http:invoke", Arguments={"ApiEndpoint": "https://example.com"}),
        put(START, Assign={"parameters": 1, "other": "{% $map([1], $string) %}"}),
    ],
)
def test_what_is_right_is_not_reported(mistake: Mistake) -> None:
    assert findings(mistake) == []


def test_a_loop_keeps_what_was_assigned_before_it() -> None:
    states: dict[str, Json] = {
        "Start": {"Type": "Pass", "Assign": {"parameters": {}, "tries": 0}, "Next": "Try"},
        "Try": {"Type": "Pass", "Assign": {"tries": "{% $tries + 1 %}", "last": 1}, "Next": "Again?"},
        "Again?": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $tries < 3 and $last = 1 %}", "Next": "Try"}],
            "Default": "Prepare in parallel",
        },
    }
    assert findings(put(("States",), **states)) == []


def test_a_choice_that_asks_whether_a_variable_exists_proves_it_where_it_leads() -> None:
    states: dict[str, Json] = {
        "Done": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $exists($bonus) and $count($notified) > 0 %}", "Next": "Pay"}],
            "Default": "No bonus",
        },
        "Pay": {"Type": "Succeed", "Output": "{% $bonus %}"},
        "No bonus": {"Type": "Succeed", "Output": "{% $bonus %}"},
    }
    found = findings(put(("States",), **states))
    assert [(finding.rule, finding.state) for finding in found] == [("undefined-variable", "No bonus")]


def test_a_finding_reads_as_a_sentence() -> None:
    (finding,) = findings(drop(TRAIN, "TimeoutSeconds"))
    assert str(finding) == (
        'State "Train": the task has no TimeoutSeconds. '
        "Set one: a job that is never heard of again keeps the execution waiting. [no-task-timeout]"
    )


def test_a_loop_may_be_caught_whose_branches_meet_under_a_key_of_each_item() -> None:
    key: Json = {"Type": "Pass", "Assign": {"run_key": "{% $uuid() %}"}, "Next": "Notify"}
    caught = [{"ErrorEquals": ["States.ALL"], "Next": "Done"}]
    of_its_own = both(
        MARK,
        put(START, Assign={"parameters": {}}),
        put((*MAP, "ItemProcessor"), StartAt="Item"),
        put((*MAP, "ItemProcessor", "States"), Item=key),
        put(MAP, Catch=caught),
        put(DONE, Output="{}"),
    )
    assert findings(of_its_own) == []
