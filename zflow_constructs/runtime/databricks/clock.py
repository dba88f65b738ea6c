"""Time, as a value: tests let hours pass at once."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Clock:
    """What tells the time and what waits.

    Args:
        now: Seconds since the epoch. Default: the system's clock.
        sleep: Waits for so many seconds. Default: `time.sleep`.
    """

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
