"""What a command needs beyond the core: the extra of its name brings it."""

from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def imported_from(extra: str) -> Iterator[None]:
    """Around imports of what an extra brings: says where something is missing, and how to get it.

    Args:
        extra: the extra, which is called like the command.

    Raises:
        ClickException: Something is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"`zflow {extra}` needs {error.name!r}, which the extra `{extra}` brings: "
            f"pip install 'zflow-constructs[{extra}]'"
        ) from None
