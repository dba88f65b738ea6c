"""Every route through Databricks' own SDK, on runs that are really run and on runs that follow a script alike."""

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import InvalidParameterValue, ResourceDoesNotExist
from databricks.sdk.service.jobs import (
    JobParameter,
    NotebookOutput,
    RepairHistoryItemType,
    Run,
    RunLifeCycleState,
    RunLifecycleStateV2State,
    RunResultState,
    RunTask,
    RunType,
    SparkPythonTask,
    SubmitTask,
    TaskDependency,
    TerminationCodeCode,
    TerminationTypeType,
)

from tests.local.databricks.held_runner import HeldRunner, wait_until
from tests.waiting import LIMIT_SECONDS
from zflow_constructs.local.databricks.auth import Authority
from zflow_constructs.local.databricks.clock import SimulatedClock
from zflow_constructs.local.databricks.reading import Json
from zflow_constructs.local.databricks.runner import TaskOutcome
from zflow_constructs.local.databricks.scheduler import Scheduler
from zflow_constructs.local.databricks.scripted import (
    FAILED,
    RUNNING,
    SUCCESS,
    Script,
    TaskScript,
    ends,
    goes_on,
    state,
)
from zflow_constructs.local.databricks.scripted_workspace import Workspace
from zflow_constructs.local.databricks.server import DatabricksServer
from zflow_constructs.local.databricks.shown import Output

JOBS: dict[int, Json] = {
    7: {
        "name": "Nightly",
        "tasks": [
            {
                "task_key": "train",
                "existing_cluster_id": "c",
                "spark_python_task": {"python_file": "s3://lake/train.py"},
            }
        ],
        "parameters": [{"name": "country", "default": "de"}],
        "max_concurrent_runs": 3,
    }
}


@dataclass
class Side:
    """A workspace, and what makes the `train` task of its next run fail, succeed, or go on for long."""

    url: str
    fails: Callable[[], None]
    succeeds: Callable[[], None]
    goes_on: Callable[[], None]
    passes: Callable[[], None]
    """Lets a minute pass, if time is simulated."""

    @property
    def client(self) -> WorkspaceClient:
        return WorkspaceClient(
            host=self.url, client_id="client-1", client_secret="client-secret-1", auth_type="oauth-m2m"
        )


@pytest.fixture(params=["real", "scripted"])
def side(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Side]:
    if request.param == "real":
        runner = HeldRunner()
        authority = Authority(clients={"client-1": "client-secret-1"})
        with DatabricksServer(Scheduler(runner=runner, folder=tmp_path, jobs=JOBS), authority=authority) as server:
            yield Side(
                server.url,
                fails=lambda: runner.finish("train", TaskOutcome("FAILED", "ValueError: no rows", "Traceback ...")),
                succeeds=lambda: runner.finish("train"),
                goes_on=lambda: None,
                passes=lambda: None,
            )
        return
    with Workspace(SimulatedClock(), jobs=JOBS) as workspace:
        output = Output(error="ValueError: no rows", error_trace="Traceback ...")
        failure = TaskScript("train", timeline=((0, RUNNING), (60, FAILED)), output=output)
        yield Side(
            workspace.url,
            fails=lambda: workspace.scripts.append(ends(FAILED, tasks=[failure])),
            succeeds=lambda: workspace.scripts.append(Script()),
            goes_on=lambda: workspace.scripts.append(goes_on()),
            passes=lambda: workspace.clock.advance(60),
        )


@pytest.fixture
def client(side: Side) -> WorkspaceClient:
    return side.client


TRAIN = SubmitTask(
    task_key="train",
    existing_cluster_id="c",
    spark_python_task=SparkPythonTask(python_file="s3://lake/train.py", parameters=["--day", "1"]),
)


def submitted(client: WorkspaceClient, *, token: str = "", timeout: int = 0) -> int:
    wait = client.jobs.submit(run_name="m:e:Train", tasks=[TRAIN], idempotency_token=token, timeout_seconds=timeout)
    assert wait.run_id is not None
    return int(wait.run_id)


