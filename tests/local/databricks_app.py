"""An app whose workflow runs on Databricks in every way that this machine can: the scripts, the wheel, the jobs."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import App, CfnOutput, Environment, RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3

import zflow_constructs as zflow
from tests.parts import CLUSTER

APPLICATIONS = "country,amount\nde,10\nde,30\nfr,5\n"
BUCKET = "jobs-of-the-team"
NIGHTLY, CLEANING, MISSING = 620158634281, 7, 404

EXTRACT = """
import argparse
from pyspark.sql import SparkSession

parser = argparse.ArgumentParser()
for name in ("applications", "country", "history"):
    parser.add_argument(f"--{name}")
arguments = parser.parse_args()
spark = SparkSession.builder.getOrCreate()
rows = spark.read.csv(arguments.applications, header=True)
rows.filter(rows.country == arguments.country).write.csv(arguments.history, header=True)
print("extracted", arguments.country)
"""

S3 = """
import boto3


def split(uri):
    return uri.removeprefix("s3://").split("/", 1)


def read(uri):
    bucket, prefix = split(uri)
    s3 = boto3.client("s3")
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    keys = [entry["Key"] for entry in listed if entry["Key"].endswith(".csv")]
    return "".join(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys)


def write(uri, name, text):
    bucket, prefix = split(uri)
    boto3.client("s3").put_object(Bucket=bucket, Key=f"{prefix.rstrip('/')}/{name}", Body=text.encode())
"""

FEATURES = """
import argparse
import json

from churn import places


def main():
    parser = argparse.ArgumentParser()
    for name in ("history", "features"):
        parser.add_argument(f"--{name}")
    arguments, _ = parser.parse_known_args()  # A job hands all its parameters to a wheel.
    amounts = [int(line.split(",")[1]) for line in places.read(arguments.history).split()[1:]]
    places.write(arguments.features, "features.csv", "".join(f"{amount}\\n" for amount in amounts))
    places.write(arguments.features, "metrics.json", json.dumps({"rows": {"count": len(amounts)}}))
    print("rows:", len(amounts))
"""

COPY = f"""{S3}
import argparse
import sys

parser = argparse.ArgumentParser()
for name in ("source", "target", "do"):
    parser.add_argument(f"--{{name}}", default="")
arguments = parser.parse_args()
print("carrying", arguments.source.rstrip("/").rsplit("/", 1)[-1])
if arguments.do == "fail":
    sys.exit("asked to fail")
