import pytest

from tests.runtime.databricks.cloud import s3_refuses
from tests.runtime.databricks.conftest import EXECUTION, Json, Step, task
from zflow_constructs.local.databricks.faults import answers
from zflow_constructs.local.databricks.scripted import FAILED, FIRST_RUN_ID, SUCCESS, ends, state
from zflow_constructs.local.databricks.scripted_workspace import Workspace
from zflow_constructs.local.databricks.shown import Output

FOLDER = "RiskScoring/night-1/output/"
TASK_FAILED = state("TERMINATED", "FAILED", "Workload failed.", code="RUN_EXECUTION_ERROR")


def kept(step: Step) -> Json:
    (document,) = step.bucket.documents(FOLDER).values()
    return document


def tasks_kept(step: Step) -> list[Json]:
    tasks = kept(step)["tasks"]
    assert isinstance(tasks, list)
    return tasks


def test_the_full_output_is_kept_whether_the_run_succeeded_or_not(step: Step, workspace: Workspace) -> None:
    tasks = [task("clean", 11, SUCCESS), task("join", 12, TASK_FAILED)]
    workspace.scripts.append(ends(FAILED, tasks=tasks))
    workspace.outputs["11"] = Output(fields={"notebook_output": {"result": "a" * 9_000, "truncated": True}})
    workspace.outputs["12"] = Output(
        error="ValueError", error_trace="Traceback", logs="line\n" * 9_000, fields={"logs_truncated": True}
    )

    failure = step.failure()

    output = f"s3://{step.bucket.name}/{FOLDER}Extract/{FIRST_RUN_ID}.json"
    assert failure.cause.endswith(f"\nFull output: {output}")
    assert kept(step) == {
        "execution": EXECUTION,
        "step": "Extract",
        "item": "",
        "attempt": 0,
        "run_id": str(FIRST_RUN_ID),
        "url": f"{workspace.url}/?o=1#job/77/run/{FIRST_RUN_ID}",
        "state": {
            "life_cycle": "TERMINATED",
            "result": "FAILED",
            "message": "Task main failed with message: Workload failed.",
            "code": "RUN_EXECUTION_ERROR",
            "type": "CLIENT_ERROR",
        },
        "tasks": [
            {
                "task_key": "clean",
                "run_id": "11",
                "attempt": 0,
                "state": {
                    "life_cycle": "TERMINATED",
                    "result": "SUCCESS",
                    "message": "",
                    "code": "SUCCESS",
                    "type": "SUCCESS",
                },
                "error": "",
                "error_trace": "",
                "notebook_result": "a" * 9_000,
                "notebook_result_truncated": True,
                "logs": "",
                "logs_truncated": False,
            },
            {
                "task_key": "join",
                "run_id": "12",
                "attempt": 0,
                "state": {
                    "life_cycle": "TERMINATED",
                    "result": "FAILED",
                    "message": "Workload failed.",
                    "code": "RUN_EXECUTION_ERROR",
                    "type": "CLIENT_ERROR",
                },
                "error": "ValueError",
                "error_trace": "Traceback",
                "notebook_result": None,
                "notebook_result_truncated": False,
                "logs": "line\n" * 9_000,
                "logs_truncated": True,
            },
        ],
        "tasks_left_out": 0,
    }
    assert len(workspace.calls("get-output")) == 2


def test_the_turn_of_a_loop_is_a_folder(step: Step) -> None:
    step.item = "2/0"

    result = step.result()

    assert result["output"] == f"s3://{step.bucket.name}/{FOLDER}Extract/2/0/{FIRST_RUN_ID}.json"
    assert list(step.bucket.documents(FOLDER)) == [f"{FOLDER}Extract/2/0/{FIRST_RUN_ID}.json"]


def test_each_attempt_keeps_its_own(step: Step, workspace: Workspace) -> None:
    step.retries = {"transient": 0, "failures": 1, "interval_seconds": 60}
    workspace.scripts.extend([ends(FAILED), ends(SUCCESS)])

    step.result()

    assert [document["attempt"] for document in step.bucket.documents(FOLDER).values()] == [0, 1]


