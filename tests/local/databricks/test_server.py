"""The Jobs API double, seen through Databricks' own SDK."""

import datetime as dt
import json
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import TypedDict, cast

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import ApiClient
from databricks.sdk.errors import (
    BadRequest,
    DatabricksError,
    InvalidParameterValue,
    NotFound,
    ResourceDoesNotExist,
    Unauthenticated,
)
from databricks.sdk.service.jobs import (
    Run,
    RunIf,
    RunLifeCycleState,
    RunLifecycleStateV2State,
    RunResultState,
    RunStatus,
    RunTask,
    SparkPythonTask,
    SubmitTask,
    TaskDependency,
    TerminationCodeCode,
    TerminationTypeType,
)

from tests.local.databricks.held_runner import HeldRunner, wait_until
from tests.local.databricks.serving import serving
from tests.waiting import LIMIT_SECONDS
from zflow_constructs.local.databricks.runner import TaskOutcome
from zflow_constructs.local.databricks.scheduler import Scheduler
from zflow_constructs.local.databricks.server import DatabricksServer


def task(key: str, *, after: list[str] | None = None, run_if: RunIf | None = None, timeout: int = 0) -> SubmitTask:
    return SubmitTask(
        task_key=key,
        existing_cluster_id="0000-cluster",
        depends_on=[TaskDependency(task_key=upstream) for upstream in after or []],
        run_if=run_if,
        timeout_seconds=timeout,
        spark_python_task=SparkPythonTask(python_file=f"s3://lake/{key}.py", parameters=["--country", "de"]),
    )


def submit(
    workspace: WorkspaceClient,
    *tasks: SubmitTask,
    name: str = "machine:execution:Extract",
    token: str = "",
    timeout: int = 0,
) -> int:
    wait = workspace.jobs.submit(run_name=name, tasks=list(tasks), idempotency_token=token, timeout_seconds=timeout)
    assert wait.run_id is not None
    return int(wait.run_id)


def finished(workspace: WorkspaceClient, run_id: int) -> Run:
    wait_until(lambda: state(workspace, run_id) == RunLifecycleStateV2State.TERMINATED)
    return workspace.jobs.get_run(run_id)


def state(workspace: WorkspaceClient, run_id: int) -> RunLifecycleStateV2State | None:
    return status(workspace.jobs.get_run(run_id)).state


def status(progress: Run | RunTask) -> RunStatus:
    assert progress.status is not None
    return progress.status


def results(run: Run) -> dict[str, RunResultState | None]:
    return {task.task_key: task.state.result_state for task in run.tasks or [] if task.state}


class TestLife:
    def test_a_run_is_running_until_its_task_ends_and_then_a_success(
        self, workspace: WorkspaceClient, runner: HeldRunner
    ) -> None:
        run_id = submit(workspace, task("extract"))
        wait_until(lambda: runner.started == ["extract"])
        running = workspace.jobs.get_run(run_id)
        assert running.state is not None
        assert (running.state.life_cycle_state, running.state.result_state) == (RunLifeCycleState.RUNNING, None)
        assert status(running).state == RunLifecycleStateV2State.RUNNING
        assert status(running).termination_details is None

        runner.finish("extract")
        run = finished(workspace, run_id)
        assert run.run_name == "machine:execution:Extract"
        assert run.state is not None
        assert (run.state.life_cycle_state, run.state.result_state) == (
            RunLifeCycleState.TERMINATED,
            RunResultState.SUCCESS,
        )
        details = status(run).termination_details
        assert details is not None
        assert (details.code, details.type) == (TerminationCodeCode.SUCCESS, TerminationTypeType.SUCCESS)
        assert run.start_time is not None
        assert run.end_time is not None
        assert run.end_time >= run.start_time > 1_700_000_000_000

    def test_the_sdk_waits_for_a_run(self, workspace: WorkspaceClient, runner: HeldRunner) -> None:
        runner.finish("extract")
        run = workspace.jobs.submit_and_wait(tasks=[task("extract")], timeout=dt.timedelta(seconds=LIMIT_SECONDS))
        assert results(run) == {"extract": RunResultState.SUCCESS}

    def test_ids_are_too_large_for_a_float(self, workspace: WorkspaceClient) -> None:
        assert submit(workspace, task("extract")) > 2**53

    def test_a_run_beyond_the_limit_of_active_ones_is_queued(
        self, workspace: WorkspaceClient, runner: HeldRunner
    ) -> None:
        first, second = (submit(workspace, task(key)) for key in ("a", "b"))
        third = submit(workspace, task("c"))
        wait_until(lambda: sorted(runner.started) == ["a", "b"])
        wait_until(lambda: state(workspace, third) == RunLifecycleStateV2State.QUEUED)
        for key in ("a", "b", "c"):
            runner.finish(key)
        for run_id in (first, second, third):
            assert results(finished(workspace, run_id)).popitem()[1] == RunResultState.SUCCESS

    def test_the_run_page_leads_to_the_folder_of_the_run(
        self, workspace: WorkspaceClient, runner: HeldRunner, tmp_path: Path
    ) -> None:
        runner.finish("extract")
        run = finished(workspace, submit(workspace, task("extract"), name="m:e:Extract data"))
        assert run.run_page_url == (tmp_path / "databricks" / f"Extract_data-{run.run_id}").as_uri()


