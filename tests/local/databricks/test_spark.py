"""One Spark script, on classic PySpark and on Sail: the same rows from and to S3."""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.jobs import RunResultState
from mypy_boto3_s3 import S3Client

from tests.local.databricks.script_workspace import ScriptWorkspace, environment
from tests.local.databricks.serving import serving
from zflow_constructs.local.databricks.classic_spark import ClassicSpark
from zflow_constructs.local.databricks.scheduler import Scheduler
from zflow_constructs.local.databricks.scripts import ScriptRunner
from zflow_constructs.local.databricks.spark import Sail, SparkChoice, SparkUnavailableError, find_spark
from zflow_constructs.local.processes import Processes

APPLICATIONS = b"id,country,amount,defaulted\n" + b"".join(
    f"{number},{'de' if number % 3 else 'at'},{number * 10},{number % 2}\n".encode() for number in range(60)
)


def has(choice: SparkChoice, s3: S3Client) -> bool:
    try:
        find_spark(choice, s3=s3)
    except SparkUnavailableError:
        return False
    return True


@pytest.fixture(params=[pytest.param("classic", marks=pytest.mark.slow), "sail"])
def workspace(
    request: pytest.FixtureRequest, aws_endpoint: str, lake: S3Client, tmp_path: Path
) -> Iterator[ScriptWorkspace]:
    if not has(request.param, lake):
        pytest.skip(f"no {request.param} Spark here")
    lines: list[str] = []
    with Processes() as processes:
        runner = ScriptRunner(s3=lake, processes=processes, environment=environment(aws_endpoint), spark=request.param)
        with serving(Scheduler(runner=runner, folder=tmp_path)) as server:
            client = WorkspaceClient(host=server.url, token="personal", auth_type="pat")
            yield ScriptWorkspace(client=client, s3=lake, folder=tmp_path, lines=lines)


def test_a_spark_script_runs_the_same_on_both(workspace: ScriptWorkspace) -> None:
    workspace.s3.put_object(Bucket="lake", Key="raw/applications.csv", Body=APPLICATIONS)
    workspace.s3.put_object(Bucket="lake", Key="features/stale.csv", Body=b"to be overwritten")
    run_id = workspace.submit(
        """
        import datetime
        import sys

        import boto3
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
        from pyspark.sql import functions as F

        source, target = sys.argv[1:]
        session = SparkSession.builder.appName("features").getOrCreate()
        assert spark.version == session.version, "`spark` is there without an import"

        applications = spark.read.csv(source, header=True, inferSchema=True)
        features = (
            applications.filter("country = 'de'")
            .withColumn("share", F.round(F.col("amount") / F.lit(100), 2))
            .orderBy("id")
        )
        features.coalesce(1).write.mode("overwrite").csv(target, header=True)
        features.write.mode("overwrite").parquet("s3://lake/parquet/features")
        counts = applications.groupBy("country").count()
        counts.write.mode("overwrite").partitionBy("country").json("s3://lake/by country")

        print("rows", spark.read.parquet("s3://lake/parquet/features").count())
        print("sum", spark.read.json("s3://lake/by country").agg(F.sum("count")).first()[0])

        # What boto3 writes in between is there for Spark at once.
        boto3.client("s3").put_object(Bucket="lake", Key="mixed/a.csv", Body=b"x\\n7\\n")
        print("mixed", spark.read.csv("s3://lake/mixed/", header=True).first()["x"])
        print("hour", spark.sql("select hour(timestamp'1970-01-01 12:00:00Z')").first()[0])

        pandas_frame = features.limit(2).toPandas()
        print("pandas", pandas_frame.shape)
        try:
            features.write.csv(target)
        except PySparkException as error:
            print("refused", "already exists" in str(error))
        """,
        "s3://lake/raw/",
        "s3://lake/features/",
    )
    workspace.finished(run_id)
    output = workspace.output(run_id)
    assert output.error is None, output.error_trace
    said = dict(line.split(" ", 1) for line in (output.logs or "").splitlines() if " " in line)
    assert said["rows"] == "40"
    assert said["sum"] == "60"
    assert said["mixed"] == "7"
    assert said["hour"] == "12"
    assert said["pandas"] == "(2, 5)"
    assert said["refused"] == "True"

    keys = workspace.keys("features/")
    assert all(key.endswith(".csv") for key in keys), "neither markers nor checksums nor what was there before"
    assert "features/stale.csv" not in keys
    rows = [row for key in keys for row in csv.DictReader(io.StringIO(workspace.object(key)))]
    assert rows == [
        {
            "id": str(number),
            "country": "de",
            "amount": str(number * 10),
            "defaulted": str(number % 2),
            "share": str(number / 10),
        }
        for number in range(60)
        if number % 3
    ]
    assert {key.split("/")[1] for key in workspace.keys("by country/")} == {"country=at", "country=de"}


def test_a_failing_spark_script_names_its_error(workspace: ScriptWorkspace) -> None:
    run_id = workspace.submit("spark.range(3).select('salary').collect()")
    run = workspace.finished(run_id)
    assert run.state is not None
    assert run.state.result_state == RunResultState.FAILED
    output = workspace.output(run_id)
    assert "salary" in (output.error or "")
    assert "collect()" in (output.error_trace or "")


class TestChoice:
    @pytest.fixture
    def no_java(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    @pytest.fixture
    def java(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
        """Put a Java on the PATH that says it has some version."""

        def install(version: str) -> None:
            program = tmp_path / "jdk" / "bin" / "java"
            program.parent.mkdir(parents=True)
            program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
            program.chmod(0o755)
            monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))

        return install

    def test_auto_takes_classic_where_there_is_java(self, lake: S3Client, java: Callable[[str], None]) -> None:
        java("21.0.2")
        assert isinstance(find_spark("auto", s3=lake), ClassicSpark)

    def test_auto_takes_sail_where_java_is_too_old(self, lake: S3Client, java: Callable[[str], None]) -> None:
        java("1.8.0_392")
        assert isinstance(find_spark("auto", s3=lake), Sail)

    @pytest.mark.usefixtures("no_java")
    def test_auto_takes_sail_where_there_is_no_java(self, lake: S3Client) -> None:
        assert isinstance(find_spark("auto", s3=lake), Sail)

    @pytest.mark.usefixtures("no_java")
    def test_classic_without_java_is_refused_with_the_remedy(self, lake: S3Client) -> None:
        with pytest.raises(SparkUnavailableError) as refusal:
            find_spark("classic", s3=lake)
        assert str(refusal.value) == (
            "Classic Spark needs Java 17 or later, in JAVA_HOME or on the PATH. Install it, or choose sail."
        )
