"""Virtual time: what happens at the same moment happens in an order that the seed decides."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from math import inf
from random import Random


@dataclass(eq=False)
class Timer:
    """Something that happens later, unless it is cancelled."""

    action: Callable[[], object]
    cancelled: bool = False

    def cancel(self) -> None:
        """Let it not happen."""
        self.cancelled = True


@dataclass
class Clock:
    """Virtual time, in seconds.

    Args:
        random: decides the order of what happens at the same moment.
    """

    random: Random
    now: float = 0
    _queue: list[tuple[float, float, int, Timer]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def after(self, seconds: float, action: Callable[[], object]) -> Timer:
        """Lets something happen in so many seconds."""
        timer = Timer(action)
        heapq.heappush(self._queue, (self.now + seconds, self.random.random(), next(self._numbers), timer))
        return timer

    def run(self, until: float = inf) -> None:
        """Lets everything happen that is due by then, or all there is."""
        while self._queue and self._queue[0][0] <= until:
            moment, _, _, timer = heapq.heappop(self._queue)
            if not timer.cancelled:
                self.now = moment
                timer.action()
