"""What a task runs on this machine: a script, or an entry point of a wheel, made ready in the task's folder."""

import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from zflow_constructs.local.databricks import entry_point
from zflow_constructs.local.databricks.tasks import PythonFile, PythonWheel, Task
from zflow_constructs.local.objects import ObjectNotFoundError, ObjectStore

_SITE = "site-packages"


class UnrunnableError(Exception):
    """A task that can't be started.

    Args:
        message: Why, and what to do.
        code: Databricks' termination code.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


@dataclass(frozen=True)
class Program:
    """A script, ready to be started.

    Args:
        script: Its path.
        arguments: Its command-line arguments.
        uses_spark: Whether its code names Spark.
        environment: The variables that it needs. Default: none.
    """

    script: Path
    arguments: tuple[str, ...]
    uses_spark: bool
    environment: Mapping[str, str] = field(default_factory=dict)


def prepare(task: Task, *, folder: Path, objects: ObjectStore) -> Program:
    """Get a task's code into its folder.

    Args:
        task: The task.
        folder: Its folder.
        objects: Where the code is.

    Raises:
        UnrunnableError: The code is not there, or is none that runs on this machine.
    """
    work = task.work
    if isinstance(work, PythonFile):
        return _script(work, folder, objects)
    if isinstance(work, PythonWheel):
        return _entry_point(work, task.key, folder, objects)
    kind = next(name for name in task.body if name.endswith("_task"))
    raise UnrunnableError(
        f"Task '{task.key}' is a {kind}; only spark_python_task, python_wheel_task and run_job_task run locally."
        " Give the step a condition on a run parameter that is false locally, or run such a task on Databricks.",
        "FEATURE_DISABLED",
    )


def _script(work: PythonFile, folder: Path, objects: ObjectStore) -> Program:
    source = _read(work.uri, "python file", objects)
    script = folder / Path(work.uri).name
    script.write_bytes(source)
    # Only who names it can use it; the others start quicker.
    return Program(script, work.parameters, uses_spark=b"spark" in source)


def _entry_point(work: PythonWheel, key: str, folder: Path, objects: ObjectStore) -> Program:
    if not work.wheels:
        raise UnrunnableError(
            f"Task '{key}' runs an entry point of '{work.package}', but its libraries hold no wheel."
            " List it, for example as {'whl': 's3://bucket/package.whl'}.",
            "LIBRARY_INSTALLATION_ERROR",
        )
    site = folder / _SITE
    for uri in work.wheels:
        _unpack(uri, site, objects)
    script = folder / "entry_point.py"
    shutil.copyfile(entry_point.__file__, script)
    uses_spark = any(b"spark" in source.read_bytes() for source in site.rglob("*.py"))
    arguments = (work.package, work.entry_point, *work.parameters)
    return Program(script, arguments, uses_spark, {"PYTHONPATH": str(site)})


def _unpack(uri: str, site: Path, objects: ObjectStore) -> None:
    try:
        with zipfile.ZipFile(BytesIO(_read(uri, "wheel", objects))) as wheel:
            wheel.extractall(site)
    except zipfile.BadZipFile as error:
        raise UnrunnableError(f"{uri} is no wheel: {error}", "LIBRARY_INSTALLATION_ERROR") from error
    # What goes beside the modules on an installation, for example compiled parts.
    for kind in ("purelib", "platlib"):
        for extra in site.glob(f"*.data/{kind}"):
            shutil.copytree(extra, site, dirs_exist_ok=True)


def _read(uri: str, what: str, objects: ObjectStore) -> bytes:
    if not uri.startswith(("s3://", "file://")):
        message = (
            f"Cannot read the {what} {uri}: locally it must be an s3:// URI, or, in the file of a job, the path of a "
            "file from there."
        )
        raise UnrunnableError(message, "RESOURCE_NOT_FOUND")
    try:
        return objects.read(uri) if uri.startswith("s3://") else Path(url2pathname(urlsplit(uri).path)).read_bytes()
    except (ObjectNotFoundError, OSError) as error:
        raise UnrunnableError(f"Cannot read the {what} {uri}: {error}", "RESOURCE_NOT_FOUND") from error
