import json

import pytest

from tests.runtime.databricks.conftest import Step, task
from zflow_constructs.local.databricks.faults import answers
from zflow_constructs.local.databricks.scripted import FIRST_RUN_ID, SUCCESS, TaskScript, ends, state
from zflow_constructs.local.databricks.scripted_workspace import Workspace
from zflow_constructs.local.databricks.shown import Output

URL_AND_OUTPUT = (
    "\nRun: {url}/?o=1#job/77/run/{run}\nFull output: s3://{bucket}/RiskScoring/night-1/output/Extract/{run}.json"
)


def notebook(result: object) -> Output:
    return Output(result=result if isinstance(result, str) else json.dumps(result))


def run_tasks(workspace: Workspace, *tasks: TaskScript) -> None:
    workspace.scripts.append(ends(SUCCESS, tasks=tasks))


def test_values_come_from_the_tasks_that_have_them(step: Step, workspace: Workspace) -> None:
    step.values = {"auc": "evaluate", "rows": "clean", "countries": "clean"}
    run_tasks(workspace, task("clean", 11), task("evaluate", 12))
    workspace.outputs["11"] = notebook({"rows": 1000, "countries": ["de", "at"], "more": 1})
    workspace.outputs["12"] = notebook({"auc": 0.8})

    assert step.result()["values"] == {"auc": 0.8, "rows": 1000, "countries": ["de", "at"]}


def test_a_tasks_latest_run_tells_its_value(step: Step, workspace: Workspace) -> None:
    step.values = {"auc": "evaluate"}
    run_tasks(workspace, task("clean", 10), task("evaluate", 11), task("evaluate", 12, attempt=1))
    workspace.outputs["11"] = notebook({"auc": 0.1})
    workspace.outputs["12"] = notebook({"auc": 0.8})

    assert step.result()["values"] == {"auc": 0.8}


def test_the_only_task_of_a_run_is_meant_whatever_its_key(step: Step, workspace: Workspace) -> None:
    step.values = {"auc": "Extract"}
    run_tasks(workspace, task("main", 11))
    workspace.outputs["11"] = notebook({"auc": 0.8})

    assert step.result()["values"] == {"auc": 0.8}


def test_the_value_of_the_two_hundredth_task_is_found(step: Step, workspace: Workspace) -> None:
    step.values = {"auc": "part-200"}
    run_tasks(workspace, *[task(f"part-{n}", n) for n in range(1, 251)])
    workspace.outputs["200"] = notebook({"auc": 0.8})

    assert step.result()["values"] == {"auc": 0.8}


def test_null_false_and_an_empty_list_are_values(step: Step, workspace: Workspace) -> None:
    step.values = {"a": "main", "b": "main", "c": "main"}
    run_tasks(workspace, task("main", 11))
    workspace.outputs["11"] = notebook({"a": None, "b": False, "c": []})

    assert step.result()["values"] == {"a": None, "b": False, "c": []}


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        (Output(logs="no notebook"), "it has no notebook result"),
        (Output(fields={"notebook_output": {}}), "it has no notebook result"),
        (notebook(""), "it has no notebook result"),
        (
            Output(fields={"notebook_output": {"result": '{"auc": 0.8', "truncated": True}}),
            "its result is longer than 5 MB, and Databricks cut it",
        ),
        (notebook("0.8"), "its result is no JSON object, but: 0.8"),
        (notebook("auc=0.8"), "its result is no JSON object, but: auc=0.8"),
        (notebook("[" * 100_000), f"its result is no JSON object, but: {'[' * 200}"),
        (notebook({"loss": 1, "f1": 2}), 'its result has no such field, but "loss", "f1"'),
        (notebook({}), "its result has no such field, but none at all"),
        (notebook('{"auc": NaN}'), "it holds NaN or Infinity, which JSON hasn't"),
        (notebook('{"auc": [1e999]}'), "it holds NaN or Infinity, which JSON hasn't"),
    ],
)
def test_a_value_that_is_not_there_fails_the_step_with_the_remedy(
    step: Step, workspace: Workspace, output: Output, problem: str
) -> None:
    step.values = {"auc": "evaluate"}
    step.retries = {"transient": 2, "failures": 2, "interval_seconds": 60}
    run_tasks(workspace, task("clean", 10), task("evaluate", 11))
    workspace.outputs["11"] = output

    failure = step.failure()

    assert failure.name == "Databricks.RunFailed"
    assert failure.cause == (
        f'Step "Extract": Databricks run {FIRST_RUN_ID}: The run ended well, but the value "auc" of its task '
        f'"evaluate" (run 11) could not be had: {problem}. End the task\'s notebook with '
        '`dbutils.notebook.exit(json.dumps({"auc": ...}))`.'
        + URL_AND_OUTPUT.format(url=workspace.url, run=FIRST_RUN_ID, bucket=step.bucket.name)
    )
    assert len(workspace.runs) == 1


