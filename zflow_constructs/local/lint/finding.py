"""What a rule takes and what it says."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from zflow_constructs.local.lint.machine import Machine


@dataclass(frozen=True)
class Problem:
    """What a rule found.

    Args:
        state: the state's name; empty for the whole machine.
        message: what is wrong.
        remedy: what to do about it.
    """

    state: str
    message: str
    remedy: str


@dataclass(frozen=True)
class Finding:
    """A mistake in a state machine.

    Args:
        rule: the rule's name, for example `undefined-variable`.
        state: the state's name; empty for the whole machine.
        message: what is wrong.
        remedy: what to do about it.
    """

    rule: str
    state: str
    message: str
    remedy: str

    def __str__(self) -> str:
        where = f'State "{self.state}"' if self.state else "The state machine"
        return f"{where}: {self.message} {self.remedy} [{self.rule}]"


Rule: TypeAlias = Callable[[Machine], Iterator[Problem]]
"""One kind of mistake: yields each place where a machine makes it."""
