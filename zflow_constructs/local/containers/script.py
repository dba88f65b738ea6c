"""User code: the script that a framework container runs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zflow_constructs.local.containers.archives import unpack
from zflow_constructs.local.containers.errors import UnsupportedRequestError
from zflow_constructs.local.containers.images import FrameworkImage
from zflow_constructs.local.objects import ObjectStore
from zflow_constructs.local.processes import Reporter

MODEL_PREFIX = "/opt/ml/model"
"""Where a container on SageMaker has its model; code may be inside."""


@dataclass(frozen=True)
class Script:
    """A script and where its folder comes from.

    Args:
        program: The script's path inside its folder, such as `train.py`.
        submit_directory: The S3 URI of the `sourcedir.tar.gz` that has it, or a folder below `/opt/ml/model`.

    Raises:
        UnsupportedRequestError: The program is no Python script, or its folder is neither in S3 nor in the model.
    """

    program: str
    submit_directory: str

    def __post_init__(self) -> None:
        if not self.program.endswith(".py"):
            raise UnsupportedRequestError(f"The program is {self.program!r}: a local run supports Python scripts only.")
        if not self.submit_directory.startswith(("s3://", MODEL_PREFIX)):
            raise UnsupportedRequestError(
                f"The submit directory of {self.program} is {self.submit_directory!r}: give the S3 URI of a "
                "sourcedir.tar.gz that has the script, as SourceCode does."
            )

    def fetch(self, folder: Path, *, model: Path, objects: ObjectStore, on_line: Reporter) -> Path:
        """Unpack the script's archive, or find it in the model.

        Args:
            folder: Where an archive is unpacked.
            model: The folder of the unpacked model.
            objects: Where the archive is.
            on_line: Told about what differs from a container on AWS.

        Returns:
            The folder that has the script.

        Raises:
            ObjectNotFoundError: The archive is not there.
            FileNotFoundError: The archive lacks the script.
        """
        code = folder
        if self.submit_directory.startswith("s3://"):
            for archive in objects.download(self.submit_directory, folder.with_name(f"{folder.name}-archive")):
                unpack(archive, code)
        else:
            code = model / self.submit_directory.removeprefix(MODEL_PREFIX).strip("/")
        if not (code / self.program).is_file():
            found = ", ".join(sorted(path.relative_to(code).as_posix() for path in code.rglob("*.py"))) or "none"
            raise FileNotFoundError(f"{self.submit_directory} has no {self.program}; its Python files: {found}")
        if (code / "requirements.txt").is_file():
            on_line("requirements.txt is not installed in a local run: the script imports what this Python has.")
        return code


def training_script(hyperparameters: Mapping[str, str]) -> Script:
    """The script of a training job, named by hyperparameters.

    Args:
        hyperparameters: The job's, whose values may be JSON, quoted, or plain.

    Raises:
        UnsupportedRequestError: One of the two hyperparameters is missing or can't be honoured.
    """
    decoded = decode_hyperparameters(hyperparameters)
    for name in ("sagemaker_program", "sagemaker_submit_directory"):
        if name not in decoded:
            raise UnsupportedRequestError(
                f"HyperParameters has no {name}: local training runs scripts, not an image's own algorithm."
            )
    return Script(str(decoded["sagemaker_program"]), str(decoded["sagemaker_submit_directory"]))


def serving_script(environment: Mapping[str, str], image: FrameworkImage) -> Script:
    """The script of a serving container, named by environment variables.

    Args:
        environment: The container's variables.
        image: The container's image.

    Raises:
        UnsupportedRequestError: No script is named, or it can't be honoured.
    """
    program = environment.get("SAGEMAKER_PROGRAM", "inference.py" if image.framework == "scripts" else "")
    if not program:
        raise UnsupportedRequestError(
            f"The container of image {image.repository} has no SAGEMAKER_PROGRAM in its Environment: "
            "local serving runs scripts, not an image's own algorithm."
        )
    return Script(program, environment.get("SAGEMAKER_SUBMIT_DIRECTORY", f"{MODEL_PREFIX}/code"))


def decode_hyperparameters(hyperparameters: Mapping[str, str]) -> dict[str, object]:
    """Hyperparameters as the framework containers read them: JSON where a value is JSON, the string itself otherwise.

    Args:
        hyperparameters: The job's.
    """
    return {name: _decode(value) for name, value in hyperparameters.items()}


def _decode(value: str) -> object:
    try:
        decoded: object = json.loads(value)
    except ValueError:
        return value
    return decoded
