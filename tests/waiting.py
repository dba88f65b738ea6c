"""Wait for what happens soon, and give up what never happens."""

import time
from collections.abc import Callable

LIMIT_SECONDS = 600
"""When a test takes something for hanging: a mere safety net, since a busy machine takes many times its usual time."""


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so.

    Args:
        condition: Whether it is so.
    """
    limit = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < limit, "it doesn't happen"
        time.sleep(0.02)
