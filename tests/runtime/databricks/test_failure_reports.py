import json

from tests.runtime.databricks.conftest import Step, task
from zflow_constructs.local.databricks.faults import answers
from zflow_constructs.local.databricks.scripted import FAILED, FIRST_RUN_ID, RUNNING, SUCCESS, TaskScript, ends, state
from zflow_constructs.local.databricks.scripted_workspace import Workspace
from zflow_constructs.local.databricks.shown import Output

LAMBDA_CAUSE_LIMIT = 32_768


TASK_FAILED = state("TERMINATED", "FAILED", "Workload failed, see run output for details.", code="RUN_EXECUTION_ERROR")
UPSTREAM_FAILED = state("TERMINATED", "UPSTREAM_FAILED", code="SKIPPED")


def test_the_cause_names_the_run_and_each_failed_tasks_latest_error(step: Step, workspace: Workspace) -> None:
    tasks = [
        task("clean", 11, SUCCESS),
        task("join", 12, TASK_FAILED),
        task("join", 13, TASK_FAILED, attempt=1),
        task("score", 14, UPSTREAM_FAILED),
        task("plot", 15, TASK_FAILED),
    ]
    workspace.scripts.append(ends(FAILED, tasks=tasks))
    workspace.outputs["12"] = Output(error="OSError: the first attempt's")
    workspace.outputs["13"] = Output(
        error="ValueError: no rows for country de",
        error_trace="\x1b[0;31mTraceback\x1b[0m (most recent call last):\n  ...\nValueError: no rows for country de",
    )
    workspace.outputs["15"] = Output(error="exit code 1", logs="\n".join(f"line {n}" for n in range(1, 31)))

    failure = step.failure()

    assert failure.name == "Databricks.RunFailed"
    last_lines = "\n".join(f"line {n}" for n in range(11, 31))
    assert failure.cause == (
        f'Step "Extract": Databricks run {FIRST_RUN_ID} ended FAILED / RUN_EXECUTION_ERROR: '
        "Task main failed with message: Workload failed.\n"
        f"Run: {workspace.url}/?o=1#job/77/run/{FIRST_RUN_ID}\n"
        'Task "join" (run 13, attempt 2) ended FAILED / RUN_EXECUTION_ERROR: '
        "Workload failed, see run output for details.\n"
        "ValueError: no rows for country de\n"
        "Traceback (most recent call last):\n  ...\nValueError: no rows for country de\n"
        'Task "plot" (run 15, attempt 1) ended FAILED / RUN_EXECUTION_ERROR: '
        "Workload failed, see run output for details.\n"
        f"exit code 1\n{last_lines}\n"
        "This was attempt 1. New attempts: 0 of 2 after transient failures, 0 of 0 after failures of the job itself.\n"
        "Mend the cause in Databricks or in the step's data, and redrive the execution: it goes on from this step.\n"
        f"Full output: s3://{step.bucket.name}/RiskScoring/night-1/output/Extract/{FIRST_RUN_ID}.json"
    )


def test_a_task_that_succeeded_in_a_later_attempt_is_no_failure(step: Step, workspace: Workspace) -> None:
    tasks = [task("join", 12, TASK_FAILED), task("join", 13, SUCCESS, attempt=1)]
    workspace.scripts.append(ends(FAILED, tasks=tasks))

    assert '"join"' not in step.failure().cause


def test_an_output_that_cannot_be_read_does_not_hide_the_failure(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(ends(FAILED, tasks=[task("join", 12, TASK_FAILED)]))
    workspace.faults["get-output"].extend([answers(503)] * 50)

    failure = step.failure()

    assert failure.name == "Databricks.RunFailed"
    assert "(its output could not be read: GET /api/2.2/jobs/runs/get-output on 127.0.0.1" in failure.cause


def test_the_hundred_and_first_task_is_reported_too(step: Step, workspace: Workspace) -> None:
    tasks = [task(f"part-{n}", n, TASK_FAILED if n == 250 else SUCCESS) for n in range(1, 251)]
    workspace.scripts.append(ends(FAILED, tasks=tasks))
    workspace.outputs["250"] = Output(error="KeyError: 'amount'")

    assert 'Task "part-250" (run 250, attempt 1) ended FAILED' in (cause := step.failure().cause)
    assert "KeyError: 'amount'" in cause


def test_only_a_run_that_has_ended_is_paged_through(step: Step, workspace: Workspace) -> None:
    workspace.scripts.append(ends(SUCCESS, tasks=[task(f"part-{n}", n, SUCCESS) for n in range(1, 251)]))

    step.result()

    queries = [received.query for received in workspace.calls("get")]
    assert [query["page_token"] for query in queries if "page_token" in query] == ["100", "200"]
    assert ["page_token" in query for query in queries[-2:]] == [True, True]


def test_the_latest_attempt_is_that_after_a_repair_though_its_attempts_are_counted_anew(
    step: Step, workspace: Workspace
) -> None:
    failing = ((0, RUNNING), (30, TASK_FAILED))
    before = TaskScript("join", failing, run_id=12, attempt=2)
    after = TaskScript("join", failing, run_id=13, output=Output(error="ValueError: after the repair"))
    workspace.scripts.extend([ends(FAILED, tasks=[before]), ends(FAILED, tasks=[after])])
    step.run_job()
    run = step.submitted()
    step.redriven()
    repaired = step.invoke(step.look(run))
    workspace.runs[FIRST_RUN_ID].tasks.reverse()  # Databricks promises no order.

    cause = step.failure(repaired).cause

    assert "ValueError: after the repair" in cause
    assert "run 12" not in cause


def test_hundreds_of_failures_with_huge_errors_fit_into_a_cause(step: Step, workspace: Workspace) -> None:
    # Characters that JSON writes in six bytes each are the worst case.
    tasks = [task(f"tâche-{n}", n, TASK_FAILED) for n in range(1, 251)]
    workspace.scripts.append(ends(FAILED, tasks=tasks))
    for n in range(1, 251):
        workspace.outputs[str(n)] = Output(error=f"première ligne {n}", error_trace="ж\n" * 100_000 + f"dernière {n}")

    cause = step.failure().cause

    assert len(json.dumps(cause)) < LAMBDA_CAUSE_LIMIT - 4_000
    assert cause.startswith(f'Step "Extract": Databricks run {FIRST_RUN_ID} ended FAILED')
    assert "première ligne 1\n" in cause
    assert "characters left out" in cause
    assert "240 more tasks failed" in cause


def test_a_run_all_of_whose_failed_tasks_met_a_cloud_failure_gets_a_new_attempt(
    step: Step, workspace: Workspace
) -> None:
    lost = state("INTERNAL_ERROR", "FAILED", code="CLOUD_FAILURE", kind="CLOUD_FAILURE")
    tasks = [task("clean", 11, lost), task("score", 12, UPSTREAM_FAILED)]
    workspace.scripts.extend([ends(FAILED, tasks=tasks), ends(SUCCESS)])

    assert step.result()["state"] == "SUCCESS"
    assert len(workspace.runs) == 2


def test_a_run_one_of_whose_tasks_failed_by_itself_gets_no_new_attempt(step: Step, workspace: Workspace) -> None:
    lost = state("INTERNAL_ERROR", "FAILED", code="CLOUD_FAILURE", kind="CLOUD_FAILURE")
    workspace.scripts.append(ends(FAILED, tasks=[task("clean", 11, lost), task("join", 12, TASK_FAILED)]))

    assert step.failure().name == "Databricks.RunFailed"
    assert len(workspace.runs) == 1
