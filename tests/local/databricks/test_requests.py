"""What runs/submit accepts: all kinds of tasks and their compute, and no name that the API doesn't have."""

import dataclasses
import inspect

import pytest
from databricks.sdk.service import jobs

from zflow_constructs.local.databricks import names
from zflow_constructs.local.databricks.conditions import JsonObject
from zflow_constructs.local.databricks.errors import ApiError
from zflow_constructs.local.databricks.requests import parse_run_now, parse_submit
from zflow_constructs.local.databricks.tasks import OtherWork, PythonFile, PythonWheel, RunJob, Work

CLUSTER: JsonObject = {"new_cluster": {"spark_version": "16.4.x-scala2.12", "node_type_id": "m5.xlarge"}}
SCRIPT: JsonObject = {"spark_python_task": {"python_file": "s3://lake/a.py"}}
WHEEL: JsonObject = {"python_wheel_task": {"package_name": "risk", "entry_point": "train"}}


def submitted(task: JsonObject, **fields: object) -> JsonObject:
    return {"tasks": [{"task_key": "main", **task}], **fields}


def work(task: JsonObject, **fields: object) -> Work:
    (parsed,) = parse_submit(submitted(task, **fields)).tasks
    return parsed.work


def refusal(body: object) -> str:
    with pytest.raises(ApiError) as error:
        parse_submit(body)
    assert error.value.status == 400
    return error.value.message


class TestKinds:
    @pytest.mark.parametrize(
        ("task", "expected"),
        [
            ({**SCRIPT, **CLUSTER}, PythonFile("s3://lake/a.py", ())),
            (
                {"spark_python_task": {"python_file": "dbfs:/a.py", "parameters": ["--x", "1"]}, **CLUSTER},
                PythonFile("dbfs:/a.py", ("--x", "1")),
            ),
            (
                {"spark_python_task": {"python_file": "jobs/a.py", "source": "GIT"}, "existing_cluster_id": "c"},
                PythonFile("jobs/a.py", ()),
            ),
            (
                {
                    "python_wheel_task": {"package_name": "risk", "entry_point": "train", "parameters": ["--x", "1"]},
                    "libraries": [{"whl": "s3://lake/risk.whl"}, {"pypi": {"package": "xgboost"}}],
                    **CLUSTER,
                },
                PythonWheel("risk", "train", ("--x", "1"), ("s3://lake/risk.whl",)),
            ),
            (
                {
                    "python_wheel_task": {
                        "package_name": "risk",
                        "entry_point": "train",
                        "named_parameters": {"country": "de", "day": "1"},
                    },
                    **CLUSTER,
                },
                PythonWheel("risk", "train", ("--country=de", "--day=1"), ()),
            ),
            (
                {"run_job_task": {"job_id": 7, "job_parameters": {"a": "b"}}},
                RunJob(7, {"job_id": 7, "job_parameters": {"a": "b"}}),
            ),
            ({"notebook_task": {"notebook_path": "/train"}, **CLUSTER}, OtherWork("notebook_task")),
            ({"notebook_task": {"notebook_path": "/train"}}, OtherWork("notebook_task")),
            ({"notebook_task": {"notebook_path": "/sql", "warehouse_id": "w"}}, OtherWork("notebook_task")),
            ({"sql_task": {"warehouse_id": "w", "query": {"query_id": "q"}}}, OtherWork("sql_task")),
            ({"pipeline_task": {"pipeline_id": "p", "full_refresh": True}}, OtherWork("pipeline_task")),
            ({"dbt_task": {"commands": ["dbt run"], "warehouse_id": "w"}, **CLUSTER}, OtherWork("dbt_task")),
            ({"spark_jar_task": {"main_class_name": "de.zflow.Main"}, **CLUSTER}, OtherWork("spark_jar_task")),
            ({"for_each_task": {"inputs": "[1]", "task": {}}}, OtherWork("for_each_task")),
        ],
    )
    def test_each_is_accepted_with_its_compute(self, task: JsonObject, expected: Work) -> None:
        assert work(task) == expected

    def test_a_serverless_wheel_is_among_the_dependencies_of_its_environment(self) -> None:
        spec = {"client": "3", "dependencies": ["xgboost==3.1", "s3://lake/risk.whl"]}
        environments = [{"environment_key": "default", "spec": spec}]
        assert work({**WHEEL, "environment_key": "default"}, environments=environments) == PythonWheel(
            "risk", "train", (), ("s3://lake/risk.whl",)
        )

    @pytest.mark.parametrize(
        ("task", "message"),
        [
            ({"spark_python_task": {}, **CLUSTER}, "Missing required field: python_file"),
            ({"python_wheel_task": {"package_name": "risk"}, **CLUSTER}, "Missing required field: entry_point"),
            ({"python_wheel_task": {"entry_point": "train"}, **CLUSTER}, "Missing required field: package_name"),
            ({"notebook_task": {}}, "Missing required field: notebook_path"),
            ({"spark_jar_task": {}, **CLUSTER}, "Missing required field: main_class_name"),
            ({"pipeline_task": {}}, "Missing required field: pipeline_id"),
            ({"dbt_task": {}, **CLUSTER}, "Missing required field: commands"),
            ({"sql_task": {"query": {}}}, "Missing required field: warehouse_id"),
            (
                {"sql_task": {"warehouse_id": "w", "query": {}, "file": {}}},
                "sql_task of task 'main' must have exactly one of query, dashboard, alert, file.",
            ),
            ({"run_job_task": {}}, "Missing required field: job_id"),
            ({"run_job_task": {"job_id": "7"}}, "Expected an integer for field job_id, got '7'"),
            (
                {
                    "python_wheel_task": {
                        "package_name": "risk",
                        "entry_point": "train",
                        "parameters": ["a"],
                        "named_parameters": {"b": "c"},
                    },
                    **CLUSTER,
                },
                "python_wheel_task of task 'main' has both parameters and named_parameters. Give one of them.",
            ),
        ],
    )
    def test_what_a_kind_needs_must_be_there(self, task: JsonObject, message: str) -> None:
        assert refusal(submitted(task)) == message

    @pytest.mark.parametrize(
        "task", [SCRIPT, WHEEL, {"spark_jar_task": {"main_class_name": "M"}}, {"dbt_task": {"commands": ["dbt run"]}}]
    )
    def test_what_needs_compute_must_have_it(self, task: JsonObject) -> None:
        assert refusal(submitted(task)) == (
            "Task 'main' must specify exactly one of new_cluster, existing_cluster_id, environment_key, but has none."
        )


