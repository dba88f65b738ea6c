"""What becomes of an endpoint: created or updated, waited for, and loud when what serves is not what was wanted."""

from collections.abc import Mapping

import pytest
from aws_cdk import Duration

import zflow_constructs as zflow
from tests.core.machines import QueryEvaluationError, evaluate, mapping
from tests.parts import model, stack
from tests.templates import Synthesized, inside
from zflow_constructs.core.values.templates import Json
from zflow_constructs.steps.retry import CAPACITY, THROTTLING


@pytest.fixture(scope="module")
def made() -> Synthesized:
    scope = stack()
    step = zflow.InferencePipelineEndpoint(
        scope, "Maximal", containers=[model(scope)], endpoint_name="risk-scoring", timeout=Duration.minutes(45)
    )
    zflow.MlWorkflow(scope, "Scoring", steps=[step])
    return Synthesized.of(scope)


def test_an_endpoint_is_made_or_updated_as_the_one_that_is_there_demands(made: Synthesized) -> None:
    path = {name: made.state(f"Maximal: {name}").get("Next") for name in ("model", "config", "look", "create")}
    assert path == {
        "model": "Maximal: config",
        "config": "Maximal: look",
        "look": "Maximal: exists?",
        "create": "Maximal: wait",
    }
    assert made.state("Maximal: update")["Next"] == "Maximal: wait"
    assert made.state("Maximal: wait")["Next"] == "Maximal: check"
    assert made.state("Maximal: check")["Next"] == "Maximal: settled?"
    assert made.state("Maximal")["Next"] == "Maximal: done?"
    assert made.state("Maximal: delete")["Next"] == "Maximal: wait for others"
    assert made.state("Maximal: wait for others")["Next"] == "Maximal: look"
    for call in ("config", "create", "update", "delete"):
        assert made.state(f"Maximal: {call}")["Retry"] == [CAPACITY.render(), THROTTLING.render()]


def chosen(choice: dict[str, Json], variables: dict[str, object]) -> Json:
    """Where a choice leads."""
    rules = choice["Choices"]
    assert isinstance(rules, list)
    holding = (rule["Next"] for rule in rules if evaluate(inside(rule["Condition"]), variables) is True)
    return next(holding, choice["Default"])


@pytest.mark.parametrize(
    ("status", "then"),
    [
        ("missing", "create"),
        ("InService", "update"),
        ("OutOfService", "update"),
        ("UpdateRollbackFailed", "update"),
        ("Failed", "delete"),
        ("Creating", "wait for others"),
        ("Updating", "wait for others"),
        ("SystemUpdating", "wait for others"),
        ("RollingBack", "wait for others"),
        ("Deleting", "wait for others"),
        ("unknown", "wait for others"),
    ],
)
def test_what_is_there_decides_what_is_done(made: Synthesized, status: str, then: str) -> None:
    choice = made.state("Maximal: exists?")
    assert chosen(choice, {"step_Maximal_found": status}) == f"Maximal: {then}"


@pytest.mark.parametrize(
    ("cause", "found"),
    [
        ('Could not find endpoint "arn:aws:sagemaker:eu-central-1:111122223333:endpoint/risk-scoring".', "missing"),
        ("Rate exceeded", "unknown"),
    ],
)
def test_a_missing_endpoint_and_throttling_bear_one_name_and_are_told_apart(
    made: Synthesized, cause: str, found: str
) -> None:
    assert caught(made, cause) == found


def caught(made: Synthesized, cause: str) -> Json:
    """What an error at the first look says of the endpoint."""
    catchers = made.state("Maximal: look")["Catch"]
    assert isinstance(catchers, list)
    (catcher,) = catchers
    errors = ["SageMaker.SageMakerException", "SageMaker.SdkClientException"]
    assert (catcher["ErrorEquals"], catcher["Next"]) == (errors, "Maximal: exists?")
    states = {"errorOutput": {"Error": "SageMaker.SageMakerException", "Cause": cause}}
    return evaluate(inside(catcher["Assign"]["step_Maximal_found"]), {"states": states})


