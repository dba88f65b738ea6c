"""One attempt of a Task, as the services see it, and how a service fails."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from zflow_constructs.core.values.templates import Json


@dataclass(frozen=True)
class Failure:
    """An error's name, and what it was about."""

    error: str
    cause: str = ""


NO_FAILURE = Failure("")
"""Of what has not failed."""
Answer: TypeAlias = "Json | Failure"
"""What a Task's attempt comes to."""


class ServiceError(Exception):
    """A service refuses a call.

    Args:
        error: the name that the state machine sees.
        cause: what was wrong.
    """

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.failure = Failure(error, cause)


@dataclass(eq=False)
class Attempt:
    """One attempt of a Task. It is over once it is answered, has timed out or is aborted.

    Args:
        execution: the execution's id.
        state: the state's name.
        iteration: for each Map around it, the number of the iteration.
        resource: what is called.
        arguments: what with.
        token: what a callback names it by.
        ended: told how it ended.
    """

    execution: str
    state: str
    iteration: tuple[int, ...]
    resource: str
    arguments: Mapping[str, Json]
    token: str
    ended: Callable[[Answer], None]
    live: bool = True

    @property
    def waits(self) -> bool:
        """Whether it ends by a callback."""
        return self.resource.endswith(".waitForTaskToken")

    def answer(self, answer: Answer) -> None:
        """Ends it with a result or a failure; nobody hears of it if it is over."""
        if self.live:
            self.live = False
            self.ended(answer)
