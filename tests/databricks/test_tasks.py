"""What a Databricks run does and on what: each kind of task, of compute and of library, in the request."""

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import cast

import pytest
from aws_cdk import App, CfnParameter, Duration, Stack
from aws_cdk import aws_iam as iam
from packaging.utils import parse_wheel_filename

import zflow_constructs as zflow
from tests.core.machines import mapping
from tests.databricks.wheels import wheel
from tests.parts import CLUSTER, SCRIPT, SPARK_TASK, count, data, stack
from tests.parts import databricks_step as step
from tests.templates import ASSETS, Synthesized, allow, jsonata
from tests.texts import text_of
from zflow_constructs.core.values.templates import Json
from zflow_constructs.databricks.tasks.cluster_tasks import RunTask
from zflow_constructs.databricks.tasks.compute import Compute
from zflow_constructs.databricks.tasks.warehouse_tasks import ParameterKind

SERVERLESS = zflow.ServerlessCompute()
SHARED = zflow.ExistingCluster("0923-164208-meows279")
GIT = zflow.GitSource.from_tag("https://github.com/team/jobs", "v1.4.0", provider="gitHub")
NOTEBOOK = zflow.NotebookTask(zflow.WorkspaceFile("/Shared/evaluate"))
SQL = zflow.SqlTask.from_query("a1b2c3d4", warehouse_id="0123456789abcdef")
JOB = "620158634281991"

GIT_FIELDS: Mapping[str, Json] = {
    "git_url": "https://github.com/team/jobs",
    "git_provider": "gitHub",
    "git_tag": "v1.4.0",
}
ALONE: Mapping[str, Json] = {"spark.databricks.cluster.profile": "singleNode", "spark.master": "local[*]"}
SMALL: Mapping[str, Json] = {
    "new_cluster": {
        "spark_version": "16.4.x-scala2.12",
        "node_type_id": "m5.xlarge",
        "num_workers": 0,
        "spark_conf": ALONE,
        "custom_tags": {"ResourceClass": "SingleNode"},
    }
}
ON_SHARED: Mapping[str, Json] = {"existing_cluster_id": "0923-164208-meows279"}
SCRIPT_RUN: Mapping[str, Json] = {
    "spark_python_task": {"python_file": f"s3://{ASSETS}/<hash>.py"},
}
NOTEBOOK_RUN: Mapping[str, Json] = {
    "notebook_task": {"notebook_path": "/Shared/evaluate", "source": "WORKSPACE"},
}
WHEEL = f"s3://{ASSETS}/churn-1.0-0_<hash>-py3-none-any.whl"
PROFILE = "arn:aws:iam::111122223333:instance-profile/cluster"

Built = zflow.DatabricksJobStep
Case = tuple[Callable[[Stack, Path], Built], Mapping[str, Json]]
"""A step, of files in a folder, and the request that it makes."""


def handed(scope: Stack, task: RunTask, cluster: Compute | None = None, git: zflow.GitSource | None = None) -> Built:
    """A step that hands its task two arguments."""
    return step(scope, task=task, cluster=cluster, git=git, parameters={"country": "de", "share": 0.25})


def running(scope: Stack, cluster: Compute, *libraries: zflow.DatabricksLibrary) -> Built:
    """A step of a script on some compute."""
    return step(scope, task=SPARK_TASK, cluster=cluster, libraries=libraries)


def alone(**fields: Json) -> Mapping[str, Json]:
    """A request of one task, besides its key."""
    return {"tasks": [{"task_key": "Extract", **fields}]}


def jar(folder: Path) -> str:
    (folder / "features.jar").write_bytes(b"PK\x03\x04")
    return str(folder / "features.jar")


