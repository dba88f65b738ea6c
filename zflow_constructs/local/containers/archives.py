"""The tar.gz archives of SageMaker: sourcedir.tar.gz, model.tar.gz, output.tar.gz."""

import tarfile
import time
from pathlib import Path


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive into a folder.

    Args:
        archive: A tar file, compressed or not.
        folder: Where its members go; it is made if need be.

    Raises:
        tarfile.TarError: It is no archive, or a member would land outside the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    now = int(time.time())
    with tarfile.open(archive) as tar:
        # Reproducible archives have the time 0: Python would take a stale .pyc of one script for another's.
        members = [member.replace(mtime=now, deep=False) for member in tar]
        tar.extractall(folder, members=members, filter="data")


def pack(folder: Path, archive: Path) -> None:
    """Pack all that is in a folder, not the folder itself.

    Args:
        folder: The folder.
        archive: The tar.gz file to write.
    """
    with tarfile.open(archive, "w:gz") as tar:
        for entry in sorted(folder.iterdir()):
            tar.add(entry, arcname=entry.name)
