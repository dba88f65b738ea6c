"""Approval by a link in a message: the states, the page and its two Lambdas, and what each may do."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

import zflow_constructs as zflow
from tests.asl import ROOT
from tests.core.machines import evaluate, mapping
from tests.examples.findings import acknowledgements, violations
from tests.examples.risk_scoring.app import synthesize
from tests.parts import count, stack
from tests.templates import LOGGED_AND_TRACED, Synthesized, allow, inside, jsonata
from tests.texts import text_of
from zflow_constructs.steps.retry import CAPACITY, LAMBDA, THROTTLING

REDRIVE = "($exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0)"
ASK = "arn:aws:lambda:eu-central-1:123456789012:function:ApprovalsAskF2C68AAF"
RISK = "arn:aws:sns:eu-central-1:111122223333:risk"
HEADS = "arn:aws:sns:eu-central-1:111122223333:heads"
VERSION = "arn:aws:sagemaker:eu-central-1:111122223333:model-package/risk-scoring/7"


class Example:
    """A step that says no more than it must, and one that uses every keyword."""

    def __init__(self) -> None:
        scope = stack()
        self.page = zflow.ApprovalPage(scope, "Approvals")
        rows = count(scope, "Count")
        risk, heads = (sns.Topic.from_topic_arn(scope, arn.rsplit(":", 1)[1], arn) for arn in (RISK, HEADS))
        group = zflow.ModelPackageGroup.from_name(scope, "Group", "risk-scoring")
        self.minimal = zflow.ApprovalStep(
            scope, "Minimal", page=self.page, topic=risk, question="Shall the new model go live?"
        )
        self.maximal = zflow.ApprovalStep(
            scope,
            "Maximal",
            page=self.page,
            topic=risk,
            question="Are " + zflow.Jsonata("$string(7)") + " rows enough?",
            details={"rows": rows.outputs["rows"], "limit": 5},
            model_package=zflow.ModelPackage(VERSION, group),
            timeout=Duration.hours(10),
            on_timeout="reject",
            escalate_after=Duration.hours(2),
            escalation_topic=heads,
            fail_on_rejection=True,
            after=[self.minimal],
            when=rows.outputs["rows"] > 0,
        )
        payload = {
            "decision": self.maximal.decision,
            "by": self.maximal.decided_by,
            "why": self.maximal.comment,
            "first": self.minimal.decision,
        }
        last = count(scope, "Last", payload=payload, when=self.maximal.approved)
        self.workflow = zflow.MlWorkflow(scope, "Scoring", steps=[rows, self.minimal, self.maximal, last])
        self.made = Synthesized.of(scope)


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def payload(step: str, topics: list[str], seconds: int, question: object, details: object) -> dict[str, object]:
    return {
        "token": jsonata("$states.context.Task.Token"),
        "execution": jsonata("$states.context.Execution.Id"),
        "step": step,
        "item": jsonata('""'),
        "redrive": jsonata(REDRIVE),
        "topics": topics,
        "question": question,
        "details": details,
        "seconds": seconds,
    }


def test_a_minimal_step_asks_and_waits_for_the_token_for_three_days(example: Example) -> None:
    state = example.made.state("Minimal")
    assert mapping(state["Arguments"]) == {
        "FunctionName": ASK,
        "Payload": payload("Minimal", [RISK], 259_200, "Shall the new model go live?", {}),
    }
    assert {key: state[key] for key in ("Resource", "TimeoutSeconds", "Assign", "Retry", "Catch")} == {
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "TimeoutSeconds": 259_200,
        "Assign": {
            "step_Minimal": {name: jsonata(f"$states.result.{name}") for name in ("decision", "decided_by", "comment")}
        },
        "Retry": [
            LAMBDA.render(),
            {
                **LAMBDA.render(),
                "ErrorEquals": ["Approval.Unavailable"],
                "IntervalSeconds": 10,
                "MaxAttempts": 6,
                "MaxDelaySeconds": 120,
            },
        ],
        "Catch": [
            {
                "ErrorEquals": ["States.Timeout"],
                "Assign": {"step_Minimal_asked": {"redrive": jsonata(REDRIVE)}},
                "Next": "Minimal: nobody decided",
            }
        ],
    }


def test_where_nobody_decides_it_fails_with_who_was_asked_and_a_redrive_asks_again(example: Example) -> None:
    state = example.made.state("Minimal: nobody decided")
    asked = mapping(mapping(state["Arguments"])["Payload"])
    overdue = inside(asked["overdue"])

    def late(redrive: int) -> object:
        context = {"Execution": {"RedriveCount": redrive}}
        return evaluate(overdue, {"states": {"context": context}, "step_Minimal_asked": {"redrive": 0}})

    with pytest.raises(Exception, match="nobody decided") as raised:
        late(0)
    assert f'Step "Minimal": nobody decided within 259200 seconds. Asked: {RISK}. A redrive asks again.' in str(
        raised.value
    )
    assert late(1) == ""
    question = payload("Minimal", [RISK], 259_200, "Shall the new model go live?", {})
    assert {**asked, "overdue": ""} == {**question, "overdue": ""}
    assert state["TimeoutSeconds"] == 259_200
    (catch,) = cast("list[dict[str, str]]", state["Catch"])
    assert catch["Next"] == "Minimal: nobody decided"


def test_a_maximal_step_escalates_rejects_in_time_tells_the_registry_and_fails(example: Example) -> None:
    made = example.made
    question = jsonata('"Are " & ($string(7)) & " rows enough?"')
    details = {"rows": text_of("$Count_Minimal_in_parallel.Count.rows"), "limit": "5"}
    first, second = made.state("Maximal"), made.state("Maximal: escalate")
    assert mapping(first["Arguments"])["Payload"] == payload("Maximal", [RISK], 36_000, question, details)
    assert mapping(second["Arguments"])["Payload"] == payload("Maximal", [HEADS], 28_800, question, details)
    assert (first["TimeoutSeconds"], second["TimeoutSeconds"]) == (7_200, 28_800)
    assert [cast("list[dict[str, str]]", each["Catch"])[0]["Next"] for each in (first, second)] == [
        "Maximal: escalate",
        "Maximal: nobody decided",
    ]
    assert made.state("Maximal: nobody decided") == {
        "Type": "Pass",
        "Assign": {
            "step_Maximal": {
                "decision": "rejected",
                "decided_by": "",
                "comment": "Nobody decided within 36000 seconds.",
            }
        },
        "Output": {},
        "Next": "Maximal: tell the registry",
    }
    assert made.state("Maximal: tell the registry") == {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sagemaker:updateModelPackage",
        "Arguments": {
            "ModelPackageArn": VERSION,
            "ModelApprovalStatus": jsonata('$step_Maximal.decision = "approved" ? "Approved" : "Rejected"'),
            "ApprovalDescription": jsonata(
                '$step_Maximal.decided_by & (($step_Maximal.decided_by != "") and ($step_Maximal.comment != "") '
                '? ": " : "") & $step_Maximal.comment'
            ),
        },
        "TimeoutSeconds": 60,
        "Output": {},
        "Retry": [
            CAPACITY.render(),
            THROTTLING.render(),
            replace(THROTTLING, errors=("SageMaker.ConflictException",), interval_seconds=5, max_attempts=3).render(),
        ],
        "Next": "Maximal: approved?",
    }
    failure = made.state("Maximal: rejected")
    assert (failure["Type"], failure["Error"]) == ("Fail", "Zflow.Rejected")
    variables = {"step_Maximal": {"decision": "rejected", "decided_by": "Ada", "comment": "Too few rows."}}
    assert evaluate(inside(failure["Cause"]), variables) == 'Step "Maximal" was rejected by Ada. Too few rows.'


@pytest.mark.parametrize(
    ("by", "why", "said"), [("Ada", "Fine.", "Ada: Fine."), ("", "Fine.", "Fine."), ("Ada", "", "Ada"), ("", "", "")]
)
def test_the_registry_hears_who_said_what(example: Example, by: str, why: str, said: str) -> None:
    description = mapping(example.made.state("Maximal: tell the registry")["Arguments"])["ApprovalDescription"]
    assert evaluate(inside(description), {"step_Maximal": {"decided_by": by, "comment": why}}) == said


def test_the_state_machine_may_call_the_lambda_that_asks_and_update_versions_of_the_group(example: Example) -> None:
    assert example.made.statements(example.workflow.role)[1:] == [
        allow("lambda:InvokeFunction", ASK),
        allow(
            "sagemaker:UpdateModelPackage",
            "arn:aws:sagemaker:eu-central-1:111122223333:model-package/risk-scoring/*",
        ),
        *LOGGED_AND_TRACED,
    ]


def test_the_lambda_that_asks_may_keep_questions_and_send_messages_to_the_topics(example: Example) -> None:
    made = example.made
    (table,) = made.resources("AWS::DynamoDB::Table")
    assert table["TimeToLiveSpecification"] == {"AttributeName": "forgotten", "Enabled": True}
    (policy,) = [each for each in made.resources("AWS::IAM::Policy") if "AskRole" in str(each["Roles"])]
    statements = cast("list[object]", mapping(policy["PolicyDocument"])["Statement"])
    assert statements[1:] == [
        allow("dynamodb:UpdateItem", "arn:aws:service:eu-central-1:123456789012:ApprovalsQuestions3B3CE357"),
        allow("sns:Publish", RISK),
        allow("sns:Publish", HEADS),
    ]


def test_the_page_may_read_questions_and_answer_tokens_but_send_no_message(example: Example) -> None:
    made = example.made
    (policy,) = [each for each in made.resources("AWS::IAM::Policy") if "PageRole" in str(each["Roles"])]
    statements = cast("list[object]", mapping(policy["PolicyDocument"])["Statement"])
    assert statements[1:] == [
        allow(
            ["dynamodb:GetItem", "dynamodb:UpdateItem"],
            "arn:aws:service:eu-central-1:123456789012:ApprovalsQuestions3B3CE357",
        ),
        allow("states:SendTaskSuccess", "*"),
    ]
    (url,) = made.resources("AWS::Lambda::Url")
    assert url["AuthType"] == "NONE"
    assert {(each["Action"], each["Principal"]) for each in made.resources("AWS::Lambda::Permission")} == {
        ("lambda:InvokeFunctionUrl", "*"),
        ("lambda:InvokeFunction", "*"),
    }
    functions = made.resources("AWS::Lambda::Function")
    assert [mapping(each["Environment"])["Variables"] for each in functions] == [
        {"TABLE": "ApprovalsQuestions3B3CE357"},
        {"TABLE": "ApprovalsQuestions3B3CE357", "PAGE_URL": "ApprovalsPageFunctionUrl90706CC0-FunctionUrl"},
    ]
    assert [(each["Handler"], each["Timeout"]) for each in functions] == [("handler.page", 30), ("handler.ask", 30)]


def test_a_topics_key_is_granted_with_it() -> None:
    scope = stack()
    key = kms.Key.from_key_arn(scope, "Key", "arn:aws:kms:eu-central-1:111122223333:key/topics")
    topic = sns.Topic(scope, "Topic", master_key=key)
    step = zflow.ApprovalStep(
        scope, "Approve", page=zflow.ApprovalPage(scope, "Approvals"), topic=topic, question="Go?"
    )
    zflow.MlWorkflow(scope, "Scoring", steps=[step])
    (policy,) = [
        each for each in Synthesized.of(scope).resources("AWS::IAM::Policy") if "AskRole" in str(each["Roles"])
    ]
    statements = cast("list[object]", mapping(policy["PolicyDocument"])["Statement"])
    assert (
        allow(["kms:Decrypt", "kms:GenerateDataKey*"], "arn:aws:kms:eu-central-1:111122223333:key/topics") in statements
    )


def test_cdk_nag_finds_nothing_but_what_is_acknowledged_with_a_reason(tmp_path: Path) -> None:
    assembly = synthesize(ROOT, tmp_path / "cdk.out", app="tests.approval.approving_app", validation=True)
    assert violations(assembly, "AwsSolutions") == set()
    assert "AwsSolutions-IAM5[Resource::*]" in acknowledgements(assembly, "Approving")


def test_approvals_may_be_optional_and_stand_in_a_loop() -> None:
    scope = stack()
    page, topic = zflow.ApprovalPage(scope, "Approvals"), sns.Topic.from_topic_arn(scope, "Risk", RISK)
    group = zflow.ModelPackageGroup.from_name(scope, "Group", "risk-scoring")
    package = zflow.ModelPackage(VERSION, group)
    by_link = zflow.ApprovalStep(
        scope, "Link", page=page, topic=topic, question="Is " + zflow.Item("country") + " good?", fail_on_rejection=True
    )
    in_registry = zflow.RegistryApprovalStep(scope, "Look", model_package=package, topic=topic, after=[by_link])
    loop = zflow.ForEach(scope, "Each", items=["de", "fr"], item="country", steps=[by_link, in_registry])
    optional = zflow.ApprovalStep(
        scope, "Maybe", page=page, topic=topic, question="Go?", fail_on_rejection=True, optional=True
    )
    instead = count(scope, "Instead", when=optional.otherwise)
    zflow.MlWorkflow(scope, "Scoring", steps=[loop, optional, instead])
    made = Synthesized.of(scope)
    asked = mapping(mapping(made.state("Link")["Arguments"])["Payload"])
    variables = {"Each_item": {"value": "de", "index": 1}}
    assert evaluate(inside(asked["question"]), variables) == "Is de good?"
    assert evaluate(inside(asked["item"]), variables) == "1"
    assert made.state("Maybe: rejected")["Next"] == "Maybe: failed"
