"""Runs that follow a script, in simulated time."""

from collections.abc import Iterator

import pytest

from tests.local.databricks.caller import Caller
from zflow_constructs.local.databricks.clock import SimulatedClock
from zflow_constructs.local.databricks.conditions import JsonObject
from zflow_constructs.local.databricks.scripted import (
    CANCELED,
    CLOUD_FAILURE,
    FAILED,
    FIRST_RUN_ID,
    PENDING,
    RUNNING,
    SUCCESS,
    TERMINATING,
    Script,
    TaskScript,
    ends,
    goes_on,
    state,
)
from zflow_constructs.local.databricks.scripted_workspace import Workspace
from zflow_constructs.local.databricks.shown import Output


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with Workspace(SimulatedClock()) as workspace:
        yield workspace


@pytest.fixture
def caller(workspace: Workspace) -> Caller:
    return Caller(workspace.url)


def condition(document: JsonObject) -> JsonObject:
    return {name: document[name] for name in ("state", "status") if name in document}


def tasks(document: JsonObject) -> list[JsonObject]:
    shown = document["tasks"]
    assert isinstance(shown, list)
    return shown


class TestTime:
    def test_a_run_follows_its_timeline(self, workspace: Workspace, caller: Caller) -> None:
        unheard = state("HIBERNATING")
        workspace.scripts.append(Script(timeline=((0, PENDING), (10, RUNNING), (20, unheard), (90, SUCCESS))))
        run_id = caller.submit()
        seen = []
        for seconds in (0, 9.5, 0.5, 10, 69, 1):
            workspace.clock.advance(seconds)
            seen.append(condition(caller.run(run_id)))
        assert seen == [PENDING, PENDING, RUNNING, unheard, unheard, SUCCESS]

    def test_its_times_are_those_of_the_clock(self, workspace: Workspace, caller: Caller) -> None:
        run_id = caller.submit()
        assert caller.run(run_id)["start_time"] == 1_700_000_000_000
        assert caller.run(run_id)["end_time"] == 0
        workspace.clock.advance(100)
        run = caller.run(run_id)
        assert (run["end_time"], run["execution_duration"], run["run_duration"]) == (
            1_700_000_060_000,
            50_000,
            60_000,
        )

    def test_nobody_waits_for_it(self, workspace: Workspace, caller: Caller) -> None:
        workspace.scripts.append(ends(SUCCESS, after=30 * 86_400))
        run_id = caller.submit()
        workspace.clock.advance(30 * 86_400)
        assert condition(caller.run(run_id)) == SUCCESS
        assert workspace.clock.naps == []

    @pytest.mark.parametrize(
        "end",
        [
            FAILED,
            CLOUD_FAILURE,
            state("SKIPPED", code="MAX_CONCURRENT_RUNS_EXCEEDED"),
            state("INTERNAL_ERROR", "FAILED", "The driver is gone.", code="DRIVER_ERROR", kind="INTERNAL_ERROR"),
            state("TERMINATED", "EXCELLENT", code="A_CODE_OF_TOMORROW", kind="A_TYPE_OF_TOMORROW"),
            {"status": SUCCESS["status"]},
            {"state": SUCCESS["state"]},
        ],
    )
    def test_it_may_end_in_any_way(self, workspace: Workspace, caller: Caller, end: JsonObject) -> None:
        workspace.scripts.append(ends(end, after=0))
        run_id = caller.submit()
        assert condition(caller.run(run_id)) == end
        assert caller.get("runs/list", active_only="true").document == {"has_more": False}

    def test_timeout_seconds_ends_it_if_its_script_keeps_the_limit(self, workspace: Workspace, caller: Caller) -> None:
        workspace.scripts.extend([Script(keeps_limit=True), Script(), Script(keeps_limit=True)])
        kept, overrun, in_time = (caller.submit(timeout_seconds=limit) for limit in (30, 30, 60))
        workspace.clock.advance(60)
        states = [workspace.state_of(str(run_id)) for run_id in (kept, overrun, in_time)]
        assert states == ["TIMEDOUT", "SUCCESS", "SUCCESS"]
        assert caller.run(kept)["end_time"] == 1_700_000_030_000
        assert caller.run(kept)["status"] == {
            "state": "TERMINATED",
            "termination_details": {
                "code": "CANCELED",
                "type": "CLIENT_ERROR",
                "message": "Run exceeded its timeout_seconds.",
            },
        }