def ended(client: WorkspaceClient, side: Side, run_id: int) -> Run:
    side.passes()
    wait_until(lambda: (found := client.jobs.get_run(run_id).status) is not None and is_terminated(found.state))
    return client.jobs.get_run(run_id, include_history=True)


def is_terminated(found: RunLifecycleStateV2State | None) -> bool:
    return found == RunLifecycleStateV2State.TERMINATED


def termination(run: Run | RunTask) -> tuple[TerminationCodeCode | None, TerminationTypeType | None]:
    assert run.status is not None
    details = run.status.termination_details
    assert details is not None
    return details.code, details.type


def result(run: Run | RunTask) -> RunResultState | None:
    assert run.state is not None
    return run.state.result_state


def test_a_success(client: WorkspaceClient, side: Side) -> None:
    side.succeeds()
    run = ended(client, side, submitted(client, token="t"))
    assert (run.run_name, run.run_type) == ("m:e:Train", RunType.SUBMIT_RUN)
    assert run.state is not None
    assert (run.state.life_cycle_state, result(run)) == (RunLifeCycleState.TERMINATED, RunResultState.SUCCESS)
    assert termination(run) == (TerminationCodeCode.SUCCESS, TerminationTypeType.SUCCESS)
    assert 0 < (run.start_time or 0) <= (run.end_time or 0)
    assert run.run_page_url
    (task,) = run.tasks or []
    assert (task.task_key, task.attempt_number, result(task)) == ("train", 0, RunResultState.SUCCESS)
    assert task.spark_python_task == TRAIN.spark_python_task
    assert submitted(client, token="t") == run.run_id


def test_a_failure_with_its_output(client: WorkspaceClient, side: Side) -> None:
    side.fails()
    run = ended(client, side, submitted(client))
    assert result(run) == RunResultState.FAILED
    assert termination(run) == (TerminationCodeCode.RUN_EXECUTION_ERROR, TerminationTypeType.CLIENT_ERROR)
    (task,) = run.tasks or []
    for run_id in (task.run_id, run.run_id):
        assert run_id is not None
        output = client.jobs.get_run_output(run_id)
        assert (output.error, output.error_trace) == ("ValueError: no rows", "Traceback ...")
        assert output.logs_truncated is False
        assert output.metadata is not None
        assert output.metadata.run_id == task.run_id


def test_the_sdk_waits_for_a_run_of_a_job(client: WorkspaceClient, side: Side) -> None:
    side.succeeds()
    wait = client.jobs.run_now(job_id=7, job_parameters={"country": "at"}, idempotency_token="t")
    side.passes()
    run = wait.result(timeout=dt.timedelta(seconds=LIMIT_SECONDS))
    assert (run.job_id, run.run_type, run.run_name) == (7, RunType.JOB_RUN, "Nightly")
    assert run.job_parameters == [JobParameter(name="country", default="de", value="at")]
    assert [entry.run_id for entry in client.jobs.list_runs(job_id=7, run_type=RunType.JOB_RUN)] == [run.run_id]
    assert list(client.jobs.list_runs(run_type=RunType.SUBMIT_RUN)) == []


def test_a_job(client: WorkspaceClient) -> None:
    job = client.jobs.get(7)
    assert job.settings is not None
    assert (job.job_id, job.settings.name, job.settings.max_concurrent_runs) == (7, "Nightly", 3)
    assert [task.task_key for task in job.settings.tasks or []] == ["train"]
    with pytest.raises(InvalidParameterValue, match=r"^Job 8 does not exist\.$"):
        client.jobs.run_now(job_id=8)