PYTHON: Mapping[str, Case] = {
    "a script of the workflow's own": (
        lambda scope, _: handed(scope, SPARK_TASK, CLUSTER),
        alone(
            spark_python_task={
                "python_file": f"s3://{ASSETS}/<hash>.py",
                "parameters": ["--country", "de", "--share", "0.25"],
            },
            **SMALL,
        ),
    ),
    "a script of the repository": (
        lambda scope, _: handed(scope, zflow.SparkPythonTask(zflow.GitFile("jobs/extract.py")), SHARED, GIT),
        {
            **alone(
                spark_python_task={
                    "python_file": "jobs/extract.py",
                    "source": "GIT",
                    "parameters": ["--country", "de", "--share", "0.25"],
                },
                **ON_SHARED,
            ),
            "git_source": GIT_FIELDS,
        },
    ),
    "a script of the workspace": (
        lambda scope, _: step(
            scope, task=zflow.SparkPythonTask(zflow.WorkspaceFile("/Shared/extract.py")), cluster=SHARED
        ),
        alone(
            spark_python_task={"python_file": "/Shared/extract.py", "source": "WORKSPACE"},
            **ON_SHARED,
        ),
    ),
    "a notebook of the repository": (
        lambda scope, _: handed(scope, zflow.NotebookTask(zflow.GitFile("notebooks/evaluate")), CLUSTER, GIT),
        {
            **alone(
                notebook_task={
                    "notebook_path": "notebooks/evaluate",
                    "source": "GIT",
                    "base_parameters": {"country": "de", "share": "0.25"},
                },
                **SMALL,
            ),
            "git_source": GIT_FIELDS,
        },
    ),
    "a notebook of the workspace": (
        lambda scope, _: step(scope, task=NOTEBOOK, cluster=SHARED),
        alone(**NOTEBOOK_RUN, **ON_SHARED),
    ),
    "a notebook of SQL that a warehouse runs": (
        lambda scope, _: handed(
            scope, zflow.NotebookTask(zflow.WorkspaceFile("/Shared/report"), warehouse_id="0123456789abcdef")
        ),
        alone(
            notebook_task={
                "notebook_path": "/Shared/report",
                "source": "WORKSPACE",
                "base_parameters": {"country": "de", "share": "0.25"},
                "warehouse_id": "0123456789abcdef",
            }
        ),
    ),
    "a function of a wheel of the workflow's own": (
        lambda scope, folder: handed(
            scope, zflow.PythonWheelTask.from_file(wheel(folder), entry_point="features"), CLUSTER
        ),
        alone(
            python_wheel_task={
                "package_name": "churn",
                "entry_point": "features",
                "named_parameters": {"country": "de", "share": "0.25"},
            },
            libraries=[{"whl": WHEEL}],
            **SMALL,
        ),
    ),
    "a function of a wheel that its metadata don't name": (
        lambda scope, folder: step(
            scope,
            task=zflow.PythonWheelTask.from_file(wheel(folder, entry_points=()), entry_point="features"),
            cluster=SHARED,
        ),
        alone(
            python_wheel_task={"package_name": "churn", "entry_point": "features"},
            libraries=[{"whl": WHEEL}],
            **ON_SHARED,
        ),
    ),
    "a function of a wheel of the workspace": (
        lambda scope, _: step(
            scope,
            task=zflow.PythonWheelTask.from_workspace(
                zflow.WorkspaceFile("/Volumes/main/team/wheels/churn-1.0-py3-none-any.whl"),
                package="churn",
                entry_point="features",
            ),
            cluster=SERVERLESS,
        ),
        {
            **alone(python_wheel_task={"package_name": "churn", "entry_point": "features"}, environment_key="Extract"),
            "environments": [
                {
                    "environment_key": "Extract",
                    "spec": {
                        "environment_version": "4",
                        "dependencies": ["/Volumes/main/team/wheels/churn-1.0-py3-none-any.whl"],
                    },
                }
            ],
        },
    ),
    "a class of a jar of the workflow's own": (
        lambda scope, folder: handed(
            scope,
            zflow.JarTask("com.example.Features", zflow.DatabricksLibrary.from_jar(jar(folder))),
            CLUSTER,
        ),
        alone(
            spark_jar_task={
                "main_class_name": "com.example.Features",
                "parameters": ["--country", "de", "--share", "0.25"],
            },
            libraries=[{"jar": f"s3://{ASSETS}/<hash>.jar"}],
            **SMALL,
        ),
    ),
    "a class of a jar of the workspace": (
        lambda scope, _: step(
            scope,
            task=zflow.JarTask(
                "com.example.Features",
                zflow.DatabricksLibrary.from_workspace(zflow.WorkspaceFile("/Volumes/main/team/features.jar")),
            ),
            cluster=SHARED,
        ),
        alone(
            spark_jar_task={"main_class_name": "com.example.Features"},
            libraries=[{"jar": "/Volumes/main/team/features.jar"}],
            **ON_SHARED,
        ),
    ),
}

