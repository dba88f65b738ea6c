"""How long a step may take: its own limit, else that of its workflow."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from aws_cdk import Duration

from zflow_constructs.steps.durations import whole_seconds
from zflow_constructs.steps.timeouts import Timeouts

Inherited: TypeAlias = Literal["job", "endpoint", "function"]
"""Which of a workflow's `Timeouts` a step inherits."""


@dataclass(frozen=True)
class TimeLimit:
    """How long a step may take: its own limit, else what it inherits from its workflow's `Timeouts`.

    Args:
        inherits: Which of the `Timeouts` holds for a step without a limit of its own.
        most: The upper bound in seconds, whoever sets the limit.
        own: The step's own limit in seconds. Default: none
    """

    inherits: Inherited
    most: int
    own: int | None = None

    @classmethod
    def of(
        cls, owner: str, keyword: str, given: Duration | None, *, inherits: Inherited, least: int, most: int
    ) -> "TimeLimit":
        """The limit of a step that may have been given one.

        Args:
            owner: The step, for messages: `Step "Train"`.
            keyword: The keyword that received the limit.
            given: The limit. `None`: the step has none of its own
            inherits: Which of the `Timeouts` holds then.
            least: The lower bound in seconds.
            most: The upper bound in seconds.

        Raises:
            WorkflowError: The limit is out of bounds.
        """
        own = None if given is None else whole_seconds(owner, keyword, given, least=least, most=most)
        return cls(inherits, most, own)

    def seconds(self, timeouts: Timeouts) -> int:
        """How long the step may take, in seconds.

        Args:
            timeouts: Those of its workflow.
        """
        if self.own is not None:
            return self.own
        inherited = {
            "job": timeouts.job_seconds,
            "endpoint": timeouts.endpoint_seconds,
            "function": timeouts.function_seconds,
        }
        return min(inherited[self.inherits], self.most)