class TestFailure:
    def test_a_failed_task_fails_its_run_and_says_why_in_its_output(
        self, workspace: WorkspaceClient, runner: HeldRunner
    ) -> None:
        runner.finish("extract", TaskOutcome("FAILED", "ValueError: no rows", "Traceback ...\nValueError: no rows"))
        run = finished(workspace, submit(workspace, task("extract")))
        assert run.state is not None
        assert run.state.result_state == RunResultState.FAILED
        assert run.state.life_cycle_state == RunLifeCycleState.INTERNAL_ERROR
        details = status(run).termination_details
        assert details is not None
        assert (details.code, details.type) == (
            TerminationCodeCode.RUN_EXECUTION_ERROR,
            TerminationTypeType.CLIENT_ERROR,
        )
        assert details.message == "Task extract failed with message: Workload failed, see run output for details."
        assert run.tasks is not None
        output = workspace.jobs.get_run_output(run.tasks[0].run_id or 0)
        assert output.error == "ValueError: no rows"
        assert output.error_trace == "Traceback ...\nValueError: no rows"
        assert output.metadata is not None
        assert status(output.metadata).state == RunLifecycleStateV2State.TERMINATED

    def test_a_failure_of_the_cloud_is_told_from_one_of_the_script(
        self, workspace: WorkspaceClient, runner: HeldRunner
    ) -> None:
        runner.finish("extract", TaskOutcome("FAILED", "No spot capacity", code="CLUSTER_ERROR", type="CLOUD_FAILURE"))
        details = status(finished(workspace, submit(workspace, task("extract")))).termination_details
        assert details is not None
        assert (details.code, details.type) == (TerminationCodeCode.CLUSTER_ERROR, TerminationTypeType.CLOUD_FAILURE)
        assert details.message == "Task extract failed with message: No spot capacity."

    def test_a_runner_that_breaks_is_an_internal_error_of_the_run(self, tmp_path: Path) -> None:
        class Broken(HeldRunner):
            def run(self, *_: object, **__: object) -> TaskOutcome:
                raise OSError("disk full")

        with serving(Scheduler(runner=Broken(), folder=tmp_path)) as server:
            workspace = WorkspaceClient(host=server.url, token="personal", auth_type="pat")
            details = status(finished(workspace, submit(workspace, task("extract")))).termination_details
        assert details is not None
        assert details.type == TerminationTypeType.INTERNAL_ERROR
        assert "disk full" in (details.message or "")

    def test_a_log_is_in_the_output_while_the_task_runs(self, workspace: WorkspaceClient, runner: HeldRunner) -> None:
        run_id = submit(workspace, task("extract"))
        wait_until(lambda: bool(runner.started))
        output = workspace.jobs.get_run_output((workspace.jobs.get_run(run_id).tasks or [])[0].run_id or 0)
        assert output.logs == "extract runs s3://lake/extract.py --country de\n"
        assert output.logs_truncated is False
        assert output.error is None


