"""`zflow local`: run the workflow of a synthesized cloud assembly for real on this machine."""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zflow_constructs.assembly.input_error import InputError
from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.cli.databricks_jobs import databricks_jobs
from zflow_constructs.cli.extras import imported_from
from zflow_constructs.cli.parameters import execution_input
from zflow_constructs.local.run import DEFAULT_TIME_SCALE, RunSettings

if TYPE_CHECKING:
    from zflow_constructs.local.databricks.spark import SparkChoice

EXIT_INTERRUPTED = 130


@click.group()
def local() -> None:
    """Run a workflow on this machine."""


@local.command()
@click.argument("assembly", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--stack", default="", help="The stack with the workflow. Default: the only one.")
@click.option("--workflow", default="", help="The workflow's id in the stack. Default: the only one.")
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", help="A run parameter; may be repeated.")
@click.option(
    "--input-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A JSON file with run parameters; --param overrides them.",
)
@click.option(
    "--run-folder", type=click.Path(file_okay=False, path_type=Path), help="Keeps everything. Default: a new one."
)
@click.option("--serve", is_flag=True, help="Keep the endpoints up after the run, until Ctrl-C.")
@click.option(
    "--approve",
    multiple=True,
    metavar="STEP",
    help="Approve what this step asks for; 'all': every step. May be repeated.",
)
@click.option(
    "--databricks-job",
    "jobs",
    multiple=True,
    metavar="ID=FILE",
    help="A Databricks job that is there: what `databricks jobs get ID` prints. May be repeated.",
)
@click.option("--spark", type=click.Choice(["auto", "classic", "sail"]), default="auto", show_default=True)
@click.option(
    "--time-scale",
    type=click.FloatRange(min=0),
    default=DEFAULT_TIME_SCALE,
    show_default=True,
    help="What a second of a Wait state or a retry's interval lasts, in seconds; a retry waits at most 2.",
)
def run(  # noqa: PLR0917 (click's way: one argument an option)
    assembly: Path,
    stack: str,
    workflow: str,
    parameters: tuple[str, ...],
    input_file: Path | None,
    run_folder: Path | None,
    serve: bool,  # noqa: FBT001
    approve: tuple[str, ...],
    jobs: tuple[str, ...],
    spark: SparkChoice,
    time_scale: float,
) -> None:
    """Run the workflow of ASSEMBLY, usually cdk.out, on this machine."""
    if not math.isfinite(time_scale):
        raise InputError(f"--time-scale is {time_scale}, and must be a number of seconds")
    loaded = load_workflow(assembly, stack, workflow)
    values = execution_input(loaded.parameters, parameters, _read(input_file))
    given_jobs = databricks_jobs(jobs)
    folder = (run_folder or Path(tempfile.mkdtemp(prefix="zflow-"))).resolve()
    settings = RunSettings(
        parameters=values,
        time_scale=time_scale,
        spark=spark,
        approve=approve,
        databricks_jobs=given_jobs,
        folder=folder,
    )
    try:
        # The engine takes seconds to import: `zflow --help` and wrong usage do without it.
        with imported_from("local"):
            from zflow_constructs.cli.local_run import run_and_show  # noqa: PLC0415
        sys.exit(run_and_show(loaded, settings, serve=serve))
    except InputError:
        # What is refused leaves no folder behind.
        if run_folder is None and not any(folder.iterdir()):
            folder.rmdir()
        raise
    except KeyboardInterrupt:
        click.echo("Interrupted; everything is stopped.", err=True)
        sys.exit(EXIT_INTERRUPTED)


def _read(file: Path | None) -> Mapping[str, object]:
    if file is None:
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{file} is no JSON file: {error}") from error
    if not isinstance(content, Mapping):
        raise InputError(f"{file} must hold a JSON object, not {type(content).__name__}")
    return content
