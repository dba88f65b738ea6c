"""`zflow graph`: draw the workflow of a synthesized cloud assembly."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import click

from zflow_constructs.assembly.workflows import load_workflow
from zflow_constructs.cli.extras import imported_from
from zflow_constructs.cli.output import write_output
from zflow_constructs.core.picture.mermaid import to_mermaid
from zflow_constructs.core.picture.picture import Picture

Kind = Literal["html", "svg", "mermaid"]
_ENDINGS: Mapping[Kind, str] = {"html": "html", "svg": "svg", "mermaid": "mmd"}


@click.command()
@click.argument("assembly", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path("cdk.out"))
@click.option("--stack", default="", help="The stack with the workflow. Default: the only one.")
@click.option("--workflow", default="", help="The workflow's id in the stack. Default: the only one.")
@click.option("--format", "kind", type=click.Choice(list(_ENDINGS)), default="html", show_default=True)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="The file to write, or - to print. Default: one named after the workflow.",
)
def graph(assembly: Path, stack: str, workflow: str, kind: Kind, output: Path | None) -> None:
    """Draw the workflow of ASSEMBLY, by default cdk.out."""
    picture = load_workflow(assembly, stack, workflow).picture
    write_output(_drawn(picture, kind), output or Path(f"{picture.name}.{_ENDINGS[kind]}"))


def _drawn(picture: Picture, kind: Kind) -> str:
    if kind == "mermaid":
        return to_mermaid(picture) + "\n"
    with imported_from("graph"):
        from zflow_constructs.drawing.page import to_html  # noqa: PLC0415
        from zflow_constructs.drawing.svg import to_svg  # noqa: PLC0415
    return to_svg(picture) if kind == "svg" else to_html(picture)
