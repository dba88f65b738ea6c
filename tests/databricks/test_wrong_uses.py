"""Wrong uses of Databricks, each with the whole of what its user is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_secretsmanager as secretsmanager

import zflow_constructs as zflow
from tests.databricks.wheels import wheel
from tests.parts import CLUSTER, SPARK_TASK, data, stack
from tests.parts import databricks_step as step

SCRIPT_TASK = zflow.DatabricksTask(SPARK_TASK)
EVALUATE = zflow.NotebookTask(zflow.WorkspaceFile("/Shared/evaluate"), values=["auc"])
SQL = zflow.SqlTask.from_query("a1b2c3d4", warehouse_id="0123456789abcdef")
JOB = zflow.RunJobTask("620158634281")
PANDAS = zflow.DatabricksLibrary.from_pypi("pandas==2.3.3")
REFUSED = 'Step "Extract": Databricks would refuse this request.'
SEE = "Put it right, or see https://docs.databricks.com/api/workspace/jobs"
GIT = zflow.GitSource.from_branch("https://github.com/team/jobs", "main", provider="gitHub")


def workspace(
    scope: Stack,
    *,
    host: str = "https://dbc-a1b2.cloud.databricks.com",
    subnets: ec2.SubnetSelection | None = None,
    security_groups: Sequence[ec2.ISecurityGroup] = (),
    proxy: str | None = None,
) -> zflow.DatabricksWorkspace:
    secret = secretsmanager.Secret.from_secret_name_v2(scope, "Secret", "databricks")
    return zflow.DatabricksWorkspace(
        scope,
        "Databricks",
        host=host,
        credentials=zflow.DatabricksCredentials.from_oauth_secret(secret),
        subnets=subnets,
        security_groups=security_groups,
        proxy=proxy,
    )


def text(folder: Path) -> str:
    """A file that is called like a wheel."""
    path = folder / "churn-1.0-py3-none-any.whl"
    path.write_text("no archive")
    return str(path)


Use = Callable[[Stack, Path], object]
CASES: Mapping[str, tuple[Use, str]] = {
    "a step that does nothing": (
        lambda scope, _: zflow.DatabricksJobStep(scope, "Extract", workspace=workspace(scope)),
        'Step "Extract": give it one task=, or several as tasks={key: DatabricksTask(...)}. It has neither.',
    ),
    "a step of one task and of several": (
        lambda scope, _: step(scope, task=SPARK_TASK, tasks={"clean": SCRIPT_TASK}),
        'Step "Extract": give it one task=, or several as tasks={key: DatabricksTask(...)}. It has both.',
    ),
    "a step of no tasks": (
        lambda scope, _: step(scope, tasks={}),
        'Step "Extract": tasks has 0 entries. A run has 1 to 1000 tasks.',
    ),
    "a step of 1001 tasks": (
        lambda scope, _: step(scope, tasks={f"t{number}": SCRIPT_TASK for number in range(1_001)}),
        'Step "Extract": tasks has 1001 entries. A run has 1 to 1000 tasks.',
    ),
    "a name of an input that is a parameter's": (
        lambda scope, _: step(scope, parameters={"history": "x"}, inputs={"history": data(scope)}),
        (
            'Step "Extract": "history" is used twice among parameters, inputs and outputs, which are all handed '
            "over by their names. Rename one."
        ),
    ),
    "a name of an output that is a parameter's": (
        lambda scope, _: step(scope, parameters={"history": "x"}, outputs=["history"]),
        (
            'Step "Extract": "history" is used twice among parameters, inputs and outputs, which are all handed '
            "over by their names. Rename one."
        ),
    ),
    "an output that isn't there": (
        lambda scope, _: step(scope, outputs=["history"]).outputs["histroy"],
        (
            'Step "Extract" has no output "histroy". Did you mean "history"? It has: "history". Declare it in '
            "outputs=[...]."
        ),
    ),
    "a value that isn't there": (
        lambda scope, _: step(scope, task=EVALUATE, cluster=CLUSTER).values["acu"],
        (
            'Step "Extract" has no output "acu". Did you mean "auc"? It has: "auc". Declare it in the task: '
            "NotebookTask(..., values=[...])."
        ),
    ),
    "a report of an output that isn't there": (
        lambda scope, _: step(scope, outputs=["history"], reports={"metrics": "evaluation/metrics.json"}),
        (
            'Step "Extract": the report "metrics" is said to be "evaluation/metrics.json". Give one of the '
            'outputs and the file in it, such as "history/metrics.json". The step\'s outputs: "history".'
        ),
    ),
    "a report that isn't there": (
        lambda scope, _: step(scope, outputs=["history"], reports={"metrics": "history/metrics.json"}).report(
            "metric.auc"
        ),
        (
            'Step "Extract" has no report "metric". Did you mean "metrics"? It has: "metrics". Declare it in '
            'reports={name: "<output>/<file>"}.'
        ),
    ),
    "a run of more than four weeks": (
        lambda scope, _: step(scope, timeout=Duration.days(29)),
        'Step "Extract": timeout is 2505600 seconds. Give 60 to 2419200 seconds (Duration.hours(...)).',
    ),
    "a field that Databricks doesn't know": (
        lambda scope, _: step(scope, request_overrides={"qeue": {"enabled": True}}),
        (
            f"{REFUSED}\n"
            '  qeue: received {"enabled": true}, but there is no such field; there are 18 fields. '
            'Did you mean "queue"?\n'
            f"{SEE}/submit"
        ),
    ),
    "a field of a task that Databricks doesn't know": (
        lambda scope, _: step(
            scope, tasks={"clean": replace(SCRIPT_TASK, overrides={"max_retires": 3})}, cluster=CLUSTER
        ),
        (
            f"{REFUSED}\n"
            "  tasks[0].max_retires: received 3, but there is no such field; there are 41 fields. "
            'Did you mean "max_retries"?\n'
            f"{SEE}/submit"
        ),
    ),
    "a value that Databricks doesn't take": (
        lambda scope, _: step(
            scope, cluster=replace(CLUSTER, overrides={"num_workers": "two", "runtime_engine": "TURBO"})
        ),
        (
            f"{REFUSED}\n"
            '  tasks[0].new_cluster.num_workers: received "two", but it must be a whole number.\n'
            '  tasks[0].new_cluster.runtime_engine: received "TURBO", but it must be one of '
            '"NULL", "PHOTON", "STANDARD".\n'
            f"{SEE}/submit"
        ),
    ),
    "a field of a job's run that Databricks doesn't know": (
        lambda scope, _: step(scope, task=JOB, request_overrides={"job_params": {"a": "b"}}),
        (
            f"{REFUSED}\n"
            '  job_params: received {"a": "b"}, but there is no such field; there are 15 fields. '
            'Did you mean "job_parameters"?\n'
            f"{SEE}/runnow"
        ),
    ),
    "a token of the caller's own": (
        lambda scope, _: step(scope, request_overrides={"idempotency_token": "nightly"}),
        (
            "Step \"Extract\": request_overrides sets idempotency_token to 'nightly'. Remove it: it is another one "
            "at each attempt."
        ),
    ),
    "a time of the run in its request": (
        lambda scope, _: step(scope, request_overrides={"timeout_seconds": 60}),
        (
            'Step "Extract": request_overrides sets timeout_seconds to 60. Remove it: timeout= says how long a '
            "run may take."
        ),
    ),
    "a name of a job's run": (
        lambda scope, _: step(scope, task=JOB, request_overrides={"run_name": "nightly"}),
        (
            "Step \"Extract\": request_overrides sets run_name to 'nightly'. Remove it: it says which execution and"
            " which step a run is of."
        ),
    ),
    "two ways of a job's parameters": (
        lambda scope, _: step(
            scope, task=JOB, parameters={"country": "de"}, request_overrides={"notebook_params": {"a": "b"}}
        ),
        (
            'Step "Extract": the request has "job_parameters", "notebook_params". A job takes its parameters in '
            "one way: job_parameters, or one of the old ones (RunJobTask(parameters_as=...))."
        ),
    ),
    "permissions of a job that is there": (
        lambda scope, _: step(scope, task=JOB, permissions=[zflow.RunPermission.of_group("risk", "CAN_VIEW")]),
        'Step "Extract": permissions are those of the job itself, which is there already. Remove permissions.',
    ),
    "libraries of a job that is there": (
        lambda scope, _: step(scope, task=JOB, libraries=[PANDAS]),
        'Step "Extract": there is no use for libraries in "RunJobTask". Remove what is given.',
    ),
    "a cluster for a job that is there": (
        lambda scope, _: step(scope, task=JOB, cluster=CLUSTER),
        'Step "Extract": there is no use for cluster in "RunJobTask". Remove what is given.',
    ),
    "a repository that no task uses": (
        lambda scope, _: step(scope, git=GIT),
        'Step "Extract": there is no use for git in "SparkPythonTask". Remove what is given.',
    ),
    "libraries for a warehouse": (
        lambda scope, _: step(scope, task=SQL, libraries=[PANDAS]),
        'Step "Extract": there is no use for libraries in "SqlTask". Remove what is given.',
    ),
    "parameters for a pipeline": (
        lambda scope, _: step(scope, task=zflow.PipelineTask("a1b2c3d4"), parameters={"country": "de"}),
        'Step "Extract": there is no use for parameters, inputs and outputs in "PipelineTask". Remove what is given.',
    ),
    "parameters that are too large": (
        lambda scope, _: step(scope, parameters={"list": "x" * 10_001}),
        (
            'Step "Extract": the parameters take 10007 bytes. Databricks takes 10000: put what is large into S3, '
            "and hand over where it is (inputs=...)."
        ),
    ),
    "parameters of one of several tasks that are too large": (
        lambda scope, _: step(
            scope, tasks={"clean": replace(SCRIPT_TASK, parameters={"list": "x" * 10_001})}, cluster=CLUSTER
        ),
        (
            'Step "Extract": the parameters of task "clean" take 10007 bytes. Databricks takes 10000: put what is'
            " large into S3, and hand over where it is (inputs=...)."
        ),
    ),
    "a parameter of a script that isn't ASCII": (
        lambda scope, _: step(scope, parameters={"city": "Köln"}),
        (
            'Step "Extract": the parameter "Köln" has characters beyond ASCII, which Databricks refuses in those '
            "of Python scripts. Put it into a file in S3, and hand over where that is (inputs=...)."
        ),
    ),
    "a name of a job's parameter that isn't ASCII": (
        lambda scope, _: step(
            scope, task=zflow.RunJobTask("7", parameters_as="python_params"), parameters={"größe": 3}
        ),
        (
            'Step "Extract": the parameter "größe" has characters beyond ASCII, which Databricks refuses in those'
            " of Python scripts. Put it into a file in S3, and hand over where that is (inputs=...)."
        ),
    ),
    "a task's key with a space": (
        lambda scope, _: step(scope, tasks={"clean data": SCRIPT_TASK}, cluster=CLUSTER),
        'Step "Extract": a task is called "clean data". Use letters, digits, "-" and "_", 100 at most.',
    ),
    "a task after one that isn't there": (
        lambda scope, _: step(
            scope, tasks={"clean": SCRIPT_TASK, "join": replace(SCRIPT_TASK, after=["claen"])}, cluster=CLUSTER
        ),
        (
            'Step "Extract": task "join" comes after "claen", which is no task of the step. Did you mean "clean"?'
            ' Its tasks: "clean", "join".'
        ),
    ),
    "tasks in a circle": (
        lambda scope, _: step(
            scope,
            tasks={
                "a": replace(SCRIPT_TASK, after=["c"]),
                "b": replace(SCRIPT_TASK, after=["a"]),
                "c": replace(SCRIPT_TASK, after=["b"]),
            },
            cluster=CLUSTER,
        ),
        'Step "Extract": its tasks come after each other in a circle: a -> c -> b -> a. Remove one of these after=.',
    ),
    "a task after itself": (
        lambda scope, _: step(scope, tasks={"a": replace(SCRIPT_TASK, after=["a"])}, cluster=CLUSTER),
        'Step "Extract": its tasks come after each other in a circle: a -> a. Remove one of these after=.',
    ),
    "a script with nothing to run on": (
        lambda scope, _: step(scope, task=SPARK_TASK),
        (
            'Step "Extract": its task has nothing to run on. Give cluster=: a JobCluster of its own, an '
            "ExistingCluster, or ServerlessCompute()."
        ),
    ),
    "one of several scripts with nothing to run on": (
        lambda scope, _: step(scope, tasks={"clean": replace(SCRIPT_TASK, cluster=CLUSTER), "join": SCRIPT_TASK}),
        (
            'Step "Extract": task "join" has nothing to run on. Give cluster=: a JobCluster of its own, an '
            "ExistingCluster, or ServerlessCompute()."
        ),
    ),
    "a cluster for a query": (
        lambda scope, _: step(scope, tasks={"clean": zflow.DatabricksTask(SQL, cluster=CLUSTER)}),
        'Step "Extract": task "clean" is not run by a cluster: SqlTask takes no cluster=. Remove it.',
    ),
    "a file of a repository that isn't named": (
        lambda scope, _: step(scope, task=zflow.NotebookTask(zflow.GitFile("notebooks/clean")), cluster=CLUSTER),
        (
            'Step "Extract": its task takes "notebooks/clean" from a Git repository. Give '
            "git=GitSource.from_branch(...)."
        ),
    ),
    "dbt without its project": (
        lambda scope, _: step(
            scope, tasks={"marts": zflow.DatabricksTask(zflow.DbtTask(["dbt run"]))}, cluster=CLUSTER
        ),
        (
            'Step "Extract": task "marts" takes "dbt_project.yml" from a Git repository. Give '
            "git=GitSource.from_branch(...)."
        ),
    ),
    "parameters for a pipeline among several tasks": (
        lambda scope, _: step(
            scope, tasks={"refresh": zflow.DatabricksTask(zflow.PipelineTask("a1"), parameters={"country": "de"})}
        ),
        'Step "Extract": task "refresh" has parameters=, and PipelineTask no use for it. Remove it.',
    ),
    "what a pipeline takes": (
        lambda scope, _: step(
            scope,
            tasks={"refresh": zflow.DatabricksTask(zflow.PipelineTask("a1"), takes=["country"]), "clean": SCRIPT_TASK},
            parameters={"country": "de"},
            cluster=CLUSTER,
        ),
        'Step "Extract": task "refresh" has takes=, and PipelineTask no use for it. Remove it.',
    ),
    "libraries for a query among several tasks": (
        lambda scope, _: step(scope, tasks={"clean": zflow.DatabricksTask(SQL, libraries=[PANDAS])}),
        'Step "Extract": task "clean" has libraries=, and SqlTask no use for it. Remove it.',
    ),
    "a parameter to take that isn't there": (
        lambda scope, _: step(
            scope,
            tasks={"clean": replace(SCRIPT_TASK, takes=["county"])},
            parameters={"country": "de"},
            outputs=["history"],
            cluster=CLUSTER,
        ),
        (
            'Step "Extract": task "clean" takes "county", which the step doesn\'t have. Did you mean "country"? '
            'Its parameters, inputs and outputs: "country", "history".'
        ),
    ),
    "a value of two tasks": (
        lambda scope, _: step(
            scope,
            tasks={"first": zflow.DatabricksTask(EVALUATE), "second": zflow.DatabricksTask(EVALUATE)},
            cluster=CLUSTER,
        ),
        'Step "Extract": "auc" is a value of task "first" and of task "second". Rename one of them.',
    ),
    "a value of another job's among several tasks": (
        lambda scope, _: step(
            scope, tasks={"other": zflow.DatabricksTask(zflow.RunJobTask("7", values={"auc": "evaluate"}))}
        ),
        (
            'Step "Extract": task "other" runs another job, whose values can\'t be read from here. Make it the '
            "only task."
        ),
    ),
    "101 retries of a task": (
        lambda _, __: zflow.DatabricksTask(SPARK_TASK, max_retries=101),
        "DatabricksTask: max_retries is 101. Give a number from 0 to 100.",
    ),
    "a task of no time": (
        lambda _, __: zflow.DatabricksTask(SPARK_TASK, timeout=Duration.seconds(0)),
        "DatabricksTask: timeout is 0 seconds. Give 1 to 2419200 seconds (Duration.hours(...)).",
    ),
    "a job's name for its id": (
        lambda _, __: zflow.RunJobTask("nightly"),
        (
            "RunJobTask: job_id is 'nightly'. Give the job's id as a text of digits, as its page shows it: "
            'RunJobTask("620158634281").'
        ),
    ),
    "a command that isn't dbt's": (
        lambda _, __: zflow.DbtTask(["dbt deps", "run"]),
        "DbtTask: commands is ['dbt deps', 'run']. Each is a whole command, such as \"dbt run\".",
    ),
    "dbt without a command": (
        lambda _, __: zflow.DbtTask([]),
        'DbtTask: commands is []. Each is a whole command, such as "dbt run".',
    ),
    "a path from the root of the machine": (
        lambda _, __: zflow.GitFile("/jobs/extract.py"),
        'GitFile "/jobs/extract.py": a path in a repository is relative to its root, such as "jobs/extract.py".',
    ),
    "a path of nothing": (
        lambda _, __: zflow.GitFile(""),
        'GitFile "": a path in a repository is relative to its root, such as "jobs/extract.py".',
    ),
    "a path in the workspace that doesn't begin at its root": (
        lambda _, __: zflow.WorkspaceFile("Shared/extract.py"),
        (
            'WorkspaceFile "Shared/extract.py": a path in the workspace begins with "/", such as '
            '"/Shared/extract.py". A script of the workflow\'s own is SourceCode.from_file("..."), one of a '
            'repository GitFile("...").'
        ),
    ),
    "a directory as a script": (
        lambda scope, _: step(
            scope,
            task=zflow.SparkPythonTask(
                zflow.SourceCode.from_directory("examples/risk_scoring/classifier", entry_point="train.py")
            ),
            cluster=CLUSTER,
        ),
        (
            'Step "Extract": examples/risk_scoring/classifier is a directory, and a Databricks task takes one '
            "file. Use SourceCode.from_file, or pack modules into a wheel: DatabricksLibrary.from_wheel, "
            "PythonWheelTask."
        ),
    ),
    "coordinates without a version": (
        lambda _, __: zflow.DatabricksLibrary.from_maven("org.jsoup:jsoup"),
        (
            'DatabricksLibrary "org.jsoup:jsoup": Maven\'s coordinates are group:artifact:version, such as '
            '"org.jsoup:jsoup:1.21.1".'
        ),
    ),
    "a library of the workspace that is none": (
        lambda _, __: zflow.DatabricksLibrary.from_workspace(zflow.WorkspaceFile("/Shared/churn.egg")),
        'DatabricksLibrary "/Shared/churn.egg": a library of the workspace is a .whl, a .jar, or a requirements.txt.',
    ),
    "a jar on serverless compute": (
        lambda scope, _: step(
            scope,
            task=zflow.JarTask(
                "com.example.Features",
                zflow.DatabricksLibrary.from_workspace(zflow.WorkspaceFile("/Shared/features.jar")),
            ),
            cluster=zflow.ServerlessCompute(),
        ),
        (
            'Step "Extract": task "Extract" is on serverless compute, which can\'t install the jar '
            '"/Shared/features.jar". It takes packages from PyPI, and wheels of the workspace or its volumes: '
            "upload it there (DatabricksLibrary.from_workspace), or use a JobCluster."
        ),
    ),
    "a wheel of the workflow's own on serverless compute": (
        lambda scope, folder: step(
            scope,
            tasks={
                "clean": zflow.DatabricksTask(SPARK_TASK, libraries=[zflow.DatabricksLibrary.from_wheel(wheel(folder))])
            },
            cluster=zflow.ServerlessCompute(),
        ),
        (
            'Step "Extract": task "clean" is on serverless compute, which can\'t install the whl '
            '"dist/churn-1.0-py3-none-any.whl". It takes packages from PyPI, and wheels of the workspace or its '
            "volumes: upload it there (DatabricksLibrary.from_workspace), or use a JobCluster."
        ),
    ),
    "a wheel that isn't there": (
        lambda _, folder: zflow.DatabricksLibrary.from_wheel(
            str(Path(wheel(folder)).with_name("churn-1.1-py3-none-any.whl"))
        ),
        (
            'Wheel dist/churn-1.1-py3-none-any.whl: there is no such file. Did you mean "churn-1.0-py3-none-'
            'any.whl"? Wheels in dist/: "churn-1.0-py3-none-any.whl". Build it first: pip wheel --no-deps -w dist'
            " ."
        ),
    ),
    "a wheel in a folder without any": (
        lambda _, folder: zflow.DatabricksLibrary.from_wheel(str(folder / "churn.whl")),
        (
            "Wheel dist/churn.whl: there is no such file. Wheels in dist/: none. Build it first: pip wheel --no-"
            "deps -w dist ."
        ),
    ),
    "a wheel with another name": (
        lambda _, folder: zflow.DatabricksLibrary.from_wheel(wheel(folder, name="churn.whl")),
        (
            "Wheel dist/churn.whl: this is no wheel. Give a file such as dist/churn-1.0-py3-none-any.whl, as pip "
            "wheel builds it."
        ),
    ),
    "a wheel that is no archive": (
        lambda _, folder: zflow.DatabricksLibrary.from_wheel(text(folder)),
        (
            "Wheel dist/churn-1.0-py3-none-any.whl: this is no wheel. Give a file such as "
            "dist/churn-1.0-py3-none-any.whl, as pip wheel builds it."
        ),
    ),
    "a wheel without metadata": (
        lambda _, folder: zflow.DatabricksLibrary.from_wheel(wheel(folder, metadata=False)),
        (
            "Wheel dist/churn-1.0-py3-none-any.whl: this is no wheel. Give a file such as "
            "dist/churn-1.0-py3-none-any.whl, as pip wheel builds it."
        ),
    ),
    "an entry point that isn't there": (
        lambda _, folder: zflow.PythonWheelTask.from_file(wheel(folder, package="churn-lib"), entry_point="feature"),
        (
            'PythonWheelTask: churn-1.0-py3-none-any.whl has no entry point "feature". Did you mean "features"? '
            'It has: "features". Declare it in the package\'s [project.scripts], as features = '
            '"churn.features:main".'
        ),
    ),
    "a cluster of less than nothing": (
        lambda _, __: zflow.JobCluster("16.4.x-scala2.12", "m5.xlarge", num_workers=-1),
        "JobCluster: num_workers is -1. Give 0 (a single node) or more.",
    ),
    "a cluster that can't grow": (
        lambda _, __: zflow.JobCluster("16.4.x-scala2.12", "m5.xlarge", num_workers=4, max_workers=4),
        (
            "JobCluster: max_workers is 4, and num_workers 4. Give more than num_workers, at least 2, or leave "
            "max_workers out."
        ),
    ),
    "a single node that can't grow": (
        lambda _, __: zflow.JobCluster("16.4.x-scala2.12", "m5.xlarge", max_workers=1),
        (
            "JobCluster: max_workers is 1, and num_workers 0. Give more than num_workers, at least 2, or leave "
            "max_workers out."
        ),
    ),
    "a machine besides a pool": (
        lambda _, __: zflow.JobCluster("16.4.x-scala2.12", "m5.xlarge", pool_id="pool-1"),
        (
            'JobCluster: pool_id is "pool-1" and node_type "m5.xlarge". The machines are the pool\'s own: leave '
            "node_type and driver_node_type out."
        ),
    ),
    "a driver besides a pool": (
        lambda _, __: zflow.JobCluster("16.4.x-scala2.12", driver_node_type="r5.xlarge", pool_id="pool-1"),
        (
            'JobCluster: pool_id is "pool-1" and node_type "r5.xlarge". The machines are the pool\'s own: leave '
            "node_type and driver_node_type out."
        ),
    ),
    "a cluster without machines": (
        lambda _, __: zflow.JobCluster("16.4.x-scala2.12"),
        (
            'JobCluster: neither node_type nor pool_id is there. Give the machine, such as node_type="m5.xlarge",'
            " or the pool that it comes from, or a policy_id that says it."
        ),
    ),
    "a name for an application id": (
        lambda _, __: zflow.DatabricksCredentials.from_iam_federation("scoring"),
        (
            'DatabricksCredentials: client_id is "scoring". Give the application id of the service principal, a '
            "UUID, as Databricks shows it in the account's user management."
        ),
    ),
    "a host without https": (
        lambda scope, _: workspace(scope, host="dbc-a1b2.cloud.databricks.com"),
        (
            'DatabricksWorkspace "Databricks": host is "dbc-a1b2.cloud.databricks.com". Give https:// and the '
            "workspace's name alone, such as https://dbc-a1b2.cloud.databricks.com."
        ),
    ),
    "a host with a path": (
        lambda scope, _: workspace(scope, host="https://dbc-a1b2.cloud.databricks.com/?o=1"),
        (
            'DatabricksWorkspace "Databricks": host is "https://dbc-a1b2.cloud.databricks.com/?o=1". Give '
            "https:// and the workspace's name alone, such as https://dbc-a1b2.cloud.databricks.com."
        ),
    ),
    "a host without a name": (
        lambda scope, _: workspace(scope, host="https://"),
        (
            'DatabricksWorkspace "Databricks": host is "https://". Give https:// and the workspace\'s name alone, '
            "such as https://dbc-a1b2.cloud.databricks.com."
        ),
    ),
    "a proxy without a scheme": (
        lambda scope, _: workspace(scope, proxy="proxy.internal:3128"),
        (
            'DatabricksWorkspace "Databricks": proxy is "proxy.internal:3128". Give an address such as '
            "http://proxy.internal:3128, without a user or a password: it stands in the template for all to read."
        ),
    ),
    "a proxy that is spoken to in secret": (
        lambda scope, _: workspace(scope, proxy="https://proxy.internal:3128"),
        (
            'DatabricksWorkspace "Databricks": proxy is "https://proxy.internal:3128". Give an address such as '
            "http://proxy.internal:3128, without a user or a password: it stands in the template for all to read."
        ),
    ),
    "a proxy with a password": (
        lambda scope, _: workspace(scope, proxy="http://me:secret@proxy.internal:3128"),
        (
            'DatabricksWorkspace "Databricks": proxy is "http://<hidden>@proxy.internal:3128". Give an address '
            "such as http://proxy.internal:3128, without a user or a password: it stands in the template for all "
            "to read."
        ),
    ),
    "subnets without a VPC": (
        lambda scope, _: workspace(scope, subnets=ec2.SubnetSelection()),
        'DatabricksWorkspace "Databricks": subnets are those of a VPC. Give vpc=..., or remove subnets.',
    ),
    "security groups without a VPC": (
        lambda scope, _: workspace(
            scope, security_groups=[ec2.SecurityGroup.from_security_group_id(scope, "Group", "sg-1")]
        ),
        (
            'DatabricksWorkspace "Databricks": security_groups are those of a VPC. Give vpc=..., or remove '
            "security_groups."
        ),
    ),
}


@pytest.mark.parametrize(("use", "message"), CASES.values(), ids=CASES)
def test_a_wrong_use_is_told_what_is_wrong_and_what_to_do(use: Use, message: str, tmp_path: Path) -> None:
    with pytest.raises(zflow.WorkflowError) as raised:
        use(stack(), tmp_path)
    # The folder of the files is another one each time.
    assert str(raised.value).replace(str(tmp_path), "dist") == message


HANDED: Mapping[str, tuple[Callable[[Stack], object], str]] = {
    "a library's name": (
        lambda scope: step(scope, libraries=[cast("zflow.DatabricksLibrary", "pandas")]),
        (
            "Step \"Extract\": libraries has 'pandas'. A package from PyPI is "
            'DatabricksLibrary.from_pypi("pandas==2.3.3"); wheels, jars and packages of Maven have a from_... of '
            "their own."
        ),
    ),
    "a library's name for a task": (
        lambda scope: step(
            scope, tasks={"a": zflow.DatabricksTask(SPARK_TASK, libraries=[cast("zflow.DatabricksLibrary", "pandas")])}
        ),
        (
            "Step \"Extract\": libraries has 'pandas'. A package from PyPI is "
            'DatabricksLibrary.from_pypi("pandas==2.3.3"); wheels, jars and packages of Maven have a from_... of '
            "their own."
        ),
    ),
    "a script's path": (
        lambda _: zflow.SparkPythonTask(cast("zflow.SourceCode", "jobs/extract.py")),
        (
            "SparkPythonTask: code is 'jobs/extract.py'. A script of yours is "
            'SourceCode.from_file("jobs/extract.py"), '
            'one of the step\'s Git repository GitFile("jobs/extract.py"), one of the workspace '
            'WorkspaceFile("/Shared/extract.py").'
        ),
    ),
    "a notebook's path": (
        lambda _: zflow.NotebookTask(cast("zflow.WorkspaceFile", "/Shared/evaluate")),
        (
            "NotebookTask: notebook is '/Shared/evaluate'. One of the workspace is "
            'WorkspaceFile("/Shared/evaluate"), '
            'one of the step\'s Git repository GitFile("notebooks/evaluate").'
        ),
    ),
    "one value that is no list": (
        lambda _: zflow.NotebookTask(zflow.WorkspaceFile("/Shared/evaluate"), values="auc"),
        'NotebookTask: values is "auc". It takes a list: values=["auc"].',
    ),
    "one task before that is no list": (
        lambda _: zflow.DatabricksTask(SPARK_TASK, after="clean"),
        'DatabricksTask: after is "clean". It takes a list: after=["clean"].',
    ),
    "one thing taken that is no list": (
        lambda _: zflow.DatabricksTask(SPARK_TASK, takes="country"),
        'DatabricksTask: takes is "country". It takes a list: takes=["country"].',
    ),
    "one output that is no list": (
        lambda scope: step(scope, outputs="history"),
        'Step "Extract": outputs is "history". It takes a list: outputs=["history"].',
    ),
    "a task that is not wrapped": (
        lambda scope: step(scope, tasks={"clean": cast("zflow.DatabricksTask", SPARK_TASK)}),
        (
            'Step "Extract": tasks["clean"] is a SparkPythonTask. Wrap it: DatabricksTask(SparkPythonTask(...)), which '
            "also takes after=, cluster= and others."
        ),
    ),
    "a cluster's id": (
        lambda scope: step(scope, cluster=cast("zflow.ExistingCluster", "0923-164208-meows279")),
        (
            'Step "Extract": cluster is "0923-164208-meows279". A cluster that is there is '
            'ExistingCluster("0923-164208-meows279"); one of the run\'s own JobCluster(...); no cluster at all '
            "ServerlessCompute()."
        ),
    ),
    "a cluster's id for a task": (
        lambda scope: step(
            scope, tasks={"a": zflow.DatabricksTask(SPARK_TASK, cluster=cast("zflow.ExistingCluster", "0923"))}
        ),
        (
            'Step "Extract": the cluster of task "a" is "0923". A cluster that is there is ExistingCluster("0923"); '
            "one of the run's own JobCluster(...); no cluster at all ServerlessCompute()."
        ),
    ),
    "an address for an input": (
        lambda scope: step(scope, inputs={"rows": cast("zflow.DataLocation", "s3://lake/rows/")}),
        (
            'Step "Extract": inputs["rows"] is \'s3://lake/rows/\'. Data of another step is step.outputs["..."], '
            'data in S3 DataLocation.from_bucket(bucket, "prefix/"); a plain text is one of the parameters.'
        ),
    ),
    "a number for a job's id": (
        lambda _: zflow.RunJobTask(cast("str", 620158634281)),
        (
            "RunJobTask: job_id is 620158634281. Give the job's id as a text of digits, as its page shows it: "
            'RunJobTask("620158634281").'
        ),
    ),
}


@pytest.mark.parametrize(("use", "message"), HANDED.values(), ids=HANDED)
def test_what_a_type_checker_would_find_is_told_to_who_uses_none(use: Callable[[Stack], object], message: str) -> None:
    with pytest.raises(zflow.WorkflowError) as raised:
        use(stack())
    assert str(raised.value) == message