class TestNames:
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (
                submitted({**SCRIPT, **CLUSTER}, run_nam="a"),
                "The body of runs/submit has no field run_nam. Did you mean run_name?",
            ),
            (
                submitted({**SCRIPT, **CLUSTER, "max_retry": 1}),
                "Task 'main' has no field max_retry. Did you mean max_retries?",
            ),
            (
                submitted({"spark_python_task": {"python_file": "s3://a/b.py", "paramters": []}, **CLUSTER}),
                "spark_python_task of task 'main' has no field paramters. Did you mean parameters?",
            ),
            (
                submitted({"spark_python_task": {"python_file": "s3://a/b.py", "x": 1}, **CLUSTER}),
                "spark_python_task of task 'main' has no field x. There are: parameters, python_file, source.",
            ),
            (
                submitted({**SCRIPT, "job_cluster_key": "small"}),
                "Task 'main' has no field job_cluster_key. Did you mean new_cluster?",
            ),
        ],
    )
    def test_one_that_does_not_exist_is_refused_as_a_typo(self, body: JsonObject, message: str) -> None:
        assert refusal(body) == message

    @pytest.mark.parametrize(
        ("known", "model"),
        [
            (names.TASK, jobs.SubmitTask),
            (names.JOB_TASK, jobs.Task),
            (names.KINDS["dbt_task"].split(), jobs.DbtTask),
            (names.KINDS["notebook_task"].split(), jobs.NotebookTask),
            (names.KINDS["pipeline_task"].split(), jobs.PipelineTask),
            (names.KINDS["python_wheel_task"].split(), jobs.PythonWheelTask),
            (names.KINDS["run_job_task"].split(), jobs.RunJobTask),
            (names.KINDS["spark_jar_task"].split(), jobs.SparkJarTask),
            (names.KINDS["spark_python_task"].split(), jobs.SparkPythonTask),
            (names.KINDS["sql_task"].split(), jobs.SqlTask),
            (names.LEGACY_PARAMETERS, jobs.RunParameters),
        ],
        ids=lambda value: value.__name__ if isinstance(value, type) else "",
    )
    def test_they_are_those_of_the_sdk(self, known: list[str], model: type) -> None:
        assert set(known) == {field.name for field in dataclasses.fields(model)}

    @pytest.mark.parametrize(
        ("known", "method"),
        [
            (names.SUBMIT, jobs.JobsAPI.submit),
            (names.RUN_NOW, jobs.JobsAPI.run_now),
            (names.REPAIR, jobs.JobsAPI.repair_run),
        ],
        ids=["submit", "run_now", "repair_run"],
    )
    def test_those_of_a_call_too(self, known: frozenset[str], method: object) -> None:
        assert callable(method)
        assert known == set(inspect.signature(method).parameters) - {"self"}

    def test_all_else_that_a_submission_has_is_accepted(self) -> None:
        body = submitted(
            {
                **SCRIPT,
                **CLUSTER,
                "max_retries": 1,
                "retry_on_timeout": False,
                "description": "d",
                "webhook_notifications": {},
            },
            git_source={"git_url": "https://example.com/a.git", "git_provider": "gitHub", "git_branch": "main"},
            access_control_list=[{"group_name": "users", "permission_level": "CAN_VIEW"}],
            queue={"enabled": True},
            run_as={"service_principal_name": "p"},
            notification_settings={},
            budget_policy_id="b",
        )
        request = parse_submit(body)
        assert (request.run_name, request.body) == ("Untitled", body)


