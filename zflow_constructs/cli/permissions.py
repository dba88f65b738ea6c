"""`zflow permissions`: what the roles of a synthesized stack may do, and why."""

import sys
from pathlib import Path

import click

from zflow_constructs.assembly.cloud_assembly import load_stack
from zflow_constructs.assembly.input_error import InputError
from zflow_constructs.permissions.page import to_markdown
from zflow_constructs.permissions.reasons import REASONS
from zflow_constructs.permissions.statements import roles

EXIT_USAGE = 2


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
    try:
        loaded = load_stack(assembly, stack)
        found = roles(loaded.template)
    except InputError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(EXIT_USAGE)
    content = to_markdown(f"What the roles of {loaded.name} may do", found, REASONS)
    file = output or Path(f"{loaded.name}.permissions.md")
    if file == Path("-"):
        click.echo(content, nl=False)
    else:
        file.write_text(content, encoding="utf-8")
        click.echo(file)
