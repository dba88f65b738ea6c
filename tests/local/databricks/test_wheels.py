"""Entry points of wheels, run for real; and one step's code, run as a script and as a wheel, with Spark and without."""

import io
import textwrap
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.compute import Environment, Library
from databricks.sdk.service.jobs import (
    JobEnvironment,
    NotebookTask,
    PythonWheelTask,
    RunOutput,
    RunResultState,
    SparkPythonTask,
    SubmitTask,
    TerminationCodeCode,
)
from mypy_boto3_s3 import S3Client

from tests.local.databricks.script_workspace import ScriptWorkspace, environment
from tests.local.databricks.serving import serving
from zflow_constructs.local.databricks.scheduler import Scheduler
from zflow_constructs.local.databricks.scripts import ScriptRunner
from zflow_constructs.local.databricks.spark import SparkChoice
from zflow_constructs.local.processes import Processes

ELSEWHERE = "locally it must be an s3:// URI, or, in the file of a job, the path of a file from there."


@pytest.fixture
def workspace(aws_endpoint: str, lake: S3Client, tmp_path: Path) -> Iterator[ScriptWorkspace]:
    with Processes() as processes:
        # The quicker Spark where there is one: that both do the same is shown elsewhere.
        spark: SparkChoice = "sail" if find_spec("pysail") else "auto"
        runner = ScriptRunner(s3=lake, processes=processes, environment=environment(aws_endpoint), spark=spark)
        with serving(Scheduler(runner=runner, folder=tmp_path)) as server:
            client = WorkspaceClient(host=server.url, token="personal", auth_type="pat")
            yield ScriptWorkspace(client=client, s3=lake, folder=tmp_path, lines=[])


def wheel(*, files: dict[str, str], entry_points: str = "") -> bytes:
    """A wheel of the distribution `risk-scoring`, with these modules."""
    content = io.BytesIO()
    metadata = "risk_scoring-1.0.dist-info"
    with zipfile.ZipFile(content, "w") as archive:
        for name, source in files.items():
            archive.writestr(name, textwrap.dedent(source))
        archive.writestr(f"{metadata}/METADATA", "Metadata-Version: 2.1\nName: risk-scoring\nVersion: 1.0\n")
        archive.writestr(f"{metadata}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{metadata}/entry_points.txt", textwrap.dedent(entry_points))
        archive.writestr(f"{metadata}/RECORD", "")
    return content.getvalue()


def run_wheel(
    workspace: ScriptWorkspace,
    content: bytes,
    entry_point: str,
    *,
    package: str = "risk-scoring",
    parameters: list[str] | None = None,
    named: dict[str, str] | None = None,
) -> RunOutput:
    workspace.s3.put_object(Bucket="lake", Key="code/risk.whl", Body=content)
    run_id = workspace.submit_task(
        SubmitTask(
            task_key="job",
            existing_cluster_id="0000-cluster",
            libraries=[Library(whl="s3://lake/code/risk.whl")],
            python_wheel_task=PythonWheelTask(
                package_name=package, entry_point=entry_point, parameters=parameters, named_parameters=named
            ),
        )
    )
    workspace.finished(run_id)
    return workspace.output(run_id)


def result(output: RunOutput) -> RunResultState | None:
    assert output.metadata is not None
    assert output.metadata.state is not None
    return output.metadata.state.result_state


ARGUMENTS = {"risk/__init__.py": "", "risk/jobs.py": "import sys\n\ndef train():\n    print(sys.argv[1:])\n"}


