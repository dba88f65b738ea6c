"""Jobs that the server was given: run, looked up, and their runs repaired, really run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.databricks.caller import Caller
from tests.local.databricks.held_runner import HeldRunner, wait_until
from zflow_constructs.local.databricks.auth import Authority
from zflow_constructs.local.databricks.conditions import JsonObject
from zflow_constructs.local.databricks.reading import Json
from zflow_constructs.local.databricks.runner import TaskOutcome
from zflow_constructs.local.databricks.scheduler import Scheduler
from zflow_constructs.local.databricks.server import DatabricksServer

FAILED = TaskOutcome("FAILED", "ValueError: no rows")


def script(key: str, *parameters: str, after: tuple[str, ...] = ()) -> Json:
    return {
        "task_key": key,
        "job_cluster_key": "small",
        "depends_on": [{"task_key": upstream} for upstream in after],
        "spark_python_task": {"python_file": f"s3://lake/{key}.py", "parameters": list(parameters)},
    }


JOBS: dict[int, Json] = {
    7: {
        "name": "Nightly",
        "tasks": [script("a", "--country", "{{job.parameters.country}}"), script("b", after=("a",))],
        "parameters": [{"name": "country", "default": "de"}, {"name": "day", "default": ""}],
    },
    8: {"name": "Queued", "tasks": [script("q")], "queue": {"enabled": True}},
    9: {
        "name": "Outer",
        "tasks": [
            {"task_key": "inner", "run_job_task": {"job_id": 7, "job_parameters": {"country": "at"}}},
            {"task_key": "lost", "run_job_task": {"job_id": 404}},
        ],
    },
    10: {"name": "Wide", "tasks": [script(f"t{number}") for number in range(101)], "max_concurrent_runs": 2},
    11: {"name": "Limited", "tasks": [script("slow")], "timeout_seconds": 1},
}


@pytest.fixture
def runner() -> HeldRunner:
    return HeldRunner()


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def heard() -> list[str]:
    """What the lines were heard as."""
    return []


@pytest.fixture
def caller(runner: HeldRunner, lines: list[str], heard: list[str], tmp_path: Path) -> Iterator[Caller]:
    def hear(run: str, line: str) -> None:
        heard.append(run)
        lines.append(line)

    scheduler = Scheduler(runner=runner, folder=tmp_path, jobs=JOBS, on_line=hear, max_active_runs=1)
    with DatabricksServer(scheduler, authority=Authority(tokens=["personal-token-1"])) as server:
        yield Caller(server.url)


def started(caller: Caller, job_id: int, **fields: object) -> int:
    answer = caller.post("run-now", job_id=job_id, **fields)
    assert answer.status == 200, answer.text
    run_id = answer.document["run_id"]
    assert isinstance(run_id, int)
    return run_id


def state(caller: Caller, run_id: int) -> str:
    return str(condition(caller.run(run_id))[0])


def condition(document: JsonObject) -> tuple[object, object, object]:
    """Life-cycle state, result state, and code of the termination."""
    old, new = document["state"], document["status"]
    assert isinstance(old, dict)
    assert isinstance(new, dict)
    return old["life_cycle_state"], old.get("result_state"), new.get("termination_details", {}).get("code")


def finished(caller: Caller, run_id: int) -> JsonObject:
    wait_until(lambda: state(caller, run_id) in ("TERMINATED", "SKIPPED", "INTERNAL_ERROR"))
    return caller.run(run_id)


def tasks(document: JsonObject) -> list[JsonObject]:
    shown = document["tasks"]
    assert isinstance(shown, list)
    return shown


class TestRunNow:
    def test_a_run_of_a_job_has_its_name_id_and_tasks(self, caller: Caller, runner: HeldRunner) -> None:
        runner.finish("a")
        runner.finish("b")
        run = finished(caller, started(caller, 7))
        assert (run["job_id"], run["run_type"], run["run_name"]) == (7, "JOB_RUN", "Nightly")
        assert condition(run) == ("TERMINATED", "SUCCESS", "SUCCESS")
        assert [task["task_key"] for task in tasks(run)] == ["a", "b"]

    def test_job_parameters_take_the_place_of_their_defaults(
        self, caller: Caller, runner: HeldRunner, lines: list[str]
    ) -> None:
        runner.finish("a")
        runner.finish("b")
        finished(caller, started(caller, 7))
        run = finished(caller, started(caller, 7, job_parameters={"country": 'a"t', "extra": "1"}))
        assert [line for line in lines if line.startswith("a")] == [
            "a runs s3://lake/a.py --country de",
            'a runs s3://lake/a.py --country a"t',
        ]
        assert run["job_parameters"] == [
            {"name": "country", "default": "de", "value": 'a"t'},
            {"name": "day", "default": "", "value": ""},
            {"name": "extra", "default": "", "value": "1"},
        ]

    def test_older_parameters_take_the_place_of_the_tasks_own(
        self, caller: Caller, runner: HeldRunner, lines: list[str]
    ) -> None:
        runner.finish("a")
        runner.finish("b")
        run = finished(caller, started(caller, 7, python_params=["--country", "fr"]))
        assert lines == ["a runs s3://lake/a.py --country fr", "b runs s3://lake/b.py --country fr"]
        assert run["overriding_parameters"] == {"python_params": ["--country", "fr"]}

    def test_one_token_is_one_run(self, caller: Caller) -> None:
        assert started(caller, 7, idempotency_token="t") == started(caller, 7, idempotency_token="t")

    def test_the_jobs_own_limit_of_time_ends_its_run(self, caller: Caller) -> None:
        assert condition(finished(caller, started(caller, 11))) == ("TERMINATED", "TIMEDOUT", "CANCELED")

    def test_a_run_beyond_the_jobs_limit_is_skipped(self, caller: Caller, runner: HeldRunner) -> None:
        started(caller, 7)
        wait_until(lambda: runner.started == ["a"])
        run = finished(caller, started(caller, 7))
        assert condition(run) == ("SKIPPED", None, "MAX_CONCURRENT_RUNS_EXCEEDED")
        assert runner.started == ["a"]

    def test_or_waits_if_the_job_has_a_queue(self, caller: Caller, runner: HeldRunner) -> None:
        first, second = started(caller, 8), started(caller, 8)
        wait_until(lambda: state(caller, second) == "QUEUED")
        runner.finish("q")
        for run_id in (first, second):
            assert condition(finished(caller, run_id)) == ("TERMINATED", "SUCCESS", "SUCCESS")

    def test_runs_are_listed_by_type_and_job(self, caller: Caller) -> None:
        nightly, queued = started(caller, 7), started(caller, 8)
        submitted = caller.submit()

        def listed(**query: object) -> list[object]:
            runs = caller.get("runs/list", **query).document.get("runs", [])
            assert isinstance(runs, list)
            return [run["run_id"] for run in runs]

        assert listed(run_type="JOB_RUN") == [queued, nightly]
        assert listed(run_type="SUBMIT_RUN") == [submitted]
        assert listed(job_id=7) == [nightly]
        assert listed(run_type="WORKFLOW_RUN") == []

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({}, "Missing required field: job_id"),
            ({"job_id": 12}, "Job 12 does not exist."),
            ({"job_id": "7"}, "Expected an integer for field job_id, got '7'"),
            (
                {"job_id": 7, "job_params": {}},
                "The body of run-now has no field job_params. Did you mean job_parameters?",
            ),
            (
                {"job_id": 7, "job_parameters": {"day": 1}},
                "Expected a map of strings for field job_parameters, got {'day': 1}",
            ),
            (
                {"job_id": 7, "job_parameters": {"day": "1"}, "jar_params": ["x"]},
                "The parameters jar_params, job_parameters don't mix. Give one kind of them, best job_parameters.",
            ),
            (
                {"job_id": 7, "notebook_params": {"a": "1"}, "jar_params": ["x"]},
                "The parameters jar_params, notebook_params don't mix. Give one kind of them, best job_parameters.",
            ),
            (
                {"job_id": 7, "python_params": ["x" * 9_997]},
                "python_params has 10001 bytes as JSON. It may have at most 10000.",
            ),
            (
                {"job_id": 7, "idempotency_token": "t" * 65},
                "idempotency_token has 65 characters. It must have at most 64 characters.",
            ),
        ],
    )
    def test_a_bad_request_says_what_is_wrong(self, caller: Caller, fields: dict[str, object], message: str) -> None:
        answer = caller.post("run-now", **fields)
        assert (answer.status, answer.document["message"]) == (400, message)

    def test_parameters_of_just_10000_bytes_are_accepted(self, caller: Caller) -> None:
        assert caller.post("run-now", job_id=7, python_params=["x" * 9_996]).status == 200


class TestJobs:
    def test_a_job_is_shown_with_its_settings(self, caller: Caller) -> None:
        job = caller.get("get", job_id=7).document
        assert (job["job_id"], job["settings"]) == (7, JOBS[7])

    def test_a_job_of_101_tasks_comes_in_two_pages(self, caller: Caller) -> None:
        first = caller.get("get", job_id=10).document
        last = caller.get("get", job_id=10, page_token=first["next_page_token"]).document
        counts = [len(tasks(page["settings"])) for page in (first, last)]  # type: ignore[arg-type]
        assert (counts, "next_page_token" in last) == ([100, 1], False)

    def test_a_job_that_does_not_exist_is_refused(self, caller: Caller) -> None:
        answer = caller.get("get", job_id=12)
        assert answer.status == 400
        assert answer.document == {"error_code": "INVALID_PARAMETER_VALUE", "message": "Job 12 does not exist."}


class TestJobsOfJobs:
    def test_a_task_runs_another_job_and_waits_for_it(
        self, caller: Caller, runner: HeldRunner, lines: list[str]
    ) -> None:
        outer = started(caller, 9)
        wait_until(lambda: runner.started == ["a"])
        runner.finish("a")
        runner.finish("b")
        run = finished(caller, outer)
        assert lines[0] == "a runs s3://lake/a.py --country at"
        inner, lost = tasks(run)
        assert condition(inner) == ("TERMINATED", "SUCCESS", "SUCCESS")
        output = caller.get("runs/get-output", run_id=inner["run_id"]).document
        started_by_it = caller.run(output["run_job_output"]["run_id"])  # type: ignore[index]
        assert (started_by_it["run_name"], condition(started_by_it)[1]) == ("Nightly", "SUCCESS")
        assert condition(lost) == ("INTERNAL_ERROR", "FAILED", "INVALID_RUN_CONFIGURATION")
        assert lost["state"]["state_message"] == "Job 404 does not exist."  # type: ignore[index]

    def test_its_lines_and_files_are_those_of_the_run_that_asked_for_it(
        self, caller: Caller, runner: HeldRunner, heard: list[str], tmp_path: Path
    ) -> None:
        runner.finish("a")
        runner.finish("b")
        outer = started(caller, 9)
        finished(caller, outer)
        assert set(heard) == {str(outer)}
        (inner,) = (tmp_path / f"Outer-{outer}" / "inner").iterdir()
        assert inner.name.startswith("Nightly-")
        assert sorted(task.name for task in inner.iterdir()) == ["a", "b"]

    def test_its_failure_is_the_tasks(self, caller: Caller, runner: HeldRunner) -> None:
        runner.finish("a", FAILED)
        inner = tasks(finished(caller, started(caller, 9)))[0]
        assert condition(inner) == ("TERMINATED", "FAILED", "RUN_EXECUTION_ERROR")
        error = str(caller.get("runs/get-output", run_id=inner["run_id"]).document["error"])
        assert error.endswith(
            "of job 7 failed: Task a failed with message: Workload failed, see run output for details."
            " This caused all downstream tasks to get skipped."
        )

    def test_cancelling_the_outer_run_cancels_the_inner_one(self, caller: Caller, runner: HeldRunner) -> None:
        outer = started(caller, 9)
        wait_until(lambda: runner.started == ["a"])
        caller.post("runs/cancel", run_id=outer)
        inner = tasks(finished(caller, outer))[0]
        assert condition(inner)[1] == "CANCELED"
        output = caller.get("runs/get-output", run_id=inner["run_id"]).document
        assert condition(caller.run(output["run_job_output"]["run_id"]))[1] == "CANCELED"  # type: ignore[index]


class TestRepairs:
    def test_a_repair_runs_again_what_was_no_success(self, caller: Caller, runner: HeldRunner) -> None:
        runner.finish("a", FAILED)
        run_id = started(caller, 7)
        assert condition(finished(caller, run_id)) == ("INTERNAL_ERROR", "FAILED", "RUN_EXECUTION_ERROR")
        runner.finish("a")
        runner.finish("b", FAILED)
        first = caller.post("runs/repair", run_id=run_id, rerun_all_failed_tasks=True).document["repair_id"]
        assert condition(finished(caller, run_id)) == ("INTERNAL_ERROR", "FAILED", "RUN_EXECUTION_ERROR")
        runner.finish("b")
        second = caller.post(
            "runs/repair", run_id=run_id, rerun_all_failed_tasks=True, latest_repair_id=first
        ).document["repair_id"]
        finished(caller, run_id)
        run = caller.run(run_id, include_history="true")
        assert condition(run) == ("TERMINATED", "SUCCESS", "SUCCESS")
        assert runner.started == ["a", "a", "b", "b"]
        assert [(task["task_key"], task["attempt_number"], condition(task)[1]) for task in tasks(run)] == [
            ("a", 0, "FAILED"),
            ("b", 0, "UPSTREAM_FAILED"),
            ("a", 1, "SUCCESS"),
            ("b", 1, "FAILED"),
            ("b", 2, "SUCCESS"),
        ]
        ids = [task["run_id"] for task in tasks(run)]
        history = run["repair_history"]
        assert isinstance(history, list)
        assert [(item["type"], item.get("id"), item["task_run_ids"], condition(item)[1]) for item in history] == [
            ("ORIGINAL", None, ids[:2], "FAILED"),
            ("REPAIR", first, ids[2:4], "FAILED"),
            ("REPAIR", second, ids[4:], "SUCCESS"),
        ]

    def test_a_run_under_repair_is_active_and_can_be_cancelled(self, caller: Caller, runner: HeldRunner) -> None:
        runner.finish("q", FAILED)
        run_id = started(caller, 8)
        finished(caller, run_id)
        runner.forget("q")
        caller.post("runs/repair", run_id=run_id, rerun_all_failed_tasks=True)
        wait_until(lambda: runner.started == ["q", "q"])
        run = caller.run(run_id)
        assert (condition(run), run["end_time"]) == (("RUNNING", None, None), 0)
        refused = caller.post("runs/repair", run_id=run_id, rerun_all_failed_tasks=True)
        assert refused.document["message"] == (
            f"Run {run_id} is active and cannot be repaired. Repair it once it has ended."
        )
        caller.post("runs/cancel", run_id=run_id)
        assert condition(finished(caller, run_id)) == ("TERMINATED", "CANCELED", "USER_CANCELED")
        assert [condition(task)[1] for task in tasks(caller.run(run_id))] == ["FAILED", "CANCELED"]
