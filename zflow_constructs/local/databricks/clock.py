"""Time as a value: the real one, or one that passes only when somebody lets it."""

import time
from typing import Protocol


class Clock(Protocol):
    """What a workspace takes for the time."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let this much time pass."""
        ...


class RealClock:
    """The time of this machine."""

    def now(self) -> float:
        """See `Clock`."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """See `Clock`."""
        time.sleep(seconds)


class SimulatedClock:
    """Time that passes only when someone sleeps; who slept how long is kept in `naps`."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0
        self.naps: list[float] = []

    def now(self) -> float:
        """See `Clock`."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """See `Clock`."""
        self.naps.append(seconds)
        self.time += seconds

    def advance(self, seconds: float) -> None:
        """Let time pass that nobody slept."""
        self.time += seconds
