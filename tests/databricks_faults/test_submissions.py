"""A run is submitted once, whatever goes wrong on the way; and a refusal is told."""

import json
from collections.abc import Mapping, Sequence

import pytest

from tests.databricks_faults.world import World
from zflow_constructs.local.databricks.faults import LOST, PROXY_PAGE, RESET, TRUNCATED, Fault, answers
from zflow_constructs.local.databricks.scripted_workspace import Workspace

PASSING: Mapping[str, tuple[str, Sequence[Fault]]] = {
    "the answer is lost": ("submit", [LOST]),
    "three answers are lost": ("submit", [LOST, LOST, LOST]),
    "the connection is reset": ("submit", [RESET]),
    "the answer is cut off": ("submit", [TRUNCATED]),
    "the answer comes late": ("submit", [Fault("slow", seconds=40)]),
    "it is throttled": ("submit", [answers(429, "REQUEST_LIMIT_EXCEEDED", Retry_After="5")] * 3),
    "it is throttled for longer than a call may last": ("submit", [answers(429, Retry_After="900")] * 3),
    "Databricks fails": ("submit", [answers(500, "INTERNAL_ERROR"), answers(503, "TEMPORARILY_UNAVAILABLE")]),
    "a proxy fails": ("submit", [PROXY_PAGE, PROXY_PAGE]),
    "a lock can't be had": ("submit", [answers(400, "COULD_NOT_ACQUIRE_LOCK", "Try again.")]),
    "the access token has expired": ("submit", [answers(401, "UNAUTHENTICATED", "Token expired.")]),
    "the access token isn't known": ("submit", [answers(403, 403, "Invalid access token.")]),
    "the first look fails": ("get", [answers(403, "PERMISSION_DENIED", "Not yet.")]),
    "a look is throttled": ("get", [answers(429, Retry_After="60")] * 4),
    "a look is reset": ("get", [RESET, LOST, TRUNCATED]),
    "no token is given at first": ("token", [answers(500), RESET, LOST]),
    "the output can't be fetched": ("get-output", [answers(400, "INVALID_PARAMETER_VALUE", "No output.")]),
}


@pytest.mark.parametrize(("call", "faults"), PASSING.values(), ids=PASSING)
def test_what_passes_is_waited_out_and_there_is_one_run(world: World, call: str, faults: Sequence[Fault]) -> None:
    world.workspace.revoke_tokens()
    world.workspace.faults[call].extend(faults)

    end = world.run("One")

    assert (end.status, end.error) == ("SUCCEEDED", "")
    assert world.states() == ["SUCCESS"]
    assert not world.workspace.faults[call], "not all of it has happened"


def test_a_lambda_that_dies_after_the_submission_is_called_again_and_finds_its_run(
    world: World, workspace: Workspace
) -> None:
    deaths = iter(["once"])

    def die(event: Mapping[str, object]) -> None:
        if event["action"] == "submit" and next(deaths, ""):
            raise DiedError("Runtime exited with error: signal: killed")

    world.function.after = die
    assert world.run("One").status == "SUCCEEDED"
    assert world.states() == ["SUCCESS"]
    assert len(workspace.calls("submit")) == 2


class DiedError(Exception):
    """A Lambda's end, as Step Functions names it."""


DiedError.__name__ = "Runtime.ExitError"


REFUSED: Mapping[str, tuple[str, Fault, str, str]] = {
    "a field is wrong": (
        "submit",
        answers(400, "INVALID_PARAMETER_VALUE", "Cluster validation error: no such node type."),
        "Databricks.InvalidRequest",
        "Cluster validation error: no such node type.",
    ),
    "there is no such cluster": (
        "submit",
        answers(404, "RESOURCE_DOES_NOT_EXIST", "Cluster 0923 does not exist."),
        "Databricks.InvalidRequest",
        "Cluster 0923 does not exist.",
    ),
    "a right is missing": (
        "submit",
        answers(403, "PERMISSION_DENIED", "Not authorized to create clusters."),
        "Databricks.AuthError",
        "Not authorized to create clusters.",
    ),
    "an IP access list is in the way": (
        "submit",
        answers(403, "PERMISSION_DENIED", "Source IP address: 1.2.3.4 is blocked."),
        "Databricks.AuthError",
        "Source IP address: 1.2.3.4 is blocked.",
    ),
    "the host is something else": (
        "submit",
        Fault(status=200, body="<html>Sign in</html>"),
        "Databricks.InvalidRequest",
        "did not answer like a Databricks workspace",
    ),
}


@pytest.mark.parametrize(("call", "fault", "error", "told"), REFUSED.values(), ids=REFUSED)
def test_a_refused_submission_fails_at_once_in_the_words_of_who_refused(
    world: World, call: str, fault: Fault, error: str, told: str
) -> None:
    world.workspace.faults[call].append(fault)

    end = world.run("One")

    assert (end.status, end.error) == ("FAILED", error)
    assert told in message(end.cause)
    assert message(end.cause).startswith('Step "Extract": ')
    assert world.states() == []
    assert len(world.workspace.calls("submit")) == 1


def test_a_wrong_client_secret_is_told_without_showing_it(world: World, workspace: Workspace) -> None:
    workspace.revoke_tokens()
    workspace.clients = {"client-1": "another"}

    end = world.run("One")

    assert end.error == "Databricks.AuthError"
    assert "Check that" in message(end.cause)
    assert "client-secret-1" not in end.cause + "".join(world.function.log)
    assert world.states() == []


def test_a_secret_that_was_rotated_is_read_again(world: World, workspace: Workspace) -> None:
    assert world.run("One").status == "SUCCEEDED"
    secrets = world.aws.clients.secretsmanager
    workspace.clients = {"client-1": "rotated"}
    workspace.revoke_tokens()
    secrets.put_secret_value(
        SecretId="databricks", SecretString='{"client_id": "client-1", "client_secret": "rotated"}'
    )
    try:
        assert world.run("One").status == "SUCCEEDED"
    finally:
        again = json.dumps({"client_id": "client-1", "client_secret": "client-secret-1"})
        secrets.put_secret_value(SecretId="databricks", SecretString=again)
    assert world.states() == ["SUCCESS", "SUCCESS"]


@pytest.mark.parametrize("fault", [answers(429, Retry_After="30"), answers(503), RESET], ids=["busy", "down", "gone"])
def test_databricks_that_does_not_come_back_is_given_up_with_the_last_problem(world: World, fault: Fault) -> None:
    world.workspace.misbehaviour.decide = lambda received: fault if received.call == "submit" else None

    end = world.run("One")

    assert (end.status, end.error) == ("FAILED", "Databricks.Throttled")
    assert "The last problem was: " in message(end.cause)
    assert world.states() == []


def test_an_hour_and_a_half_without_databricks_cost_a_run_nothing(world: World, workspace: Workspace) -> None:
    down_from = world.clock.now() + 30
    workspace.misbehaviour.decide = lambda received: answers(503) if 0 < received.time - down_from < 5400 else None

    assert world.run("One").status == "SUCCEEDED"
    assert world.states() == ["SUCCESS"]


def message(cause: str) -> str:
    """What a Lambda's error says."""
    return str(json.loads(cause)["errorMessage"])
