"""`zflow local run --databricks-job`: the jobs that a local run is given, and what it says of wrong ones."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.local.assemblies import call, write_assembly
from zflow_constructs.assembly.input_error import InputError
from zflow_constructs.cli.databricks_jobs import databricks_jobs
from zflow_constructs.cli.main import main

SETTINGS: dict[str, list[dict[str, object]]] = {
    "tasks": [
        {"task_key": "clean", "job_cluster_key": "c", "spark_python_task": {"python_file": "s3://lake/clean.py"}}
    ],
}
JOB = {"job_id": 620, "creator_user_name": "someone", "settings": SETTINGS}
EXPECTED = "It must hold what `databricks jobs get 620` prints, or the job's settings alone."


@pytest.mark.parametrize("content", [JOB, SETTINGS], ids=["as printed", "settings alone"])
def test_a_file_gives_the_settings_of_a_job(tmp_path: Path, content: object) -> None:
    (tmp_path / "job.json").write_text(json.dumps(content))

    assert databricks_jobs([f"620={tmp_path / 'job.json'}"]) == {620: SETTINGS}


def test_code_beside_the_file_is_found_there(tmp_path: Path) -> None:
    task = {**SETTINGS["tasks"][0], "spark_python_task": {"python_file": "jobs/clean up.py"}}
    libraries = [{"whl": "churn.whl"}, {"whl": "s3://lake/other.whl"}, {"whl": "/Workspace/missing.whl"}]
    (tmp_path / "jobs").mkdir()
    for file in ("jobs/clean up.py", "churn.whl"):
        (tmp_path / file).touch()
    (tmp_path / "job.json").write_text(json.dumps({"tasks": [{**task, "libraries": libraries}]}))

    settings = databricks_jobs([f"620={tmp_path}/job.json"])[620]

    assert settings["tasks"] == [
        {
            **task,
            "spark_python_task": {"python_file": f"file://{tmp_path}/jobs/clean%20up.py"},
            "libraries": [{"whl": f"file://{tmp_path}/churn.whl"}, *libraries[1:]],
        }
    ]


def test_there_may_be_several_jobs_and_none(tmp_path: Path) -> None:
    for id in (7, 8):
        (tmp_path / f"{id}.json").write_text(json.dumps({**JOB, "job_id": id}))

    assert databricks_jobs([f"{id}={tmp_path}/{id}.json" for id in (7, 8)]) == {7: SETTINGS, 8: SETTINGS}
    assert databricks_jobs([]) == {}


@pytest.mark.parametrize("given", ["620", "620=", "=job.json", "nightly=job.json", "-1=job.json"])
def test_an_option_that_is_no_id_and_file_is_refused(given: str) -> None:
    with pytest.raises(InputError) as error:
        databricks_jobs([given])

    assert str(error.value) == f"--databricks-job {given!r} is not ID=FILE, with the job's id as digits"


def test_a_job_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(json.dumps(JOB))

    with pytest.raises(InputError) as error:
        databricks_jobs([f"620={tmp_path}/job.json", f"0620={tmp_path}/job.json"])

    assert str(error.value) == "--databricks-job gives job 620 twice: give one file for it"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, f"can't be read: No such file or directory. {EXPECTED}"),
        ("name: Nightly", f"is no JSON: Expecting value: line 1 column 1 (char 0). {EXPECTED}"),
        ("[]", f"holds no JSON object, but list. {EXPECTED}"),
        ('{"job_id": 7, "settings": {}}', f"is of job 7. {EXPECTED}"),
        ('{"job_id": 620}', f"has no tasks. {EXPECTED}"),
        ('{"settings": {"tasks": []}}', f"has no tasks. {EXPECTED}"),
        ('{"settings": []}', f"has no tasks. {EXPECTED}"),
        (
            '{"tasks": [{"task_key": "clean"}]}',
            "is no job that Databricks takes: Task 'clean' must have exactly one type of task, but has none.",
        ),
    ],
)
def test_a_wrong_file_is_said_with_its_name(tmp_path: Path, text: str | None, problem: str) -> None:
    file = tmp_path / "job.json"
    if text is not None:
        file.write_text(text)

    with pytest.raises(InputError) as error:
        databricks_jobs([f"620={file}"])

    assert str(error.value) == f"--databricks-job 620: {file} {problem}"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_bytes(b"\xff\xfe")

    with pytest.raises(InputError, match=r"is no JSON: 'utf-8' codec can't decode"):
        databricks_jobs([f"620={tmp_path}/job.json"])


def test_a_wrong_file_ends_the_command_before_anything_starts(tmp_path: Path) -> None:
    assembly, folder = write_assembly(tmp_path, {"Call": call({}, End=True)}), tmp_path / "run"

    ended = CliRunner().invoke(
        main, ["local", "run", str(assembly), "--run-folder", str(folder), "--databricks-job", "620=missing.json"]
    )

    assert ended.exit_code == 2
    assert ended.stderr == (
        f"Error: --databricks-job 620: missing.json can't be read: No such file or directory. {EXPECTED}\n"
    )
    assert not folder.exists()
