"""One JSON object a line on standard output, which is what CloudWatch Logs Insights queries best."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from documents import Document


@dataclass(frozen=True, kw_only=True)
class Log:
    """A log whose lines all carry the same fields.

    Args:
        write: Takes one line.
        fields: The fields of every line: the execution, the step, the ids of the run.
    """

    write: Callable[[str], None]
    fields: Document

    def having(self, fields: Document) -> "Log":
        """The same log with more fields on every line."""
        return replace(self, fields={**self.fields, **fields})

    def info(self, message: str, fields: Document) -> None:
        """Write a line about what was done."""
        self._line("INFO", message, fields)

    def warning(self, message: str, fields: Document) -> None:
        """Write a line about what went wrong and is being dealt with."""
        self._line("WARNING", message, fields)

    def error(self, message: str, fields: Document) -> None:
        """Write a line about why the invocation failed."""
        self._line("ERROR", message, fields)

    def _line(self, level: str, message: str, fields: Document) -> None:
        self.write(json.dumps({"level": level, "message": message, **self.fields, **fields}))
