"""User code: the script that a framework container runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zflow_constructs.local.containers.archives import unpack
from zflow_constructs.local.containers.built_in_xgboost import BuiltInXgboost
from zflow_constructs.local.containers.errors import UnsupportedRequestError
from zflow_constructs.local.containers.images import FrameworkImage
from zflow_constructs.local.objects import ObjectStore
from zflow_constructs.local.processes import Reporter

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import MetricDefinitionTypeDef

MODEL_PREFIX = "/opt/ml/model"
"""Where a container on SageMaker has its model; code may be inside."""

_ROOT = "/opt/ml/"
_CHANNELS = "/opt/ml/input/data/"


@dataclass(frozen=True)
class Script:
    """A script and where its folder comes from.

    Args:
        program: The script's path inside its folder, such as `train.py`.
        submit_directory: The `sourcedir.tar.gz` that has it, by its S3 URI or in a channel below `/opt/ml/input/data`;
            or a folder below `/opt/ml/model`.

    Raises:
        UnsupportedRequestError: The program is no Python script, or its folder is in none of these places.
    """

    program: str
    submit_directory: str

    def __post_init__(self) -> None:
        if not self.program.endswith(".py"):
            raise UnsupportedRequestError(f"The program is {self.program!r}: a local run supports Python scripts only.")
        if not self.submit_directory.startswith(("s3://", MODEL_PREFIX, _CHANNELS)):
            raise UnsupportedRequestError(
                f"The submit directory of {self.program} is {self.submit_directory!r}: give the S3 URI of a "
                "sourcedir.tar.gz that has the script, as SourceCode does."
            )

    @property
    def metric_definitions(self) -> list[MetricDefinitionTypeDef]:
        """None: a script's metrics are defined in the request."""
        return []

    def fetch(self, folder: Path, *, model: Path, objects: ObjectStore, on_line: Reporter) -> Path:
        """Unpack the script's archive, or find it in the model.

        Args:
            folder: Where an archive is unpacked.
            model: The folder of the unpacked model, beside the container's other folders.
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
            here = model.parent / self.submit_directory.removeprefix(_ROOT)
            if here.is_file():
                unpack(here, code)
            else:
                code = here
        if not (code / self.program).is_file():
            found = ", ".join(sorted(path.relative_to(code).as_posix() for path in code.rglob("*.py"))) or "none"
            raise FileNotFoundError(f"{self.submit_directory} has no {self.program}; its Python files: {found}")
        note_requirements(code, on_line)
        return code

    def serving(self, code: Path, image: FrameworkImage) -> list[str]:
        """The arguments of a server that serves by the script.

        Args:
            code: The folder that has the script.
            image: The container's image.
        """
        return ["--framework", image.framework, "--script", str(code / self.program)]


def note_requirements(code: Path, on_line: Reporter) -> None:
    """Say that a script's requirements are not installed, if it has any.

    Args:
        code: The script's folder.
        on_line: Told so.
    """
    if (code / "requirements.txt").is_file():
        on_line("requirements.txt is not installed in a local run: the script imports what this Python has.")


def training_script(hyperparameters: Mapping[str, str], image: FrameworkImage) -> Script | BuiltInXgboost:
    """The script of a training job, named by hyperparameters; the XGBoost image has one of its own.

    Args:
        hyperparameters: The job's, whose values may be JSON, quoted, or plain.
        image: The job's image.

    Raises:
        UnsupportedRequestError: One of the two hyperparameters is missing or can't be honoured.
    """
    decoded = decode_hyperparameters(hyperparameters)
    if image.framework == "xgboost" and "sagemaker_program" not in decoded:
        return BuiltInXgboost()
    for name in ("sagemaker_program", "sagemaker_submit_directory"):
        if name not in decoded:
            raise UnsupportedRequestError(
                f"HyperParameters has no {name}: the image {image.repository} runs a script, named by "
                "sagemaker_program and sagemaker_submit_directory."
            )
    return Script(str(decoded["sagemaker_program"]), str(decoded["sagemaker_submit_directory"]))


def serving_script(environment: Mapping[str, str], image: FrameworkImage) -> Script | BuiltInXgboost:
    """The script of a serving container, named by environment variables; the XGBoost image has one of its own.

    Args:
        environment: The container's variables.
        image: The container's image.

    Raises:
        UnsupportedRequestError: No script is named, or it can't be honoured.
    """
    program = environment.get("SAGEMAKER_PROGRAM", "inference.py" if image.framework == "scripts" else "")
    if image.framework == "xgboost" and not program:
        return BuiltInXgboost()
    if not program:
        raise UnsupportedRequestError(
            f"The container of image {image.repository} has no SAGEMAKER_PROGRAM in its Environment: "
            "it serves a script's functions."
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