def test_a_repair(client: WorkspaceClient, side: Side) -> None:
    side.fails()
    run_id = client.jobs.run_now(job_id=7).run_id
    assert run_id is not None
    ended(client, side, run_id)
    side.succeeds()
    repair = client.jobs.repair_run(run_id, rerun_all_failed_tasks=True)
    run = ended(client, side, run_id)
    assert result(run) == RunResultState.SUCCESS
    assert [(task.attempt_number, result(task)) for task in run.tasks or []] == [
        (0, RunResultState.FAILED),
        (1, RunResultState.SUCCESS),
    ]
    first, second = run.repair_history or []
    assert (first.type, first.id) == (RepairHistoryItemType.ORIGINAL, None)
    assert (second.type, second.id) == (RepairHistoryItemType.REPAIR, repair.response.repair_id)
    assert [*(first.task_run_ids or []), *(second.task_run_ids or [])] == [task.run_id for task in run.tasks or []]
    assert first.state is not None
    assert first.state.result_state == RunResultState.FAILED


def test_a_cancellation(client: WorkspaceClient, side: Side) -> None:
    side.goes_on()
    run_id = submitted(client)
    assert [run.run_id for run in client.jobs.list_runs(active_only=True, expand_tasks=True)] == [run_id]
    client.jobs.cancel_run(run_id)
    run = ended(client, side, run_id)
    assert result(run) == RunResultState.CANCELED
    assert termination(run) == (TerminationCodeCode.USER_CANCELED, TerminationTypeType.CLIENT_ERROR)
    assert list(client.jobs.list_runs(active_only=True)) == []


def test_a_run_that_nobody_knows(client: WorkspaceClient) -> None:
    with pytest.raises(ResourceDoesNotExist, match=r"^Run 12 does not exist\.$"):
        client.jobs.get_run(12)


def test_a_typo_in_a_task(client: WorkspaceClient) -> None:
    lonely = SubmitTask(
        task_key="train",
        existing_cluster_id="c",
        spark_python_task=TRAIN.spark_python_task,
        depends_on=[TaskDependency(task_key="clean")],
    )
    with pytest.raises(InvalidParameterValue, match="Task 'train' depends on 'clean', which is not a task of this run"):
        client.jobs.submit(tasks=[lonely])


class TestWhatOnlyScriptsDo:
    @pytest.fixture
    def workspace(self) -> Iterator[Workspace]:
        with Workspace(SimulatedClock()) as workspace:
            yield workspace

    @pytest.fixture
    def client(self, workspace: Workspace) -> WorkspaceClient:
        return WorkspaceClient(host=workspace.url, token="personal-token-1", auth_type="pat")

    def test_a_notebooks_result(self, workspace: Workspace, client: WorkspaceClient) -> None:
        value = json.dumps({"auc": 0.8})
        workspace.scripts.append(ends(SUCCESS, tasks=[TaskScript("train", output=Output(result=value, logs="fit\n"))]))
        output = client.jobs.get_run_output(submitted(client))
        assert output.notebook_output == NotebookOutput(result=value, truncated=False)
        assert output.logs == "fit\n"

    def test_words_that_the_sdk_does_not_know(self, workspace: Workspace, client: WorkspaceClient) -> None:
        strange = state("TERMINATED", "EXCELLENT", "Well done.", code="A_CODE_OF_TOMORROW", kind="A_TYPE_OF_TOMORROW")
        workspace.scripts.append(Script(timeline=((0, state("HIBERNATING")), (60, strange))))
        run_id = submitted(client)
        asleep = client.jobs.get_run(run_id)
        assert asleep.state is not None
        assert (asleep.state.life_cycle_state, asleep.state.result_state) == (None, None)
        workspace.clock.advance(60)
        run = client.jobs.get_run(run_id)
        assert run.state is not None
        assert (run.state.life_cycle_state, run.state.result_state) == (RunLifeCycleState.TERMINATED, None)
        assert run.state.state_message == "Well done."
        assert termination(run) == (None, None)

    def test_a_skipped_run(self, workspace: Workspace, client: WorkspaceClient) -> None:
        workspace.scripts.append(Script(timeline=((0, state("SKIPPED", code="MAX_CONCURRENT_RUNS_EXCEEDED")),)))
        run = client.jobs.get_run(submitted(client))
        assert run.state is not None
        assert run.state.life_cycle_state == RunLifeCycleState.SKIPPED
        assert termination(run)[0] == TerminationCodeCode.MAX_CONCURRENT_RUNS_EXCEEDED
