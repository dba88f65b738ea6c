"""Durations as requests take them."""

from aws_cdk import Duration

from zflow_constructs.core.values.errors import WorkflowError


def whole_seconds(owner: str, name: str, duration: Duration, *, least: int, most: int) -> int:
    """Give a duration in seconds, within its bounds.

    Args:
        owner: Who received it, for the message: `Step "Train"`.
        name: The keyword that received it.
        duration: The duration.
        least: The lower bound in seconds.
        most: The upper bound in seconds.

    Raises:
        WorkflowError: It is out of bounds.
    """
    seconds = int(duration.to_seconds())
    if not least <= seconds <= most:
        raise WorkflowError(
            f"{owner}: {name} is {seconds} seconds. Give {least} to {most} seconds (Duration.hours(...))."
        )
    return seconds