def test_a_task_that_is_not_there_is_answered_with_those_that_are(step: Step, workspace: Workspace) -> None:
    step.values = {"auc": "evalute"}
    run_tasks(workspace, task("clean", 10), task("evaluate", 11))

    failure = step.failure()

    assert failure.name == "Databricks.RunFailed"
    assert (
        'The value "auc" is wanted of the task "evalute", which the run doesn\'t have. Name one of its tasks: "clean", '
        '"evaluate".'
    ) in failure.cause


def test_an_output_that_is_refused_fails_the_step(step: Step, workspace: Workspace) -> None:
    step.values = {"auc": "evaluate"}
    run_tasks(workspace, task("evaluate", 11))
    workspace.faults["get-output"].extend([answers(400, "INVALID_PARAMETER_VALUE", "No output.")] * 2)

    failure = step.failure()

    assert failure.name == "Databricks.RunFailed"
    assert (
        "its output could not be read (Databricks refused the request (HTTP 400, INVALID_PARAMETER_VALUE"
        in failure.cause
    )


def test_an_output_that_cannot_be_read_for_now_is_throttling_and_read_by_the_retry(
    step: Step, workspace: Workspace
) -> None:
    step.values = {"auc": "evaluate"}
    run_tasks(workspace, task("evaluate", 11))
    workspace.outputs["11"] = notebook({"auc": 0.8})
    run = step.submitted()
    step.clock.sleep(60)
    workspace.faults["get-output"].extend([answers(503)] * 50)

    failure = step.fails(step.look(run))
    workspace.faults["get-output"].clear()

    assert failure.name == "Databricks.Throttled"
    assert 'The output of the task "evaluate", whose "auc" is wanted, was not read in time' in failure.cause
    assert step.invoke(step.look(run))["status"] == "DONE"


def test_values_may_take_32_kilobytes_and_not_a_byte_more(step: Step, workspace: Workspace) -> None:
    step.values = {"a": "main", "b": "main"}
    room = 32_768 - len(json.dumps({"a": "", "b": ""}))
    for extra in (0, 1):
        run_tasks(workspace, task("main", 11))
        workspace.outputs["11"] = notebook({"a": "x" * (room - 10), "b": "y" * (10 + extra)})
        step.item = str(extra)
        if not extra:
            assert step.result()["state"] == "SUCCESS"

    failure = step.failure()

    assert failure.name == "Databricks.RunFailed"
    assert (
        'The values "a", "b" take 32769 bytes as JSON, and 32768 is the most. Write large results to S3, and let the '
        "notebook exit with their location."
    ) in failure.cause


def test_values_of_a_success_with_failures_are_told_too(step: Step, workspace: Workspace) -> None:
    step.values, step.allow_failures = {"auc": "evaluate"}, True
    failed = state("TERMINATED", "FAILED")
    tasks = [task("evaluate", 11), task("plot", 12, failed)]
    workspace.scripts.append(ends(state("TERMINATED", "SUCCESS_WITH_FAILURES"), tasks=tasks))
    workspace.outputs["11"] = notebook({"auc": 0.8})

    assert step.result()["values"] == {"auc": 0.8}


def test_values_of_more_tasks_than_are_read_are_refused(step: Step, workspace: Workspace) -> None:
    step.values = {f"v{n}": f"part-{n}" for n in range(1, 102)}
    run_tasks(workspace, *[task(f"part-{n}", n) for n in range(1, 102)])
    for n in range(1, 102):
        workspace.outputs[str(n)] = notebook({f"v{n}": n})

    assert "could not be had: the outputs of too many tasks are wanted" in step.failure().cause
