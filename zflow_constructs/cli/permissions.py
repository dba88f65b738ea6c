"""`zflow permissions`: what the roles of a synthesized stack may do, and why."""

from pathlib import Path

import click

from zflow_constructs.assembly.cloud_assembly import load_stack
from zflow_constructs.cli.output import write_output
from zflow_constructs.permissions.page import to_markdown
from zflow_constructs.permissions.reasons import REASONS
from zflow_constructs.permissions.statements import roles


@click.command()
@click.argument("assembly", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path("cdk.out"))
@click.option("--stack", default="", help="The stack. Default: the only one.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="The file to write, or - to print. Default: one named after the stack.",
)
def permissions(assembly: Path, stack: str, output: Path | None) -> None:
    """Write down what each role of ASSEMBLY, by default cdk.out, may do, and why."""
    loaded = load_stack(assembly, stack)
    content = to_markdown(f"What the roles of {loaded.name} may do", roles(loaded.template), REASONS)
    write_output(content, output or Path(f"{loaded.name}.permissions.md"))