ELSEWHERE: Mapping[str, Case] = {
    "a query": (
        lambda scope, _: handed(scope, SQL),
        alone(
            sql_task={
                "warehouse_id": "0123456789abcdef",
                "query": {"query_id": "a1b2c3d4"},
                "parameters": {"country": "de", "share": "0.25"},
            }
        ),
    ),
    "a file of SQL in the repository": (
        lambda scope, _: step(
            scope,
            task=zflow.SqlTask.from_file(zflow.GitFile("sql/clean.sql"), warehouse_id="0123456789abcdef"),
            git=GIT,
        ),
        {
            **alone(sql_task={"warehouse_id": "0123456789abcdef", "file": {"path": "sql/clean.sql", "source": "GIT"}}),
            "git_source": GIT_FIELDS,
        },
    ),
    "a file of SQL in the workspace": (
        lambda scope, _: step(
            scope,
            task=zflow.SqlTask.from_file(zflow.WorkspaceFile("/Shared/clean.sql"), warehouse_id="0123456789abcdef"),
        ),
        alone(
            sql_task={
                "warehouse_id": "0123456789abcdef",
                "file": {"path": "/Shared/clean.sql", "source": "WORKSPACE"},
            }
        ),
    ),
    "dbt, its project the repository": (
        lambda scope, _: step(
            scope,
            task=zflow.DbtTask(
                ["dbt deps", "dbt run --vars '{country: " + zflow.Parameter("country") + "}'"],
                warehouse_id="0123456789abcdef",
            ),
            cluster=SERVERLESS,
            git=GIT,
            libraries=[zflow.DatabricksLibrary.from_pypi("dbt-databricks==1.10.0")],
        ),
        {
            **alone(
                dbt_task={
                    "commands": [
                        "dbt deps",
                        jsonata('"dbt run --vars \'{country: " & $parameters.country & "}\'"'),
                    ],
                    "warehouse_id": "0123456789abcdef",
                },
                environment_key="Extract",
            ),
            "environments": [
                {
                    "environment_key": "Extract",
                    "spec": {"environment_version": "4", "dependencies": ["dbt-databricks==1.10.0"]},
                }
            ],
            "git_source": GIT_FIELDS,
        },
    ),
    "dbt, its project in the workspace": (
        lambda scope, _: step(
            scope,
            task=zflow.DbtTask(
                ["dbt build"],
                project=zflow.WorkspaceFile("/Shared/marts"),
                schema="risk",
                catalog="main",
            ),
            cluster=SHARED,
        ),
        alone(
            dbt_task={
                "commands": ["dbt build"],
                "project_directory": "/Shared/marts",
                "source": "WORKSPACE",
                "schema": "risk",
                "catalog": "main",
            },
            **ON_SHARED,
        ),
    ),
    "a pipeline": (
        lambda scope, _: step(scope, task=zflow.PipelineTask("a1b2c3d4")),
        alone(pipeline_task={"pipeline_id": "a1b2c3d4"}),
    ),
    "a pipeline, all of it anew": (
        lambda scope, _: step(scope, task=zflow.PipelineTask("a1b2c3d4", full_refresh=True)),
        alone(pipeline_task={"pipeline_id": "a1b2c3d4", "full_refresh": True}),
    ),
}


def sized(*, num_workers: int = 0, max_workers: int = 0) -> zflow.JobCluster:
    return zflow.JobCluster("16.4.x-scala2.12", "m5.xlarge", num_workers=num_workers, max_workers=max_workers)


def maximal(scope: Stack) -> zflow.JobCluster:
    profile = iam.InstanceProfile.from_instance_profile_arn(scope, "Profile", PROFILE)
    return zflow.JobCluster(
        spark_version="16.4.x-scala2.12",
        node_type="m5.xlarge",
        num_workers=2,
        max_workers=8,
        driver_node_type="r5.xlarge",
        policy_id="E0631F5C0D0006D6",
        access_mode="DATA_SECURITY_MODE_DEDICATED",
        instance_profile=profile,
        spark_conf={"spark.sql.shuffle.partitions": "8"},
        environment={"STAGE": "live"},
        init_scripts=[SCRIPT],
        tags={"team": "risk"},
        overrides={"enable_elastic_disk": True, "aws_attributes": {"zone_id": "auto"}},
    )