class TestCancellation:
    def test_it_takes_its_time(self, workspace: Workspace, caller: Caller) -> None:
        workspace.scripts.append(goes_on(cancel_seconds=20))
        run_id = caller.submit()
        assert caller.post("runs/cancel", run_id=run_id).document == {}
        assert condition(caller.run(run_id)) == TERMINATING
        workspace.clock.advance(19)
        caller.post("runs/cancel", run_id=run_id)
        assert condition(caller.run(run_id)) == TERMINATING
        workspace.clock.advance(1)
        assert condition(caller.run(run_id)) == CANCELED
        assert [condition(task) for task in tasks(caller.run(run_id))] == [CANCELED]

    def test_it_changes_nothing_of_what_has_ended(self, workspace: Workspace, caller: Caller) -> None:
        workspace.scripts.append(ends(FAILED, after=5))
        run_id = caller.submit()
        workspace.clock.advance(5)
        caller.post("runs/cancel", run_id=run_id)
        workspace.clock.advance(60)
        assert condition(caller.run(run_id)) == FAILED

    def test_a_task_does_not_outlive_its_run(self, workspace: Workspace, caller: Caller) -> None:
        done = TaskScript("done", timeline=((0, SUCCESS),))
        slow = TaskScript("slow", timeline=((0, RUNNING), (999, SUCCESS)))
        workspace.scripts.append(Script(timeline=((0, RUNNING),), tasks=[done, slow]))
        run_id = caller.submit()
        caller.post("runs/cancel", run_id=run_id)
        workspace.clock.advance(8)
        assert [condition(task) for task in tasks(caller.run(run_id))] == [SUCCESS, CANCELED]


class TestTasks:
    def test_those_that_were_asked_for_go_as_the_run_goes(self, workspace: Workspace, caller: Caller) -> None:
        workspace.scripts.append(ends(FAILED))
        run_id = caller.submit(tasks=[{"task_key": "a", "sql_task": {"warehouse_id": "w", "query": {}}}])
        (task,) = tasks(caller.run(run_id))
        assert (task["task_key"], task["sql_task"]) == ("a", {"warehouse_id": "w", "query": {}})
        assert condition(task) == RUNNING
        workspace.clock.advance(60)
        assert condition(tasks(caller.run(run_id))[0]) == FAILED

    def test_each_attempt_is_shown_with_its_own_end_and_output(self, workspace: Workspace, caller: Caller) -> None:
        lost = Output(error="OSError: lost", error_trace="Traceback\nOSError: lost", logs="reading\n")
        first = TaskScript("train", timeline=((0, RUNNING), (20, FAILED)), run_id=12, output=lost)
        second = TaskScript(
            "train", timeline=((0, PENDING), (40, SUCCESS)), attempt=1, output=Output(result='{"auc": 1}')
        )
        workspace.scripts.append(ends(SUCCESS, tasks=[first, second]))
        run_id = caller.submit()
        workspace.clock.advance(60)
        shown = tasks(caller.run(run_id))
        assert [(task["attempt_number"], condition(task), task["end_time"]) for task in shown] == [
            (0, FAILED, 1_700_000_020_000),
            (1, SUCCESS, 1_700_000_040_000),
        ]
        outputs = [caller.get("runs/get-output", run_id=task["run_id"]).document for task in shown]
        assert (outputs[0]["error"], outputs[0]["error_trace"]) == ("OSError: lost", "Traceback\nOSError: lost")
        assert (outputs[0]["logs"], outputs[0]["logs_truncated"]) == ("reading\n", False)
        assert "notebook_output" not in outputs[0]
        assert outputs[1]["notebook_output"] == {"result": '{"auc": 1}', "truncated": False}
        assert "error" not in outputs[1]

    def test_an_output_has_five_megabytes_of_the_result_and_of_the_log(
        self, workspace: Workspace, caller: Caller
    ) -> None:
        limit = 5 * 1024 * 1024
        long = Output(result="r" * limit + "cut", logs="cut" + "l" * limit)
        workspace.scripts.append(ends(SUCCESS, tasks=[TaskScript("main", output=long)]))
        output = caller.get("runs/get-output", run_id=caller.submit()).document
        assert output["notebook_output"] == {"result": "r" * limit, "truncated": True}
        assert (output["logs"], output["logs_truncated"]) == ("l" * limit, True)

    def test_an_output_may_have_fields_of_its_own(self, workspace: Workspace, caller: Caller) -> None:
        cut: JsonObject = {"notebook_output": {"result": '{"auc"', "truncated": True}, "dbt_output": {}}
        workspace.scripts.append(ends(SUCCESS, tasks=[TaskScript("main", output=Output(logs="fit\n", fields=cut))]))
        output = caller.get("runs/get-output", run_id=caller.submit()).document
        assert {name: output[name] for name in ("notebook_output", "dbt_output", "logs")} == {**cut, "logs": "fit\n"}

    def test_an_output_may_be_said_by_the_id_of_the_task_run(self, workspace: Workspace, caller: Caller) -> None:
        run_id = caller.submit()
        (task,) = tasks(caller.run(run_id))
        workspace.outputs[str(task["run_id"])] = Output(error="KeyError: 'amount'")
        assert caller.get("runs/get-output", run_id=run_id).document["error"] == "KeyError: 'amount'"

    def test_250_of_them_come_in_three_pages(self, workspace: Workspace, caller: Caller) -> None:
        workspace.scripts.append(ends(SUCCESS, tasks=[TaskScript(f"part-{number}") for number in range(250)]))
        run_id = caller.submit()
        pages = [caller.run(run_id)]
        while "next_page_token" in pages[-1]:
            pages.append(caller.run(run_id, page_token=pages[-1]["next_page_token"]))
        assert [len(tasks(page)) for page in pages] == [100, 100, 50]


