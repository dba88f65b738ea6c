"""The child processes of a local run: started, followed, and never left behind."""

import atexit
import logging
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from zflow_constructs.local import guardian
from zflow_constructs.local.guardian import kill_session

Reporter = Callable[[str], None]
"""Receives one line of a log, without its line end. It is called from a thread of its own and should be quick."""

_GRACE_SECONDS = 3.0
"""How long a process may take to end after SIGTERM. SageMaker gives 120 seconds."""

_DRAIN_SECONDS = 5.0
"""How long the rest of an ended process's output is waited for."""

_KEPT_LINES = 200

_log = logging.getLogger(__name__)


class StoppedError(RuntimeError):
    """A process was to start after all were stopped."""


def ignore(line: str) -> None:
    """Drop a line: the reporter of those who don't listen."""


class Process:
    """One child process in a session of its own, whose output goes to a log file and to a reporter.

    Made by `Processes.start`. When it ends, whatever it started itself is killed, but for a daemon that made a session
    of its own.
    """

    def __init__(
        self, popen: subprocess.Popen[str], *, log: Path, on_line: Reporter, on_end: Callable[[], None]
    ) -> None:
        self.pid = popen.pid
        self.log = log
        self._popen = popen
        self._on_line = on_line
        self._on_end = on_end
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._read, name=f"read-{self.pid}", daemon=True)
        self._reader.start()
        threading.Thread(target=self._reap, name=f"reap-{self.pid}", daemon=True).start()

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the process has ended and its last line was reported.

        Args:
            timeout: Seconds to wait. Default: without limit.

        Returns:
            The exit code; minus the signal's number where a signal ended the process.

        Raises:
            TimeoutError: It still runs after `timeout` seconds.
        """
        if not self._ended.wait(timeout):
            raise TimeoutError(f"process {self.pid} still runs after {timeout} s; its log: {self.log}")
        return self._popen.returncode

    def stop(self, grace: float = _GRACE_SECONDS) -> None:
        """End the process and all it started: SIGTERM, then SIGKILL.

        Args:
            grace: Seconds between the two signals. Default: 3 seconds.
        """
        if self._ended.is_set():
            return
        kill_session(self.pid, signal.SIGTERM)
        if not self._ended.wait(grace):
            kill_session(self.pid, signal.SIGKILL)
            self._ended.wait()

    def last_lines(self, count: int) -> list[str]:
        """The last lines of the output, at most 200.

        Args:
            count: How many lines.
        """
        return list(self._lines)[-count:]

    def _read(self) -> None:
        assert self._popen.stdout is not None
        with self._popen.stdout as output, self.log.open("a", encoding="utf-8") as log:
            for line in output:
                log.write(line)
                log.flush()
                self._lines.append(line.rstrip("\n"))
                self._report(line.rstrip("\n"))

    def _report(self, line: str) -> None:
        # A reporter that fails must not stop the reading: the child would block on a full pipe.
        try:
            self._on_line(line)
        except Exception:  # noqa: BLE001
            _log.exception("the reporter of process %d failed on a line", self.pid)

    def _reap(self) -> None:
        self._popen.wait()
        kill_session(self.pid, signal.SIGKILL)  # what it started itself and left behind
        # A daemon that left the session may hold the output open for ever; the process itself has ended.
        self._reader.join(_DRAIN_SECONDS)
        self._on_end()
        self._ended.set()


class Processes:
    """Every child process of a local run. None of them outlives the run, not even one that gets SIGKILL.

    Example:
        with Processes() as processes:
            process = processes.start(["spark-submit", "job.py"], env=os.environ, cwd=folder, log=folder / "log.txt")
            process.wait(timeout=60)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[int, Process] = {}
        self._stopped = False
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        atexit.register(self.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path, on_line: Reporter = ignore
    ) -> Process:
        """Start a process in a session of its own, so that an interrupt from the terminal doesn't reach it first.

        Args:
            argv: The program and its arguments.
            env: The whole environment of the process.
            cwd: Its working folder.
            log: The file that its output, standard error included, is appended to.
            on_line: Called with each line of the output. Default: nobody listens.

        Raises:
            StoppedError: `stop` was called before.
            OSError: The program can't be started.
        """
        with self._lock:
            if self._stopped:
                raise StoppedError(f"{argv[0]} was not started: the local run is stopping")
            popen = subprocess.Popen(
                argv,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
            self._tell_guardian(f"+{popen.pid}")
            process = Process(popen, log=log, on_line=on_line, on_end=lambda: self._forget(popen.pid))
            self._running[popen.pid] = process
            return process

    def stop(self) -> None:
        """Stop all processes at once: SIGTERM, then SIGKILL after a few seconds. Idempotent."""
        with self._lock:
            self._stopped = True
            running = list(self._running.values())
        stoppers = [threading.Thread(target=process.stop, daemon=True) for process in running]
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join()
        atexit.unregister(self.stop)
        self._guardian.communicate()

    def _forget(self, pid: int) -> None:
        with self._lock:
            self._running.pop(pid, None)
            self._tell_guardian(f"-{pid}")

    def _tell_guardian(self, command: str) -> None:
        assert self._guardian.stdin is not None
        self._guardian.stdin.write(f"{command}\n")
        self._guardian.stdin.flush()
