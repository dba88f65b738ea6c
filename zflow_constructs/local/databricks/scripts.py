"""Runs a task's Python script in a process of its own."""

import json
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from zflow_constructs.local.databricks import script_process
from zflow_constructs.local.databricks.requests import Task
from zflow_constructs.local.databricks.runner import TaskOutcome
from zflow_constructs.local.objects import ObjectNotFoundError, ObjectStore
from zflow_constructs.local.processes import Process, Processes, Reporter


class ScriptRunner:
    """Runs `spark_python_task`s with this Python interpreter.

    Args:
        objects: Where the scripts are.
        processes: Starts their processes.
        environment: The environment of those, where boto3 finds the local AWS endpoint and credentials.
    """

    def __init__(self, *, objects: ObjectStore, processes: Processes, environment: Mapping[str, str]) -> None:
        self._objects = objects
        self._processes = processes
        self._environment = environment

    def run(self, task: Task, *, folder: Path, on_line: Reporter, stopping: threading.Event) -> TaskOutcome:
        """Run a task's script to its end. See `TaskRunner.run`."""
        script = folder / Path(task.python_file).name
        try:
            script.write_bytes(self._objects.read(task.python_file))
        except ObjectNotFoundError as error:
            message = f"Cannot read the python file {task.python_file}: {error}"
            return TaskOutcome("FAILED", message, code="RESOURCE_NOT_FOUND")
        if task.libraries:
            on_line(
                f"Libraries are not installed locally; the script finds what is in this environment: {_listed(task)}"
            )
        failure = folder / "failure.json"
        process = self._processes.start(
            [sys.executable, "-P", "-u", script_process.__file__, str(failure), str(script), *task.parameters],
            env=self._environment,
            cwd=folder,
            log=folder / "log.txt",
            on_line=on_line,
        )
        return _outcome(_wait(process, stopping), task, failure)


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
    if task.libraries:
        return f". The run's libraries are not installed locally: install what is missing of {_listed(task)}"
    return ". Install it in the environment of the local run; on Databricks, list it in the step's libraries"


def _listed(task: Task) -> str:
    return ", ".join(task.libraries)
