"""What a processing container is given: its program, and the folders of its inputs and outputs.

https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html
"""

import json
import re
from collections.abc import Mapping, Sequence

from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Expression
from zflow_constructs.core.values.json_values import check_json
from zflow_constructs.core.values.templates import Template
from zflow_constructs.core.values.texts import as_text
from zflow_constructs.data.sources import SourceCode
from zflow_constructs.sagemaker.images.containers import BoundImage

CODE = "code"
"""The input that is the script's folder."""
_FOLDER = "/opt/ml/processing"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


def program(
    label: str,
    image: BoundImage,
    code: SourceCode | None,
    entrypoint: Sequence[str],
    *,
    options: Sequence[str] = (),
    configured: bool = False,
) -> dict[str, Sequence[Template]]:
    """What runs in the container: `{"ContainerEntrypoint": ["/bin/bash", "-ec", "cd ...", "evaluate.py"]}`.

    Args:
        label: the step, for messages: `Step "Evaluate"`.
        image: the container's image.
        code: the script, if there is one: it is unpacked, its requirements are installed, and it is run.
        entrypoint: a program of the image instead. Empty: the image's own, and `{}`
        options: what the program that runs the script is given before it. Default: nothing
        configured: whether there is a configuration of Spark's. Default: no

    Raises:
        WorkflowError: nothing runs, or two programs do.
    """
    if isinstance(entrypoint, str):
        raise WorkflowError(
            f'{label}: entrypoint is the string "{entrypoint}". Give a list of the program and what it is given: '
            f"{json.dumps(entrypoint.split())}."
        )
    if code and entrypoint:
        raise WorkflowError(
            f"{label}: code and entrypoint both say what runs. Give code= for a script, or entrypoint= for a program "
            "that is in the image."
        )
    if image.framework and not code and not entrypoint:
        raise WorkflowError(
            f"{label}: a framework image processes with a script of yours. "
            "Give code=SourceCode.from_file(...) or SourceCode.from_directory(...)."
        )
    command = _script(code, image, options, configured=configured) if code else list(entrypoint)
    return {"ContainerEntrypoint": command} if command else {}


def words(label: str, arguments: Sequence[Template]) -> list[Template]:
    """What the program is given, as words: `["--rows", "100", "--folds", "[1,2]"]`.

    Args:
        label: the step, for messages: `Step "Evaluate"`.
        arguments: The arguments, in their order.

    Raises:
        WorkflowError: They are no list, or one of them has no text.
    """
    if isinstance(arguments, str):
        raise WorkflowError(
            f'{label}: arguments is the string "{arguments}". Give a list of words: {json.dumps(arguments.split())}.'
        )
    if isinstance(arguments, Mapping):
        listed = [word for name, value in arguments.items() for word in (f"--{name}", value)]
        raise WorkflowError(f"{label}: arguments is a dict. Give a list of words, in their order: {listed!r}.")
    check_json(label, "arguments", arguments, as_text=True)
    for number, value in enumerate(arguments):
        if value is None:
            raise WorkflowError(f"{label}: arguments[{number}] is None, which has no text. Leave it out of the list.")
    return [as_text(value) for value in arguments]


def check_names(label: str, what: str, names: Sequence[str], *, taken: Sequence[str]) -> None:
    """Checks the names of inputs or outputs, which are those of their folders.

    Args:
        label: the step, for messages: `Step "Evaluate"`.
        what: `input` or `output`.
        names: their names.
        taken: the names of the step's own.

    Raises:
        WorkflowError: one is no name of a folder, is there twice, or is taken by the step.
    """
    if isinstance(names, str):
        raise WorkflowError(f'{label}: {what}s is the string "{names}". Give a list of names: ["{names}"].')
    for number, name in enumerate(names):
        if not _NAME.fullmatch(name):
            raise WorkflowError(
                f'{label}: an {what} is named "{name}". Its name is that of its folder, {_FOLDER}/{what}/<name>: '
                'letters, digits, "-" and "_", 63 at most. Rename it.'
            )
        if name in names[:number]:
            raise WorkflowError(f'{label}: an {what} is named "{name}" twice. Name each once.')
        if name in taken:
            raise WorkflowError(f'{label}: an {what} is named "{name}", which is one of the step\'s own. Rename it.')


def folder_of_input(name: str) -> str:
    """Where the container finds an input: `/opt/ml/processing/input/scores`.

    Args:
        name: its name.
    """
    return f"{_FOLDER}/input/{name}"


def asset_input(name: str, uri: str) -> Template:
    """An asset as an input: `{"InputName": "code", "S3Input": {"LocalPath": "/opt/ml/processing/input/code", ...}}`.

    Args:
        name: its name.
        uri: where it is in S3.
    """
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": folder_of_input(name),
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
        },
    }


def output_folder(name: str, uri: str | Expression, *, upload_mode: str, folder: str = "") -> Template:
    """An output: `{"OutputName": "report", "S3Output": {"LocalPath": "/opt/ml/processing/output/report", ...}}`.

    Args:
        name: its name.
        uri: where it goes to in S3.
        upload_mode: when it does: at the `EndOfJob`, or `Continuous`.
        folder: where the container writes it. Default: the folder of that name
    """
    return {
        "OutputName": name,
        "S3Output": {
            "S3Uri": uri,
            "LocalPath": folder or f"{_FOLDER}/output/{name}",
            "S3UploadMode": upload_mode,
        },
    }


def _script(code: SourceCode, image: BoundImage, options: Sequence[str], *, configured: bool) -> list[Template]:
    spark = image.framework == "spark"
    # Spark's images have a second Python, which isn't the one that runs scripts.
    python = "$PYSPARK_PYTHON" if spark else "python3"
    folder = folder_of_input(CODE)
    # The asset's file has its hash for a name.
    configure = "mv ../conf/*.json ../conf/configuration.json; " if configured else ""
    steps = (
        f"cd {folder}; tar -xzf *.gz; {configure}"
        f"[ ! -f requirements.txt ] || {python} -m pip install -r requirements.txt; "
        f'exec {"smspark-submit" if spark else "python3"} "$0" "$@"'
    )
    return ["/bin/bash", "-ec", steps, *options, f"{folder}/{code.entry_point}"]