class TestTasks:
    def test_a_task_starts_when_those_it_depends_on_have_ended(
        self, workspace: WorkspaceClient, runner: HeldRunner
    ) -> None:
        run_id = submit(workspace, task("a"), task("b"), task("join", after=["a", "b"]))
        wait_until(lambda: sorted(runner.started) == ["a", "b"])
        runner.finish("a")
        join = next(task for task in workspace.jobs.get_run(run_id).tasks or [] if task.task_key == "join")
        assert status(join).state == RunLifecycleStateV2State.BLOCKED
        runner.finish("b")
        runner.finish("join")
        finished(workspace, run_id)
        assert runner.started[-1] == "join"

    def test_what_depends_on_a_failed_task_is_not_run(self, workspace: WorkspaceClient, runner: HeldRunner) -> None:
        runner.finish("a", TaskOutcome("FAILED", "boom"))
        run = finished(workspace, submit(workspace, task("a"), task("b", after=["a"]), task("c", after=["b"])))
        assert runner.started == ["a"]
        assert results(run) == {
            "a": RunResultState.FAILED,
            "b": RunResultState.UPSTREAM_FAILED,
            "c": RunResultState.UPSTREAM_FAILED,
        }
        assert run.state is not None
        assert run.state.result_state == RunResultState.FAILED

    @pytest.mark.parametrize(
        ("run_if", "upstream", "expected"),
        [
            (RunIf.ALL_SUCCESS, "FAILED", RunResultState.UPSTREAM_FAILED),
            (RunIf.ALL_DONE, "FAILED", RunResultState.SUCCESS),
            (RunIf.NONE_FAILED, "FAILED", RunResultState.UPSTREAM_FAILED),
            (RunIf.AT_LEAST_ONE_SUCCESS, "FAILED", RunResultState.SUCCESS),
            (RunIf.ALL_FAILED, "FAILED", RunResultState.UPSTREAM_FAILED),
            (RunIf.AT_LEAST_ONE_FAILED, "FAILED", RunResultState.SUCCESS),
            (RunIf.AT_LEAST_ONE_FAILED, "SUCCESS", RunResultState.EXCLUDED),
            (RunIf.NONE_FAILED, "SUCCESS", RunResultState.SUCCESS),
        ],
    )
    def test_run_if_decides_whether_a_task_runs_after_one_success_and(
        self,
        workspace: WorkspaceClient,
        runner: HeldRunner,
        run_if: RunIf,
        upstream: str,
        expected: RunResultState,
    ) -> None:
        runner.finish("good")
        runner.finish("other", TaskOutcome("FAILED", "boom") if upstream == "FAILED" else TaskOutcome("SUCCESS"))
        runner.finish("last")
        run_id = submit(workspace, task("good"), task("other"), task("last", after=["good", "other"], run_if=run_if))
        assert results(finished(workspace, run_id))["last"] == expected

    def test_a_failure_that_a_later_task_outlives_leaves_a_success_with_failures(
        self, workspace: WorkspaceClient, runner: HeldRunner
    ) -> None:
        runner.finish("a", TaskOutcome("FAILED", "boom"))
        runner.finish("cleanup")
        run = finished(workspace, submit(workspace, task("a"), task("cleanup", after=["a"], run_if=RunIf.ALL_DONE)))
        assert run.state is not None
        assert run.state.result_state == RunResultState.SUCCESS_WITH_FAILURES

    def test_the_output_of_a_run_with_several_tasks_must_be_asked_for_by_task(
        self, workspace: WorkspaceClient, runner: HeldRunner
    ) -> None:
        run_id = submit(workspace, task("a"), task("b"))
        with pytest.raises(InvalidParameterValue, match="output of runs with multiple tasks is not supported"):
            workspace.jobs.get_run_output(run_id)


