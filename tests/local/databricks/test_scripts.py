"""Python scripts run for real, by runs submitted to the Jobs API."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.jobs import RunOutput, RunResultState, TerminationCodeCode
from mypy_boto3_s3 import S3Client

from tests.local.databricks.held_runner import wait_until
from tests.local.databricks.script_workspace import ScriptWorkspace, environment
from tests.local.databricks.serving import serving
from zflow_constructs.local.databricks.scheduler import Scheduler
from zflow_constructs.local.databricks.scripts import ScriptRunner
from zflow_constructs.local.processes import Processes


@pytest.fixture
def workspace(aws_endpoint: str, lake: S3Client, tmp_path: Path) -> Iterator[ScriptWorkspace]:
    lines: list[str] = []
    with Processes() as processes:
        runner = ScriptRunner(s3=lake, processes=processes, environment=environment(aws_endpoint))
        with serving(
            Scheduler(runner=runner, folder=tmp_path, on_line=lambda run_name, line: lines.append(f"{run_name} {line}"))
        ) as server:
            client = WorkspaceClient(host=server.url, token="personal", auth_type="pat")
            yield ScriptWorkspace(client=client, s3=lake, folder=tmp_path, lines=lines)


def result(output: RunOutput) -> RunResultState | None:
    assert output.metadata is not None
    assert output.metadata.state is not None
    return output.metadata.state.result_state


def test_a_script_gets_its_parameters_and_reads_and_writes_s3(workspace: ScriptWorkspace) -> None:
    workspace.s3.put_object(Bucket="lake", Key="raw/applications.csv", Body=b"id,amount\n1,10\n2,32\n")
    output = workspace.run(
        """
        import argparse
        import boto3
        import pandas

        parser = argparse.ArgumentParser()
        parser.add_argument("--source")
        arguments = parser.parse_args()
        s3 = boto3.client("s3")
        frame = pandas.read_csv(s3.get_object(Bucket="lake", Key=arguments.source)["Body"])
        s3.put_object(Bucket="lake", Key="sums/amount", Body=str(frame.amount.sum()))
        print("summed", len(frame), "rows")
        """,
        "--source",
        "raw/applications.csv",
    )
    assert result(output) == RunResultState.SUCCESS
    assert output.logs == "summed 2 rows\n"
    assert workspace.object("sums/amount") == "42"
    assert workspace.lines == ["m:e:Job summed 2 rows"]


def test_the_folder_of_the_run_keeps_the_script_and_its_log(workspace: ScriptWorkspace) -> None:
    workspace.run("print('hello')")
    (folder,) = workspace.folder.glob("Job-*/job")
    assert (folder / "job.py").read_text() == "print('hello')"
    assert (folder / "log.txt").read_text() == "hello\n"


def test_the_script_is_the_main_module_and_its_neighbours_are_not_ours(workspace: ScriptWorkspace) -> None:
    output = workspace.run(
        """
        import importlib.util
        import sys

        assert __name__ == "__main__" and sys.modules["__main__"].__file__ == __file__ == sys.argv[0]
        assert importlib.util.find_spec("scheduler") is None
        """
    )
    assert output.error is None
    assert result(output) == RunResultState.SUCCESS


def test_a_failing_script_fails_with_its_own_error_and_trace(workspace: ScriptWorkspace) -> None:
    output = workspace.run(
        """
        def share(part, total):
            return part / total

        share(1, 0)
        """
    )
    assert result(output) == RunResultState.FAILED
    assert output.error == "ZeroDivisionError: division by zero"
    trace = output.error_trace or ""
    assert trace.startswith("Traceback (most recent call last):\n")
    assert "in share" in trace
    assert "return part / total" in trace
    assert "script_process" not in trace
    assert (output.logs or "").endswith("ZeroDivisionError: division by zero\n")
    assert output.metadata is not None
    assert output.metadata.status is not None
    details = output.metadata.status.termination_details
    assert details is not None
    assert details.code == TerminationCodeCode.RUN_EXECUTION_ERROR


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("raise SystemExit('no data for today')", "SystemExit: no data for today"),
        ("this is no Python", "SyntaxError: invalid syntax"),
        ("import os; os._exit(9)", "The Python process exited with exit code 9."),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "The Python process exited with exit code 137 (SIGKILL: Killed).",
        ),
        ("class NoRows(Exception): pass\nraise NoRows('de')", "NoRows: de"),
    ],
)
def test_however_a_script_fails_the_output_says_how(workspace: ScriptWorkspace, script: str, error: str) -> None:
    output = workspace.run(script)
    assert result(output) == RunResultState.FAILED
    assert error in (output.error or "")


def test_sys_exit_with_0_is_a_success(workspace: ScriptWorkspace) -> None:
    assert result(workspace.run("import sys; print('done'); sys.exit(0)")) == RunResultState.SUCCESS


def test_a_missing_script_fails_the_run_with_its_uri(workspace: ScriptWorkspace) -> None:
    run = workspace.finished(workspace.submit_what_is_there())
    assert run.status is not None
    details = run.status.termination_details
    assert details is not None
    assert details.code == TerminationCodeCode.RESOURCE_NOT_FOUND
    assert "Cannot read the python file s3://lake/code/job.py" in (details.message or "")


class TestLibraries:
    def test_the_log_says_that_libraries_are_not_installed(self, workspace: ScriptWorkspace) -> None:
        output = workspace.run("print('ran')", libraries=("scikit-learn==1.7.2", "reportlab"))
        assert output.logs == (
            "Libraries are not installed locally; the script finds what this environment has: "
            "scikit-learn==1.7.2, reportlab\nran\n"
        )

    def test_a_missing_import_names_the_libraries_of_the_run(self, workspace: ScriptWorkspace) -> None:
        output = workspace.run("import lightbgm", libraries=("lightbgm==4.6.0",))
        assert output.error == (
            "ModuleNotFoundError: No module named 'lightbgm'. The run's libraries are not installed locally: "
            "install what is missing of lightbgm==4.6.0"
        )

    def test_a_missing_import_of_a_run_without_libraries_says_what_to_do(self, workspace: ScriptWorkspace) -> None:
        output = workspace.run("import lightbgm")
        assert output.error == (
            "ModuleNotFoundError: No module named 'lightbgm'. Install it in the environment of the local run; "
            "on Databricks, list it in the step's libraries"
        )


class TestStopping:
    FOREVER = """
        import subprocess, sys, time

        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
        print("child", child.pid, flush=True)
        time.sleep(1000)
        """

    def test_cancel_ends_the_script_and_what_it_started(self, workspace: ScriptWorkspace) -> None:
        run_id = workspace.submit(self.FOREVER)
        wait_until(lambda: bool(workspace.lines))
        child = int(workspace.lines[0].split()[-1])
        workspace.client.jobs.cancel_run(run_id)
        workspace.finished(run_id)
        assert result(workspace.output(run_id)) == RunResultState.CANCELED
        wait_until(lambda: not is_running(child))

    def test_timeout_seconds_ends_the_script(self, workspace: ScriptWorkspace) -> None:
        run_id = workspace.submit(self.FOREVER, timeout=3)
        workspace.finished(run_id)
        assert result(workspace.output(run_id)) == RunResultState.TIMEDOUT

    def test_stopping_the_server_ends_the_script(self, aws_endpoint: str, lake: S3Client, tmp_path: Path) -> None:
        lines: list[str] = []
        with Processes() as processes:
            runner = ScriptRunner(s3=lake, processes=processes, environment=environment(aws_endpoint))
            with serving(
                Scheduler(runner=runner, folder=tmp_path, on_line=lambda _, line: lines.append(line))
            ) as server:
                client = WorkspaceClient(host=server.url, token="personal", auth_type="pat")
                ScriptWorkspace(client=client, s3=lake, folder=tmp_path, lines=lines).submit(self.FOREVER)
                wait_until(lambda: bool(lines))
            wait_until(lambda: not is_running(int(lines[0].split()[-1])))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state) and "Z" not in state
