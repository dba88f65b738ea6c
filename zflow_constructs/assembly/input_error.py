"""What is raised for an input that can't be used."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """What a command or the local engine was given can't be used; the message says why and what to do.

    `zflow` shows the message alone, and exits with 2.

    - `InputError`: a parameter, a file, a folder, what is installed.
        - `AssemblyError`: the cloud assembly, or a stack or workflow in it.
    """


class AssemblyError(InputError):
    """The assembly can't be used; the message says why and what to do."""


def listed(names: Iterable[str], wanted: str) -> str:
    """Return the end of a message that lists what there is, and suggests what is near to what was given.

    Args:
        names: What there is.
        wanted: What was given.

    Example:
        >>> listed(["Demo", "Network"], "Damo")
        "Demo, Network. Did you mean 'Demo'?"
    """
    known = sorted(names)
    close = difflib.get_close_matches(wanted, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"{', '.join(known) or 'none'}.{hint}"
