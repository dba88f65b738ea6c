"""Spark on this machine: classic PySpark where there is Java, else Sail, which speaks Spark Connect and needs none.

A script sees neither: it gets its session by `SparkSession.builder.getOrCreate()`, or finds it in `spark`, and reads
and writes `s3://bucket/prefix` as on Databricks.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from zflow_constructs.local.databricks.classic_spark import ClassicSpark

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SparkChoice = Literal["auto", "classic", "sail"]

_OLDEST_JAVA = 17


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
        choice: `auto` prefers classic PySpark; where there is none at all, only the scripts that need it fail.
        s3: Where `s3://` leads.

    Raises:
        SparkUnavailableError: The Spark that was asked for isn't here.
    """
    java = _java()
    if choice in ("auto", "classic") and java and find_spec("pyspark"):
        return ClassicSpark(java=java, s3=s3)
    if choice in ("auto", "sail") and find_spec("pyspark") and find_spec("pysail"):
        return Sail()
    if choice == "auto":
        return NoSpark()
    if choice == "classic" and not java:
        raise SparkUnavailableError(
            f"Classic Spark needs Java {_OLDEST_JAVA} or later, in JAVA_HOME or on the PATH."
            " Install it, or choose sail."
        )
    raise SparkUnavailableError(f"The packages of {choice} Spark are missing: {NoSpark.remedy}")


class NoSpark:
    """For scripts that don't use Spark, and machines that have none."""

    name = "none"
    remedy = "pip install 'zflow-constructs[local-spark]'"

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


def _java() -> Path | None:
    """The Java program of JAVA_HOME or PATH, if it is new enough."""
    home = os.environ.get("JAVA_HOME", "")
    program = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if not program:
        return None
    answer = subprocess.run([program, "-version"], capture_output=True, text=True, check=False, timeout=30)
    version = re.search(r'version "(\d+)', answer.stderr)
    return Path(program).resolve() if version and int(version[1]) >= _OLDEST_JAVA else None
