"""No child of a local run is lost, and none outlives it."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.process_ids import until_gone
from tests.waiting import LIMIT_SECONDS
from zflow_constructs.local.processes import Process, Processes


@pytest.fixture
def processes() -> Iterator[Processes]:
    with Processes() as running:
        yield running


def start(processes: Processes, folder: Path, script: str, lines: list[str] | None = None) -> Process:
    return processes.start(
        [sys.executable, "-u", "-c", textwrap.dedent(script)],
        env=os.environ,
        cwd=folder,
        log=folder / "log.txt",
        on_line=(lines if lines is not None else []).append,
    )


def until_first_line(process: Process) -> str:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not process.last_lines(1):
        assert time.monotonic() < deadline, "the process printed nothing"
        time.sleep(0.01)
    return process.last_lines(1)[0]


def test_the_output_reaches_the_log_the_reporter_and_the_last_lines(processes: Processes, tmp_path: Path) -> None:
    lines: list[str] = []
    process = start(processes, tmp_path, "import sys; print('one'); print('two', file=sys.stderr); sys.exit(3)", lines)
    assert process.wait(LIMIT_SECONDS) == 3
    assert lines == ["one", "two"] == process.last_lines(9)
    assert (tmp_path / "log.txt").read_text() == "one\ntwo\n"


def test_bytes_that_are_no_utf_8_do_not_break_the_reading(processes: Processes, tmp_path: Path) -> None:
    process = start(processes, tmp_path, r"import sys; sys.stdout.buffer.write(b'caf\xe9\n')")
    assert process.wait(LIMIT_SECONDS) == 0
    assert process.last_lines(1) == ["caf\N{REPLACEMENT CHARACTER}"]


def test_a_reporter_that_fails_does_not_block_the_child(
    processes: Processes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(line: str) -> None:
        raise ValueError(f"no {line}")

    many = [sys.executable, "-c", "print('x' * 1000 + '\\n' * 1, end=''); [print('y' * 1000) for _ in range(200)]"]
    process = processes.start(many, env=os.environ, cwd=tmp_path, log=tmp_path / "log.txt", on_line=fail)
    assert process.wait(LIMIT_SECONDS) == 0
    assert "the reporter of process" in caplog.text


def test_waiting_is_limited_and_says_where_the_log_is(processes: Processes, tmp_path: Path) -> None:
    process = start(processes, tmp_path, "import time; time.sleep(1000)")
    with pytest.raises(TimeoutError, match=r"still runs after 0\.05 s; its log: .*log\.txt"):
        process.wait(0.05)


def test_stop_ends_a_process_that_ignores_sigterm(processes: Processes, tmp_path: Path) -> None:
    stubborn = start(
        processes,
        tmp_path,
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(1000)",
    )
    until_first_line(stubborn)
    stubborn.stop(grace=0.1)
    stubborn.stop()
    assert stubborn.wait(LIMIT_SECONDS) == -signal.SIGKILL


def test_a_process_may_clean_up_on_sigterm(processes: Processes, tmp_path: Path) -> None:
    tidy = start(
        processes,
        tmp_path,
        """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: (print("saved"), sys.exit(0)))
        print("up")
        time.sleep(1000)
        """,
    )
    until_first_line(tidy)
    tidy.stop(grace=LIMIT_SECONDS)
    assert (tidy.wait(LIMIT_SECONDS), tidy.last_lines(1)) == (0, ["saved"])


def test_what_a_process_leaves_behind_is_killed_when_it_ends(processes: Processes, tmp_path: Path) -> None:
    leaver = start(
        processes,
        tmp_path,
        """
        import subprocess, sys
        sleep = [sys.executable, "-c", "import time; time.sleep(1000)"]
        print(subprocess.Popen(sleep).pid, subprocess.Popen(sleep, process_group=0).pid)
        """,
    )
    assert leaver.wait(LIMIT_SECONDS) == 0
    until_gone(*map(int, leaver.last_lines(1)[0].split()))


def test_a_daemon_that_left_does_not_make_anyone_wait(processes: Processes, tmp_path: Path) -> None:
    leaver = start(
        processes,
        tmp_path,
        """
        import subprocess, sys
        sleep = [sys.executable, "-c", "import time; time.sleep(1000)"]
        print(subprocess.Popen(sleep, start_new_session=True).pid)
        """,
    )
    assert leaver.wait(LIMIT_SECONDS) == 0
    os.kill(int(leaver.last_lines(1)[0]), signal.SIGKILL)


def test_stop_ends_all_at_once_and_nothing_starts_afterwards(tmp_path: Path) -> None:
    processes = Processes()
    sleepers = [start(processes, tmp_path, "import time; time.sleep(1000)") for _ in range(3)]
    processes.stop()
    processes.stop()
    until_gone(*(sleeper.pid for sleeper in sleepers))
    with pytest.raises(RuntimeError, match="the local run is stopping"):
        start(processes, tmp_path, "pass")


def test_a_program_that_is_not_there_is_an_error_at_once(processes: Processes, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        processes.start(["no-such-program"], env=os.environ, cwd=tmp_path, log=tmp_path / "log.txt")


@pytest.mark.parametrize(
    "ending", ["os.kill(os.getpid(), signal.SIGKILL)", "sys.exit(1)"], ids=["killed", "exits without stop"]
)
def test_no_child_outlives_the_run(tmp_path: Path, ending: str) -> None:
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(f"""
            import os, signal, sys, threading, time
            from pathlib import Path
            from zflow_constructs.local.processes import Processes
            processes = Processes()
            family = '''
            import subprocess, sys, time
            sleep = [sys.executable, "-c", "import time; time.sleep(1000)"]
            print(subprocess.Popen(sleep).pid, subprocess.Popen(sleep, process_group=0).pid, flush=True)
            time.sleep(1000)
            '''
            def start():
                global child
                script = "\\n".join(line.strip() for line in family.splitlines())
                child = processes.start([sys.executable, "-c", script],
                    env=os.environ, cwd=Path("."), log=Path("log.txt"))
            starter = threading.Thread(target=start)  # a thread that ends must not end its child
            starter.start(); starter.join()
            while not child.last_lines(1):
                time.sleep(0.01)
            time.sleep(0.2)
            os.kill(child.pid, 0)
            print(child.pid, child.last_lines(1)[0], processes._guardian.pid, flush=True)
            {ending}
            """),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
        stdout=subprocess.PIPE,
        text=True,
        timeout=LIMIT_SECONDS,
    )
    pids = [int(pid) for pid in run.stdout.split()]
    assert len(pids) == 4
    until_gone(*pids)