class TestIdentity:
    def test_ids_are_counted_from_what_a_double_cannot_tell_from_its_neighbour(self, caller: Caller) -> None:
        assert [caller.submit(), caller.submit()] == [FIRST_RUN_ID, FIRST_RUN_ID + 1]
        assert int(float(FIRST_RUN_ID)) != FIRST_RUN_ID

    def test_one_token_is_one_run_with_what_was_submitted(self, workspace: Workspace, caller: Caller) -> None:
        first = caller.submit(idempotency_token="t", run_name="m:e:Train")
        assert caller.submit(idempotency_token="t", run_name="m:e:Train") == first
        assert caller.submit(idempotency_token="u") != first
        assert workspace.runs[first].request["run_name"] == "m:e:Train"
        assert caller.run(first)["run_page_url"] == f"{workspace.url}/?o=1#job/77/run/{first}"

    @pytest.mark.parametrize(
        ("status", "error_code"), [(400, "INVALID_PARAMETER_VALUE"), (404, "RESOURCE_DOES_NOT_EXIST")]
    )
    def test_a_run_is_forgotten_after_its_time(
        self, workspace: Workspace, caller: Caller, status: int, error_code: str
    ) -> None:
        workspace.scripts.append(Script(forgotten_after=60 * 86_400, forgotten_status=status))
        run_id = caller.submit()
        workspace.clock.advance(60 * 86_400 - 1)
        assert condition(caller.run(run_id)) == SUCCESS
        workspace.clock.advance(1)
        answer = caller.get("runs/get", run_id=run_id)
        assert answer.status == status
        assert answer.document == {"error_code": error_code, "message": f"Run {run_id} does not exist."}
        assert caller.get("runs/list").document == {"has_more": False}

    def test_the_list_of_active_runs_comes_in_pages(self, workspace: Workspace, caller: Caller) -> None:
        workspace.scripts.extend([goes_on(), ends(SUCCESS, after=0), goes_on(), goes_on()])
        ids = [caller.submit() for _ in range(4)]
        first = caller.get("runs/list", active_only="true", limit=2).document
        last = caller.get("runs/list", active_only="true", limit=2, page_token=first["next_page_token"]).document
        listed = [run["run_id"] for page in (first, last) for run in page["runs"]]  # type: ignore[attr-defined]
        assert listed == [ids[3], ids[2], ids[0]]
        assert (first["has_more"], last["has_more"]) == (True, False)

    def test_runs_are_listed_by_when_they_started(self, workspace: Workspace, caller: Caller) -> None:
        early = caller.submit()
        workspace.clock.advance(100)
        late = caller.submit()

        def listed(**query: object) -> list[object]:
            runs = caller.get("runs/list", **query).document.get("runs", [])
            assert isinstance(runs, list)
            return [run["run_id"] for run in runs]

        assert listed(start_time_from=1_700_000_000_001) == [late]
        assert listed(start_time_to=1_700_000_000_000) == [early]


