"""Data, models and source code as values; the archive of a script's directory."""

import io
import json
import os
import re
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
from zflow_constructs.data.storage import FixedPlace, RunPlace, RunStorage

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


@pytest.mark.parametrize("excluded", ["tests", "tests/", "*.ipynb", "/notes.txt", "data/**"])
def test_what_is_excluded_is_not_packed(tmp_path: Path, excluded: str) -> None:
    left_out = {"tests": "tests/test_a.py", "tests/": "tests/test_a.py", "*.ipynb": "a/b.ipynb"}
    file = left_out.get(excluded, {"/notes.txt": "notes.txt", "data/**": "data/a/b.csv"}.get(excluded, ""))
    clean = zflow.SourceCode.from_directory(str(written(tmp_path / "clean")), entry_point="train.py")
    root = written(tmp_path / "used", {**FILES, file: "x"})
    used = zflow.SourceCode.from_directory(str(root), entry_point="train.py", exclude=[excluded])
    assert packed(used, tmp_path) == packed(clean, tmp_path)


def test_an_exclusion_may_take_along_again_what_is_never_taken(tmp_path: Path) -> None:
    root = written(tmp_path / "code", {**FILES, ".env": "MODE=test\n"})
    code = zflow.SourceCode.from_directory(str(root), entry_point="train.py", exclude=["!.env", "*.txt"])
    with tarfile.open(fileobj=io.BytesIO(packed(code, tmp_path))) as archive:
        assert sorted(archive.getnames()) == [".env", "features/__init__.py", "train.py"]


def test_a_program_stays_one(tmp_path: Path) -> None:
    root = written(tmp_path / "code", {**FILES, "bin/prepare.sh": "#!/bin/sh\n"})
    (root / "bin" / "prepare.sh").chmod(0o700)
    code = zflow.SourceCode.from_directory(str(root), entry_point="train.py")
    with tarfile.open(fileobj=io.BytesIO(packed(code, tmp_path))) as archive:
        assert {member.name: member.mode for member in archive.getmembers() if member.mode != 0o644} == {
            "bin/prepare.sh": 0o755
        }


def test_a_long_name_and_one_beyond_ascii_are_packed(tmp_path: Path) -> None:
    names = {"train.py": "", f"{'long/' * 60}file.txt": "x", "Größe.txt": "y"}
    code = zflow.SourceCode.from_directory(str(written(tmp_path / "code", names)), entry_point="train.py")
    with tarfile.open(fileobj=io.BytesIO(packed(code, tmp_path))) as archive:
        assert sorted(archive.getnames()) == sorted(names)


def test_a_link_to_a_file_of_the_folder_is_packed_as_that_file(tmp_path: Path) -> None:
    root = written(tmp_path / "code")
    (root / "again.txt").symlink_to("requirements.txt")
    code = zflow.SourceCode.from_directory(str(root), entry_point="train.py")
    with tarfile.open(fileobj=io.BytesIO(packed(code, tmp_path))) as archive:
        again = archive.extractfile("again.txt")
        assert again is not None
        assert again.read() == b"pandas\n"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere.txt", "{link} is a link to {root}/nowhere.txt, which is missing. Remove it, or exclude it."),
        (
            "../outside.txt",
            "{link} is a link to {outside}, out of the folder. Put the file itself there, or exclude it.",
        ),
        ("features", "{link} is a link to a folder, which isn't packed. Put the folder there, or exclude it."),
    ],
)
def test_a_link_that_can_t_be_packed_is_refused_by_name(tmp_path: Path, target: str, message: str) -> None:
    root = written(tmp_path / "code")
    (tmp_path / "outside.txt").write_text("x")
    (root / "link").symlink_to(target)
    with pytest.raises(zflow.WorkflowError) as raised:
        zflow.SourceCode.from_directory(str(root), entry_point="train.py")
    wanted = message.format(link=root / "link", root=root, outside=tmp_path / "outside.txt")
    assert str(raised.value) == f"SourceCode: {wanted}"


def test_what_is_no_file_and_an_entry_point_that_is_excluded_are_refused(tmp_path: Path) -> None:
    root = written(tmp_path / "code")
    with pytest.raises(zflow.WorkflowError) as excluded:
        zflow.SourceCode.from_directory(str(root), entry_point="train.py", exclude=["*.py"])
    assert str(excluded.value) == f'SourceCode: the entry point "train.py" of {root} is excluded. Take it along.'
    os.mkfifo(root / "pipe")
    with pytest.raises(zflow.WorkflowError) as pipe:
        zflow.SourceCode.from_directory(str(root), entry_point="train.py")
    assert str(pipe.value) == (
        f"SourceCode: {root / 'pipe'} is no regular file, and can't be packed. Remove it, or exclude it."
    )


def test_the_same_files_are_the_same_bytes_whatever_their_time_and_folder(tmp_path: Path) -> None:
    first, second = (
        written(tmp_path / "first"),
        written(tmp_path / "elsewhere" / "second", dict(reversed(FILES.items()))),
    )
    for file in second.rglob("*.*"):
        os.utime(file, (1_000_000_000, 1_000_000_000))
        file.chmod(0o600)
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
    assert re.fullmatch(r"[0-9a-f]{64}/german_credit\.csv", uri.rpartition("-eu-central-1/")[2])
    assert location.content_type == "text/csv"


@pytest.mark.parametrize("name", ["cars.csv", "model.tar.gz", "LICENSE", ".hidden", "a b.parquet"])
def test_a_deployed_file_keeps_its_name(tmp_path: Path, name: str) -> None:
    scope = stack()
    location = zflow.DataLocation.from_asset(scope, "Data", str(written(tmp_path, {name: "1"}) / name))
    assert str(scope.resolve(location.uri)).rsplit("/", 1)[1] == name


def test_a_folder_is_a_prefix_of_its_files(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path / "cdk.out"))
    scope = Stack(app, "Team")
    files = {"cars.csv": "1", "more/deep/cars.csv": "2", "model.tar.gz": "3", "LICENSE": "4", "more/.git/HEAD": "x"}
    location = zflow.DataLocation.from_asset(scope, "Data", str(written(tmp_path / "data", files)))
    app.synth()
    manifest = json.loads((tmp_path / "cdk.out" / "Team.assets.json").read_text())["files"].values()
    keys = {
        destination["objectKey"]: (tmp_path / "cdk.out" / asset["source"]["path"]).read_text()
        for asset in manifest
        for destination in asset["destinations"].values()
        if not asset["source"]["path"].endswith("template.json")
    }
    prefix = str(scope.resolve(location.place.within(RunStorage(bucket(scope), ""))[0][1])).removesuffix("*")
    assert keys == {f"{prefix}{name}": text for name, text in files.items() if ".git" not in name}
    uri = json.dumps(scope.resolve(location.uri))
    assert prefix in uri


def test_a_folder_of_too_many_files_is_refused_with_the_way_out(tmp_path: Path) -> None:
    root = written(tmp_path / "data", {f"{number}.csv": "" for number in range(101)})
    with pytest.raises(zflow.WorkflowError) as raised:
        zflow.DataLocation.from_asset(stack(), "Data", str(root))
    assert str(raised.value) == (
        f'DataLocation "Data": the folder {root} has 101 files, and 1 to 100 are deployed with a stack. Upload more of '
        "them to a bucket of yours, and name it: DataLocation.from_bucket(bucket, prefix)."
    )


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
