"""Native steps: any chain of the CDK's own states."""

import pytest
from aws_cdk import Duration
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

import zflow_constructs as zflow
from tests.core.machines import mapping
from tests.parts import count, stack
from tests.templates import LOGGED_AND_TRACED, Synthesized, allow, jsonata
from tests.texts import joined

TOPIC = "arn:aws:sns:eu-central-1:111122223333:models"


class Example:
    """A native step that says no more than it must, and one that uses every keyword."""

    def __init__(self) -> None:
        scope = stack()
        rows = count(scope, "Count")
        topic = sns.Topic.from_topic_arn(scope, "Topic", TOPIC)
        publish = tasks.SnsPublish.jsonata(
            scope,
            "Publish",
            topic=topic,
            message=sfn.TaskInput.from_text("{% $states.input.text %}"),
            task_timeout=sfn.Timeout.duration(Duration.minutes(1)),
        )
        self.minimal = zflow.NativeStep(scope, "Minimal", chain=sfn.Pass.jsonata(scope, "Nothing"))
        self.maximal = zflow.NativeStep(
            scope,
            "Maximal",
            chain=publish.next(sfn.Pass.jsonata(scope, "Answer", outputs={"id": "{% $states.input.MessageId %}"})),
            payload={"text": "There are " + rows.outputs["rows"]},
            outputs=["id"],
            after=[self.minimal],
            when=rows.outputs["rows"] > 0,
        )
        last = count(scope, "Last", payload={"id": self.maximal.outputs["id"]})
        self.workflow = zflow.MlWorkflow(scope, "Scoring", steps=[rows, self.minimal, self.maximal, last])
        self.made = Synthesized.of(scope)


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def test_a_minimal_step_is_a_parallel_state_of_one_branch(example: Example) -> None:
    state = example.made.state("Minimal")
    assert state["Type"] == "Parallel"
    assert state["Branches"] == [{"StartAt": "Nothing", "States": {"Nothing": {"Type": "Pass", "End": True}}}]
    assert state["Arguments"] == {}
    assert state["Assign"] == {"step_Minimal": {}}


def test_a_chain_gets_the_payload_and_gives_its_outputs(example: Example) -> None:
    state = example.made.state("Maximal")
    assert state["Arguments"] == {"text": jsonata('"There are " & ' + joined("$Count_Minimal_in_parallel.Count.rows"))}
    assert state["Assign"] == {"step_Maximal": {"id": jsonata("$states.result[0].id")}}
    assert example.made.state("Publish")["Next"] == "Answer"
    last = mapping(example.made.state("Last")["Arguments"])
    assert last["Payload"] == {"id": jsonata("$step_Maximal.id")}


def test_a_condition_holds_for_the_chain_too(example: Example) -> None:
    assert example.made.state("Maximal?")["Choices"] == [
        {"Condition": jsonata("$Count_Minimal_in_parallel.Count.rows > 0"), "Next": "Maximal"}
    ]


def test_the_state_machine_may_do_what_the_chain_does(example: Example) -> None:
    assert example.made.statements(example.workflow.role)[1:] == [allow("sns:Publish", TOPIC), *LOGGED_AND_TRACED]
