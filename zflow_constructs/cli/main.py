"""`zflow`: what the package does from a terminal.

A command exits with 0 if all went well, with 1 if what it ran or checked has failed, and with 2, after one message on
standard error, if it was called wrongly or was given what it can't use.
"""

import sys

try:
    import click
except ModuleNotFoundError:  # The extras bring it; the core doesn't.
    sys.stderr.write("zflow needs 'click', which its extras bring: pip install 'zflow-constructs[graph,local]'\n")
    sys.exit(2)

from zflow_constructs.assembly.input_error import InputError
from zflow_constructs.cli.databricks import databricks
from zflow_constructs.cli.graph import graph
from zflow_constructs.cli.local import local
from zflow_constructs.cli.permissions import permissions

EXIT_REFUSED = 2


class _Zflow(click.Group):
    """Refuses what can't be used, in whichever command, as click refuses a wrong option."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except InputError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(EXIT_REFUSED)


@click.group(cls=_Zflow)
@click.version_option(package_name="zflow-constructs")
def main() -> None:
    """Machine learning workflows on AWS, declared in Python."""


main.add_command(databricks)
main.add_command(graph)
main.add_command(local)
main.add_command(permissions)
