"""The steps' order, and what they are nested in: sequences and parallel branches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from zflow_constructs.core.values.errors import WorkflowError


@dataclass(frozen=True)
class Series:
    """Parts that run one after the other."""

    parts: tuple["Nested", ...]


@dataclass(frozen=True)
class Branches:
    """Parts that run at the same time."""

    parts: tuple["Nested", ...]


Nested: TypeAlias = str | Series | Branches
"""A step's key, or steps nested in sequence or in parallel."""


def topological_order(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """The steps, each after all that it needs, in an order that depends on the declaration alone.

    Args:
        needs: for each step, the steps that come before it.

    Raises:
        WorkflowError: the steps need each other in a circle.
    """
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        circle = " -> ".join(_name(step) for step in error.args[1])
        raise WorkflowError(
            f"The steps need each other in a circle: {circle}. Remove one of these needs: an output that is used, "
            "or an after=."
        ) from None


def _name(key: str) -> str:
    return key.rsplit("/", 1)[-1]


def steps_of(nested: Nested) -> list[str]:
    """The keys of the steps in a nested part, in order."""
    if isinstance(nested, str):
        return [nested]
    return [step for part in nested.parts for step in steps_of(part)]
