"""What the state machine gets back."""

from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256

from run import Run

Answer = dict[str, object]

SHORTEST_WAIT_SECONDS = 10

FIRST_WAITS_SECONDS = (7, 14)
"""Between these are the waits of a run's first minutes: steps that started together soon don't look together."""

LONGEST_WAIT_SECONDS = 120

SPREAD = 0.2
"""By so much later waits differ, and no more: a run of three days must fit into an execution's history."""


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
    """A tenth of the time elapsed, up to 120 s, shortened by up to a fifth; at first 7 to 14 s.

    The end of a run is noticed within 15 s, or 10% of its length.
    """
    share = int.from_bytes(sha256(f"{run.run_id} {int(elapsed)}".encode()).digest()[:4]) / 2**32
    shortest, longest = FIRST_WAITS_SECONDS
    tenth = min(elapsed / 10, LONGEST_WAIT_SECONDS)
    if tenth <= longest:
        return shortest + int(share * (longest - shortest + 1))
    return int(tenth * (1 - SPREAD * share))