class TestEnds:
    def test_cancel_stops_the_running_task_and_what_comes_after(
        self, workspace: WorkspaceClient, runner: HeldRunner
    ) -> None:
        run_id = submit(workspace, task("a"), task("b", after=["a"]))
        wait_until(lambda: runner.started == ["a"])
        workspace.jobs.cancel_run(run_id)
        run = finished(workspace, run_id)
        assert results(run) == {"a": RunResultState.CANCELED, "b": RunResultState.CANCELED}
        assert run.state is not None
        assert run.state.result_state == RunResultState.CANCELED
        assert run.state.user_cancelled_or_timedout is True
        details = status(run).termination_details
        assert details is not None
        assert details.code == TerminationCodeCode.USER_CANCELED

    def test_a_run_is_terminating_until_its_tasks_have_really_ended(self, tmp_path: Path) -> None:
        started, may_end = threading.Event(), threading.Event()

        class Slow(HeldRunner):
            def run(self, *args: object, stopping: threading.Event, **kwargs: object) -> TaskOutcome:
                started.set()
                stopping.wait()
                may_end.wait()
                return TaskOutcome("CANCELED")

        with serving(Scheduler(runner=Slow(), folder=tmp_path)) as server:
            workspace = WorkspaceClient(host=server.url, token="personal", auth_type="pat")
            run_id = submit(workspace, task("a"))
            assert started.wait(LIMIT_SECONDS)
            workspace.jobs.cancel_run(run_id)
            assert state(workspace, run_id) == RunLifecycleStateV2State.TERMINATING
            may_end.set()
            assert results(finished(workspace, run_id)) == {"a": RunResultState.CANCELED}

    def test_a_queued_run_can_be_cancelled(self, workspace: WorkspaceClient, runner: HeldRunner) -> None:
        for key in ("a", "b"):
            submit(workspace, task(key))
        wait_until(lambda: len(runner.started) == 2)
        queued = submit(workspace, task("c"))
        workspace.jobs.cancel_run(queued)
        assert results(finished(workspace, queued)) == {"c": RunResultState.CANCELED}
        assert "c" not in runner.started

    def test_cancelling_what_has_ended_changes_nothing(self, workspace: WorkspaceClient, runner: HeldRunner) -> None:
        runner.finish("a")
        run_id = submit(workspace, task("a"))
        finished(workspace, run_id)
        workspace.jobs.cancel_run(run_id)
        assert results(finished(workspace, run_id)) == {"a": RunResultState.SUCCESS}

    def test_timeout_seconds_of_a_run_ends_it(self, workspace: WorkspaceClient) -> None:
        run = finished(workspace, submit(workspace, task("a"), timeout=1))
        assert run.state is not None
        assert run.state.result_state == RunResultState.TIMEDOUT
        details = status(run).termination_details
        assert details is not None
        assert details.code == TerminationCodeCode.CANCELED

    def test_timeout_seconds_of_a_task_ends_it_and_fails_the_run(
        self, workspace: WorkspaceClient, runner: HeldRunner
    ) -> None:
        runner.finish("b")
        run = finished(workspace, submit(workspace, task("a", timeout=1), task("b")))
        assert results(run) == {"a": RunResultState.TIMEDOUT, "b": RunResultState.SUCCESS}
        assert run.state is not None
        assert run.state.result_state == RunResultState.FAILED

    def test_stopping_the_server_cancels_what_runs(self, runner: HeldRunner, tmp_path: Path) -> None:
        with serving(Scheduler(runner=runner, folder=tmp_path, max_active_runs=1)) as server:
            workspace = WorkspaceClient(host=server.url, token="personal", auth_type="pat")
            submit(workspace, task("a"))
            submit(workspace, task("b"))
            wait_until(lambda: len(runner.started) == 1)
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(server.url)


