"""A workspace whose runs run scripts, as a test speaks of it: write a script, run it, look at what came of it."""

import os
import textwrap
from collections.abc import Mapping
from pathlib import Path

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.compute import Library, PythonPyPiLibrary
from databricks.sdk.service.jobs import Run, RunLifecycleStateV2State, RunOutput, SparkPythonTask, SubmitTask
from mypy_boto3_s3 import S3Client

from tests.local.databricks.held_runner import wait_until


def environment(aws_endpoint: str) -> Mapping[str, str]:
    return {
        **os.environ,
        "AWS_ENDPOINT_URL": aws_endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }


class ScriptWorkspace:
    """Databricks' SDK, S3, and the folder where the runs leave their files."""

    def __init__(self, *, client: WorkspaceClient, s3: S3Client, folder: Path, lines: list[str]) -> None:
        self.client = client
        self.s3 = s3
        self.folder = folder
        self.lines = lines

    def write(self, script: str) -> None:
        self.s3.put_object(Bucket="lake", Key="code/job.py", Body=textwrap.dedent(script).encode())

    def submit(self, script: str, *parameters: str, libraries: tuple[str, ...] = (), timeout: int = 0) -> int:
        self.write(script)
        return self.submit_what_is_there(*parameters, libraries=libraries, timeout=timeout)

    def submit_what_is_there(self, *parameters: str, libraries: tuple[str, ...] = (), timeout: int = 0) -> int:
        script = SparkPythonTask(python_file="s3://lake/code/job.py", parameters=list(parameters))
        return self.submit_task(
            SubmitTask(
                task_key="job",
                existing_cluster_id="0000-cluster",
                spark_python_task=script,
                libraries=[Library(pypi=PythonPyPiLibrary(package=package)) for package in libraries],
            ),
            timeout=timeout,
        )

    def submit_task(self, task: SubmitTask, *, timeout: int = 0) -> int:
        run_id = self.client.jobs.submit(run_name="m:e:Job", tasks=[task], timeout_seconds=timeout).run_id
        assert run_id is not None
        return int(run_id)

    def run(self, script: str, *parameters: str, libraries: tuple[str, ...] = ()) -> RunOutput:
        """Submit a script, wait for its end, and get its output."""
        run_id = self.submit(script, *parameters, libraries=libraries)
        self.finished(run_id)
        return self.output(run_id)

    def finished(self, run_id: int) -> Run:
        wait_until(lambda: _state(self.client.jobs.get_run(run_id)) == RunLifecycleStateV2State.TERMINATED)
        return self.client.jobs.get_run(run_id)

    def output(self, run_id: int) -> RunOutput:
        return self.client.jobs.get_run_output(run_id)

    def object(self, key: str) -> str:
        return self.s3.get_object(Bucket="lake", Key=key)["Body"].read().decode()

    def keys(self, prefix: str) -> list[str]:
        listing = self.s3.list_objects_v2(Bucket="lake", Prefix=prefix)
        return [content["Key"] for content in listing.get("Contents", [])]


def _state(run: Run) -> RunLifecycleStateV2State | None:
    return run.status.state if run.status else None
