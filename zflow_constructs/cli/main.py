"""`zflow`: what the package does from a terminal."""

import sys

try:
    from zflow_constructs.cli.local import local
except ModuleNotFoundError as error:  # The extra brings them; the core doesn't.
    sys.exit(f"zflow needs {error.name!r}, which the extra `local` brings: pip install 'zflow-constructs[local]'")

import click


@click.group()
@click.version_option(package_name="zflow-constructs")
def main() -> None:
    """Machine learning workflows on AWS, declared in Python."""


main.add_command(local)
