"""`zflow local`: run the workflow of a synthesized cloud assembly for real on this machine."""

import json
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
from rich.console import Console

from zflow_constructs.cli.parameters import execution_input
from zflow_constructs.local.assembly import AssemblyError, load_stack, state_machine
from zflow_constructs.local.console import RunConsole, report
from zflow_constructs.local.databricks.spark import SparkChoice
from zflow_constructs.local.engine import Engine
from zflow_constructs.local.run import DEFAULT_TIME_SCALE, RunResult, RunSettings

EXIT_FAILED = 1
EXIT_USAGE = 2
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
    spark: SparkChoice,
    time_scale: float,
) -> None:
    """Run the workflow of ASSEMBLY, usually cdk.out, on this machine."""
    console = Console(highlight=False)
    try:
        loaded = load_stack(assembly, stack)
        machine = loaded.resources[state_machine(loaded, workflow)]
        values = execution_input(machine, parameters, _read(input_file))
        settings = RunSettings(
            assembly=assembly,
            stack=stack,
            workflow=workflow,
            folder=(run_folder or Path(tempfile.mkdtemp(prefix="zflow-"))).resolve(),
            parameters=values,
            time_scale=time_scale,
            spark=spark,
        )
        sys.exit(_run(console, settings, serve=serve))
    except AssemblyError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(EXIT_USAGE)
    except KeyboardInterrupt:
        click.echo("Interrupted; everything is stopped.", err=True)
        sys.exit(EXIT_INTERRUPTED)


def _run(console: Console, settings: RunSettings, *, serve: bool) -> int:
    # SIGTERM ends a run as Ctrl-C does: its jobs are stopped, its processes too.
    signal.signal(signal.SIGTERM, _interrupt)
    console.print(f"Starting a local AWS, and creating the stack of {settings.assembly} on it ...", soft_wrap=True)
    with RunConsole(console) as shown, Engine(settings, on_step=shown.on_step) as engine:
        engine.deploy()
        shown.show(engine.steps)
        result = engine.run()
        shown.close()
        report(console, result, settings.folder)
        if result.status != "SUCCEEDED":
            return EXIT_FAILED
        if serve:
            _serve(console, engine, result)
        return 0


def _serve(console: Console, engine: Engine, result: RunResult) -> None:
    if not result.endpoints:
        console.print("There is no endpoint to serve.")
        return
    for endpoint in result.endpoints:
        url = f"{engine.url}/endpoints/{endpoint}/invocations"
        console.print(f"Call {endpoint}, until Ctrl-C, with the AWS CLI or any SDK:", soft_wrap=True)
        console.print(
            f"  AWS_ENDPOINT_URL={engine.url} AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local "
            f"AWS_REGION={engine.aws.region} aws sagemaker-runtime invoke-endpoint --endpoint-name {endpoint} "
            "--content-type text/csv --body fileb://application.csv /dev/stdout",
            soft_wrap=True,
        )
        console.print(
            f"or: curl --aws-sigv4 aws:amz:{engine.aws.region}:sagemaker --user local:local "
            f"-H 'Content-Type: text/csv' --data-binary @application.csv {url}",
            soft_wrap=True,
        )
    threading.Event().wait()


def _read(file: Path | None) -> Mapping[str, object]:
    if file is None:
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AssemblyError(f"{file} is no JSON file: {error}") from error
    if not isinstance(content, Mapping):
        raise AssemblyError(f"{file} must hold a JSON object, not {type(content).__name__}")
    return content


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