COMPUTE: Mapping[str, Case] = {
    "a cluster that uses every keyword": (
        lambda scope, _: running(scope, maximal(scope)),
        alone(
            **SCRIPT_RUN,
            new_cluster={
                "spark_version": "16.4.x-scala2.12",
                "node_type_id": "m5.xlarge",
                "driver_node_type_id": "r5.xlarge",
                "autoscale": {"min_workers": 2, "max_workers": 8},
                "policy_id": "E0631F5C0D0006D6",
                "data_security_mode": "DATA_SECURITY_MODE_DEDICATED",
                "aws_attributes": {"instance_profile_arn": PROFILE, "zone_id": "auto"},
                "spark_conf": {"spark.sql.shuffle.partitions": "8"},
                "spark_env_vars": {"STAGE": "live"},
                "init_scripts": [{"s3": {"destination": f"s3://{ASSETS}/<hash>.py", "region": "eu-central-1"}}],
                "custom_tags": {"team": "risk"},
                "enable_elastic_disk": True,
            },
        ),
    ),
    "a cluster that grows from one machine": (
        lambda scope, _: running(scope, sized(max_workers=4)),
        alone(
            **SCRIPT_RUN,
            new_cluster={
                "spark_version": "16.4.x-scala2.12",
                "node_type_id": "m5.xlarge",
                "autoscale": {"min_workers": 1, "max_workers": 4},
            },
        ),
    ),
    "a cluster of a fixed size": (
        lambda scope, _: running(scope, sized(num_workers=1)),
        alone(
            **SCRIPT_RUN,
            new_cluster={"spark_version": "16.4.x-scala2.12", "node_type_id": "m5.xlarge", "num_workers": 1},
        ),
    ),
    "a single node with settings and tags of its own": (
        lambda scope, _: running(
            scope,
            zflow.JobCluster(
                "16.4.x-scala2.12", "m5.xlarge", spark_conf={"spark.master": "local[2]"}, tags={"team": "risk"}
            ),
        ),
        alone(
            **SCRIPT_RUN,
            new_cluster={
                "spark_version": "16.4.x-scala2.12",
                "node_type_id": "m5.xlarge",
                "num_workers": 0,
                "spark_conf": {**ALONE, "spark.master": "local[2]"},
                "custom_tags": {"ResourceClass": "SingleNode", "team": "risk"},
            },
        ),
    ),
    "machines of a pool": (
        lambda scope, _: running(scope, zflow.JobCluster("16.4.x-scala2.12", pool_id="pool-1", num_workers=2)),
        alone(
            **SCRIPT_RUN,
            new_cluster={"spark_version": "16.4.x-scala2.12", "instance_pool_id": "pool-1", "num_workers": 2},
        ),
    ),
    "a policy that says the machine, and a field that is taken away": (
        lambda scope, _: running(
            scope,
            zflow.JobCluster(
                "16.4.x-scala2.12",
                policy_id="abc",
                num_workers=1,
                overrides={"num_workers": None, "kind": "CLASSIC_PREVIEW"},
            ),
        ),
        alone(
            **SCRIPT_RUN,
            new_cluster={"spark_version": "16.4.x-scala2.12", "policy_id": "abc", "kind": "CLASSIC_PREVIEW"},
        ),
    ),
    "a cluster that is there": (
        lambda scope, _: running(scope, SHARED, zflow.DatabricksLibrary.from_pypi("pandas==2.3.3")),
        alone(**SCRIPT_RUN, libraries=[{"pypi": {"package": "pandas==2.3.3"}}], **ON_SHARED),
    ),
    "serverless compute": (
        lambda scope, _: step(
            scope, task=zflow.SparkPythonTask(zflow.WorkspaceFile("/Shared/extract.py")), cluster=SERVERLESS
        ),
        {
            **alone(
                spark_python_task={"python_file": "/Shared/extract.py", "source": "WORKSPACE"},
                environment_key="Extract",
            ),
            "environments": [{"environment_key": "Extract", "spec": {"environment_version": "4"}}],
        },
    ),
    "serverless compute with libraries": (
        lambda scope, _: running(
            scope,
            zflow.ServerlessCompute(environment_version="3"),
            zflow.DatabricksLibrary.from_pypi("pandas==2.3.3"),
            zflow.DatabricksLibrary.from_pypi("churn==1.0", repository="https://pypi.example.com/simple"),
            zflow.DatabricksLibrary.from_pypi("risk==2.0", repository="https://pypi.example.com/simple"),
            zflow.DatabricksLibrary.from_workspace(zflow.WorkspaceFile("/Shared/requirements.txt")),
            zflow.DatabricksLibrary.from_workspace(zflow.WorkspaceFile("/Shared/churn-1.0-py3-none-any.whl")),
        ),
        {
            **alone(**SCRIPT_RUN, environment_key="Extract"),
            "environments": [
                {
                    "environment_key": "Extract",
                    "spec": {
                        "environment_version": "3",
                        "dependencies": [
                            "pandas==2.3.3",
                            "--index-url https://pypi.example.com/simple",
                            "churn==1.0",
                            "risk==2.0",
                            "-r /Shared/requirements.txt",
                            "/Shared/churn-1.0-py3-none-any.whl",
                        ],
                    },
                }
            ],
        },
    ),
    "a notebook on serverless compute, which has an environment of its own": (
        lambda scope, _: step(scope, task=NOTEBOOK, cluster=SERVERLESS),
        alone(**NOTEBOOK_RUN),
    ),
    "a notebook on serverless compute with libraries": (
        lambda scope, _: step(
            scope, task=NOTEBOOK, cluster=SERVERLESS, libraries=[zflow.DatabricksLibrary.from_pypi("pandas==2.3.3")]
        ),
        {
            **alone(**NOTEBOOK_RUN, environment_key="Extract"),
            "environments": [
                {
                    "environment_key": "Extract",
                    "spec": {"environment_version": "4", "dependencies": ["pandas==2.3.3"]},
                }
            ],
        },
    ),
}


