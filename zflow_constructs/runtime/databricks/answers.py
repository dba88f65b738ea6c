"""What the state machine gets back."""

import zlib
from collections.abc import Mapping
from dataclasses import asdict

from run import Run

Answer = dict[str, object]

SHORTEST_WAIT_SECONDS = 10

LONGEST_WAIT_SECONDS = 120

JITTER = 0.2
"""The most that a wait is shortened: steps that started together soon don't look together."""


def wait(run: Run, *, seconds: int) -> Answer:
    """Answer that the run goes on: look again after so many seconds."""
    return {"status": "WAIT", "wait_seconds": seconds, "attempt": run.attempt, "run": asdict(run)}


def submit_again(run: Run, *, attempt: int, seconds: int) -> Answer:
    """Answer that a new attempt is due after so many seconds."""
    return {"status": "SUBMIT", "wait_seconds": seconds, "attempt": attempt, "run": asdict(run)}


def done(run: Run, *, values: Mapping[str, object], output: str, state: str) -> Answer:
    """Answer that the run succeeded."""
    result = {**asdict(run), "values": dict(values), "output": output, "state": state}
    return {"status": "DONE", "wait_seconds": 0, "attempt": run.attempt, "run": result}


def wait_seconds(run: Run, *, elapsed: float) -> int:
    """A tenth of the time elapsed, from 10 s to 120 s, shortened by up to a fifth.

    The end of a run is noticed within 10% of its length, and a run of three days fits into an execution's history.
    """
    longest = min(max(elapsed / 10, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)
    share = zlib.crc32(f"{run.run_id} {int(elapsed)}".encode()) / 2**32
    return int(longest * (1 - JITTER * share))
