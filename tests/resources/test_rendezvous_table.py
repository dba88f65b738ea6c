"""The table at which branches meet: only where any do, and only for the role that needs it."""

from collections.abc import Sequence

import pytest
from aws_cdk import Stack
from aws_cdk.assertions import Annotations, Match

import zflow_constructs as zflow
from tests.asl import fields
from tests.core.machines import mapping
from tests.parts import count, stack
from tests.templates import LOGGED_AND_TRACED, Synthesized, allow

COUNTS = allow("lambda:InvokeFunction", "arn:aws:lambda:eu-central-1:111122223333:function:count")


def n_shape(scope: Stack) -> Sequence[zflow.Step]:
    """C comes after A alone, D after A and B."""
    a, b = count(scope, "A"), count(scope, "B")
    c = count(scope, "C", payload={"a": a.outputs["rows"]})
    d = count(scope, "D", payload={"a": a.outputs["rows"], "b": b.outputs["rows"]})
    return [a, b, c, d]


class Example:
    """The smallest workflow whose branches meet."""

    def __init__(self) -> None:
        scope = stack()
        self.workflow = zflow.MlWorkflow(scope, "Scoring", steps=n_shape(scope))
        self.made = Synthesized.of(scope)
        resources = fields(self.made.template["Resources"])
        (self.table,) = [id for id, each in resources.items() if fields(each)["Type"] == "AWS::DynamoDB::Table"]
        self.resource = fields(resources[self.table])


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def test_the_table_is_paid_by_request_encrypted_backed_up_and_forgets(example: Example) -> None:
    assert example.resource["Properties"] == {
        "AttributeDefinitions": [
            {"AttributeName": "run", "AttributeType": "S"},
            {"AttributeName": "step", "AttributeType": "S"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "run", "KeyType": "HASH"}, {"AttributeName": "step", "KeyType": "RANGE"}],
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {"SSEEnabled": True},
        "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
    }
    assert (example.resource["DeletionPolicy"], example.resource["UpdateReplacePolicy"]) == ("Delete", "Delete")


def test_the_state_machine_may_read_and_write_its_items_and_wake_who_waits(example: Example) -> None:
    assert example.made.statements(example.workflow.role) == [
        COUNTS,
        allow(
            ["dynamodb:GetItem", "dynamodb:UpdateItem"],
            f"arn:aws:service:eu-central-1:123456789012:{example.table}",
        ),
        allow("states:SendTaskSuccess", "*"),
        *LOGGED_AND_TRACED,
    ]


def test_a_tables_name_in_the_template_stays(example: Example) -> None:
    """A table of another name would be another table, in which a run that is redriven finds nothing."""
    assert example.table == "ScoringRendezvous5CB7F44F"


def test_there_is_one_table_however_many_meet_also_in_loops() -> None:
    scope = stack()
    inside = [
        count(scope, "E", payload={"item": zflow.Item("item")}),
        count(scope, "F"),
    ]
    inside += [
        count(scope, "G", after=[inside[0]]),
        count(scope, "H", after=inside[:2]),
    ]
    loop = zflow.ForEach(scope, "Each", items=["de", "fr"], steps=inside)
    workflow = zflow.MlWorkflow(scope, "Scoring", steps=[*n_shape(scope), loop])
    made = Synthesized.of(scope)
    assert len(made.resources("AWS::DynamoDB::Table")) == 1
    assert [each["Action"] for each in made.statements(workflow.role)].count("states:SendTaskSuccess") == 1


def test_there_is_a_table_if_branches_meet_in_a_loop_alone() -> None:
    scope = stack()
    loop = zflow.ForEach(scope, "Each", items=["de", "fr"], steps=n_shape(scope))
    zflow.MlWorkflow(scope, "Scoring", steps=[loop])
    made = Synthesized.of(scope)
    assert len(made.resources("AWS::DynamoDB::Table")) == 1
    first = mapping(mapping(mapping(made.state("Each")["ItemProcessor"])["States"])["Each: item"])
    assert list(mapping(first["Assign"])) == ["Each_item", "Each_run_key", "Each_run_expiry"]


def test_there_is_no_table_where_nesting_is_enough() -> None:
    scope = stack()
    a, b, c, _ = n_shape(scope)
    zflow.MlWorkflow(scope, "Scoring", steps=[a, b, c])
    assert Synthesized.of(scope).resources("AWS::DynamoDB::Table") == []


def test_barriers_need_no_table_and_synth_says_which_steps_wait_for_what_they_do_not_need() -> None:
    scope = stack()
    workflow = zflow.MlWorkflow(scope, "Scoring", steps=n_shape(scope), join="barrier")
    made = Synthesized.of(scope)
    assert made.resources("AWS::DynamoDB::Table") == []
    assert made.statements(workflow.role) == [COUNTS, *LOGGED_AND_TRACED]
    found = Annotations.from_stack(scope).find_info("*", Match.any_value())
    assert [(str(each.id), str(each.entry.data)) for each in found] == [
        ("/Team/Scoring", 'join="barrier": step "C" waits for "B", which it doesn\'t need.')
    ]