write(arguments.target, "copy.csv", read(arguments.source))
"""


def wheel(folder: Path) -> Path:
    """A wheel of the distribution `churn`, with the entry point `features`."""
    file = folder / "churn-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("churn/__init__.py", "")
        archive.writestr("churn/places.py", S3)
        archive.writestr("churn/jobs.py", FEATURES)
        archive.writestr("churn-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: churn\nVersion: 1.0\n")
        archive.writestr("churn-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("churn-1.0.dist-info/entry_points.txt", "[console_scripts]\nfeatures = churn.jobs:main\n")
        archive.writestr("churn-1.0.dist-info/RECORD", "")
    return file


def job_files(folder: Path) -> list[str]:
    """The options for the jobs that are there: one with a wheel and a script in S3, and one with a script beside it."""
    for id, settings in _jobs().items():
        (folder / f"{id}.json").write_text(json.dumps({"job_id": id, "settings": settings}))
    return [f"{id}={folder / f'{id}.json'}" for id in _jobs()]


def _jobs() -> Mapping[int, Mapping[str, object]]:
    cluster = {"job_cluster_key": "cluster"}
    clusters = [{"job_cluster_key": "cluster", "new_cluster": {"spark_version": "16.4.x-scala2.12", "num_workers": 1}}]
    copy = f"s3://{BUCKET}/carry.py"
    nightly = {
        "name": "The team's nightly job",
        "job_clusters": clusters,
        "parameters": [{"name": name, "default": ""} for name in ("history", "features", "target")],
        "tasks": [
            {
                "task_key": "features",
                **cluster,
                "python_wheel_task": {"package_name": "churn", "entry_point": "features"},
                "libraries": [{"whl": f"s3://{BUCKET}/churn-1.0-py3-none-any.whl"}],
            },
            {
                "task_key": "copy",
                "depends_on": [{"task_key": "features"}],
                **cluster,
                "spark_python_task": {
                    "python_file": copy,
                    "parameters": [
                        *("--source", "{{job.parameters.features}}"),
                        *("--target", "{{job.parameters.target}}"),
                    ],
                },
            },
        ],
    }
    parameters = [
        *("--source", "{{job.parameters.source}}"),
        *("--target", "{{job.parameters.target}}"),
        *("--do", "{{job.parameters.do}}"),
    ]
    task = {"task_key": "clean", **cluster, "spark_python_task": {"python_file": "carry.py", "parameters": parameters}}
    declared = [{"name": name, "default": ""} for name in ("source", "target", "do")]
    cleaning = {"name": "Cleaning", "job_clusters": clusters, "parameters": declared, "tasks": [task]}
    return {NIGHTLY: nightly, CLEANING: cleaning}


def synthesized(folder: Path) -> Path:
    """The synthesized app."""
    for name, text in {"applications.csv": APPLICATIONS, "extract.py": EXTRACT, "carry.py": COPY}.items():
        (folder / name).write_text(text)
    wheel(folder)
    app = App(outdir=str(folder / "cdk.out"))
    stack = Stack(app, "Churn", env=Environment(account="111122223333", region="eu-central-1"))
    s3.Bucket(stack, "Jobs", bucket_name=BUCKET, removal_policy=RemovalPolicy.DESTROY)
    databricks = zflow.DatabricksWorkspace(
        stack,
        "Databricks",
        host="https://dbc-a1b2.cloud.databricks.com",
        credentials=zflow.DatabricksCredentials.from_iam_federation("7a90d2e4-3c14-4a8c-9b1e-0f6a2f1f5c11"),
    )
    steps = _steps(stack, databricks, folder)
    extract, features, check, nightly, several = steps
    zflow.MlWorkflow(
        stack,
        "Nightly",
        steps=steps,
        bucket=s3.Bucket(stack, "Bucket", removal_policy=RemovalPolicy.DESTROY),
        parameters={"country": "de"},
        outputs={
            "history": extract.outputs["history"].uri,
            "features": features.outputs["features"].uri,
            "rows": features.report("metrics.rows.count"),
            "check": check.outputs["target"].uri,
            "nightly": nightly.outputs["target"].uri,
            "several": several.outputs["target"].uri,
            **{f"output of {step.name}": step.full_output for step in steps},
        },
    )
    do = zflow.Parameter("do")
    failing = zflow.DatabricksJobStep(
        stack, "Failing", workspace=databricks, task=zflow.RunJobTask(str(CLEANING)), parameters={"do": do}
    )
    lost = zflow.DatabricksJobStep(stack, "Lost", workspace=databricks, task=zflow.RunJobTask(str(MISSING)))
    for id, step in {"JobThatFails": failing, "JobThatIsMissing": lost}.items():
        workflow = zflow.MlWorkflow(stack, id, steps=[step], parameters={"do": "fail"} if step is failing else {})
        CfnOutput(stack, f"{id}Machine", value=workflow.state_machine.state_machine_arn)
    return Path(app.synth().directory)


def _steps(stack: Stack, databricks: zflow.DatabricksWorkspace, folder: Path) -> tuple[zflow.DatabricksJobStep, ...]:
    copy = zflow.SparkPythonTask(zflow.SourceCode.from_file(str(folder / "carry.py")))
    extract = zflow.DatabricksJobStep(
        stack,
        "Extract",
        workspace=databricks,
        task=zflow.SparkPythonTask(zflow.SourceCode.from_file(str(folder / "extract.py"))),
        cluster=CLUSTER,
        parameters={"country": zflow.Parameter("country")},
        inputs={"applications": zflow.DataLocation.from_asset(stack, "Applications", str(folder / "applications.csv"))},
        outputs=["history"],
    )
    history = extract.outputs["history"]
    features = zflow.DatabricksJobStep(
        stack,
        "Features",
        workspace=databricks,
        task=zflow.PythonWheelTask.from_file(str(folder / "churn-1.0-py3-none-any.whl"), entry_point="features"),
        cluster=CLUSTER,
        inputs={"history": history},
        outputs=["features"],
        reports={"metrics": "features/metrics.json"},
    )
    check = zflow.DatabricksJobStep(
        stack,
        "Check",
        workspace=databricks,
        task=copy,
        cluster=CLUSTER,
        inputs={"source": features.outputs["features"]},
        outputs=["target"],
        separate_history=True,
        when=features.report("metrics.rows.count") >= 2,
    )
    nightly = zflow.DatabricksJobStep(
        stack,
        "Nightly job",
        workspace=databricks,
        task=zflow.RunJobTask(str(NIGHTLY)),
        inputs={"history": history},
        outputs=["features", "target"],
    )
    several = zflow.DatabricksJobStep(
        stack,
        "Several",
        workspace=databricks,
        tasks={
            "first": zflow.DatabricksTask(copy, cluster=CLUSTER),
            "again": zflow.DatabricksTask(zflow.RunJobTask(str(CLEANING)), after=["first"]),
        },
        inputs={"source": history},
        outputs=["target"],
    )
    return extract, features, check, nightly, several
