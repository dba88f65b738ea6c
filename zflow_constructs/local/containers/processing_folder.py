"""The folders and the program of a processing container, below a folder instead of /opt/ml."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zflow_constructs.local.containers.archives import unpack
from zflow_constructs.local.containers.errors import UnsupportedRequestError, refuse_others, refuse_present
from zflow_constructs.local.containers.script import note_requirements
from zflow_constructs.local.processes import Reporter

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        ProcessingInputTypeDef,
        ProcessingOutputTypeDef,
        ProcessingS3InputTypeDef,
        ProcessingS3OutputTypeDef,
    )

_PROCESSING = "/opt/ml/processing/"
_ROOT = re.compile(r"/opt/ml(?![\w.-])")
_MESSAGE_CHARACTERS = 1024
# What ProcessingStep has a framework's container do with a script.
_UNPACKING = re.compile(r'cd /opt/ml/processing/input/code; tar -xzf \*\.gz; .*; exec python3 "\$0" "\$@"')


@dataclass(frozen=True)
class Program:
    """What a container runs.

    Args:
        words: What Python is given: a script, or `-m` and a module.
        unpacked: Whether the script comes in an archive.
    """

    words: tuple[str, ...]
    unpacked: bool


def program(entrypoint: Sequence[str]) -> Program:
    """The Python program of an entrypoint.

    Args:
        entrypoint: As in `AppSpecification.ContainerEntrypoint`.

    Raises:
        UnsupportedRequestError: It is none.
    """
    match entrypoint:
        case ["/bin/bash", "-ec", str(steps), str(script)] if _UNPACKING.fullmatch(steps):
            return Program((script,), unpacked=True)
        case ["python3" | "python", *words] if words:
            return Program(tuple(words), unpacked=False)
        case _:
            raise UnsupportedRequestError(
                f"AppSpecification.ContainerEntrypoint is {list(entrypoint)!r}: a local run runs the script of a "
                "ProcessingStep (code=...), or what begins with 'python3'."
            )


def checked_input(given: ProcessingInputTypeDef) -> ProcessingS3InputTypeDef:
    """An input that a local run can fetch.

    Args:
        given: The request's input.

    Raises:
        UnsupportedRequestError: It can't.
    """
    path = f"ProcessingInputs[{given['InputName']}]"
    refuse_present("DatasetDefinition", given)
    refuse_others(f"{path}.AppManaged", given.get("AppManaged", False), (False,))
    source = given["S3Input"]
    refuse_others(f"{path}.S3DataType", source["S3DataType"], ("S3Prefix", "ManifestFile"))
    refuse_others(f"{path}.S3InputMode", source.get("S3InputMode", "File"), ("File",))
    refuse_others(f"{path}.S3CompressionType", source.get("S3CompressionType", "None"), ("None",))
    _check_path(path, source.get("LocalPath", ""))
    return source


def checked_output(given: ProcessingOutputTypeDef) -> ProcessingS3OutputTypeDef:
    """An output that a local run can upload.

    Args:
        given: The request's output.

    Raises:
        UnsupportedRequestError: It can't.
    """
    path = f"ProcessingOutputConfig.Outputs[{given['OutputName']}]"
    refuse_present("FeatureStoreOutput", given)
    refuse_others(f"{path}.AppManaged", given.get("AppManaged", False), (False,))
    target = given["S3Output"]
    refuse_others(f"{path}.S3UploadMode", target["S3UploadMode"], ("EndOfJob", "Continuous"))
    _check_path(path, target.get("LocalPath", ""))
    return target


@dataclass(frozen=True)
class ProcessingFolder:
    """The folders of one processing job, laid out as /opt/ml is.

    Args:
        root: The job's folder.
    """

    root: Path

    @property
    def code(self) -> Path:
        """The script's folder."""
        return self.root / "processing" / "input" / "code"

    @property
    def message(self) -> str:
        """What the script has left in /opt/ml/output/message; empty if nothing."""
        file = self.root / "output" / "message"
        return file.read_text(errors="replace")[:_MESSAGE_CHARACTERS] if file.is_file() else ""

    def at(self, path: str) -> Path:
        """Where a folder of the container is.

        Args:
            path: Its path in the container, below /opt/ml.
        """
        return self.root / Path(path).relative_to("/opt/ml")

    def here(self, text: str) -> str:
        """A text with this folder in the place of /opt/ml.

        Args:
            text: An argument, the value of a variable, or a script.
        """
        return _ROOT.sub(lambda _: str(self.root), text)

    def make(self, *, config: Mapping[str, str], outputs: Iterable[str]) -> None:
        """Make the folders and files that a script expects to be there.

        Args:
            config: The files of /opt/ml/config.
            outputs: The paths of the outputs in the container.
        """
        for folder in (self.code, self.root / "output", self.root / "config", *map(self.at, outputs)):
            folder.mkdir(parents=True, exist_ok=True)
        for name, text in config.items():
            (self.root / "config" / name).write_text(text, encoding="utf-8")

    def prepare_code(self, *, unpacked: bool, on_line: Reporter) -> None:
        """Unpack the script, and lead its files here where they name /opt/ml.

        Args:
            unpacked: Whether it comes in an archive.
            on_line: Told about what differs from a container on AWS.

        Raises:
            tarfile.TarError: It is no archive.
        """
        if unpacked:
            for archive in sorted(self.code.glob("*.gz")):
                unpack(archive, self.code)
            note_requirements(self.code, on_line)
        for script in sorted(self.code.rglob("*.py")):
            text = script.read_text(encoding="utf-8", errors="surrogateescape")
            script.write_text(self.here(text), encoding="utf-8", errors="surrogateescape")


def _check_path(field: str, path: str) -> None:
    if not path.startswith(_PROCESSING):
        raise UnsupportedRequestError(
            f"{field}.LocalPath is {path!r}: a local run has folders below {_PROCESSING} only."
        )