class TestEntryPoints:
    def test_one_of_the_packages_metadata_is_called_with_the_parameters(self, workspace: ScriptWorkspace) -> None:
        content = wheel(files=ARGUMENTS, entry_points="[console_scripts]\nfit = risk.jobs:train\n")
        output = run_wheel(workspace, content, "fit", parameters=["--country", "de"])
        assert result(output) == RunResultState.SUCCESS
        assert output.logs == "['--country', 'de']\n"

    def test_any_group_of_them_will_do(self, workspace: ScriptWorkspace) -> None:
        content = wheel(files=ARGUMENTS, entry_points="[packages]\nfit = risk.jobs:train\n")
        assert run_wheel(workspace, content, "fit").logs == "[]\n"

    def test_parameters_by_name_come_as_options(self, workspace: ScriptWorkspace) -> None:
        content = wheel(files=ARGUMENTS, entry_points="[console_scripts]\nfit = risk.jobs:train\n")
        output = run_wheel(workspace, content, "fit", named={"country": "de", "day": "2026-01-01"})
        assert output.logs == "['--country=de', '--day=2026-01-01']\n"

    @pytest.mark.parametrize("package", ["risk-scoring", "risk_scoring"])
    def test_a_function_of_the_package_will_do_too(self, workspace: ScriptWorkspace, package: str) -> None:
        content = wheel(files={"risk_scoring.py": "def train():\n    print('trained')\n"})
        assert run_wheel(workspace, content, "train", package=package).logs == "trained\n"

    def test_the_package_may_be_named_by_its_module(self, workspace: ScriptWorkspace) -> None:
        content = wheel(files={"risk/__init__.py": "def train():\n    print('trained')\n"})
        assert run_wheel(workspace, content, "train", package="risk").logs == "trained\n"

    def test_its_failure_is_the_tasks_error(self, workspace: ScriptWorkspace) -> None:
        content = wheel(files={"risk.py": "def train():\n    raise ValueError('no rows')\n"})
        output = run_wheel(workspace, content, "train", package="risk")
        assert (result(output), output.error) == (RunResultState.FAILED, "ValueError: no rows")
        assert "in train\n    raise ValueError('no rows')" in (output.error_trace or "")

    def test_one_that_is_not_there_is_named(self, workspace: ScriptWorkspace) -> None:
        output = run_wheel(workspace, wheel(files={"risk.py": ""}), "train", package="risk")
        assert output.error == "AttributeError: module 'risk' has no attribute 'train'"

    def test_compiled_parts_are_installed_beside_the_modules(self, workspace: ScriptWorkspace) -> None:
        files = {
            "risk.py": "def train():\n    import risk_native\n    print(risk_native.speed)\n",
            "risk_scoring-1.0.data/platlib/risk_native.py": "speed = 'fast'\n",
        }
        assert run_wheel(workspace, wheel(files=files), "train", package="risk").logs == "fast\n"

    def test_a_serverless_task_finds_its_wheel_in_its_environment(self, workspace: ScriptWorkspace) -> None:
        workspace.s3.put_object(Bucket="lake", Key="risk.whl", Body=wheel(files=ARGUMENTS))
        task = SubmitTask(
            task_key="job",
            environment_key="default",
            python_wheel_task=PythonWheelTask(package_name="risk.jobs", entry_point="train"),
        )
        spec = Environment(client="3", dependencies=["s3://lake/risk.whl"])
        run_id = workspace.client.jobs.submit(
            tasks=[task], environments=[JobEnvironment(environment_key="default", spec=spec)]
        ).run_id
        assert run_id is not None
        workspace.finished(run_id)
        assert workspace.output(run_id).logs == "[]\n"


STEP = """
    import argparse


    def main():
        parser = argparse.ArgumentParser()
        parser.add_argument("--source")
        parser.add_argument("--target")
        arguments = parser.parse_args()
        copy(arguments.source, arguments.target)


    if __name__ == "__main__":
        main()
    """

PLAIN = """
    import boto3
    from urllib.parse import urlsplit


    def copy(source, target):
        s3, source, target = boto3.client("s3"), urlsplit(source), urlsplit(target)
        rows = s3.get_object(Bucket=source.netloc, Key=source.path[1:] + "rows.csv")["Body"].read()
        s3.put_object(Bucket=target.netloc, Key=target.path[1:] + "rows.csv", Body=rows)
    """

WITH_SPARK = """
    from pyspark.sql import SparkSession


    def copy(source, target):
        spark = SparkSession.builder.getOrCreate()
        spark.read.csv(source, header=True).coalesce(1).write.mode("overwrite").csv(target, header=True)
    """