def test_a_missing_permission_fails_at_once_instead_of_being_waited_out(made: Synthesized) -> None:
    with pytest.raises(QueryEvaluationError) as raised:
        caught(made, "User: scoring is not authorized to perform: sagemaker:DescribeEndpoint")
    assert (
        'Step "Maximal": the endpoint risk-scoring could not be looked at. '
        "User: scoring is not authorized to perform: sagemaker:DescribeEndpoint"
    ) in str(raised.value.__cause__)


def seen(
    made: Synthesized, result: Mapping[str, Json], *, failure: str = "", expected: str = "risk-scoring-new"
) -> tuple[Json, Json]:
    """What a look at the endpoint says of it, and of what went wrong."""
    variables: dict[str, object] = {
        "step_Maximal_config": "risk-scoring-new",
        "step_Maximal_before": "risk-scoring-old",
        "step_Maximal_expected": expected,
        "step_Maximal_failure": failure,
        "states": {"result": result},
    }
    assigned = mapping(made.state("Maximal: check")["Assign"])
    found, failed = (
        evaluate(inside(assigned[name]), variables) for name in ("step_Maximal_found", "step_Maximal_failure")
    )
    return found, failed


def test_an_endpoint_is_live_once_the_wanted_configuration_serves(made: Synthesized) -> None:
    assert seen(made, {"EndpointStatus": "InService", "EndpointConfigName": "risk-scoring-new"}) == ("live", "")
    assert chosen(made.state("Maximal: settled?"), {"step_Maximal_found": "live"}) == "Maximal"
    assert chosen(made.state("Maximal: done?"), {"step_Maximal": {"status": "live"}}) == "Maximal: configurations"


@pytest.mark.parametrize(
    "status", ["Creating", "Updating", "SystemUpdating", "RollingBack", "OutOfService", "Deleting"]
)
def test_an_endpoint_that_changes_is_looked_at_again(made: Synthesized, status: str) -> None:
    found, failure = seen(made, {"EndpointStatus": status, "EndpointConfigName": "risk-scoring-old"})
    assert (found, failure) == ("changing", "")
    assert chosen(made.state("Maximal: settled?"), {"step_Maximal_found": found}) == "Maximal: wait"


ROLLED_BACK: dict[str, Json] = {
    "EndpointStatus": "InService",
    "EndpointConfigName": "risk-scoring-old",
    "FailureReason": "The primary container did not pass the ping health check.",
}
SAID = (
    'Step "Maximal": the endpoint risk-scoring does not serve this run\'s configuration: the update failed or was '
    "rolled back. Status: InService. Reason: The primary container did not pass the ping health check."
)


def test_a_rolled_back_update_fails_though_the_endpoint_is_in_service(made: Synthesized) -> None:
    assert seen(made, ROLLED_BACK) == ("back", SAID)
    assert chosen(made.state("Maximal: settled?"), {"step_Maximal_found": "back"}) == "Maximal"
    with pytest.raises(QueryEvaluationError) as raised:
        ended(made, SAID)
    assert SAID in str(raised.value.__cause__)


@pytest.mark.parametrize("status", ["Failed", "UpdateRollbackFailed"])
def test_a_failed_endpoint_fails_the_step_also_without_a_reason(made: Synthesized, status: str) -> None:
    found, failure = seen(made, {"EndpointStatus": status, "EndpointConfigName": "risk-scoring-new"})
    assert found == "down"
    assert f"rolled back. Status: {status}. Reason: " in str(failure)
    assert chosen(made.state("Maximal: settled?"), {"step_Maximal_found": "down"}) == "Maximal"


def test_what_was_put_back_keeps_the_reason_why(made: Synthesized) -> None:
    untested = "It failed its smoke test."
    assert seen(made, ROLLED_BACK, failure=untested, expected="risk-scoring-old") == ("back", untested)


