"""The guardian: a process that kills the children of a local run when the run itself is killed.

A run that gets SIGKILL can't clean up. The guardian reads the ids of the run's children from a pipe of which the run
holds the only writing end; when that closes, however the run ended, it kills all that is left. It watches whole
sessions, so that grandchildren (a Spark JVM, workers of a pool) die too.

It is started by path, without site-packages, and so uses the standard library alone.
"""

import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def kill_session(session: int, signal_number: int) -> None:
    """Send a signal to the process group and, where /proc shows them, to all other processes of a session.

    Args:
        session: Id of the session, which is its first process's id and group.
        signal_number: The signal to send.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(session, signal_number)
    for pid in _other_groups(session):
        with suppress(ProcessLookupError):
            os.kill(pid, signal_number)


def _other_groups(session: int) -> Iterable[int]:
    """Processes that left the session's first group, as PySpark's worker daemon does."""
    for entry in _PROC.glob("[0-9]*"):
        with suppress(ProcessLookupError):
            pid = int(entry.name)
            if os.getsid(pid) == session != os.getpgid(pid):
                yield pid


def _guard(commands: Iterable[str]) -> None:
    """Follow `+id` and `-id` lines until the run is gone, then kill what remains."""
    sessions: set[int] = set()
    for command in commands:
        session = int(command[1:])
        if command.startswith("+"):
            sessions.add(session)
        else:
            sessions.discard(session)
    for session in sessions:
        kill_session(session, signal.SIGKILL)


if __name__ == "__main__":
    _guard(sys.stdin)
