"""Files that are deployed to S3 with the workflow, under keys that end in their own names.

The CDK's own assets are named by their hash alone, and a folder becomes a zip file. Here a file is `<hash>/cars.csv`,
and a folder's files are `<hash>/` and their paths in it: a job that is given the prefix finds them as they were.

https://docs.aws.amazon.com/cdk/v2/guide/assets.html
"""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from aws_cdk import AssetStaging, FileAssetPackaging, Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.data.packing import packed_files
from zflow_constructs.data.storage import FixedPlace

_MOST_FILES = 100


@dataclass(frozen=True)
class StagedFile:
    """A file or a folder that is deployed to S3 with the workflow.

    Args:
        uri: The URI of the file, or of the prefix that the folder's files have in common.
        place: Where it is, for permissions.
    """

    uri: str
    place: FixedPlace


def file_asset(scope: Construct, id: str, path: Path) -> StagedFile:
    """Deploy a file or a folder with the stack.

    Args:
        scope: The construct that owns it.
        id: Its id.
        path: The file or the folder.

    Raises:
        WorkflowError: The folder has no files, or too many, or one that can't be read as a file.
    """
    files = {path.name: path} if path.is_file() else packed_files(f'DataLocation "{id}"', path)
    if not 1 <= len(files) <= _MOST_FILES:
        raise WorkflowError(
            f'DataLocation "{id}": the folder {path} has {len(files)} files, and 1 to {_MOST_FILES} are deployed with '
            "a stack. Upload more of them to a bucket of yours, and name it: DataLocation.from_bucket(bucket, prefix)."
        )
    stack, digest = Stack.of(scope), _digest(files)
    with tempfile.TemporaryDirectory() as folder:
        # In a folder of its own, since a file that is staged alone is renamed.
        for name, file in files.items():
            (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, Path(folder) / name)
        staged = AssetStaging(scope, id, source_path=folder).relative_staged_path(stack)
    for name in files:
        location = stack.synthesizer.add_file_asset(
            # The CDK adds the extension of the file itself.
            source_hash=str(PurePosixPath(digest, name).with_suffix("")),
            file_name=f"{staged}/{name}",
            packaging=FileAssetPackaging.FILE,
        )
    bucket = s3.Bucket.from_bucket_name(scope, f"{id}Bucket", location.bucket_name)
    if path.is_file():
        key = location.object_key
        return StagedFile(f"s3://{location.bucket_name}/{key}", FixedPlace(bucket, key))
    prefix = location.object_key.removesuffix(name)
    return StagedFile(f"s3://{location.bucket_name}/{prefix}", FixedPlace(bucket, f"{prefix}*"))


def _digest(files: Mapping[str, Path]) -> str:
    """The hash of files with their names: other files, or other names, are other keys."""
    digest = sha256()
    for name, file in files.items():
        digest.update(f"{name}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