@pytest.mark.parametrize("form", ["script", "wheel"])
@pytest.mark.parametrize("copying", [PLAIN, WITH_SPARK], ids=["plain", "Spark"])
def test_a_steps_code_runs_the_same_as_a_script_and_as_a_wheel(
    workspace: ScriptWorkspace, form: str, copying: str
) -> None:
    workspace.s3.put_object(Bucket="lake", Key="raw/rows.csv", Body=b"id,amount\n1,10\n2,32\n")
    source = textwrap.dedent(copying) + textwrap.dedent(STEP)
    arguments = ["--source", "s3://lake/raw/", "--target", "s3://lake/copied/"]
    if form == "script":
        output = workspace.run(source, *arguments)
    else:
        content = wheel(files={"risk.py": source}, entry_points="[console_scripts]\ncopy-rows = risk:main\n")
        output = run_wheel(workspace, content, "copy-rows", parameters=arguments)
    assert output.error is None, output.error_trace
    rows = [line for key in workspace.keys("copied/") for line in workspace.object(key).splitlines()]
    assert [row for row in rows if not row.startswith("id")] == ["1,10", "2,32"]


class TestWhatDoesNotRunHere:
    def failure(self, workspace: ScriptWorkspace, task: SubmitTask) -> tuple[TerminationCodeCode | None, str]:
        run = workspace.finished(workspace.submit_task(task))
        assert run.tasks is not None
        assert run.tasks[0].status is not None
        details = run.tasks[0].status.termination_details
        assert details is not None
        return details.code, details.message or ""

    def test_another_kind_of_task_fails_at_once_with_what_to_do(self, workspace: ScriptWorkspace) -> None:
        notebook = SubmitTask(task_key="job", notebook_task=NotebookTask(notebook_path="/train"))
        assert self.failure(workspace, notebook) == (
            TerminationCodeCode.FEATURE_DISABLED,
            (
                "Task 'job' is a notebook_task; only spark_python_task, python_wheel_task and run_job_task run locally."
                " Give the step a condition on a run parameter that is false locally, or run such a task on Databricks."
            ),
        )

    def test_a_wheel_task_without_a_wheel_says_where_to_list_it(self, workspace: ScriptWorkspace) -> None:
        task = SubmitTask(
            task_key="job",
            existing_cluster_id="c",
            python_wheel_task=PythonWheelTask(package_name="risk", entry_point="train"),
        )
        assert self.failure(workspace, task) == (
            TerminationCodeCode.LIBRARY_INSTALLATION_ERROR,
            (
                "Task 'job' runs an entry point of 'risk', but its libraries hold no wheel."
                " List it, for example as {'whl': 's3://bucket/package.whl'}."
            ),
        )

    @pytest.mark.parametrize(
        ("uri", "content", "code", "message"),
        [
            (
                "s3://lake/code/none.whl",
                b"",
                TerminationCodeCode.RESOURCE_NOT_FOUND,
                "Cannot read the wheel s3://lake/code/none.whl: ",
            ),
            (
                "s3://lake/code/risk.whl",
                b"no zip",
                TerminationCodeCode.LIBRARY_INSTALLATION_ERROR,
                "s3://lake/code/risk.whl is no wheel: File is not a zip file",
            ),
            (
                "dbfs:/risk.whl",
                b"",
                TerminationCodeCode.RESOURCE_NOT_FOUND,
                f"Cannot read the wheel dbfs:/risk.whl: {ELSEWHERE}",
            ),
            (
                "file:///missing/risk.whl",
                b"",
                TerminationCodeCode.RESOURCE_NOT_FOUND,
                "Cannot read the wheel file:///missing/risk.whl: [Errno 2] No such file or directory",
            ),
        ],
    )
    def test_a_wheel_that_cannot_be_had_fails_the_task(
        self, workspace: ScriptWorkspace, uri: str, content: bytes, code: TerminationCodeCode, message: str
    ) -> None:
        workspace.s3.put_object(Bucket="lake", Key="code/risk.whl", Body=content)
        task = SubmitTask(
            task_key="job",
            existing_cluster_id="c",
            libraries=[Library(whl=uri)],
            python_wheel_task=PythonWheelTask(package_name="risk", entry_point="train"),
        )
        failed_with, said = self.failure(workspace, task)
        assert failed_with == code
        assert said.startswith(message)

    def test_a_script_elsewhere_than_in_s3_fails_the_task(self, workspace: ScriptWorkspace) -> None:
        task = SubmitTask(
            task_key="job", existing_cluster_id="c", spark_python_task=SparkPythonTask(python_file="dbfs:/a.py")
        )
        assert self.failure(workspace, task) == (
            TerminationCodeCode.RESOURCE_NOT_FOUND,
            f"Cannot read the python file dbfs:/a.py: {ELSEWHERE}",
        )