class TestIdempotency:
    def test_the_same_token_gets_the_same_run(self, workspace: WorkspaceClient, runner: HeldRunner) -> None:
        runner.finish("a", TaskOutcome("FAILED", "boom"))
        first = submit(workspace, task("a"), token="t" * 64)
        finished(workspace, first)
        assert submit(workspace, task("a"), token="t" * 64) == first
        assert submit(workspace, task("a"), token="another") != first
        assert len(list(workspace.jobs.list_runs())) == 2

    def test_twenty_submits_at_once_with_one_token_make_one_run(self, workspace: WorkspaceClient) -> None:
        ids: list[int] = []
        threads = [
            threading.Thread(target=lambda: ids.append(submit(workspace, task("a"), token="same"))) for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(ids) == 20
        assert len(set(ids)) == 1

    def test_a_token_of_65_characters_is_refused(self, workspace: WorkspaceClient) -> None:
        with pytest.raises(InvalidParameterValue, match="idempotency_token has 65 characters"):
            submit(workspace, task("a"), token="t" * 65)


class TestPaging:
    def test_the_sdk_lists_all_runs_the_latest_first(self, workspace: WorkspaceClient, runner: HeldRunner) -> None:
        runner.finish("a")
        ids = [submit(workspace, task("a")) for _ in range(45)]
        assert [run.run_id for run in workspace.jobs.list_runs(limit=7)] == list(reversed(ids))

    def test_a_page_has_20_runs_and_a_token_for_the_next(self, api: ApiClient, workspace: WorkspaceClient) -> None:
        for _ in range(21):
            submit(workspace, task("a"))
        first = ask(api, "/api/2.1/jobs/runs/list")
        assert (len(first["runs"]), first["has_more"]) == (20, True)
        last = ask(api, "/api/2.1/jobs/runs/list", page_token=first["next_page_token"])
        assert (len(last["runs"]), last["has_more"]) == (1, False)
        assert "next_page_token" not in last

    def test_a_run_submitted_between_two_pages_repeats_nothing(
        self, api: ApiClient, workspace: WorkspaceClient
    ) -> None:
        ids = [submit(workspace, task("a")) for _ in range(4)]
        first = ask(api, "/api/2.2/jobs/runs/list", limit=2)
        submit(workspace, task("a"))
        second = ask(api, "/api/2.2/jobs/runs/list", limit=2, page_token=first["next_page_token"])
        assert [run["run_id"] for run in first["runs"] + second["runs"]] == list(reversed(ids))

    def test_active_and_completed_runs_are_told_apart(self, workspace: WorkspaceClient, runner: HeldRunner) -> None:
        runner.finish("a")
        ended = submit(workspace, task("a"))
        finished(workspace, ended)
        active = submit(workspace, task("b"))
        assert [run.run_id for run in workspace.jobs.list_runs(active_only=True)] == [active]
        assert [run.run_id for run in workspace.jobs.list_runs(completed_only=True)] == [ended]

    def test_tasks_are_in_a_list_only_when_asked_for(self, workspace: WorkspaceClient) -> None:
        submit(workspace, task("a"), task("b"))
        (brief,) = workspace.jobs.list_runs()
        assert not brief.tasks
        (full,) = workspace.jobs.list_runs(expand_tasks=True)
        assert [task.task_key for task in full.tasks or []] == ["a", "b"]

    def test_a_run_of_250_tasks_comes_in_three_pages(self, api: ApiClient, workspace: WorkspaceClient) -> None:
        run_id = submit(workspace, *(task(f"t{number}") for number in range(250)))
        pages = [ask(api, "/api/2.2/jobs/runs/get", run_id=run_id)]
        while "next_page_token" in pages[-1]:
            pages.append(ask(api, "/api/2.2/jobs/runs/get", run_id=run_id, page_token=pages[-1]["next_page_token"]))
        assert [len(page["tasks"]) for page in pages] == [100, 100, 50]
        assert len(workspace.jobs.get_run(run_id).tasks or []) == 250


class Page(TypedDict, total=False):
    runs: list[dict[str, object]]
    tasks: list[dict[str, object]]
    has_more: bool
    next_page_token: str


def ask(api: ApiClient, path: str, **query: object) -> Page:
    return cast("Page", api.do("GET", path, query=query))


class TestCredentials:
    def test_a_service_principal_logs_in_with_its_secret(self, server: DatabricksServer) -> None:
        workspace = WorkspaceClient(
            host=server.url, client_id="robot", client_secret="robots secret", auth_type="oauth-m2m"
        )
        assert list(workspace.jobs.list_runs()) == []

    def test_a_wrong_secret_gets_no_token(self, server: DatabricksServer) -> None:
        with pytest.raises((ValueError, DatabricksError), match="invalid_client"):
            list(
                WorkspaceClient(
                    host=server.url, client_id="robot", client_secret="wrong", auth_type="oauth-m2m"
                ).jobs.list_runs()
            )

    @pytest.mark.parametrize(
        ("form", "error"),
        [
            (
                b"grant_type=password&scope=all-apis&client_id=robot&client_secret=robots secret",
                "unsupported_grant_type",
            ),
            (b"grant_type=client_credentials&scope=sql&client_id=robot&client_secret=robots secret", "invalid_scope"),
            (b"grant_type=client_credentials&scope=all-apis", "invalid_client"),
        ],
    )
    def test_a_token_request_must_be_what_machine_to_machine_sends(
        self, server: DatabricksServer, form: bytes, error: str
    ) -> None:
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(f"{server.url}/oidc/v1/token", data=form)
        with refusal.value as response:
            assert error in response.read().decode()

    def test_a_wrong_token_is_401(self, server: DatabricksServer) -> None:
        workspace = WorkspaceClient(host=server.url, token="guessed", auth_type="pat")
        with pytest.raises(Unauthenticated, match="Invalid or expired access token"):
            list(workspace.jobs.list_runs())

    def test_no_token_is_401(self, server: DatabricksServer) -> None:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{server.url}/api/2.2/jobs/runs/list")

    def test_an_expired_access_token_is_401(self, server: DatabricksServer, runner: HeldRunner, tmp_path: Path) -> None:
        workspace = WorkspaceClient(
            host=server.url, client_id="robot", client_secret="robots secret", auth_type="oauth-m2m"
        )
        assert list(workspace.jobs.list_runs()) == []
        server.authority.revoke_access_tokens()
        with pytest.raises(Unauthenticated):
            list(workspace.jobs.list_runs())


SCRIPT = {"python_file": "s3://lake/a.py"}
GOOD = {"task_key": "a", "existing_cluster_id": "c", "spark_python_task": SCRIPT}


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({}, "tasks has 0 entries. A run has 1 to 1000 tasks."),
            ({"tasks": {"a": 1}}, "Expected a list of maps for field tasks, got {'a': 1}"),
            ({"tasks": [{**GOOD, "task_key": "a b"}]}, "Invalid task_key 'a b'."),
            ({"tasks": [{**GOOD, "task_key": 7}]}, "Expected a string for field task_key, got 7"),
            ({"tasks": [GOOD, GOOD]}, "task_key 'a' is used more than once."),
            ({"tasks": [{"task_key": "a", "existing_cluster_id": "c"}]}, "Task 'a' must have exactly one type of task"),
            ({"tasks": [{**GOOD, "sql_task": {}}]}, "but has ['spark_python_task', 'sql_task']."),
            (
                {"tasks": [{"task_key": "a", "existing_cluster_id": "c", "notebook_task": {}}]},
                "Missing required field: notebook_path",
            ),
            (
                {"tasks": [{"task_key": "a", "spark_python_task": SCRIPT}]},
                "existing_cluster_id, environment_key, but has none.",
            ),
            ({"tasks": [{**GOOD, "new_cluster": {}}]}, "but has new_cluster and existing_cluster_id."),
            (
                {"tasks": [{"task_key": "a", "environment_key": "e", "spark_python_task": SCRIPT}]},
                "environment_key 'e' of task 'a' is not among the environments.",
            ),
            ({"tasks": [{**GOOD, "spark_python_task": {}}]}, "Missing required field: python_file"),
            ({"tasks": [{**GOOD, "spark_python_task": "a.py"}]}, "spark_python_task of task 'a' is not a map"),
            (
                {"tasks": [{**GOOD, "spark_python_task": {**SCRIPT, "parameters": ["x", 1]}}]},
                "Expected a list of strings for field parameters, got ['x', 1]",
            ),
            ({"tasks": [{**GOOD, "depends_on": [{"task_key": "z"}]}]}, "Task 'a' depends on 'z', which is not a task"),
            (
                {
                    "tasks": [
                        {**GOOD, "depends_on": [{"task_key": "b"}]},
                        {**GOOD, "task_key": "b", "depends_on": [{"task_key": "a"}]},
                    ]
                },
                "The tasks depend on each other in a cycle: ",
            ),
            (
                {"tasks": [{**GOOD, "run_if": "ALWAYS"}]},
                "run_if of task 'a' is 'ALWAYS'. It must be one of ALL_SUCCESS",
            ),
            ({"tasks": [GOOD], "timeout_seconds": -1}, "timeout_seconds is -1. It must be a whole number"),
            ({"tasks": [GOOD], "timeout_seconds": True}, "timeout_seconds is True."),
        ],
    )
    def test_a_bad_submit_says_what_is_wrong(self, api: ApiClient, body: dict[str, object], message: str) -> None:
        with pytest.raises(BadRequest) as refusal:
            api.do("POST", "/api/2.2/jobs/runs/submit", body=body)
        assert message in str(refusal.value)

    def test_a_body_that_is_no_map_is_malformed(self, server: DatabricksServer) -> None:
        status_code, text = refused(server, "/api/2.2/jobs/runs/submit", b"[]")
        assert status_code == 400
        assert json.loads(text) == {
            "error_code": "MALFORMED_REQUEST",
            "message": "Invalid JSON given in the body of the request - expected a map",
        }

    def test_a_body_that_is_no_json_is_malformed(self, server: DatabricksServer) -> None:
        status_code, text = refused(server, "/api/2.1/jobs/runs/cancel", b"{")
        assert status_code == 400
        assert '"error_code":"MALFORMED_REQUEST"' in text

    def test_an_api_that_does_not_exist_is_404(self, api: ApiClient) -> None:
        with pytest.raises(NotFound, match=r"No API found for 'POST /api/2\.0/jobs/runs/submit'"):
            api.do("POST", "/api/2.0/jobs/runs/submit", body={})

    def test_a_run_that_does_not_exist_is_refused_as_databricks_does(self, workspace: WorkspaceClient) -> None:
        with pytest.raises(ResourceDoesNotExist, match="Run 12 does not exist"):
            workspace.jobs.get_run(12)

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ({"limit": 26}, "limit is '26'. It must be a whole number from 1 to 25"),
            ({"limit": "many"}, "limit is 'many'."),
            ({"page_token": "x"}, "Invalid page_token 'x'."),
            ({"active_only": "yes"}, "active_only is 'yes'. It must be true or false."),
            ({"active_only": "true", "completed_only": "true"}, "active_only and completed_only cannot both be true."),
        ],
    )
    def test_a_bad_list_says_what_is_wrong(self, api: ApiClient, query: dict[str, object], message: str) -> None:
        with pytest.raises(InvalidParameterValue) as refusal:
            api.do("GET", "/api/2.2/jobs/runs/list", query=query)
        assert message in str(refusal.value)

    @pytest.mark.parametrize(
        ("query", "message"),
        [({}, "Missing required field: run_id"), ({"run_id": "seven"}, "run_id 'seven' is not an integer")],
    )
    def test_a_bad_get_says_what_is_wrong(self, api: ApiClient, query: dict[str, object], message: str) -> None:
        with pytest.raises(BadRequest) as refusal:
            api.do("GET", "/api/2.2/jobs/runs/get", query=query)
        assert message in str(refusal.value)


def refused(server: DatabricksServer, path: str, data: bytes) -> tuple[int, str]:
    request = urllib.request.Request(server.url + path, data=data, headers={"Authorization": "Bearer personal"})
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request)
    with refusal.value as response:
        return response.code, response.read().decode()
