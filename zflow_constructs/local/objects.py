"""S3 as the local run's components use it: objects and prefixes, to and from files."""

from __future__ import annotations

import builtins
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class StorageError(Exception):
    """S3 refused a request, or did not answer."""


class ObjectNotFoundError(StorageError, LookupError):
    """No object is at a URI, nor below it."""


class ObjectStore:
    """Objects in S3, named by `s3://bucket/key` URIs.

    Args:
        client: A boto3 S3 client, whose endpoint is the local run's.

    Example:
        ObjectStore(boto3.client("s3", endpoint_url=url)).download("s3://lake/history/", Path("input/train"))
    """

    def __init__(self, client: S3Client) -> None:
        self._client = client

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that lead a child process's AWS clients to this same local AWS, never to a real account."""
        region = self._client.meta.region_name
        return {
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self._client.meta.endpoint_url,
            "AWS_REGION": region,
        }

    def list(self, uri: str) -> builtins.list[str]:
        """The URIs of all objects whose key starts with the URI's key, sorted; folder markers are left out.

        It is how SageMaker reads an `S3Prefix` data source.

        Args:
            uri: The URI of an object or a prefix.
        """
        bucket, prefix = _split(uri)
        return [f"s3://{bucket}/{key}" for key in self._keys(bucket, prefix)]

    def exists(self, uri: str) -> bool:
        """Whether an object is at the URI, or below it as a folder.

        Args:
            uri: The URI of an object or a folder.
        """
        folder = f"{uri.rstrip('/')}/"
        return any(found == uri or found.startswith(folder) for found in self.list(uri))

    def read(self, uri: str) -> bytes:
        """The content of one object.

        Args:
            uri: The URI of an object.

        Raises:
            ObjectNotFoundError: There is no such object.
        """
        bucket, key = _split(uri)
        with _explained(f"Can't read {uri}"):
            try:
                return self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
            except (self._client.exceptions.NoSuchKey, self._client.exceptions.NoSuchBucket) as error:
                raise ObjectNotFoundError(f"No S3 object at {uri}") from error

    def write(self, uri: str, content: bytes) -> None:
        """Put one object.

        Args:
            uri: The URI of the object.
            content: Its content.

        Raises:
            StorageError: There is no such bucket.
        """
        bucket, key = _split(uri)
        with _explained(f"Can't write {uri}"):
            self._client.put_object(Bucket=bucket, Key=key, Body=content)

    def download(self, uri: str, folder: Path) -> builtins.list[Path]:
        """Fetch an object, or all objects whose key starts with a prefix, into a folder.

        Below a folder the objects keep their relative paths: `history/de/a.csv` of `s3://lake/history` becomes
        `de/a.csv`.
        An object that only starts with the prefix keeps the rest of its path from the last slash on.

        Args:
            uri: The URI of an object or a prefix.
            folder: Where the files go; it is made if need be.

        Returns:
            The files, sorted by key.

        Raises:
            ObjectNotFoundError: Nothing is at the URI or starts with it.
        """
        bucket, prefix = _split(uri)
        keys = self._keys(bucket, prefix)
        if not keys:
            raise ObjectNotFoundError(f"No S3 objects found under S3 URL {uri!r}")
        files = [folder / relative_key(key, prefix) for key in keys]
        for key, file in zip(keys, files, strict=True):
            file.parent.mkdir(parents=True, exist_ok=True)
            with _explained(f"Can't read s3://{bucket}/{key}"):
                self._client.download_file(bucket, key, str(file))
        return files

    def listed(self, manifest: str) -> Mapping[str, str]:
        """What a manifest lists: the URI of each object by its path below the manifest's prefix.

        It is how SageMaker reads a `ManifestFile` data source.

        Args:
            manifest: The URI of the manifest, `[{"prefix": "s3://lake/history/"}, "de/a.csv", ...]`.

        Raises:
            StorageError: It is not there, or no manifest.
        """
        match _json(self.read(manifest)):
            case [{"prefix": str(prefix)}, *paths] if paths and all(isinstance(path, str) for path in paths):
                return {str(path): f"{prefix}{path}" for path in paths}
        raise StorageError(f'{manifest} is no manifest: [{{"prefix": "s3://..."}}, "path", ...]')

    def download_listed(self, manifest: str, folder: Path) -> builtins.list[Path]:
        """Fetch the objects that a manifest lists, each to its path below the manifest's prefix.

        Args:
            manifest: The URI of the manifest.
            folder: Where the files go; it is made if need be.

        Returns:
            The files, in the manifest's order.

        Raises:
            StorageError: The manifest, or an object that it lists, is not there.
        """
        files = {folder / path: uri for path, uri in self.listed(manifest).items()}
        for file, uri in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self.read(uri))
        return [*files]

    def upload(self, path: Path, uri: str) -> None:
        """Put a file at a URI, or all files of a folder below it.

        Args:
            path: A file, or a folder that is read recursively.
            uri: The URI of the object, or the prefix of the folder's objects.

        Raises:
            FileNotFoundError: There is nothing at `path`.
            StorageError: There is no such bucket.
        """
        bucket, key = _split(uri)
        keys = {path: key}
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.is_file())
            keys = {file: f"{key.rstrip('/')}/{file.relative_to(path).as_posix()}".lstrip("/") for file in files}
        with _explained(f"Can't write {uri}"):
            for file, name in keys.items():
                self._client.upload_file(str(file), bucket, name)

    def _keys(self, bucket: str, prefix: str) -> builtins.list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        with _explained(f"Can't list s3://{bucket}/{prefix}"):
            try:
                keys = [content["Key"] for page in pages for content in page.get("Contents", [])]
            except self._client.exceptions.NoSuchBucket as error:
                raise ObjectNotFoundError(f"No S3 bucket {bucket!r}") from error
        return sorted(key for key in keys if not key.endswith("/"))


def relative_key(key: str, prefix: str) -> str:
    """The path of an object below a prefix.

    Args:
        key: The object's key.
        prefix: What the key starts with: a folder, the key itself, or the first part of its name.

    Example:
        relative_key("history/de/a.csv", "history")  # "de/a.csv"
        relative_key("history/de/a.csv", "history/de/a")  # "a.csv"
    """
    folder = f"{prefix.rstrip('/')}/"
    if key.startswith(folder):
        return key.removeprefix(folder)
    return key[prefix.rfind("/") + 1 :]


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise StorageError(f"{what}: {error}") from error


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _split(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri, allow_fragments=False)
    if parts.scheme != "s3" or not parts.netloc:
        raise ValueError(f"{uri!r} is no S3 URI: write s3://bucket/key")
    key = parts.path + (f"?{parts.query}" if parts.query else "")
    return parts.netloc, key.removeprefix("/")
