"""S3 through WebHDFS, as Hadoop's client asks for it."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest
from mypy_boto3_s3 import S3Client

from zflow_constructs.local.databricks.s3_tree import S3Tree
from zflow_constructs.local.databricks.webhdfs import WebHdfsServer


class Hadoop:
    """The requests of Hadoop's WebHDFS client."""

    def __init__(self, uri: str) -> None:
        self._root = f"{uri.replace('webhdfs:', 'http:')}/webhdfs/v1"

    def __call__(
        self, method: str, operation: str, path: str, *, data: bytes | None = None, **parameters: str
    ) -> bytes:
        query = urllib.parse.urlencode({"op": operation, "user.name": "local", **parameters})
        url = f"{self._root}/{urllib.parse.quote(path)}?{query}"
        if data is not None:
            url = self._location(url, method)
        with urllib.request.urlopen(urllib.request.Request(url, method=method, data=data)) as response:
            assert "Content-Type" not in response.headers, "Hadoop's client in PySpark can't parse one"
            return bytes(response.read())

    def _location(self, url: str, method: str) -> str:
        with pytest.raises(urllib.error.HTTPError) as redirect:
            urllib.request.urlopen(urllib.request.Request(url, method=method))
        with redirect.value as response:
            assert response.code == 307
            return str(response.headers["Location"])

    def names(self, path: str) -> dict[str, str]:
        statuses = json.loads(self("GET", "LISTSTATUS", path))["FileStatuses"]["FileStatus"]
        return {status["pathSuffix"]: status["type"] for status in statuses}

    def fails(self, method: str, operation: str, path: str) -> tuple[int, str]:
        with pytest.raises(urllib.error.HTTPError) as failure:
            self(method, operation, path)
        with failure.value as response:
            return response.code, json.loads(response.read())["RemoteException"]["exception"]


@pytest.fixture
def hadoop(lake: S3Client) -> Iterator[Hadoop]:
    with WebHdfsServer(S3Tree(lake)) as server:
        yield Hadoop(server.uri)


def keys(lake: S3Client) -> list[str]:
    return [content["Key"] for content in lake.list_objects_v2(Bucket="lake").get("Contents", [])]


def test_objects_are_files_and_their_prefixes_folders(hadoop: Hadoop, lake: S3Client) -> None:
    lake.put_object(Bucket="lake", Key="a/b/c.csv", Body=b"12345")
    lake.put_object(Bucket="lake", Key="a/d.csv", Body=b"")
    assert hadoop.names("lake") == {"a": "DIRECTORY"}
    assert hadoop.names("lake/a") == {"b": "DIRECTORY", "d.csv": "FILE"}
    assert hadoop.names("lake/a/d.csv") == {"": "FILE"}
    status = json.loads(hadoop("GET", "GETFILESTATUS", "lake/a/b/c.csv"))["FileStatus"]
    assert (status["type"], status["length"]) == ("FILE", 5)
    assert status["modificationTime"] > 1_600_000_000_000


def test_what_is_not_there_is_not_found(hadoop: Hadoop) -> None:
    assert hadoop.fails("GET", "GETFILESTATUS", "lake/missing") == (404, "FileNotFoundException")
    assert hadoop.fails("GET", "LISTSTATUS", "lake/missing") == (404, "FileNotFoundException")
    assert json.loads(hadoop("DELETE", "DELETE", "lake/missing")) == {"boolean": False}
    assert json.loads(hadoop("PUT", "RENAME", "lake/missing", destination="/lake/b")) == {"boolean": False}


def test_a_file_is_written_and_read_back_from_any_byte(hadoop: Hadoop, lake: S3Client) -> None:
    hadoop("PUT", "CREATE", "lake/x y/ä=1/part.csv", data=b"0123456789")
    assert keys(lake) == ["x y/ä=1/part.csv"]
    assert hadoop("GET", "OPEN", "lake/x y/ä=1/part.csv") == b"0123456789"
    assert hadoop("GET", "OPEN", "lake/x y/ä=1/part.csv", offset="7") == b"789"
    assert hadoop("GET", "OPEN", "lake/x y/ä=1/part.csv", offset="10") == b""


def test_a_made_folder_is_there_and_leaves_nothing_in_s3(hadoop: Hadoop, lake: S3Client) -> None:
    hadoop("PUT", "MKDIRS", "lake/out/_temporary/0")
    assert hadoop.names("lake/out") == {"_temporary": "DIRECTORY"}
    assert hadoop.names("lake/out/_temporary/0") == {}
    assert keys(lake) == []
    assert json.loads(hadoop("DELETE", "DELETE", "lake/out", recursive="true")) == {"boolean": True}
    assert hadoop.fails("GET", "GETFILESTATUS", "lake/out") == (404, "FileNotFoundException")


def test_a_file_is_renamed(hadoop: Hadoop, lake: S3Client) -> None:
    lake.put_object(Bucket="lake", Key="t/part-0", Body=b"rows")
    lake.put_object(Bucket="lake", Key="t/part-0.bak", Body=b"stays")
    assert json.loads(hadoop("PUT", "RENAME", "lake/t/part-0", destination="/lake/out/part-0")) == {"boolean": True}
    assert keys(lake) == ["out/part-0", "t/part-0.bak"]


def test_a_folder_is_renamed_with_all_in_it_and_goes_into_one_that_exists(hadoop: Hadoop, lake: S3Client) -> None:
    for key in ("t/a/1", "t/a/b/2", "t/ab"):
        lake.put_object(Bucket="lake", Key=key, Body=key.encode())
    hadoop("PUT", "RENAME", "lake/t/a", destination="/lake/new")
    assert keys(lake) == ["new/1", "new/b/2", "t/ab"]
    hadoop("PUT", "RENAME", "lake/t", destination="/lake/new")
    assert keys(lake) == ["new/1", "new/b/2", "new/t/ab"]
    assert lake.get_object(Bucket="lake", Key="new/t/ab")["Body"].read() == b"t/ab"


def test_deleting_a_folder_leaves_its_namesakes(hadoop: Hadoop, lake: S3Client) -> None:
    for key in ("out/1", "out/2", "output/3"):
        lake.put_object(Bucket="lake", Key=key, Body=b"")
    assert json.loads(hadoop("DELETE", "DELETE", "lake/out", recursive="true")) == {"boolean": True}
    assert keys(lake) == ["output/3"]


def test_an_operation_that_s3_has_not_is_refused(hadoop: Hadoop) -> None:
    assert hadoop.fails("POST", "APPEND", "lake/a") == (500, "IOException")