def checked_out(git: zflow.GitSource) -> Callable[[Stack, Path], Built]:
    return lambda scope, _: step(scope, task=zflow.NotebookTask(zflow.GitFile("a")), cluster=SHARED, git=git)


def of_repository(**reference: Json) -> Mapping[str, Json]:
    return {
        **alone(notebook_task={"notebook_path": "a", "source": "GIT"}, **ON_SHARED),
        "git_source": {"git_url": "https://gitlab.com/team/jobs", "git_provider": "gitLab", **reference},
    }


AROUND: Mapping[str, Case] = {
    "the newest commit of a branch": (
        checked_out(zflow.GitSource.from_branch("https://gitlab.com/team/jobs", "main", provider="gitLab")),
        of_repository(git_branch="main"),
    ),
    "a tag": (
        checked_out(zflow.GitSource.from_tag("https://gitlab.com/team/jobs", "v1", provider="gitLab")),
        of_repository(git_tag="v1"),
    ),
    "a commit": (
        checked_out(zflow.GitSource.from_commit("https://gitlab.com/team/jobs", "0a1b2c3", provider="gitLab")),
        of_repository(git_commit="0a1b2c3"),
    ),
    "who may see and manage the run": (
        lambda scope, _: step(
            scope,
            task=SQL,
            permissions=[
                zflow.RunPermission.of_group("data-science", "CAN_VIEW"),
                zflow.RunPermission.of_user("ada@example.com", "CAN_MANAGE_RUN"),
                zflow.RunPermission.of_service_principal("3f0c2b1a-0000-4000-8000-000000000000", "CAN_MANAGE"),
            ],
        ),
        {
            **alone(sql_task={"warehouse_id": "0123456789abcdef", "query": {"query_id": "a1b2c3d4"}}),
            "access_control_list": [
                {"group_name": "data-science", "permission_level": "CAN_VIEW"},
                {"user_name": "ada@example.com", "permission_level": "CAN_MANAGE_RUN"},
                {
                    "service_principal_name": "3f0c2b1a-0000-4000-8000-000000000000",
                    "permission_level": "CAN_MANAGE",
                },
            ],
        },
    ),
    "fields without a keyword": (
        lambda scope, _: step(
            scope,
            task=SQL,
            request_overrides={
                "budget_policy_id": "b-1",
                "email_notifications": {"on_failure": ["risk@example.com"]},
            },
        ),
        {
            **alone(sql_task={"warehouse_id": "0123456789abcdef", "query": {"query_id": "a1b2c3d4"}}),
            "budget_policy_id": "b-1",
            "email_notifications": {"on_failure": ["risk@example.com"]},
        },
    ),
    "every kind of library": (
        lambda scope, folder: running(
            scope,
            SHARED,
            zflow.DatabricksLibrary.from_pypi("pandas==2.3.3"),
            zflow.DatabricksLibrary.from_pypi("risk==2.0", repository="https://pypi.example.com/simple"),
            zflow.DatabricksLibrary.from_maven("org.jsoup:jsoup:1.21.1"),
            zflow.DatabricksLibrary.from_maven("com.example:risk:2.0", repository="https://maven.example.com"),
            zflow.DatabricksLibrary.from_wheel(wheel(folder)),
            zflow.DatabricksLibrary.from_jar(jar(folder)),
            zflow.DatabricksLibrary.from_workspace(zflow.WorkspaceFile("/Shared/churn-1.0-py3-none-any.whl")),
            zflow.DatabricksLibrary.from_workspace(zflow.WorkspaceFile("/Volumes/main/team/features.jar")),
            zflow.DatabricksLibrary.from_workspace(zflow.WorkspaceFile("/Shared/requirements.txt")),
        ),
        alone(
            **SCRIPT_RUN,
            **ON_SHARED,
            libraries=[
                {"pypi": {"package": "pandas==2.3.3"}},
                {"pypi": {"package": "risk==2.0", "repo": "https://pypi.example.com/simple"}},
                {"maven": {"coordinates": "org.jsoup:jsoup:1.21.1"}},
                {"maven": {"coordinates": "com.example:risk:2.0", "repo": "https://maven.example.com"}},
                {"whl": WHEEL},
                {"jar": f"s3://{ASSETS}/<hash>.jar"},
                {"whl": "/Shared/churn-1.0-py3-none-any.whl"},
                {"jar": "/Volumes/main/team/features.jar"},
                {"requirements": "/Shared/requirements.txt"},
            ],
        ),
    ),
}


