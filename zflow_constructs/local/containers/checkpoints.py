"""Checkpoints: what a training job leaves for a later one, in a folder instead of /opt/ml/checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zflow_constructs.local.objects import ObjectStore


@dataclass(frozen=True)
class Checkpoints:
    """A folder of checkpoints that is fetched before a job and kept after it, however the job ended.

    Args:
        uri: Where they are kept.
        path: Their folder in a container on AWS.
        folder: Their folder here.
    """

    uri: str
    path: str
    folder: Path

    def here(self, text: str) -> str:
        """A text with this folder in the place of the container's.

        Args:
            text: A script, or the value of a hyperparameter or a variable.
        """
        return text.replace(self.path, str(self.folder))

    def fetch(self, code: Path, objects: ObjectStore) -> None:
        """Fetch what earlier jobs left, and lead the scripts here where they name the container's folder.

        Args:
            code: The folder of the scripts.
            objects: Where the checkpoints are kept.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if objects.exists(self.uri):
            objects.download(self.uri, self.folder)
        for script in sorted(code.rglob("*.py")):
            text = script.read_text(encoding="utf-8", errors="surrogateescape")
            script.write_text(self.here(text), encoding="utf-8", errors="surrogateescape")

    def keep(self, objects: ObjectStore) -> None:
        """Keep what the job wrote.

        Args:
            objects: Where the checkpoints are kept.
        """
        objects.upload(self.folder, self.uri)
