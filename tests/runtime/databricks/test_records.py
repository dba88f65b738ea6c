import pytest
from botocore.exceptions import EndpointConnectionError

from tests.runtime.databricks.cloud import s3_refuses
from tests.runtime.databricks.conftest import Step, run_of
from zflow_constructs.local.databricks.faults import answers
from zflow_constructs.local.databricks.scripted import FAILED, FIRST_RUN_ID, ends
from zflow_constructs.local.databricks.scripted_workspace import Workspace

RUNS = "RiskScoring/night-1/runs/"


def test_a_run_is_on_record_before_it_is_asked_for_and_named_in_it_afterwards(step: Step, workspace: Workspace) -> None:
    before: list[dict[str, object]] = []
    workspace.on_call = lambda call: before.extend(step.bucket.documents(RUNS).values()) if call == "submit" else None

    run = step.submitted()

    request = workspace.runs[FIRST_RUN_ID].request
    record = {
        "token": request["idempotency_token"],
        "step": "Extract",
        "item": "",
        "attempt": 0,
        "redrive": 0,
        "started": 1_699_999_999_000,
        "call": "submit",
        "request": request,
        "repair": {},
        "pending": True,
        "ended": False,
        "run_id": "",
        "url": "",
    }
    assert before == [record]
    assert step.bucket.documents(RUNS) == {
        f"{RUNS}{run['token']}.json": {**record, "pending": False, "run_id": str(FIRST_RUN_ID), "url": run["url"]}
    }


def test_a_submission_makes_four_calls_of_s3(step: Step) -> None:
    step.bucket.calls.clear()

    step.submitted()

    assert step.bucket.calls == ["GET stopped.json", "PUT record", "GET stopped.json", "PUT record"]


@pytest.mark.parametrize("fails", [False, True])
def test_a_run_that_has_ended_is_marked(step: Step, workspace: Workspace, *, fails: bool) -> None:
    if fails:
        workspace.scripts.append(ends(FAILED))
        step.failure()
    else:
        step.result()

    (record,) = step.bucket.documents(RUNS).values()
    assert (record["ended"], record["pending"], record["run_id"]) == (True, False, str(FIRST_RUN_ID))


def test_a_record_that_cannot_be_marked_does_not_fail_a_success(step: Step) -> None:
    run = step.submitted()
    step.clock.sleep(60)
    step.bucket.before = lambda call: s3_refuses(503, "SlowDown") if call == "PUT record" else None

    answer = step.invoke(step.look(run))

    assert answer["status"] == "DONE"
    assert [line["level"] for line in step.told("record not kept")] == ["WARNING"]


def test_a_forgotten_run_is_marked(step: Step, workspace: Workspace) -> None:
    run = step.submitted()
    workspace.runs.clear()

    step.fails(step.look(run))

    (record,) = step.bucket.documents(RUNS).values()
    assert record["ended"] is True


def test_a_later_delivery_does_not_blot_out_what_is_known_of_a_run(step: Step, workspace: Workspace) -> None:
    step.submitted()
    workspace.faults["submit"].extend([answers(503)] * 50)
    step.fails(step.submission())

    (record,) = step.bucket.documents(RUNS).values()
    assert (record["pending"], record["run_id"]) == (False, str(FIRST_RUN_ID))


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (503, "SlowDown"),
        (500, "InternalError"),
        (429, "TooManyRequests"),
        (400, "RequestTimeout"),
        (409, "ConditionalRequestConflict"),
    ],
)
@pytest.mark.parametrize("call", ["GET stopped.json", "PUT record"])
def test_an_outage_of_s3_is_throttling_and_nothing_is_submitted(
    step: Step, workspace: Workspace, call: str, status: int, code: str
) -> None:
    step.bucket.before = lambda made: s3_refuses(status, code) if made == call else None

    failure = step.fails(step.submission())

    assert failure.name == "Databricks.Throttled"
    assert failure.cause.startswith(f'Step "Extract": S3 did not {"read" if call[0] == "G" else "write"} s3://')
    assert f"({code}: {code} it is.)" in failure.cause
    assert not workspace.runs


def test_s3_that_is_not_reached_is_throttling(step: Step, workspace: Workspace) -> None:
    def unreachable(_: str) -> None:
        raise EndpointConnectionError(endpoint_url="https://s3")

    step.bucket.before = unreachable

    assert step.fails(step.submission()).name == "Databricks.Throttled"
    assert not workspace.runs


@pytest.mark.parametrize(("call", "verb"), [("GET stopped.json", "read"), ("PUT record", "write")])
@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket"])
def test_a_bucket_that_refuses_is_an_auth_error_with_its_remedy(
    step: Step, workspace: Workspace, call: str, verb: str, code: str
) -> None:
    step.bucket.before = lambda made: s3_refuses(403, code) if made == call else None

    failure = step.fails(step.submission())

    assert failure.name == "Databricks.AuthError"
    assert failure.cause.startswith(f'Step "Extract": The function could not {verb} s3://{step.bucket.name}/')
    assert failure.cause.endswith(
        f"({code}: {code} it is.). Its role needs s3:GetObject, s3:PutObject and s3:ListBucket on the bucket "
        f'"{step.bucket.name}" (without the last, S3 denies access to an object that isn\'t there), and the use of the '
        "bucket's KMS key if it has one. Deploy the workspace's stack again if the bucket was deleted."
    )
    assert not workspace.runs


def test_a_listing_that_is_refused_is_an_auth_error(step: Step) -> None:
    step.bucket.before = lambda call: s3_refuses(403, "AccessDenied") if call == "GET" else None

    failure = step.fails(step.stop())

    assert failure.name == "Databricks.AuthError"
    assert f"could not list s3://{step.bucket.name}/{RUNS} (AccessDenied" in failure.cause


def test_a_run_whose_second_record_could_not_be_written_is_found_by_the_retry(step: Step, workspace: Workspace) -> None:
    workspace.on_call = lambda call: refuse_records(step) if call == "submit" else None
    failure = step.fails(step.submission())
    step.bucket.before = lambda _: None
    workspace.on_call = lambda _: None

    run = run_of(step.invoke(step.submission()))

    assert failure.name == "Databricks.Throttled"
    assert run["run_id"] == str(FIRST_RUN_ID)
    assert len(workspace.runs) == 1


def refuse_records(step: Step) -> None:
    step.bucket.before = lambda call: s3_refuses(503, "SlowDown") if call == "PUT record" else None
