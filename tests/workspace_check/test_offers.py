"""What the steps name in a workspace."""

import pytest

from tests.workspace_check.databricks_server import (
    CLUSTER,
    JOB,
    PERSONAL_TOKEN,
    PIPELINE,
    POLICY,
    POOL,
    PROFILE,
    WAREHOUSE,
    Answer,
    DatabricksServer,
    refusal,
)
from zflow_constructs.workspace_check.findings import Concealment, Mark
from zflow_constructs.workspace_check.needs import Kind
from zflow_constructs.workspace_check.offers import check_kind
from zflow_constructs.workspace_check.secret import Credentials
from zflow_constructs.workspace_check.sign_in import SignedIn, sign_in

PATHS = {
    Kind.POLICY: "/api/2.0/policies/clusters/get",
    Kind.POOL: "/api/2.0/instance-pools/get",
    Kind.CLUSTER: "/api/2.1/clusters/get",
    Kind.WAREHOUSE: f"/api/2.0/sql/warehouses/{WAREHOUSE}",
    Kind.PIPELINE: f"/api/2.0/pipelines/{PIPELINE}",
    Kind.JOB: "/api/2.2/jobs/get",
}
IDS = {
    Kind.POLICY: POLICY,
    Kind.POOL: POOL,
    Kind.CLUSTER: CLUSTER,
    Kind.WAREHOUSE: WAREHOUSE,
    Kind.PIPELINE: PIPELINE,
    Kind.JOB: JOB,
}
PERMISSIONS = f"/api/2.0/permissions/cluster-policies/{POLICY}"


@pytest.fixture
def signed(databricks: DatabricksServer) -> SignedIn:
    value = sign_in(databricks.url, Credentials("risk/databricks", "", PERSONAL_TOKEN), Concealment()).value
    assert value
    return value


def lines(kind: Kind, id: str, signed: SignedIn) -> list[str]:
    return [finding.line for finding in check_kind(kind, {id: ["Extract", "Report"]}, signed)]


@pytest.mark.parametrize(
    ("kind", "id", "line"),
    [
        (Kind.POLICY, POLICY, '✓ policy 9C62 (Extract, Report): "Jobs", which zflow-prod may use'),
        (Kind.RUNTIME, "16.4.x-scala2.12", "✓ runtime 16.4.x-scala2.12 (Extract, Report): offered"),
        (Kind.NODE_TYPE, "m5.xlarge", "✓ node type m5.xlarge (Extract, Report): offered"),
        (Kind.POOL, POOL, '✓ instance pool pool-1 (Extract, Report): "warm", ACTIVE'),
        (Kind.CLUSTER, CLUSTER, '✓ cluster 0123-456789-abc (Extract, Report): "shared", TERMINATED'),
        (
            Kind.PROFILE,
            PROFILE,
            f"✓ instance profile {PROFILE} (Extract, Report): registered, and zflow-prod may use it",
        ),
        (Kind.WAREHOUSE, WAREHOUSE, '✓ SQL warehouse 5a0f (Extract, Report): "small", STOPPED'),
        (Kind.PIPELINE, PIPELINE, '✓ pipeline 7d1e (Extract, Report): "bronze", IDLE'),
        (Kind.JOB, JOB, '✓ job 42 (Extract, Report): "nightly"'),
    ],
)
def test_what_is_there_is_named(signed: SignedIn, kind: Kind, id: str, line: str) -> None:
    assert lines(kind, id, signed) == [line]


@pytest.mark.parametrize(
    ("kind", "id", "line"),
    [
        (
            Kind.RUNTIME,
            "16.4.x-scala2.13",
            (
                "✗ runtime 16.4.x-scala2.13 (Extract, Report): not offered by the workspace. "
                "Did you mean 16.4.x-scala2.12?"
            ),
        ),
        (
            Kind.NODE_TYPE,
            "Standard_DS3_v2",
            (
                "✗ node type Standard_DS3_v2 (Extract, Report): not offered by the workspace. "
                "Take another one, such as m5.xlarge."
            ),
        ),
        (
            Kind.NODE_TYPE,
            "m4.large",
            "✗ node type m4.large (Extract, Report): NotEnabledOnSubscription. Take another one.",
        ),
        (
            Kind.RUNTIME,
            "auto:latest-lts",
            f"{Mark.UNKNOWN} runtime auto:latest-lts (Extract, Report): no list has it: the run will tell",
        ),
        (
            Kind.PROFILE,
            "arn:aws:iam::1:instance-profile/other",
            (
                "✗ instance profile arn:aws:iam::1:instance-profile/other (Extract, Report): not registered, or not "
                "for zflow-prod to use. Add it in the workspace's settings (Security, Instance profiles), and give "
                "zflow-prod the right to use it."
            ),
        ),
        (Kind.JOB, "nightly", "✗ job nightly (Extract, Report): no id of a job. Give a number, such as 42."),
    ],
)
def test_what_is_not_offered_is_said_with_what_to_do(signed: SignedIn, kind: Kind, id: str, line: str) -> None:
    assert lines(kind, id, signed) == [line]


