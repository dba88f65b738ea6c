"""Objects move between S3 and files as SageMaker moves them."""

from pathlib import Path

import pytest
from moto.s3.models import s3_backends

from zflow_constructs.local.objects import ObjectNotFoundError, ObjectStore


def put(objects: ObjectStore, *keys: str) -> None:
    for key in keys:
        objects.write(f"s3://lake/{key}", key.encode())


@pytest.mark.parametrize(
    ("uri", "files"),
    [
        ("s3://lake/history", ["de/a.csv", "de/b.csv", "history.txt"]),
        ("s3://lake/history/", ["de/a.csv", "de/b.csv"]),
        ("s3://lake/history/de/a", ["a.csv"]),
        ("s3://lake/history/de/b.csv", ["b.csv"]),
        ("s3://lake", ["history/de/a.csv", "history/de/b.csv", "history.txt", "other.txt"]),
    ],
)
def test_a_prefix_downloads_all_objects_whose_key_starts_with_it(
    objects: ObjectStore, tmp_path: Path, uri: str, files: list[str]
) -> None:
    put(objects, "history/", "history/de/a.csv", "history/de/b.csv", "history.txt", "other.txt")
    found = objects.download(uri, tmp_path / "input")
    assert sorted(file.relative_to(tmp_path / "input").as_posix() for file in found) == sorted(files)
    assert all(file.read_text().endswith(file.name) for file in found)


def test_more_objects_than_one_page_of_the_listing(objects: ObjectStore) -> None:
    backend = s3_backends["123456789012"]["aws"]  # behind the server of this process, to spare a thousand requests
    for number in range(1001):
        backend.put_object("lake", f"many/{number:04}", b"")
    assert len(objects.list("s3://lake/many/")) == 1001


@pytest.mark.parametrize("uri", ["s3://lake/nothing", "s3://no-such-bucket/key"])
def test_a_download_of_nothing_is_an_error(objects: ObjectStore, tmp_path: Path, uri: str) -> None:
    with pytest.raises(ObjectNotFoundError, match="No S3"):
        objects.download(uri, tmp_path)
    with pytest.raises(ObjectNotFoundError, match="No S3 object at"):
        objects.read(uri)


def test_a_file_and_a_folder_are_uploaded(objects: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "model" / "deep").mkdir(parents=True)
    (tmp_path / "model" / "deep" / "weights.bin").write_bytes(b"1")
    (tmp_path / "metrics.json").write_text("{}")
    objects.upload(tmp_path / "metrics.json", "s3://lake/report/metrics.json")
    objects.upload(tmp_path / "model", "s3://lake/report/model/")
    assert objects.list("s3://lake/report") == [
        "s3://lake/report/metrics.json",
        "s3://lake/report/model/deep/weights.bin",
    ]
    with pytest.raises(FileNotFoundError):
        objects.upload(tmp_path / "missing", "s3://lake/report/missing")


def test_a_part_of_a_name_does_not_exist(objects: ObjectStore) -> None:
    put(objects, "history/a.csv")
    assert objects.exists("s3://lake/history")
    assert objects.exists("s3://lake/history/a.csv")
    assert not objects.exists("s3://lake/hist")


@pytest.mark.parametrize("uri", ["lake/key", "https://lake/key", "s3:///key"])
def test_what_is_no_s3_uri_is_refused(objects: ObjectStore, uri: str) -> None:
    with pytest.raises(ValueError, match=r"is no S3 URI: write s3://bucket/key"):
        objects.exists(uri)


def test_keys_with_spaces_hashes_and_question_marks(objects: ObjectStore, tmp_path: Path) -> None:
    put(objects, "odd/a b#c?d.csv")
    assert [file.name for file in objects.download("s3://lake/odd/a b#c?d.csv", tmp_path)] == ["a b#c?d.csv"]
