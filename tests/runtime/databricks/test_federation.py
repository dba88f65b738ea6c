import socket

import pytest

from tests.runtime.databricks.cloud import ISSUER, ROLE, Cloud, web_identity_token
from tests.runtime.databricks.conftest import MakeStep, Step
from zflow_constructs.local.databricks.scripted_workspace import Workspace

AUDIENCE = "https://dbc-a1b2.cloud.databricks.com"


@pytest.fixture
def step(make_step: MakeStep, workspace: Workspace) -> Step:
    workspace.federated = {"client-9": web_identity_token(AUDIENCE)}
    return make_step(auth="aws-iam", DATABRICKS_CLIENT_ID="client-9", DATABRICKS_AUDIENCE=AUDIENCE)


def test_the_functions_role_is_exchanged_for_an_access_token(step: Step, workspace: Workspace, cloud: Cloud) -> None:
    assert step.result()["state"] == "SUCCESS"
    assert (cloud.tokens.asked, workspace.issued) == (1, 1)
    assert {received.headers["Authorization"] for received in workspace.calls("get")} == {"Bearer access-token-1"}
    assert "Authorization" not in workspace.calls("token")[0].headers


def test_a_short_lived_access_token_is_renewed_in_time(step: Step, workspace: Workspace, cloud: Cloud) -> None:
    workspace.lifetime = 300
    run = step.submitted()
    step.clock.sleep(179)
    step.invoke(step.look(run))
    assert workspace.issued == 1

    step.clock.sleep(1)
    step.invoke(step.look(run))
    assert (workspace.issued, cloud.tokens.asked) == (2, 2)


def test_a_refused_access_token_is_exchanged_anew_once(step: Step, workspace: Workspace) -> None:
    run = step.submitted()
    workspace.revoke_tokens()

    assert step.invoke(step.look(run))["status"] == "WAIT"
    assert workspace.issued == 2


def test_a_refusal_says_what_the_federation_policy_must_say(step: Step, workspace: Workspace) -> None:
    workspace.federated.clear()

    failure = step.fails(step.submission())

    assert failure.name == "Databricks.AuthError"
    assert failure.cause == (
        'Step "Extract": Databricks gave no access token to the service principal with the client id "client-9" in '
        f'exchange for a token of the function\'s IAM role with the audience "{AUDIENCE}" (HTTP 400 invalid_grant No '
        "federation policy of client_id 'client-9' matches the subject_token). Check that the principal is a member of "
        f'{workspace.url}, and that a federation policy of its says: issuer "{ISSUER}", subject "{ROLE}", audience '
        f'"{AUDIENCE}".'
    )


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (
            (400, "OutboundWebIdentityFederationDisabled"),
            "AuthError",
            "Outbound web identity federation is disabled in this AWS account. Enable it once",
        ),
        (
            (400, "OutboundWebIdentityFederationDisabledException"),
            "AuthError",
            "by `aws iam enable-outbound-web-identity-federation`",
        ),
        (
            (403, "AccessDenied"),
            "AuthError",
            f'The role needs sts:GetWebIdentityToken, whose conditions must allow the audience "{AUDIENCE}"',
        ),
        ((400, "ValidationError"), "AuthError", f'Check the audience "{AUDIENCE}" and the function\'s region.'),
        ((400, "Throttling"), "Throttled", "AWS STS gave no token for the function's role in time (Throttling: No.)."),
        ((503, "ServiceUnavailable"), "Throttled", "in time (ServiceUnavailable: No.)."),
    ],
)
def test_an_error_of_sts_is_told_with_its_remedy(
    step: Step, cloud: Cloud, answer: tuple[int, str], error: str, message: str
) -> None:
    cloud.tokens.error = answer

    failure = step.fails(step.submission())

    assert failure.name == f"Databricks.{error}"
    assert message in failure.cause
    assert not step.workspace.calls("token")


def test_sts_that_is_not_reached_is_throttling(make_step: MakeStep, cloud: Cloud) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        cloud.tokens.url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        step = make_step(auth="aws-iam", DATABRICKS_CLIENT_ID="client-9", DATABRICKS_AUDIENCE=AUDIENCE)

        failure = step.fails(step.submission())

    assert failure.name == "Databricks.Throttled"
    assert "Could not connect to the endpoint URL" in failure.cause


def test_a_boto3_that_does_not_know_the_call_is_an_auth_error(make_step: MakeStep) -> None:
    step = make_step(auth="aws-iam", sts=object(), DATABRICKS_CLIENT_ID="client-9", DATABRICKS_AUDIENCE=AUDIENCE)

    failure = step.fails(step.submission())

    assert failure.name == "Databricks.AuthError"
    assert failure.cause == (
        'Step "Extract": The function\'s boto3 is too old for sts:GetWebIdentityToken, which the authentication '
        '"aws-iam" needs: update the runtime of the Lambda, or bring a newer boto3 in a layer.'
    )
