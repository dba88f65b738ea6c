"""The findings as lines, each as soon as those before it are there; on a terminal with what is still looked at."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status
from rich.text import Text

from zflow_constructs.workspace_check.findings import Concealment, Finding, Mark

_STYLES = {Mark.OK: "green", Mark.FAILED: "bold red", Mark.UNKNOWN: "dim"}


class CheckConsole:
    """Shows a check while it runs.

    Args:
        console: where to.
        concealment: the secrets that no line may show.
    """

    def __init__(self, console: Console, concealment: Concealment) -> None:
        self._console = console
        self._concealment = concealment
        self._status = Status("", console=console)
        self._shown: list[Finding] = []

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._status.stop()

    @property
    def failures(self) -> int:
        """How many of the checks that were shown failed."""
        return self._count(Mark.FAILED)

    def waiting(self, names: Sequence[str]) -> None:
        """Say what is still looked at.

        Args:
            names: the checks that have not ended.
        """
        self._status.update(Text(f"Looking at: {', '.join(names)}"))

    def heading(self, text: str) -> None:
        """Show what the next findings are about.

        Args:
            text: the heading.
        """
        self._console.print(Text(self._concealment.clean(text), style="bold"), soft_wrap=True)

    def show(self, finding: Finding) -> None:
        """Show a finding.

        Args:
            finding: the finding.
        """
        self._shown.append(finding)
        line = Text(self._concealment.clean(finding.line))
        line.stylize(_STYLES[finding.mark], 0, 1)
        self._console.print(line, soft_wrap=True)

    def summary(self) -> None:
        """Say how many checks failed."""
        checks = f"{len(self._shown)} check{'' if len(self._shown) == 1 else 's'}"
        unmade = self._count(Mark.UNKNOWN)
        more = f"; {unmade} could not be made" if unmade else ""
        style = "bold red" if self.failures else "green"
        self._console.print(Text(f"{self.failures or 'None'} of {checks} failed{more}.", style=style), soft_wrap=True)

    def _count(self, mark: Mark) -> int:
        return sum(finding.mark is mark for finding in self._shown)