@pytest.mark.parametrize(
    ("kind", "permission"),
    [
        (Kind.POLICY, "CAN USE"),
        (Kind.POOL, "CAN ATTACH TO"),
        (Kind.CLUSTER, "CAN RESTART"),
        (Kind.WAREHOUSE, "CAN USE"),
        (Kind.PIPELINE, "CAN RUN"),
        (Kind.JOB, "CAN MANAGE RUN"),
    ],
)
class TestAnIdThat:
    def test_the_workspace_does_not_know_is_said(self, signed: SignedIn, kind: Kind, permission: str) -> None:
        assert lines(kind, "404", signed) == [
            (
                f"✗ {kind} 404 (Extract, Report): not there (RESOURCE_DOES_NOT_EXIST: It does not exist). Correct the "
                f"id, or the workspace. Give zflow-prod {permission} on it, if it is."
            )
        ]

    def test_is_not_for_the_principal_is_said(
        self, databricks: DatabricksServer, signed: SignedIn, kind: Kind, permission: str
    ) -> None:
        databricks.answers[PATHS[kind]] = refusal(403, "PERMISSION_DENIED", "Not yours.")
        assert lines(kind, IDS[kind], signed) == [
            (
                f"✗ {kind} {IDS[kind]} (Extract, Report): zflow-prod may not use it (PERMISSION_DENIED: Not yours). "
                f"Give zflow-prod {permission} on it."
            )
        ]

    def test_the_workspace_says_nothing_about_is_said(
        self, databricks: DatabricksServer, signed: SignedIn, kind: Kind, permission: str
    ) -> None:
        databricks.answers[PATHS[kind]] = refusal(500, "INTERNAL_ERROR", "Down.")
        assert lines(kind, IDS[kind], signed) == [
            f"✗ {kind} {IDS[kind]} (Extract, Report): the workspace did not answer (INTERNAL_ERROR: Down). Try again."
        ]


@pytest.mark.parametrize(
    ("kind", "id", "path"),
    [
        (Kind.RUNTIME, "16.4.x-scala2.12", "/api/2.1/clusters/spark-versions"),
        (Kind.NODE_TYPE, "m5.xlarge", "/api/2.1/clusters/list-node-types"),
        (Kind.PROFILE, PROFILE, "/api/2.0/instance-profiles/list"),
    ],
)
def test_a_list_that_does_not_come_is_said(
    databricks: DatabricksServer, signed: SignedIn, kind: Kind, id: str, path: str
) -> None:
    databricks.answers[path] = refusal(500, "INTERNAL_ERROR", "Down.")
    assert lines(kind, id, signed) == [
        f"✗ {kind} {id} (Extract, Report): the workspace did not answer (INTERNAL_ERROR: Down). Try again."
    ]


def test_a_policy_s_permissions_that_are_not_shown_are_taken_for_given(
    databricks: DatabricksServer, signed: SignedIn
) -> None:
    databricks.answers[PERMISSIONS] = refusal(403, "PERMISSION_DENIED", "Not yours.")
    assert lines(Kind.POLICY, POLICY, signed) == ['✓ policy 9C62 (Extract, Report): "Jobs", which zflow-prod is shown']


def test_a_policy_that_is_another_s_is_said(databricks: DatabricksServer, signed: SignedIn) -> None:
    rules = [{"group_name": "analysts"}, {"user_name": "ana@example.com"}]
    databricks.answers[PERMISSIONS] = Answer(200, {"access_control_list": rules})
    assert lines(Kind.POLICY, POLICY, signed) == [
        '✗ policy 9C62 (Extract, Report): "Jobs" is not for zflow-prod to use. Give zflow-prod CAN USE on it.'
    ]
