"""What a command needs beyond the core: the extra of its name brings it."""

from collections.abc import Iterator
from contextlib import contextmanager

from zflow_constructs.assembly.input_error import InputError


@contextmanager
def imported_from(extra: str) -> Iterator[None]:
    """Import what an extra brings; where something is missing, say how to get it.

    Args:
        extra: The extra, which is called like the command.

    Raises:
        InputError: Something is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(
            f"`zflow {extra}` needs {error.name!r}, which the extra `{extra}` brings: "
            f"pip install 'zflow-constructs[{extra}]'"
        ) from None
