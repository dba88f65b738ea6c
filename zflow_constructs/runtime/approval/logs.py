"""One JSON object a line on standard output, which is what CloudWatch Logs Insights queries best.

A question's token and the keys of its links are handed to no line.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from documents import Document


@dataclass(frozen=True, kw_only=True)
class Log:
    """A log of what was asked, and of who decided what.

    Args:
        write: Takes one line.
    """

    write: Callable[[str], None]

    def info(self, message: str, fields: Document) -> None:
        """Write a line about what was done."""
        self.write(json.dumps({"level": "INFO", "message": message, **fields}))

    def warning(self, message: str, fields: Document) -> None:
        """Write a line about what was refused, or went wrong and is being dealt with."""
        self.write(json.dumps({"level": "WARNING", "message": message, **fields}))