def several(scope: Stack, folder: Path) -> Built:
    """A step of five tasks that uses every keyword of `DatabricksTask`."""
    rows = count(scope, "Count")
    return step(
        scope,
        tasks={
            "clean": zflow.DatabricksTask(
                zflow.NotebookTask(zflow.GitFile("notebooks/clean")), takes=["applications", "country"]
            ),
            "features": zflow.DatabricksTask(
                zflow.PythonWheelTask.from_file(wheel(folder), entry_point="features"),
                after=["clean"],
                cluster=zflow.JobCluster("16.4.x-scala2.12", "r5.xlarge", num_workers=4),
                parameters={"window": 90, "rows": rows.outputs["rows"]},
                takes=["history"],
                libraries=[zflow.DatabricksLibrary.from_maven("org.jsoup:jsoup:1.21.1")],
                max_retries=2,
                timeout=Duration.hours(2),
                overrides={"description": "Makes features.", "min_retry_interval_millis": 60_000},
            ),
            "evaluate": zflow.DatabricksTask(
                zflow.NotebookTask(zflow.WorkspaceFile("/Shared/evaluate"), values=["auc", "rows"]),
                after=["clean", "features"],
                cluster=SERVERLESS,
                takes=[],
            ),
            "report": zflow.DatabricksTask(SQL, after=["evaluate"], run_if="ALL_DONE", parameters={"kind": "short"}),
            "publish": zflow.DatabricksTask(zflow.RunJobTask(JOB), after=["evaluate"], takes=["country"]),
        },
        cluster=CLUSTER,
        git=GIT,
        parameters={"country": zflow.Parameter("country")},
        inputs={"applications": data(scope)},
        outputs=["history"],
        libraries=[zflow.DatabricksLibrary.from_pypi("pandas==2.3.3")],
    )


