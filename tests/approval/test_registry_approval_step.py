"""Approval in the model registry: how it waits, whom it tells, and what it gives."""

from typing import cast

import pytest
from aws_cdk import Duration
from aws_cdk import aws_sns as sns

import zflow_constructs as zflow
from tests.core.machines import evaluate, mapping
from tests.parts import count, stack
from tests.templates import LOGGED_AND_TRACED, Synthesized, allow, inside, jsonata
from zflow_constructs.core.states.history import MOST_EVENTS, most_events
from zflow_constructs.steps.retry import CAPACITY, THROTTLING

VERSION = "arn:aws:sagemaker:eu-central-1:111122223333:model-package/risk-scoring/7"
RISK = "arn:aws:sns:eu-central-1:111122223333:risk"
HEADS = "arn:aws:sns:eu-central-1:111122223333:heads"
DAY = 86_400


class Example:
    """A step that says no more than it must, and one that uses every keyword."""

    def __init__(self) -> None:
        scope = stack()
        rows = count(scope, "Count")
        risk, heads = (sns.Topic.from_topic_arn(scope, arn.rsplit(":", 1)[1], arn) for arn in (RISK, HEADS))
        group = zflow.ModelPackageGroup.from_name(scope, "Group", "risk-scoring")
        package = zflow.ModelPackage(VERSION, group)
        self.minimal = zflow.RegistryApprovalStep(scope, "Minimal", model_package=package)
        self.maximal = zflow.RegistryApprovalStep(
            scope,
            "Maximal",
            model_package=package,
            topic=risk,
            question="Live?",
            details={"rows": rows.outputs["rows"], "limit": 5},
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


def test_a_minimal_step_looks_at_the_version_and_tells_nobody(example: Example) -> None:
    made = example.made
    assert made.state("Minimal: begin")["Next"] == "Minimal"
    state = made.state("Minimal")
    assert {key: state[key] for key in ("Resource", "Arguments", "Retry", "Next")} == {
        "Resource": "arn:aws:states:::aws-sdk:sagemaker:describeModelPackage",
        "Arguments": {"ModelPackageName": VERSION},
        "Retry": [CAPACITY.render(), THROTTLING.render()],
        "Next": "Minimal: decided?",
    }
    assert made.state("Minimal: wait")["Next"] == "Minimal"


@pytest.mark.parametrize(
    ("described", "seen"),
    [
        ({"ModelApprovalStatus": "PendingManualApproval"}, {"decision": "", "decided_by": "", "comment": ""}),
        (
            {
                "ModelApprovalStatus": "Approved",
                "ApprovalDescription": "Good.",
                "LastModifiedBy": {"UserProfileName": "ada", "IamIdentity": {"Arn": "arn:ada"}},
            },
            {"decision": "approved", "decided_by": "ada", "comment": "Good."},
        ),
        (
            {"ModelApprovalStatus": "Rejected", "LastModifiedBy": {"IamIdentity": {"Arn": "arn:ada"}}},
            {"decision": "rejected", "decided_by": "arn:ada", "comment": ""},
        ),
    ],
)
def test_it_knows_the_decision_who_made_it_and_why(
    example: Example, described: dict[str, object], seen: dict[str, str]
) -> None:
    assigned = mapping(mapping(example.made.state("Minimal")["Assign"])["step_Minimal"])
    found = {name: evaluate(inside(value), {"states": {"result": described}}) for name, value in assigned.items()}
    assert found == seen


def seconds(example: Example, step: str, passed: float, *, escalated: bool = False) -> int:
    """How long it waits after so many seconds."""
    expression = inside(example.made.state(f"{step}: wait")["Seconds"]).replace("$millis()", "$now_ms")
    variables = {f"step_{step}_asked": {"since": 0, "escalated": escalated}, "now_ms": passed * 1000}
    return cast("int", evaluate(expression, variables))


def test_it_waits_longer_the_longer_it_has_waited(example: Example) -> None:
    assert [seconds(example, "Minimal", passed) for passed in (0, 60, 600, 3600, 9000, 86_400)] == [
        60,
        60,
        60,
        360,
        900,
        900,
    ]


def test_it_does_not_wait_beyond_the_escalation_and_the_end(example: Example) -> None:
    assert seconds(example, "Maximal", 7_100) == 100
    assert seconds(example, "Maximal", 7_200, escalated=True) == 720
    assert seconds(example, "Maximal", 35_990, escalated=True) == 10
    assert seconds(example, "Maximal", 35_999.9, escalated=True) == 1


def test_the_longest_wait_fits_into_an_executions_history() -> None:
    scope = stack()
    group = zflow.ModelPackageGroup.from_name(scope, "Group", "risk-scoring")
    step = zflow.RegistryApprovalStep(
        scope, "Minimal", model_package=zflow.ModelPackage(VERSION, group), timeout=Duration.days(28)
    )
    passed, looks = 0.0, 0
    while passed < 28 * DAY:
        # As the wait of the minimal step is calculated, but for its end.
        passed += min(900, max(60, passed / 10))
        looks += 1
    assert looks <= step.looks
    assert most_events(step.compiled()) <= MOST_EVENTS


def test_what_comes_next_depends_on_the_decision_and_the_time(example: Example) -> None:
    choices = cast("list[dict[str, str]]", example.made.state("Maximal: decided?")["Choices"])

    def following(decision: str, passed: float, *, escalated: bool = False) -> str:
        variables = {
            "step_Maximal": {"decision": decision},
            "step_Maximal_asked": {"since": 0, "escalated": escalated},
            "now_ms": passed * 1000,
        }
        for choice in choices:
            if evaluate(inside(choice["Condition"]).replace("$millis()", "$now_ms"), variables) is True:
                return choice["Next"]
        return str(example.made.state("Maximal: decided?")["Default"])

    assert following("approved", 1) == "Maximal: approved?"
    assert following("rejected", 99_999) == "Maximal: approved?"
    assert following("", 7_199) == "Maximal: wait"
    assert following("", 7_200) == "Maximal: escalate"
    assert following("", 7_200, escalated=True) == "Maximal: wait"
    assert following("", 36_000, escalated=True) == "Maximal: nobody decided"


def test_it_tells_the_topic_how_to_decide(example: Example) -> None:
    told = example.made.state("Maximal: ask")
    request = mapping(told["Arguments"])
    assert (told["Resource"], request["TopicArn"], request["Subject"]) == (
        "arn:aws:states:::aws-sdk:sns:publish",
        RISK,
        "To decide: Maximal",
    )
    variables: dict[str, object] = {
        "Count_Minimal_in_parallel": {"Count": {"rows": 7}},
        "states": {"context": {"Execution": {"Id": "arn:monday"}}},
    }
    assert evaluate(inside(request["Message"]), variables) == (
        "Live?\n\n  rows: 7\n  limit: 5\n\n"
        "Decide in SageMaker Studio, or with the AWS CLI, and say Approved or Rejected:\n"
        f"aws sagemaker update-model-package --model-approval-status Approved --model-package-arn {VERSION}\n\n"
        "Step Maximal waits for it, for 36000 seconds in all, in the execution arn:monday."
    )


def test_it_escalates_once(example: Example) -> None:
    state = example.made.state("Maximal: escalate")
    assert mapping(state["Arguments"])["TopicArn"] == HEADS
    assigned = inside(mapping(state["Assign"])["step_Maximal_asked"])
    assert evaluate(assigned, {"step_Maximal_asked": {"since": 1, "escalated": False}}) == {
        "since": 1,
        "escalated": True,
    }
    assert state["Next"] == "Maximal: wait"


def test_where_nobody_decides_it_fails_and_a_redrive_waits_again(example: Example) -> None:
    state = example.made.state("Minimal: nobody decided")
    expression = inside(mapping(state["Arguments"])["ModelPackageName"])

    def late(redrive: int) -> object:
        context = {"Execution": {"RedriveCount": redrive}}
        return evaluate(expression, {"states": {"context": context}, "step_Minimal_asked": {"redrive": 0}})

    with pytest.raises(Exception, match="nobody decided") as raised:
        late(0)
    assert 'Step "Minimal": nobody decided within 259200 seconds. Asked: nobody.' in str(raised.value)
    assert late(1) == VERSION
    assert mapping(mapping(state["Assign"])["step_Minimal_asked"])["since"] == jsonata("$millis()")


def test_the_state_machine_may_look_at_the_groups_versions_and_tell_the_topics(example: Example) -> None:
    versions = "arn:aws:sagemaker:eu-central-1:111122223333:model-package/risk-scoring/*"
    assert example.made.statements(example.workflow.role)[1:] == [
        allow("sagemaker:DescribeModelPackage", versions),
        allow("sns:Publish", RISK),
        allow("sns:Publish", HEADS),
        *LOGGED_AND_TRACED,
    ]
