"""What a template lets its roles do, as a page."""

import pytest

from zflow_constructs.assembly.input_error import AssemblyError
from zflow_constructs.core.values.templates import Json
from zflow_constructs.permissions.page import to_markdown
from zflow_constructs.permissions.reason import Reason
from zflow_constructs.permissions.rendering import readable
from zflow_constructs.permissions.statements import Principal, Role, Statement, roles

REGION: Json = {"Ref": "AWS::Region"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("*", "*"),
        ({"Ref": "Machine"}, "Machine"),
        ({"Fn::GetAtt": ["Lake", "Arn"]}, "Lake"),
        ({"Fn::GetAtt": ["Lake", "DomainName"]}, "Lake.DomainName"),
        ({"Fn::Join": ["", [{"Fn::GetAtt": ["Lake", "Arn"]}, "/scores/*"]]}, "Lake/scores/*"),
        (
            {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":logs:", REGION, ":", {"Ref": "AWS::AccountId"}]]},
            "arn:<partition>:logs:<region>:<account>",
        ),
        ({"Fn::Sub": "assets-${AWS::AccountId}-${Lake}"}, "assets-<account>-Lake"),
        ({"Fn::FindInMap": ["Images", REGION, "account"]}, "<account of Images>"),
        ({"Fn::ImportValue": "Shared:Lake"}, "<Shared:Lake>"),
        ({"Fn::Join": ["", ["assets/", "0a" * 32, ".zip"]]}, "assets/<hash>.zip"),
        ({"Fn::Select": [0, ["a", "b"]]}, '{"Fn::Select": [0, ["a", "b"]]}'),
    ],
)
def test_a_value_is_read_by_the_names_of_resources(value: Json, text: str) -> None:
    assert readable(value) == text


TRUST: Json = {
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": ["states.amazonaws.com", "lambda.amazonaws.com"]},
            "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
        },
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}},
    ]
}
READS: Json = {
    "Effect": "Allow",
    "Action": ["s3:GetObject", "s3:ListBucket"],
    "Resource": {"Fn::GetAtt": ["Lake", "Arn"]},
    "Condition": {"StringLike": {"s3:prefix": ["a/*", "b/*"]}},
}
TEMPLATE: dict[str, Json] = {
    "Resources": {
        "Lake": {"Type": "AWS::S3::Bucket"},
        "Idle": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": []}}},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": TRUST,
                "ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
                "Policies": [{"PolicyName": "Own", "PolicyDocument": {"Statement": [READS]}}],
            },
        },
        "Attached": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "Roles": [{"Ref": "Role"}, "shared"],
                "PolicyDocument": {"Statement": {"Effect": "Deny", "NotAction": "s3:*", "NotResource": "arn:lake"}},
            },
        },
    }
}
DENIED = Statement("Deny", ("all but s3:*",), ("all but arn:lake",), "")


def test_the_roles_of_a_template_have_the_statements_of_all_their_policies() -> None:
    account = "aws:SourceAccount StringEquals <account>"
    assert roles(TEMPLATE) == [
        Role("Idle", (), ()),
        Role(
            "Role",
            (Principal("states.amazonaws.com", account), Principal("lambda.amazonaws.com", account), Principal("*")),
            (
                Statement("Allow", ("s3:GetObject", "s3:ListBucket"), ("Lake",), "s3:prefix StringLike a/* or b/*"),
                Statement("Allow", ("arn:aws:iam::aws:policy/ReadOnlyAccess",), (), ""),
                DENIED,
            ),
        ),
        Role("shared", (), (DENIED,)),
    ]


def role(*statements: Statement) -> Role:
    return Role("Role", (Principal("states.amazonaws.com"),), statements)


REASONS = (
    Reason("states", "s3:GetObject", "Reads the reports."),
    Reason("states", "logs:*Delivery", "Writes the log.", star="Logs have none."),
    Reason("states", "iam:PassRole", "Hands it on.", under="iam:PassedToService *"),
    Reason("lambda", "s3:PutObject", "Writes."),
)