def test_what_could_not_be_put_back_says_so_too(made: Synthesized) -> None:
    still = {"EndpointStatus": "InService", "EndpointConfigName": "risk-scoring-new", "FailureReason": "No capacity."}
    assert seen(made, still, failure="It failed its smoke test.", expected="risk-scoring-old") == (
        "live",
        "It failed its smoke test. That failed, too. Status: InService. Reason: No capacity.",
    )


def test_an_update_that_was_refused_only_because_it_was_heard_before_is_no_failure(made: Synthesized) -> None:
    serves = {"EndpointStatus": "InService", "EndpointConfigName": "risk-scoring-new"}
    assert seen(made, serves, failure="It could not be updated: Cannot update in-progress endpoint.") == ("live", "")


def test_an_update_that_was_refused_is_told_with_the_state_of_the_endpoint(made: Synthesized) -> None:
    state = "Status: InService. Reason: The primary container did not pass the ping health check."
    refused = "It could not be updated: no right."
    assert seen(made, ROLLED_BACK, failure=refused) == ("back", f"{refused} {state}")


def test_a_refused_update_is_told_with_the_reason_when_the_endpoint_was_looked_at(made: Synthesized) -> None:
    catchers = made.state("Maximal: update")["Catch"]
    assert isinstance(catchers, list)
    (catcher,) = catchers
    assert (catcher["ErrorEquals"], catcher["Next"]) == (["States.ALL"], "Maximal: check")
    known = {"step_Maximal_failure": "", "states": {"errorOutput": {"Cause": "Cannot update."}}}
    said = evaluate(inside(catcher["Assign"]["step_Maximal_failure"]), known)
    assert said == 'Step "Maximal": the endpoint risk-scoring could not be updated: Cannot update.'


def ended(made: Synthesized, failure: str, *, redrive: int | None = None, redriven_before: int = 0) -> Json:
    """What the last look makes of it."""
    execution = {} if redrive is None else {"RedriveCount": redrive}
    variables: dict[str, object] = {
        "step_Maximal_failure": failure,
        "step_Maximal_attempt": {"redrive": redriven_before, "deadline": 0},
        "states": {"result": {}, "context": {"Execution": execution}},
    }
    return evaluate(inside(mapping(mapping(made.state("Maximal")["Assign"])["step_Maximal"])["status"]), variables)


def test_after_a_redrive_the_step_begins_again_with_a_new_model(made: Synthesized) -> None:
    assert ended(made, SAID, redrive=1) == "again"
    assert chosen(made.state("Maximal: done?"), {"step_Maximal": {"status": "again"}}) == "Maximal: model"
    with pytest.raises(QueryEvaluationError):
        ended(made, SAID, redrive=1, redriven_before=1)


def test_a_redrive_of_a_look_that_failed_does_not_begin_again(made: Synthesized) -> None:
    assert ended(made, "", redrive=1) == "live"


def asked(made: Synthesized, *, deadline: int, redrive: int | None = None) -> Json:
    """The request with which the endpoint is looked at."""
    execution = {} if redrive is None else {"RedriveCount": redrive}
    variables: dict[str, object] = {
        "step_Maximal_attempt": {"redrive": 0, "deadline": deadline},
        "states": {"context": {"Execution": execution}},
    }
    arguments = [made.state(name)["Arguments"] for name in ("Maximal: check", "Maximal: look")]
    assert arguments[0] == arguments[1]
    return evaluate(inside(arguments[0]), variables)


def test_the_step_fails_when_its_time_is_over(made: Synthesized) -> None:
    assert asked(made, deadline=4_000_000_000_000) == {"EndpointName": "risk-scoring"}
    with pytest.raises(QueryEvaluationError) as raised:
        asked(made, deadline=1)
    assert 'Step "Maximal": the endpoint risk-scoring does not serve after 2700 seconds.' in str(raised.value.__cause__)


def test_a_redrive_looks_again_though_the_time_was_over(made: Synthesized) -> None:
    assert asked(made, deadline=1, redrive=1) == {"EndpointName": "risk-scoring"}
