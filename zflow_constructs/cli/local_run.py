"""A local run on a terminal: what it shows, how it ends, what goes on serving."""

import signal
import threading
from types import FrameType
from typing import NoReturn

from rich.console import Console

from zflow_constructs.assembly.workflows import Workflow
from zflow_constructs.local.console import RunConsole, report
from zflow_constructs.local.engine import Engine
from zflow_constructs.local.run import RunResult, RunSettings

EXIT_FAILED = 1


def run_and_show(workflow: Workflow, settings: RunSettings, *, serve: bool) -> int:
    """Run a workflow, and show it on the terminal.

    Args:
        workflow: The workflow.
        settings: How to run it.
        serve: Whether the endpoints stay up after the run, until Ctrl-C.

    Returns:
        The exit code.
    """
    console = Console(highlight=False)
    # SIGTERM ends a run as Ctrl-C does: its jobs are stopped, its processes too.
    signal.signal(signal.SIGTERM, _interrupt)
    console.print(f"Starting a local AWS, and creating the stack {workflow.stack.name} on it ...", soft_wrap=True)
    with RunConsole(console) as shown, Engine(workflow, settings, on_step=shown.on_step, say=shown.say) as engine:
        deployed = engine.deploy()
        shown.show(deployed.steps)
        result = deployed.run()
        shown.close()
        report(console, result, settings.folder)
        if not result.succeeded:
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


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
