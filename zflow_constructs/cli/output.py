"""What a command was asked to write: into a file, or printed."""

from pathlib import Path

import click

from zflow_constructs.assembly.input_error import InputError

PRINTED = Path("-")
"""The file that stands for standard output."""


def write_output(content: str, file: Path) -> None:
    """Write a text into a file, and print the file's name; or print the text.

    Args:
        content: The text.
        file: The file; `-` prints the text.

    Raises:
        InputError: The file can't be written.
    """
    if file == PRINTED:
        click.echo(content, nl=False)
        return
    try:
        file.write_text(content, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file} can't be written: {error.strerror}. Choose another --output.") from error
    click.echo(file)
