"""`zflow databricks`: whether a Databricks workspace is ready for a workflow."""

import sys
from pathlib import Path
from typing import Literal

import click

from zflow_constructs.assembly.cloud_assembly import load_stack
from zflow_constructs.assembly.input_error import AssemblyError, InputError
from zflow_constructs.cli.extras import imported_from
from zflow_constructs.workspace_check.workspaces import Workspace, workspaces

EXIT_FAILED = 1


@click.group()
def databricks() -> None:
    """Look after the Databricks workspaces of a workflow."""


@databricks.command()
@click.argument("assembly", type=click.Path(exists=True, file_okay=False, path_type=Path), default=None, required=False)
@click.option("--stack", default="", help="The stack with the workflow. Default: the only one.")
@click.option("--host", default="", help="A workspace's address, to check it without an assembly.")
@click.option("--secret", default="", help="The name or ARN of the secret with its credentials.")
@click.option("--auth", type=click.Choice(["oauth-m2m", "token"]), default="oauth-m2m", show_default=True)
def check(assembly: Path | None, stack: str, host: str, secret: str, auth: Literal["oauth-m2m", "token"]) -> None:
    """Check that the workflow of ASSEMBLY, by default cdk.out, will reach its Databricks workspaces.

    It asks the real workspace and AWS, with the AWS credentials of who runs it, and changes nothing.
    """
    if bool(host) != bool(secret) or (host and (assembly or stack)):
        raise InputError("Give --host and --secret together and no assembly, or an assembly alone.")
    stacks = [] if host else load_stack(assembly or Path("cdk.out"), stack).in_order[::-1]
    found = [Workspace(host, host, auth, secret=secret)] if host else workspaces(stacks)
    if not found:
        raise AssemblyError(f"The stack {stacks[0].name} has no Databricks workspace: there is nothing to check.")
    # The SDK takes a second to import: `zflow --help` and wrong usage do without it.
    with imported_from("databricks"):
        from rich.console import Console  # noqa: PLC0415

        from zflow_constructs.workspace_check.check import check as check_all  # noqa: PLC0415
        from zflow_constructs.workspace_check.console import CheckConsole  # noqa: PLC0415
        from zflow_constructs.workspace_check.findings import Concealment  # noqa: PLC0415
    concealment = Concealment()
    with CheckConsole(Console(highlight=False), concealment) as console:
        failures = check_all(stacks, found, console, concealment)
    sys.exit(EXIT_FAILED if failures else 0)
