"""The process of a job's script: started once, and stopped from another thread if need be."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from zflow_constructs.local.processes import Process, Processes, Reporter, StoppedError


class JobProcess:
    """The one process of a job.

    Args:
        processes: Who starts and ends it.
        log: The file with all that it prints.
        on_line: Called with each line that it prints.
    """

    def __init__(self, processes: Processes, *, log: Path, on_line: Reporter) -> None:
        self._processes = processes
        self._log = log
        self._on_line = on_line
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._running: list[Process] = []

    @property
    def stopped(self) -> bool:
        """Whether it was stopped, or is being stopped."""
        return self._stopping.is_set()

    def start(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> Process:
        """Start it.

        Args:
            argv: The program and its arguments.
            env: The whole environment.
            cwd: The working folder.

        Raises:
            StoppedError: It was stopped before.
            OSError: The program can't be started.
        """
        with self._lock:
            if self.stopped:
                raise StoppedError("The job was stopped before its script started.")
            process = self._processes.start(argv, env=env, cwd=cwd, log=self._log, on_line=self._on_line)
            self._running.append(process)
            return process

    def stop(self) -> None:
        """End it, from another thread; it is not started if it wasn't yet."""
        with self._lock:
            self._stopping.set()
            running = list(self._running)
        for process in running:
            process.stop()


def last_error(process: Process) -> str:
    """The last traceback that a process printed, or its last lines where there is none.

    Args:
        process: The process, which has ended.
    """
    lines = process.last_lines(100)
    starts = [number for number, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    return "\n".join(lines[starts[-1] :] if starts else lines)