def test_a_task_whose_output_cannot_be_read_is_told_in_it(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(ends(SUCCESS, tasks=[task("clean", 11, SUCCESS)]))
    workspace.faults["get-output"].append(answers(400, "INVALID_PARAMETER_VALUE", "No output."))

    assert step.result()["state"] == "SUCCESS"
    assert tasks_kept(step)[0]["problem"] == (
        "Databricks refused the request (HTTP 400, INVALID_PARAMETER_VALUE: No output.)."
    )


def test_one_output_that_hangs_does_not_take_the_time_of_the_others(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(ends(SUCCESS, tasks=[task(f"part-{n}", n, SUCCESS) for n in (11, 12, 13)]))
    workspace.outputs.update({"12": Output(logs="twelve"), "13": Output(logs="thirteen")})
    workspace.faults["get-output"].append(answers(429, "REQUEST_LIMIT_EXCEEDED", "Slow down.", Retry_After="60"))

    assert step.result()["state"] == "SUCCESS"

    first, second, third = tasks_kept(step)
    assert "got no lasting answer in the time of this invocation" in str(first["problem"])
    assert (second["logs"], third["logs"]) == ("twelve", "thirteen")


def test_tasks_are_not_fetched_when_the_time_gets_short_and_the_step_still_ends(
    step: Step, workspace: Workspace
) -> None:
    workspace.scripts.append(ends(SUCCESS, tasks=[task(f"part-{n}", n, SUCCESS) for n in range(1, 41)]))
    workspace.on_call = lambda call: step.clock.sleep(10 if call == "get-output" else 0)

    assert step.result()["state"] == "SUCCESS"

    problems = [str(item.get("problem", "")) for item in tasks_kept(step)]
    assert [problem for problem in problems if problem.startswith("not fetched")] == [
        "not fetched: the time of the invocation was short"
    ] * (40 - len(workspace.calls("get-output")))
    assert 5 <= len(workspace.calls("get-output")) < 20


def test_outputs_stop_being_fetched_before_they_fill_the_memory(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(ends(SUCCESS, tasks=[task(f"part-{n}", n, SUCCESS) for n in range(1, 6)]))
    for n in range(1, 6):
        workspace.outputs[str(n)] = Output(logs="x" * 5_000_000)

    step.result()

    assert [item.get("problem") for item in tasks_kept(step)] == [
        None,
        None,
        *["not fetched: the outputs before it are large enough"] * 3,
    ]


def test_a_hundred_tasks_are_read_the_failed_ones_first(step: Step, workspace: Workspace) -> None:
    tasks = [task(f"part-{n}", n, TASK_FAILED if n > 248 else SUCCESS) for n in range(1, 251)]
    workspace.scripts.append(ends(FAILED, tasks=tasks))

    step.failure()

    assert [received.query["run_id"] for received in workspace.calls("get-output")][:3] == ["249", "250", "1"]
    assert len(tasks_kept(step)) == 100
    assert kept(step)["tasks_left_out"] == 150


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (403, "AccessDenied")])
def test_an_output_that_cannot_be_kept_does_not_fail_a_success(step: Step, status: int, code: str) -> None:
    name = f"PUT {FIRST_RUN_ID}.json"
    step.bucket.before = lambda call: s3_refuses(status, code) if call == name else None

    result = step.result()

    assert (result["state"], result["output"]) == ("SUCCESS", "")
    assert [line["level"] for line in step.told("output not kept")] == ["WARNING"]


def test_a_failure_without_a_kept_output_points_nowhere(step: Step, workspace: Workspace) -> None:
    name = f"PUT {FIRST_RUN_ID}.json"
    step.bucket.before = lambda call: s3_refuses(403, "AccessDenied") if call == name else None
    workspace.scripts.append(ends(FAILED))

    assert "Full output" not in step.failure().cause


def test_what_is_no_ascii_and_no_unicode_is_kept_as_it_is(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(ends(SUCCESS, tasks=[task("clean", 11, SUCCESS)]))
    workspace.outputs["11"] = Output(result="ок", fields={"logs": "žluťoučký \ud800 кінь"})

    result = step.result()

    body = step.bucket.client.get_object(Bucket=step.bucket.name, Key=f"{FOLDER}Extract/{FIRST_RUN_ID}.json")[
        "Body"
    ].read()
    assert result["state"] == "SUCCESS"
    assert "žluťoučký \ud800 кінь".encode(errors="surrogatepass") in body
