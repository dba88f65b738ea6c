"""The variables that each run has of its own at the table where branches meet."""

from dataclasses import dataclass

from zflow_constructs.core.values.expressions import Jsonata
from zflow_constructs.core.values.templates import Template

# As long as Step Functions remembers an execution after its end, longer than it can be redriven.
_REMEMBERED_SECONDS = 90 * 86_400


@dataclass(frozen=True)
class RunVariables:
    """The names of the variables by which the branches of a run, or of an iteration of a loop, meet.

    Their values are written as DynamoDB takes them, since each step that meets another names them.

    Args:
        key: Its value is the run's own, the same after a redrive.
        expiry: Its value is when the run's items at the table may go.
    """

    key: str = "run_key"
    expiry: str = "run_expiry"

    def assigned(self, timeout_seconds: int) -> dict[str, Template]:
        """What the first state assigns: `{"run_key": {"S": "{% $uuid() %}"}, "run_expiry": {"N": "{% ... %}"}}`.

        Args:
            timeout_seconds: The longest that an execution may take; once more after a redrive.
        """
        kept = 2 * timeout_seconds + _REMEMBERED_SECONDS
        expiry = Jsonata(f"$string($floor($millis() / 1000) + {kept})")
        return {self.key: {"S": Jsonata("$uuid()")}, self.expiry: {"N": expiry}}


RUN = RunVariables()
"""Those of the workflow itself."""