JOB: JsonObject = {
    "name": "Nightly",
    "tasks": [
        {"task_key": "wheel", **CLUSTER, **WHEEL},
        {
            "task_key": "listed",
            **CLUSTER,
            "python_wheel_task": {
                "package_name": "risk",
                "entry_point": "train",
                "parameters": ["{{job.parameters.day}}"],
            },
        },
        {"task_key": "notebook", "notebook_task": {"notebook_path": "/a", "base_parameters": {"x": "1", "y": "2"}}},
        {"task_key": "jar", **CLUSTER, "spark_jar_task": {"main_class_name": "M", "parameters": ["own"]}},
    ],
}


class TestParametersOfARun:
    def bodies(self, **fields: object) -> dict[str, object]:
        """What each task does, by its key."""
        request = parse_run_now({"job_id": 7, **fields}, {7: JOB})
        return {
            task.key: next(value for name, value in task.body.items() if name.endswith("_task"))
            for task in request.tasks
        }

    def test_those_of_the_job_reach_by_themselves_what_takes_parameters_by_name(self) -> None:
        request = parse_run_now({"job_id": 7, "job_parameters": {"day": "1"}}, {7: JOB})
        works = [task.work for task in request.tasks[:2]]
        assert works == [
            PythonWheel("risk", "train", ("--day=1",), ()),
            PythonWheel("risk", "train", ("1",), ()),
        ]

    def test_named_ones_are_merged_with_a_tasks_own(self) -> None:
        assert self.bodies(notebook_params={"y": "3", "z": "4"})["notebook"] == {
            "notebook_path": "/a",
            "base_parameters": {"x": "1", "y": "3", "z": "4"},
        }
        bodies = self.bodies(python_named_params={"day": "2"})
        assert (
            bodies["wheel"]
            == bodies["listed"]
            == {"package_name": "risk", "entry_point": "train", "named_parameters": {"day": "2"}}
        )

    def test_listed_ones_take_the_place_of_a_tasks_own(self) -> None:
        assert self.bodies(jar_params=["new"])["jar"] == {"main_class_name": "M", "parameters": ["new"]}
        assert self.bodies(jar_params=["new"])["notebook"] == self.bodies()["notebook"]

    def test_the_job_stays_as_it_is(self) -> None:
        before = str(JOB)
        self.bodies(job_parameters={"day": "1"})
        assert str(JOB) == before
