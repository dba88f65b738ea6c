"""`zflow`: what the package does from a terminal."""

import sys

try:
    import click
except ModuleNotFoundError:  # The extras bring it; the core doesn't.
    sys.exit("zflow needs 'click', which its extras bring: pip install 'zflow-constructs[graph,local]'")

from zflow_constructs.cli.databricks import databricks
from zflow_constructs.cli.graph import graph
from zflow_constructs.cli.local import local
from zflow_constructs.cli.permissions import permissions


@click.group()
@click.version_option(package_name="zflow-constructs")
def main() -> None:
    """Machine learning workflows on AWS, declared in Python."""


main.add_command(databricks)
main.add_command(graph)
main.add_command(local)
main.add_command(permissions)