class TestRepairs:
    @pytest.fixture
    def failed(self, workspace: Workspace, caller: Caller) -> int:
        """A run that ended with one task of two failed, and whose repair fails once more."""
        plan = [
            TaskScript("clean", timeline=((0, SUCCESS),)),
            TaskScript("train", timeline=((0, RUNNING), (60, FAILED))),
        ]
        again = [TaskScript("train", timeline=((0, RUNNING), (30, FAILED)), attempt=1)]
        workspace.scripts.extend([ends(FAILED, tasks=plan), ends(FAILED, after=30, tasks=again)])
        run_id = caller.submit()
        workspace.clock.advance(60)
        assert condition(caller.run(run_id)) == FAILED
        return run_id

    def repair(self, caller: Caller, run_id: int, **fields: object) -> object:
        answer = caller.post("runs/repair", run_id=run_id, rerun_all_failed_tasks=True, **fields)
        return answer.document.get("repair_id", answer.document.get("message"))

    def test_a_repaired_run_is_active_again_with_new_attempts(
        self, workspace: Workspace, caller: Caller, failed: int
    ) -> None:
        first = self.repair(caller, failed)
        assert condition(caller.run(failed)) == RUNNING
        workspace.clock.advance(40)
        assert condition(caller.run(failed)) == FAILED
        second = self.repair(caller, failed, latest_repair_id=first)
        workspace.clock.advance(60)
        run = caller.run(failed, include_history="true")
        assert condition(run) == SUCCESS
        assert [(task["task_key"], task["attempt_number"], condition(task)) for task in tasks(run)] == [
            ("clean", 0, SUCCESS),
            ("train", 0, FAILED),
            ("train", 1, FAILED),
            ("train", 2, SUCCESS),
        ]
        assert workspace.runs[failed].repairs == [(first, 1_700_000_060), (second, 1_700_000_100)]
        ids = [task["run_id"] for task in tasks(run)]
        history = run["repair_history"]
        assert isinstance(history, list)
        assert [{name: item.get(name) for name in ("type", "id", "task_run_ids")} for item in history] == [
            {"type": "ORIGINAL", "id": None, "task_run_ids": ids[:2]},
            {"type": "REPAIR", "id": first, "task_run_ids": ids[2:3]},
            {"type": "REPAIR", "id": second, "task_run_ids": ids[3:]},
        ]
        assert [condition(item) for item in history] == [FAILED, FAILED, SUCCESS]
        assert [(item["start_time"], item["end_time"]) for item in history] == [
            (1_700_000_000_000, 1_700_000_060_000),
            (1_700_000_060_000, 1_700_000_090_000),
            (1_700_000_100_000, 1_700_000_160_000),
        ]

    def test_the_latest_repair_must_be_named(self, workspace: Workspace, caller: Caller, failed: int) -> None:
        assert self.repair(caller, failed, latest_repair_id=5) == (
            f"latest_repair_id is 5. The latest repair of run {failed} is none."
        )
        first = self.repair(caller, failed)
        assert self.repair(caller, failed, latest_repair_id=first) == (
            f"Run {failed} is active and cannot be repaired. Repair it once it has ended."
        )
        workspace.clock.advance(40)
        assert self.repair(caller, failed) == (
            "The latest repair ID needs to be provided in order to create a new repair."
        )
        assert self.repair(caller, failed, latest_repair_id=5) == (
            f"latest_repair_id is 5. The latest repair of run {failed} is {first}."
        )

    def test_a_run_that_was_cancelled_can_be_repaired(self, workspace: Workspace, caller: Caller) -> None:
        workspace.scripts.append(goes_on())
        run_id = caller.submit()
        caller.post("runs/cancel", run_id=run_id)
        workspace.clock.advance(8)
        assert isinstance(self.repair(caller, run_id), int)
        workspace.clock.advance(60)
        assert [condition(task) for task in tasks(caller.run(run_id))] == [CANCELED, SUCCESS]

    def test_a_success_has_nothing_to_repair(self, workspace: Workspace, caller: Caller) -> None:
        run_id = caller.submit()
        workspace.clock.advance(60)
        assert self.repair(caller, run_id) == (
            f"Run {run_id} has no failed tasks, and rerun_tasks names none: nothing can be repaired."
        )

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({}, "Exactly one of rerun_tasks and rerun_all_failed_tasks must be given."),
            ({"rerun_tasks": ["score"]}, "rerun_tasks names 'score'. The tasks of run RUN are: clean, train."),
            (
                {"rerun_all_failed": True},
                "The body of runs/repair has no field rerun_all_failed. Did you mean rerun_all_failed_tasks?",
            ),
        ],
    )
    def test_a_bad_repair_says_what_is_wrong(
        self, caller: Caller, failed: int, fields: dict[str, object], message: str
    ) -> None:
        answer = caller.post("runs/repair", run_id=failed, **fields)
        assert (answer.status, answer.document["message"]) == (400, message.replace("RUN", str(failed)))

    def test_tasks_are_run_again_by_name_also_those_that_succeeded(self, caller: Caller, failed: int) -> None:
        caller.post("runs/repair", run_id=failed, rerun_tasks=["clean", "train"])
        shown = [(task["task_key"], task["attempt_number"]) for task in tasks(caller.run(failed))]
        assert shown == [("clean", 0), ("train", 0), ("train", 1)]
