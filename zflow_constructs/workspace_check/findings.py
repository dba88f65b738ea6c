"""What a check found: a line that says it, and, where it failed, what to do."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Mark(StrEnum):
    """How a check ended; `UNKNOWN`: it couldn't be made, and the line says why."""

    OK = "✓"
    FAILED = "✗"
    UNKNOWN = "\u2013"


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Args:
        mark: how it ended.
        about: what was checked.
        says: what was found.
        remedy: what to do, of a check that failed.
    """

    mark: Mark
    about: str
    says: str
    remedy: str = ""

    @property
    def line(self) -> str:
        """All of it.

        Example:
            `✗ node type m5.xlagre (Extract): not offered. Did you mean m5.xlarge?`
        """
        return f"{self.mark} {self.about}: {self.says}" + (f". {self.remedy}" if self.remedy else "")


@dataclass(frozen=True)
class Result(Generic[T]):
    """What a check found, and what later ones need of it.

    Args:
        findings: what it found.
        value: what it is about; None where it failed.
    """

    findings: Sequence[Finding]
    value: T | None = None


def ok(about: str, says: str) -> Finding:
    """A check that succeeded."""
    return Finding(Mark.OK, about, says)


def failed(about: str, says: str, remedy: str) -> Finding:
    """A check that failed, and what to do."""
    return Finding(Mark.FAILED, about, says.rstrip("."), remedy)


def unknown(about: str, says: str) -> Finding:
    """A check that couldn't be made, and why."""
    return Finding(Mark.UNKNOWN, about, says)


def of_steps(what: str, steps: Iterable[str]) -> str:
    """What is checked, with the steps that need it: `node type m5.xlarge (Extract, Report)`."""
    return f"{what} ({', '.join(dict.fromkeys(steps))})"


class Concealment:
    """The secrets of a check, which no line may show."""

    def __init__(self) -> None:
        self._secrets: frozenset[str] = frozenset()

    def add(self, *secrets: str) -> None:
        """Learn secrets.

        Args:
            secrets: their values.
        """
        self._secrets |= {secret for secret in secrets if secret}

    def clean(self, text: str) -> str:
        """A text without the secrets.

        Args:
            text: whatever somebody else may have put a secret into.
        """
        longest_first = sorted(self._secrets, key=len, reverse=True)
        return re.sub("|".join(map(re.escape, longest_first)), "***", text) if longest_first else text
