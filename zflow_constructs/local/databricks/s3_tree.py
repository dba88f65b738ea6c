"""S3 seen as a tree of folders and files, as Hadoop's file systems see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_START = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Entry:
    """A file or a folder.

    Args:
        name: Its last path element; "" where it was asked for itself.
        is_folder: Whether it is a folder.
        size: Bytes; 0 for a folder.
        modified: When it was last written; the epoch for a folder.
    """

    name: str
    is_folder: bool
    size: int = 0
    modified: datetime = _START


class S3Tree:
    """The objects of all buckets, as `bucket/folder/file` paths.

    S3 has no folders. One exists while objects are below it, or since it was made here; none is written.

    Args:
        client: A boto3 S3 client.
    """

    def __init__(self, client: S3Client) -> None:
        self._client = client
        self._made: set[str] = set()

    def buckets(self) -> list[str]:
        """The names of all buckets."""
        return [bucket["Name"] for bucket in self._client.list_buckets()["Buckets"]]

    def entry(self, path: str) -> Entry:
        """What is at a path.

        Raises:
            FileNotFoundError: Nothing is.
        """
        bucket, key = _split(path)
        if key:
            try:
                head = self._client.head_object(Bucket=bucket, Key=key)
                return Entry("", is_folder=False, size=head["ContentLength"], modified=head["LastModified"])
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                    raise
        if not key or self._is_made(path) or next(self._keys(path), ""):
            return Entry("", is_folder=True)
        raise FileNotFoundError(f"No such file or directory: s3://{path}")

    def children(self, path: str) -> list[Entry]:
        """What is in a folder, by name; a file is its own only child, with an empty name.

        Raises:
            FileNotFoundError: Nothing is at the path.
        """
        entry = self.entry(path)
        if not entry.is_folder:
            return [entry]
        bucket, prefix = _split(f"{path}/")
        found = {name: Entry(name, is_folder=True) for name in self._made_in(path)}
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
        for page in pages:
            for folder in page.get("CommonPrefixes", []):
                name = folder["Prefix"].removeprefix(prefix).rstrip("/")
                found[name] = Entry(name, is_folder=True)
            for content in page.get("Contents", []):
                name = content["Key"].removeprefix(prefix)
                if name:
                    found[name] = Entry(name, is_folder=False, size=content["Size"], modified=content["LastModified"])
        return [found[name] for name in sorted(found)]

    def read(self, path: str, *, start: int) -> tuple[int, Iterator[bytes]]:
        """The rest of a file from a byte on: how many bytes, and those in chunks."""
        bucket, key = _split(path)
        if start >= self.entry(path).size:
            return 0, iter(())
        got = self._client.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-")
        return got["ContentLength"], got["Body"].iter_chunks(1024 * 1024)

    def write(self, path: str, content: IO[bytes]) -> None:
        """Put a file."""
        bucket, key = _split(path)
        self._client.upload_fileobj(content, bucket, key)

    def make_folder(self, path: str) -> None:
        """Let a folder exist, though nothing is in it."""
        self._made.add(path)

    def move(self, source: str, target: str) -> bool:
        """Rename a file or a folder with all in it; into the target, where that is a folder.

        Returns:
            Whether there was something to move.
        """
        try:
            is_folder = self.entry(source).is_folder
        except FileNotFoundError:
            return False
        if self._is_folder(target):
            target = f"{target}/{source.rpartition('/')[2]}"
        bucket, _ = _split(source)
        moves = {key: f"{target}{f'{bucket}/{key}'.removeprefix(source)}" for key in self._keys(source)}
        for key, new_path in (moves if is_folder else {_split(source)[1]: target}).items():
            new_bucket, new_key = _split(new_path)
            self._client.copy_object(Bucket=new_bucket, Key=new_key, CopySource={"Bucket": bucket, "Key": key})
            self._client.delete_object(Bucket=bucket, Key=key)
        self._made = {
            f"{target}{made.removeprefix(source)}" if _is_below(made, source) else made for made in self._made
        }
        return True

    def delete(self, path: str) -> bool:
        """Delete a file, or a folder with all in it.

        Returns:
            Whether there was something to delete.
        """
        try:
            entry = self.entry(path)
        except FileNotFoundError:
            return False
        bucket, key = _split(path)
        for doomed in list(self._keys(path)) if entry.is_folder else [key]:
            self._client.delete_object(Bucket=bucket, Key=doomed)
        self._made = {made for made in self._made if not _is_below(made, path)}
        return True

    def _is_folder(self, path: str) -> bool:
        try:
            return self.entry(path).is_folder
        except FileNotFoundError:
            return False

    def _is_made(self, path: str) -> bool:
        return any(_is_below(made, path) for made in self._made)

    def _made_in(self, path: str) -> set[str]:
        return {made.removeprefix(f"{path}/").partition("/")[0] for made in self._made if made.startswith(f"{path}/")}

    def _keys(self, folder: str) -> Iterator[str]:
        bucket, prefix = _split(f"{folder}/")
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for content in page.get("Contents", []):
                yield content["Key"]


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _split(path: str) -> tuple[str, str]:
    bucket, _, key = path.partition("/")
    return bucket, key