def rows(*statements: Statement) -> list[str]:
    """The lines of a role's table."""
    return to_markdown("Churn", [role(*statements)], REASONS).splitlines()[8:]


def test_a_role_is_a_table_of_what_it_may_do_on_what_and_why() -> None:
    statement = Statement("Allow", ("s3:GetObject",), ("Lake/a",), "")
    assert to_markdown("Churn", [role(statement)], REASONS).splitlines() == [
        "## Churn",
        "",
        "### Role",
        "",
        "Assumed by Step Functions.",
        "",
        "| May | On | Because |",
        "|---|---|---|",
        "| `s3:GetObject` | `Lake/a` | Reads the reports. |",
    ]


def test_resources_of_one_reason_are_in_one_line_each_under_its_condition() -> None:
    assert rows(
        Statement("Allow", ("s3:GetObject",), ("Lake/a",), ""),
        Statement("Allow", ("s3:GetObject",), ("Lake/a", "Lake/b"), "aws:SecureTransport Bool true"),
    ) == [
        (
            "| `s3:GetObject` | `Lake/a`<br>`Lake/a` if `aws:SecureTransport Bool true`"
            "<br>`Lake/b` if `aws:SecureTransport Bool true` | Reads the reports. |"
        )
    ]


def test_a_star_is_explained_besides() -> None:
    assert rows(Statement("Allow", ("logs:CreateLogDelivery",), ("*",), "")) == [
        "| `logs:CreateLogDelivery` | `*` | Writes the log. Logs have none. |"
    ]
    assert rows(Statement("Allow", ("logs:CreateLogDelivery",), ("Log",), "")) == [
        "| `logs:CreateLogDelivery` | `Log` | Writes the log. |"
    ]


@pytest.mark.parametrize(
    "statement",
    [
        Statement("Allow", ("s3:DeleteObject",), ("Lake",), ""),
        Statement("Allow", ("s3:GetObject",), ("*",), ""),
        Statement("Allow", ("s3:PutObject",), ("Lake",), ""),
        Statement("Allow", ("iam:PassRole",), ("Other",), ""),
        Statement("Allow", ("arn:aws:iam::aws:policy/ReadOnlyAccess",), (), ""),
        Statement("Deny", ("s3:GetObject",), ("Lake",), ""),
    ],
    ids=["no reason", "a star that none explains", "another's", "without the condition", "managed", "denied"],
)
def test_what_no_reason_fits_is_the_readers_own_to_explain(statement: Statement) -> None:
    (row,) = rows(statement)
    assert row.endswith("| *not of zflow_constructs: yours to explain* |")


def test_a_statement_that_is_explained_in_part_says_so() -> None:
    assert rows(Statement("Allow", ("s3:GetObject", "s3:DeleteObject"), ("Lake",), "")) == [
        (
            "| `s3:GetObject`<br>`s3:DeleteObject` | `Lake` | "
            "Reads the reports.<br>*not of zflow_constructs: yours to explain* |"
        )
    ]


def test_a_denied_action_reads_as_such_and_a_role_from_elsewhere_as_one() -> None:
    page = to_markdown("Churn", roles(TEMPLATE), REASONS)
    assert "| **not** `all but s3:*` | `all but arn:lake` | " in page
    assert "### shared\n\nA role from elsewhere, which gets these rights, too.\n" in page
    assert page.endswith("| *who assumes the role isn't known here, and so not why* |\n")
    assert "Assumed by Step Functions if `aws:SourceAccount StringEquals <account>`, Lambda if" in page


def test_a_policy_that_is_chosen_on_deployment_is_refused_rather_than_left_out() -> None:
    role: Json = {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"Fn::If": ["Prod", READS, READS]}]}}
    with pytest.raises(AssemblyError, match="A policy has no 'PolicyDocument': it is chosen when the stack is"):
        roles({"Resources": {"Role": role}})
