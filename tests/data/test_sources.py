"""Data, models and source code as values; the archive of a script's directory."""

import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp

import pytest
from aws_cdk import App, Stack

import zflow_constructs as zflow
from tests.parts import EXAMPLE, bucket, stack
from tests.texts import joined
from zflow_constructs.core.values.templates import Scope
from zflow_constructs.data.storage import FixedPlace, RunPlace

FILES = {"train.py": "print('train')\n", "requirements.txt": "pandas\n", "features/__init__.py": "", "a/b/c.txt": "c"}


def written(root: Path, files: Mapping[str, str] = FILES) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


def packed(code: zflow.SourceCode, folder: Path) -> bytes:
    """The archive as it is deployed: the asset's bytes in a cloud assembly."""
    assembly = Path(mkdtemp(dir=folder))
    asset = code.packed(Stack(App(outdir=str(assembly)), "Team"), "Code")
    return (assembly / asset.asset_path).read_bytes()


def test_an_archive_holds_the_files_of_the_directory_at_its_root(tmp_path: Path) -> None:
    code = zflow.SourceCode.from_directory(str(written(tmp_path / "code")), entry_point="train.py")
    with tarfile.open(fileobj=io.BytesIO(packed(code, tmp_path))) as archive:
        held = {name: archive.extractfile(name) for name in archive.getnames()}
        assert {name: file.read().decode() for name, file in held.items() if file} == FILES
        for member in archive.getmembers():
            assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
            assert (member.mtime, member.mode) == (946_684_800, 0o644)


def test_a_single_script_is_an_archive_of_one_file(tmp_path: Path) -> None:
    code = zflow.SourceCode.from_file(str(written(tmp_path / "code") / "train.py"))
    assert code.entry_point == "train.py"
    with tarfile.open(fileobj=io.BytesIO(packed(code, tmp_path))) as archive:
        assert archive.getnames() == ["train.py"]


@pytest.mark.parametrize(
    "left_out",
    [
        "__pycache__/train.cpython-311.pyc",
        "features/__pycache__/x.pyc",
        "old.pyc",
        ".git/HEAD",
        ".venv/bin/python",
        ".DS_Store",
        ".ipynb_checkpoints/a.ipynb",
    ],
)
def test_what_a_machine_leaves_behind_is_not_packed(tmp_path: Path, left_out: str) -> None:
    clean = zflow.SourceCode.from_directory(str(written(tmp_path / "clean")), entry_point="train.py")
    used = zflow.SourceCode.from_directory(
        str(written(tmp_path / "used", {**FILES, left_out: "x"})), entry_point="train.py"
    )
    assert packed(used, tmp_path) == packed(clean, tmp_path)


def test_the_same_files_are_the_same_bytes_whatever_their_time_mode_and_folder(tmp_path: Path) -> None:
    first, second = (
        written(tmp_path / "first"),
        written(tmp_path / "elsewhere" / "second", dict(reversed(FILES.items()))),
    )
    for file in second.rglob("*.*"):
        os.utime(file, (1_000_000_000, 1_000_000_000))
        file.chmod(0o700)
    codes = [zflow.SourceCode.from_directory(str(root), entry_point="train.py") for root in (first, second)]
    archives = [packed(code, tmp_path) for code in codes]
    assert archives[0] == archives[1]
    assert archives[0][4:8] == b"\0\0\0\0", "the archive says when it was made"


def test_another_content_is_another_archive(tmp_path: Path) -> None:
    first = written(tmp_path / "first")
    second = written(tmp_path / "second", {**FILES, "train.py": "print('trained')\n"})
    codes = [zflow.SourceCode.from_directory(str(root), entry_point="train.py") for root in (first, second)]
    archives = [packed(code, tmp_path) for code in codes]
    assert archives[0] != archives[1]


def test_data_in_a_bucket_is_all_objects_below_its_prefix() -> None:
    lake = bucket(stack())
    location = zflow.DataLocation.from_bucket(lake, "applications/", content_type="text/csv")
    assert location == zflow.DataLocation("s3://lake/applications/", FixedPlace(lake, "applications/*"), "text/csv")
    assert zflow.DataLocation.from_bucket(lake) == zflow.DataLocation("s3://lake/", FixedPlace(lake, "*"), "")


def test_a_file_is_deployed_with_the_workflow() -> None:
    scope = stack()
    path = str(EXAMPLE / "data" / "german_credit.csv")
    location = zflow.DataLocation.from_asset(scope, "Applications", path, content_type="text/csv")
    assert isinstance(location.uri, str)
    uri = str(scope.resolve(location.uri))
    assert uri.startswith("s3://cdk-hnb659fds-assets-111122223333-eu-central-1/")
    assert uri.endswith(".csv")
    assert location.content_type == "text/csv"


@pytest.mark.parametrize(("name", "path"), [("history", "Extract/history"), ("", "Extract")])
def test_what_a_step_writes_lies_in_the_folder_of_the_run(name: str, path: str) -> None:
    step = zflow.Step(stack(), "Extract")
    location = zflow.DataLocation.from_step(step, name)
    assert isinstance(location.uri, zflow.Expression)
    rendered = location.uri.render(Scope(run_location='"s3://lake/Scoring/" & $states.context.Execution.Name'))
    assert rendered == f'"s3://lake/Scoring/" & $states.context.Execution.Name & "/{path}/"'
    assert location.place == RunPlace(path)


def test_a_turn_of_a_loop_has_a_file_of_its_own() -> None:
    step = zflow.Step(stack(), "Split")
    training = zflow.DataLocation.from_step(step, "training")
    file = training.file(zflow.Item("country") + ".csv", content_type="text/csv")
    assert isinstance(file.uri, zflow.Expression)
    scope = Scope(run_location='"s3://lake/run"', items={"country": "$PerCountry_item.value"})
    assert (
        file.uri.render(scope) == f'"s3://lake/run" & "/Split/training/" & {joined("$PerCountry_item.value")} & ".csv"'
    )
    assert (file.place, file.content_type) == (training.place, "text/csv")


def test_a_model_that_was_trained_elsewhere_is_one_object() -> None:
    lake = bucket(stack())
    model = zflow.ModelData.from_bucket(lake, "scoring/model.tar.gz")
    assert model == zflow.ModelData("s3://lake/scoring/model.tar.gz", FixedPlace(lake, "scoring/model.tar.gz"))


def test_the_archive_of_a_model_is_data_for_a_step_that_reads_it() -> None:
    lake = bucket(stack())
    model = zflow.ModelData.from_bucket(lake, "scoring/model.tar.gz")
    assert model.location == zflow.DataLocation(
        "s3://lake/scoring/model.tar.gz", FixedPlace(lake, "scoring/model.tar.gz")
    )
