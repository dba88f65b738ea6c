"""Classic PySpark: a JVM beside the script's process, quick to start, whose `s3://` leads to the local S3."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from zflow_constructs.local.databricks.s3_tree import S3Tree
from zflow_constructs.local.databricks.webhdfs import WebHdfsServer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_S3_SCHEMES = ("s3", "s3a")

# Two cores and small data: less to start, less to shuffle, a compiler and a collector that are quick to warm up, and
# PySpark's own classes taken on trust (a quarter of the start-up is their verification).
_CLASSIC_CONFIGURATION = """\
spark.master                                local[2]
spark.app.name                              local
spark.ui.enabled                            false
spark.ui.showConsoleProgress                false
spark.driver.bindAddress                    127.0.0.1
spark.driver.host                           127.0.0.1
spark.driver.extraJavaOptions               {java_options}
spark.sql.shuffle.partitions                2
spark.sql.sources.ignoreDataLocality        true
spark.sql.warehouse.dir                     {folder}/spark-warehouse
spark.local.dir                             {folder}/spark-local
spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version        2
spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs       false
"""

_JAVA_OPTIONS = (
    "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"
)

_CLASSIC_LOGGING = """\
rootLogger.level = error
logger.gateway.name = org.apache.spark.api.python.PythonGatewayServer
logger.gateway.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %p %c{1}: %m%n%ex{short}
"""


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
            settings = _CLASSIC_CONFIGURATION.format(folder=folder.resolve(), java_options=_JAVA_OPTIONS)
            text = settings + "".join(f"{mount}\n" for mount in mounts)
            (configuration / "spark-defaults.conf").write_text(text, encoding="utf-8")
            (configuration / "log4j2.properties").write_text(_CLASSIC_LOGGING, encoding="utf-8")
            yield {
                "JAVA_HOME": str(self._java.parent.parent),
                "SPARK_HOME": _spark_home(),
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


def _spark_home() -> str:
    # An installation elsewhere, which SPARK_HOME may name, is not the one that Python imports.
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent)