COUNTRY = jsonata("$parameters.country")
HISTORY = jsonata('"s3://scoringbucket3a58686c/Scoring/" & $states.context.Execution.Name & "/Extract/history/"')
SEVERAL: Mapping[str, Case] = {
    "several tasks": (
        several,
        {
            "tasks": [
                {
                    "task_key": "clean",
                    "notebook_task": {
                        "notebook_path": "notebooks/clean",
                        "source": "GIT",
                        "base_parameters": {"country": COUNTRY, "applications": "s3://lake/applications/"},
                    },
                    "libraries": [{"pypi": {"package": "pandas==2.3.3"}}],
                    **SMALL,
                },
                {
                    "task_key": "features",
                    "depends_on": [{"task_key": "clean"}],
                    "max_retries": 2,
                    "timeout_seconds": 7_200,
                    "python_wheel_task": {
                        "package_name": "churn",
                        "entry_point": "features",
                        "named_parameters": {
                            "history": HISTORY,
                            "window": "90",
                            "rows": text_of("$step_Count.rows"),
                        },
                    },
                    "new_cluster": {
                        "spark_version": "16.4.x-scala2.12",
                        "node_type_id": "r5.xlarge",
                        "num_workers": 4,
                    },
                    "libraries": [
                        {"whl": WHEEL},
                        {"pypi": {"package": "pandas==2.3.3"}},
                        {"maven": {"coordinates": "org.jsoup:jsoup:1.21.1"}},
                    ],
                    "description": "Makes features.",
                    "min_retry_interval_millis": 60_000,
                },
                {
                    "task_key": "evaluate",
                    "depends_on": [{"task_key": "clean"}, {"task_key": "features"}],
                    **NOTEBOOK_RUN,
                    "environment_key": "evaluate",
                },
                {
                    "task_key": "report",
                    "depends_on": [{"task_key": "evaluate"}],
                    "run_if": "ALL_DONE",
                    "sql_task": {
                        "warehouse_id": "0123456789abcdef",
                        "query": {"query_id": "a1b2c3d4"},
                        "parameters": {
                            "country": COUNTRY,
                            "applications": "s3://lake/applications/",
                            "history": HISTORY,
                            "kind": "short",
                        },
                    },
                },
                {
                    "task_key": "publish",
                    "depends_on": [{"task_key": "evaluate"}],
                    "run_job_task": {"job_id": JOB, "job_parameters": {"country": COUNTRY}},
                },
            ],
            "environments": [
                {
                    "environment_key": "evaluate",
                    "spec": {"environment_version": "4", "dependencies": ["pandas==2.3.3"]},
                }
            ],
            "git_source": GIT_FIELDS,
        },
    )
}


def of_job(parameters_as: ParameterKind, handed_as: Json) -> Case:
    return (
        lambda scope, _: handed(scope, zflow.RunJobTask(JOB, parameters_as=parameters_as)),
        {"job_id": JOB, parameters_as: handed_as},
    )


NAMED: Mapping[str, Json] = {"country": "de", "share": "0.25"}
WORDS: Sequence[Json] = ["--country", "de", "--share", "0.25"]
JOBS: Mapping[str, Case] = {
    "job parameters": of_job("job_parameters", NAMED),
    "parameters of notebooks": of_job("notebook_params", NAMED),
    "named parameters of wheels": of_job("python_named_params", NAMED),
    "parameters of SQL": of_job("sql_params", NAMED),
    "words for scripts": of_job("python_params", WORDS),
    "words for jars": of_job("jar_params", WORDS),
    "no parameters": (lambda scope, _: step(scope, task=zflow.RunJobTask(JOB)), {"job_id": JOB}),
    "fields without a keyword": (
        lambda scope, _: step(
            scope, task=zflow.RunJobTask(JOB), request_overrides={"only": ["evaluate"], "queue": {"enabled": False}}
        ),
        {"job_id": JOB, "only": ["evaluate"], "queue": {"enabled": False}},
    ),
}

SUBMITTED = {**PYTHON, **ELSEWHERE, **COMPUTE, **AROUND, **SEVERAL}
"""All requests of runs; those of jobs are in JOBS."""


def event(build: Callable[[Stack, Path], Built], folder: Path) -> Mapping[str, Json]:
    """What the workspace's Lambda is sent for a step."""
    scope = stack()
    step = build(scope, folder)
    # `several` reads what another step counts.
    others = [each for each in scope.node.children if isinstance(each, zflow.LambdaStep)]
    zflow.MlWorkflow(scope, "Scoring", steps=[*others, step], parameters={"country": "de"})
    submit = Synthesized.of(scope).state("Extract")
    return mapping(mapping(submit["Arguments"])["Payload"])


@pytest.mark.parametrize(("build", "wanted"), SUBMITTED.values(), ids=SUBMITTED)
def test_a_run_is_submitted_as_its_step_says(
    build: Callable[[Stack, Path], Built], wanted: Mapping[str, Json], tmp_path: Path
) -> None:
    sent = event(build, tmp_path)
    assert sent["request"] == wanted
    assert sent["call"] == "submit"


@pytest.mark.parametrize(("build", "wanted"), JOBS.values(), ids=JOBS)
def test_a_job_that_is_there_is_run_as_its_step_says(
    build: Callable[[Stack, Path], Built], wanted: Mapping[str, Json], tmp_path: Path
) -> None:
    sent = event(build, tmp_path)
    assert sent["request"] == wanted
    assert sent["call"] == "run-now"


