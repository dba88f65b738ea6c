"""Which files of a folder are taken along, and how they are packed: the same bytes for the same files."""

import gzip
import io
import os
import stat
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from aws_cdk import IgnoreStrategy

from zflow_constructs.core.values.errors import WorkflowError

LEFT_OUT = (
    ".git",
    ".venv",
    "venv",
    ".env",
    "__pycache__",
    "*.pyc",
    ".ipynb_checkpoints",
    ".DS_Store",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    "node_modules",
    "cdk.out",
)
"""What no folder takes along, in the syntax of `.gitignore`; an exclusion that begins with `!` takes it along again."""
# Not 0: Python takes a stale .pyc for fresh when the source's time is 0.
_PACKED_AT = 946_684_800


def packed_files(owner: str, root: Path, exclude: Sequence[str] = ()) -> dict[str, Path]:
    """List the files of a folder that are taken along, by their paths in it.

    Args:
        owner: Who takes them, for messages: `SourceCode`.
        root: The folder.
        exclude: What is left out besides `LEFT_OUT`, in the syntax of `.gitignore`. Default: nothing

    Raises:
        WorkflowError: A link leads to nothing or out of the folder, or a name or a file can't be packed.
    """
    absolute = root.resolve()
    ignored = IgnoreStrategy.git(str(absolute), [*LEFT_OUT, *exclude])
    return {
        file.relative_to(absolute).as_posix(): _checked(owner, absolute, file)
        for file in _files(owner, absolute, absolute, ignored)
    }


def archive(files: Mapping[str, Path]) -> bytes:
    """Pack files into a `tar.gz`. A program stays one: the executable bit is kept.

    Args:
        files: The files by their names in it.
    """
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.PAX_FORMAT) as packed:
        for name, file in files.items():
            found = file.stat()
            member = tarfile.TarInfo(name)
            member.size, member.mtime = found.st_size, _PACKED_AT
            member.mode = 0o755 if found.st_mode & stat.S_IXUSR else 0o644
            packed.addfile(member, io.BytesIO(file.read_bytes()))
    return gzip.compress(tar.getvalue(), mtime=0)


def _files(owner: str, root: Path, folder: Path, ignored: IgnoreStrategy) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if ignored.ignores(str(path)):
            continue
        if path.is_symlink() and path.is_dir():
            raise WorkflowError(
                f"{owner}: {path} is a link to a folder, which isn't packed. Put the folder there, or exclude it."
            )
        if path.is_dir():
            yield from _files(owner, root, path, ignored)
        else:
            yield path


def _checked(owner: str, root: Path, file: Path) -> Path:
    if file.is_symlink():
        target = Path(os.path.realpath(file))
        if not target.exists():
            raise WorkflowError(f"{owner}: {file} is a link to {target}, which is missing. Remove it, or exclude it.")
        if not target.is_relative_to(root):
            raise WorkflowError(
                f"{owner}: {file} is a link to {target}, out of the folder. Put the file itself there, or exclude it."
            )
    if not file.is_file():
        raise WorkflowError(f"{owner}: {file} is no regular file, and can't be packed. Remove it, or exclude it.")
    try:
        str(file).encode()
    except UnicodeEncodeError as error:
        raise WorkflowError(f"{owner}: the name {str(file)!r} is no UTF-8, and can't be packed. Rename it.") from error
    return file
