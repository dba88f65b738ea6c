"""The page for security reviews says what is so, and every right has a reason that a reviewer can weigh."""

import importlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager

import zflow_constructs as zflow
from tests.parts import count, process, stack
from tests.templates import Synthesized
from tools.generate_security_review import OF_THE_EXAMPLES, PAGE, page, templates
from zflow_constructs.core.values.templates import Json
from zflow_constructs.permissions.reason import Reason, reasons_for
from zflow_constructs.permissions.reasons import REASONS
from zflow_constructs.permissions.statements import Role, Statement, roles

WHERE = "REASONS in zflow_constructs/permissions"
ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
FAMILIES = ("approval", "data", "databricks", "resources", "sagemaker", "steps", "workflow")
NOT_OURS = "sns:Publish"
"""What a chain of the CDK's own states may do, in the examples of NativeStep."""


@pytest.fixture(scope="module")
def stacks() -> dict[str, Mapping[str, Json]]:
    """The stacks of app.py."""
    return templates()


@pytest.fixture(scope="module")
def examples() -> list[Mapping[str, Json]]:
    """The templates of each construct's examples in the tests: every keyword is used there."""
    files = sorted(file for family in FAMILIES for file in (TESTS / family).rglob("test_*.py"))
    modules = [importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts)) for file in files]
    made = [getattr(module, name) for module in modules for name in ("Example", "Maximal") if hasattr(module, name)]
    return [*(example().made.template for example in made), encrypted()]


def encrypted() -> Mapping[str, Json]:
    """Reports and credentials under keys of the team's."""
    scope = stack()
    key = kms.Key.from_key_arn(scope, "Key", "arn:aws:kms:eu-central-1:111122223333:key/team")
    runs = s3.Bucket.from_bucket_attributes(scope, "Runs", bucket_name="runs", encryption_key=key)
    evaluate = process(scope)
    last = count(scope, "Last", payload={"auc": evaluate.report("metrics.auc")})
    zflow.MlWorkflow(scope, "Scoring", steps=[evaluate, last], bucket=runs)
    secret = secretsmanager.Secret(scope, "Secret", encryption_key=key)
    credentials = zflow.DatabricksCredentials.from_oauth_secret(secret)
    zflow.DatabricksWorkspace(scope, "Databricks", host="https://a.cloud.databricks.com", credentials=credentials)
    return Synthesized.of(scope).template


def rights(templates: Iterable[Mapping[str, Json]]) -> Iterator[tuple[Role, Statement]]:
    for template in templates:
        yield from ((role, statement) for role in roles(template) for statement in role.statements)


def missing(found: Iterable[tuple[Role, Statement]], reasons: tuple[Reason, ...], *, where: str) -> list[str]:
    """What to add where, for each right that no reason is given for."""
    lines = []
    for role, statement in found:
        gaps = [(action, resource) for action, resource, reason in reasons_for(role, statement, reasons) if not reason]
        if gaps:
            actions = " ".join(dict.fromkeys(action for action, _ in gaps))
            resources = ", ".join(dict.fromkeys(resource for _, resource in gaps))
            by = role.assumed_by[0].name.partition(".")[0] if role.assumed_by else "<the service>"
            star = ', star="<why it can\'t be narrower>"' if "*" in resources.split(", ") else ""
            condition = f" if {statement.condition}" if statement.condition else ""
            lines.append(
                f"{role.name} may {actions} on {resources}{condition}, and nothing says why. Add to {where}: "
                f'Reason("{by}", "{actions}", "<what uses it, and for what>"{star}),'
            )
    return list(dict.fromkeys(lines))


def test_the_page_is_as_the_tool_writes_it(stacks: Mapping[str, Mapping[str, Json]]) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(stacks), "run: python tools/generate_security_review.py"


def test_every_right_of_the_stacks_of_the_app_has_a_reason(stacks: Mapping[str, Mapping[str, Json]]) -> None:
    where = f"{WHERE}, or to OF_THE_EXAMPLES in tools/generate_security_review.py if the example grants it"
    assert missing(rights(stacks.values()), (*REASONS, *OF_THE_EXAMPLES), where=where) == []


def test_every_right_that_a_construct_grants_has_a_reason(examples: list[Mapping[str, Json]]) -> None:
    ours = [
        (role, statement)
        for role, statement in rights(examples)
        if any(each.name.endswith(".amazonaws.com") for each in role.assumed_by) and NOT_OURS not in statement.actions
    ]
    assert missing(ours, REASONS, where=WHERE) == []


def test_every_reason_is_that_of_a_right(
    stacks: Mapping[str, Mapping[str, Json]], examples: list[Mapping[str, Json]]
) -> None:
    everything = (*REASONS, *OF_THE_EXAMPLES)
    found = [
        (resource, reason)
        for role, statement in rights([*stacks.values(), *examples])
        for _, resource, reason in reasons_for(role, statement, everything)
        if reason
    ]
    used = {reason for _, reason in found}
    assert [reason for reason in everything if reason not in used] == [], "no right needs these: remove them"
    starred = {reason for resource, reason in found if resource == "*"}
    assert [reason for reason in used if reason.star and reason not in starred] == [], "these need no star="


def test_a_right_without_a_reason_is_told_with_the_line_to_add() -> None:
    assumed: Json = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}}]}
    statement: Json = {"Effect": "Allow", "Action": ["sagemaker:CreateHub", "sagemaker:ListHubs"], "Resource": "*"}
    role: Json = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": assumed,
            "Policies": [{"PolicyDocument": {"Statement": [statement]}}],
        },
    }
    assert missing(rights([{"Resources": {"Role": role}}]), REASONS, where=WHERE) == [
        (
            "Role may sagemaker:CreateHub sagemaker:ListHubs on *, and nothing says why. Add to REASONS in "
            'zflow_constructs/permissions: Reason("states", "sagemaker:CreateHub sagemaker:ListHubs", '
            '"<what uses it, and for what>", star="<why it can\'t be narrower>"),'
        )
    ]
