"""Spark on this machine: classic PySpark where there is Java, else Sail, which speaks Spark Connect and needs none.

A script sees neither: it gets its session by `SparkSession.builder.getOrCreate()`, or finds it in `spark`, and reads
and writes `s3://bucket/prefix` as on Databricks.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from zflow_constructs.local.databricks.s3_tree import S3Tree
from zflow_constructs.local.databricks.webhdfs import WebHdfsServer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SparkChoice = Literal["auto", "classic", "sail"]

_OLDEST_JAVA = 17
_S3_SCHEMES = ("s3", "s3a")

# Two cores and small data: less to start, less to shuffle, a compiler and a collector that are quick to warm up.
_CLASSIC_CONFIGURATION = """\
spark.master                                local[2]
spark.app.name                              local
spark.ui.enabled                            false
spark.ui.showConsoleProgress                false
spark.driver.bindAddress                    127.0.0.1
spark.driver.host                           127.0.0.1
spark.driver.extraJavaOptions               -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto
spark.sql.shuffle.partitions                2
spark.sql.sources.ignoreDataLocality        true
spark.sql.warehouse.dir                     {folder}/spark-warehouse
spark.local.dir                             {folder}/spark-local
spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version        2
spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs       false
"""

_CLASSIC_LOGGING = """\
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %p %c{1}: %m%n%ex{short}
"""


class Spark(Protocol):
    """A Spark for scripts that run in a process of their own."""

    name: str
    """What the script's process is told: `classic`, `sail` or `none`."""

    def environment(self, folder: Path) -> AbstractContextManager[Mapping[str, str]]:
        """The variables that a script's process needs, for as long as it runs.

        Args:
            folder: The task's own folder.
        """
        ...


class SparkUnavailableError(RuntimeError):
    """The Spark that was asked for isn't on this machine."""


def find_spark(choice: SparkChoice, *, s3: S3Client) -> Spark:
    """The Spark that scripts get.

    Args:
        choice: `auto` prefers classic PySpark.
        s3: Where `s3://` leads.

    Raises:
        SparkUnavailableError: There is no such Spark here. With `auto`, only scripts that use Spark will fail.
    """
    has_pyspark = find_spec("pyspark") is not None
    has_sail = has_pyspark and find_spec("pysail") is not None
    java = _java()
    if choice != "sail" and has_pyspark and java:
        return ClassicSpark(java=java, s3=s3)
    if choice != "classic" and has_sail:
        return Sail()
    if choice == "auto":
        return NoSpark()
    lacking = f"Java {_OLDEST_JAVA} or later" if choice == "classic" and has_pyspark else "the packages"
    raise SparkUnavailableError(
        f"--spark {choice} needs {lacking}: install"
        + (
            " it (and set JAVA_HOME), or choose --spark sail"
            if lacking.startswith("Java")
            else " zflow-constructs[local-spark]"
        )
    )


class NoSpark:
    """For scripts that don't use Spark, and machines that have none."""

    name = "none"

    @contextmanager
    def environment(self, folder: Path) -> Iterator[Mapping[str, str]]:
        """See `Spark`."""
        yield {}


class Sail:
    """Sail: its server runs within the script's process and speaks to the AWS endpoint of the environment itself."""

    name = "sail"

    @contextmanager
    def environment(self, folder: Path) -> Iterator[Mapping[str, str]]:
        """See `Spark`."""
        yield {"AWS_ALLOW_HTTP": "true", "RUST_LOG": "error"}


class ClassicSpark:
    """PySpark with its JVM; Hadoop's mount table leads from each `s3://bucket` to a WebHDFS server in front of S3.

    Args:
        java: The Java program.
        s3: Where the buckets are.
    """

    name = "classic"

    def __init__(self, *, java: Path, s3: S3Client) -> None:
        self._java = java
        self._s3 = s3

    @contextmanager
    def environment(self, folder: Path) -> Iterator[Mapping[str, str]]:
        """See `Spark`."""
        tree = S3Tree(self._s3)
        with WebHdfsServer(tree) as webhdfs:
            configuration = folder / "spark-conf"
            configuration.mkdir()
            mounts = _mounts(tree.buckets(), webhdfs.uri)
            text = _CLASSIC_CONFIGURATION.format(folder=folder.resolve()) + "".join(f"{mount}\n" for mount in mounts)
            (configuration / "spark-defaults.conf").write_text(text, encoding="utf-8")
            (configuration / "log4j2.properties").write_text(_CLASSIC_LOGGING, encoding="utf-8")
            yield {
                "JAVA_HOME": str(self._java.parent.parent),
                "PYSPARK_PYTHON": sys.executable,
                "SPARK_CONF_DIR": str(configuration),
                "SPARK_LOCAL_IP": "127.0.0.1",
                "SPARK_LOCAL_HOSTNAME": "localhost",
            }


def _mounts(buckets: list[str], webhdfs: str) -> Iterator[str]:
    for scheme in _S3_SCHEMES:
        yield f"spark.hadoop.fs.{scheme}.impl org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme"
        target = f"spark.hadoop.fs.viewfs.overload.scheme.target.{scheme}.impl"
        yield f"{target} org.apache.hadoop.hdfs.web.WebHdfsFileSystem"
    for bucket in buckets:
        yield f"spark.hadoop.fs.viewfs.mounttable.{bucket}.linkFallback {webhdfs}/{bucket}"


def _java() -> Path | None:
    """The Java program of JAVA_HOME or PATH, if it is new enough."""
    home = os.environ.get("JAVA_HOME", "")
    program = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if not program:
        return None
    answer = subprocess.run([program, "-version"], capture_output=True, text=True, check=False, timeout=30)
    version = re.search(r'version "(\d+)', answer.stderr)
    return Path(program).resolve() if version and int(version[1]) >= _OLDEST_JAVA else None