def test_each_value_names_the_task_that_gives_it(tmp_path: Path) -> None:
    assert event(several, tmp_path)["values"] == {"auc": "evaluate", "rows": "evaluate"}

    def job(scope: Stack, _: Path) -> Built:
        return step(scope, task=zflow.RunJobTask(JOB, values={"auc": "evaluate", "rows": "count"}))

    assert event(job, tmp_path)["values"] == {"auc": "evaluate", "rows": "count"}


def wheel_in_s3(path: str) -> str:
    """The name that a wheel is deployed to S3 under, with its content."""
    scope = stack()
    running(scope, CLUSTER, zflow.DatabricksLibrary.from_wheel(path))
    assembly = Path(cast("App", scope.node.root).synth().directory)
    files = json.loads((assembly / "Team.assets.json").read_text(encoding="utf-8"))["files"].values()
    (found,) = [file for file in files if file["source"]["path"].endswith(".whl")]
    assert (assembly / found["source"]["path"]).read_bytes() == Path(path).read_bytes()
    (destination,) = found["destinations"].values()
    return str(destination["objectKey"])


@pytest.mark.parametrize(
    ("name", "version", "build", "tags"),
    [
        ("churn-1.0-py3-none-any.whl", "1.0", 0, {"py3-none-any"}),
        (
            "churn-1.0+risk.2-7a-cp311.cp312-abi3-linux_x86_64.whl",
            "1.0+risk.2",
            7,
            {"cp311-abi3-linux_x86_64", "cp312-abi3-linux_x86_64"},
        ),
    ],
    ids=["plain", "with a local version, a build and several tags"],
)
def test_a_wheel_has_a_name_in_s3_that_pip_takes(
    tmp_path: Path, name: str, version: str, build: int, tags: set[str]
) -> None:
    path = wheel(tmp_path, name=name)
    parsed = parse_wheel_filename(wheel_in_s3(path))
    content = sha256(Path(path).read_bytes()).hexdigest()
    assert (parsed[0], str(parsed[1]), {str(tag) for tag in parsed[3]}) == ("churn", version, tags)
    assert parsed[2] == (build, f"{'a' if build else ''}_{content}")


def test_wheels_of_other_content_have_other_names_in_s3_and_those_of_the_same_one(tmp_path: Path) -> None:
    first = wheel_in_s3(wheel(tmp_path))
    assert wheel_in_s3(wheel(tmp_path)) == first
    assert wheel_in_s3(wheel(tmp_path, source="def features() -> int: ...\n")) != first


def test_a_wheel_of_several_tasks_is_one_file_that_the_cluster_may_read(tmp_path: Path) -> None:
    scope = stack()
    library = zflow.DatabricksLibrary.from_wheel(wheel(tmp_path))
    role = iam.Role(scope, "Role", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    profile = iam.InstanceProfile(scope, "Profile", role=role)
    cluster = zflow.JobCluster("16.4.x-scala2.12", "m5.xlarge", instance_profile=profile, init_scripts=[SCRIPT])
    tasks = {name: zflow.DatabricksTask(NOTEBOOK) for name in ("first", "second")}
    zflow.MlWorkflow(scope, "Scoring", steps=[step(scope, tasks=tasks, cluster=cluster, libraries=[library])])
    reads = [
        allow("s3:GetObject", f"arn:aws:s3:::{ASSETS}/churn-1.0-0_<hash>-py3-none-any.whl"),
        allow("s3:GetObject", f"arn:aws:s3:::{ASSETS}/<hash>.py"),
    ]
    assert Synthesized.of(scope).statements(role) == reads


def test_entry_points_keep_their_case(tmp_path: Path) -> None:
    task = zflow.PythonWheelTask.from_file(
        wheel(tmp_path, package="Churn-Models", entry_points=["makeFeatures = churn:features"]),
        entry_point="makeFeatures",
    )
    assert (task.package, task.entry_point) == ("Churn-Models", "makeFeatures")


def test_a_jobs_id_may_be_a_parameter_of_the_template(tmp_path: Path) -> None:
    def job(scope: Stack, _: Path) -> Built:
        return step(scope, task=zflow.RunJobTask(CfnParameter(scope, "Job").value_as_string))

    assert event(job, tmp_path)["request"] == {"job_id": "Job"}
