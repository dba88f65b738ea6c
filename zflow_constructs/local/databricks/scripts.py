"""Runs a task's Python code in a process of its own."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from zflow_constructs.local.databricks import script_process
from zflow_constructs.local.databricks.programs import UnrunnableError, prepare
from zflow_constructs.local.databricks.runner import TaskOutcome
from zflow_constructs.local.databricks.spark import NoSpark, SparkChoice, find_spark
from zflow_constructs.local.databricks.tasks import PythonWheel, Task
from zflow_constructs.local.objects import ObjectStore
from zflow_constructs.local.processes import Process, Processes, Reporter

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class ScriptRunner:
    """Runs `spark_python_task`s and `python_wheel_task`s with this Python interpreter.

    Args:
        s3: Where the scripts and the data are.
        processes: Starts their processes.
        environment: The whole environment of those. Scripts find the local AWS endpoint, region and credentials there.
        spark: Which Spark scripts get, if they use it: `classic` is PySpark with Java, `sail` needs none. Default:
            `auto`, classic where there is a Java 17 or later.

    Raises:
        SparkUnavailableError: The Spark that was asked for isn't on this machine.
    """

    def __init__(
        self, *, s3: S3Client, processes: Processes, environment: Mapping[str, str], spark: SparkChoice = "auto"
    ) -> None:
        self._objects = ObjectStore(s3)
        self._processes = processes
        self._environment = environment
        self._python = [sys.executable, "-P", "-u", script_process.__file__]
        self._spark = find_spark(spark, s3=s3)

    def run(self, task: Task, *, folder: Path, on_line: Reporter, stopping: threading.Event) -> TaskOutcome:
        """Run a task's code to its end. See `TaskRunner.run`."""
        try:
            program = prepare(task, folder=folder, objects=self._objects)
        except UnrunnableError as error:
            return TaskOutcome("FAILED", error.message, code=error.code)
        if _not_installed(task):
            on_line(f"Libraries are not installed locally; the script finds what this environment has: {_listed(task)}")
        spark = self._spark if program.uses_spark else NoSpark()
        failure = folder / "failure.json"
        with spark.environment(folder) as variables:
            process = self._processes.start(
                [*self._python, spark.name, str(failure), str(program.script), *program.arguments],
                # A cluster's clock is UTC.
                env={**self._environment, "TZ": "UTC", **program.environment, **variables},
                cwd=folder,
                log=folder / "log.txt",
                on_line=on_line,
            )
            exit_code = _wait(process, stopping)
        return _outcome(exit_code, task, failure)


def _wait(process: Process, stopping: threading.Event) -> int:
    while True:
        try:
            return process.wait(0.1)
        except TimeoutError:
            if stopping.is_set():
                process.stop()


def _outcome(exit_code: int, task: Task, failure: Path) -> TaskOutcome:
    if failure.exists():
        error, trace = _read_failure(failure)
        return TaskOutcome("FAILED", error + _remedy(error, task), trace)
    if exit_code == 0:
        return TaskOutcome("SUCCESS")
    if exit_code < 0:
        reason = f"{128 - exit_code} ({signal.Signals(-exit_code).name}: {signal.strsignal(-exit_code)})"
        return TaskOutcome("FAILED", f"The Python process exited with exit code {reason}.")
    return TaskOutcome("FAILED", f"The Python process exited with exit code {exit_code}.")


def _read_failure(failure: Path) -> tuple[str, str]:
    content = json.loads(failure.read_text(encoding="utf-8"))
    return content["error"], content["error_trace"]


def _remedy(error: str, task: Task) -> str:
    if not error.startswith("ModuleNotFoundError"):
        return ""
    if "'pyspark" in error or "'pysail" in error:
        return f". For Spark on this machine: {NoSpark.remedy}"
    if _not_installed(task):
        return f". The run's libraries are not installed locally: install what is missing of {_listed(task)}"
    return ". Install it in the environment of the local run; on Databricks, list it in the step's libraries"


def _listed(task: Task) -> str:
    return ", ".join(_not_installed(task))


def _not_installed(task: Task) -> list[str]:
    unpacked = task.work.wheels if isinstance(task.work, PythonWheel) else ()
    return [library for library in task.libraries if library.removeprefix("whl ") not in unpacked]
