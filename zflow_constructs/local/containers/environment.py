"""The environment variables of a container's process."""

import os
from collections.abc import Iterable
from pathlib import Path

from zflow_constructs.local.objects import ObjectStore

_NOT_INHERITED = ("AWS_", "PYTHON", "SAGEMAKER_", "SM_")


def container_environment(*, objects: ObjectStore, imports: Iterable[Path]) -> dict[str, str]:
    """What every container has: this machine's variables, without its AWS account, and the local AWS in its place.

    Args:
        objects: The S3 of the local run, whose endpoint all clients of the process use.
        imports: The folders that its scripts import from.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
    return {
        **inherited,
        **objects.environment,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(str(folder.resolve()) for folder in imports),
        "PYTHONUNBUFFERED": "1",
    }
