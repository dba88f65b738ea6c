"""What steps that wait for somebody's decision have in common: their time, their escalation, and what they give."""

import json
from collections.abc import Sequence
from typing import Literal, TypeAlias

from aws_cdk import Duration
from aws_cdk import aws_sns as sns
from constructs import Construct

from zflow_constructs.core.states.asl import EXIT, Choice, Fail, Pass, Rule, State
from zflow_constructs.core.values.errors import WorkflowError
from zflow_constructs.core.values.expressions import Condition, Expression, Jsonata
from zflow_constructs.core.values.references import REDRIVE_COUNT
from zflow_constructs.steps.durations import whole_seconds
from zflow_constructs.steps.step import Step, StepGroup

OnTimeout: TypeAlias = Literal["fail", "reject"]
"""What becomes of a step that nobody has decided in time."""

_LONGEST_SECONDS = 28 * 86_400


class DecisionStep(Step):
    """A step that waits until somebody approves or rejects.

    Args:
        scope: the construct that owns the step.
        id: the step's id.
        timeout: it waits for this time. `None`: 3 days
        on_timeout: whether it then fails, or counts as rejected.
        escalate_after: when somebody else is asked. `None`: never
        escalation_topic: who. `None`: nobody
        fail_on_rejection: whether a rejection fails it.
        after: steps, or groups of them, that must have ended before.
        when: the step runs only if this holds. `None`: always
        optional: whether the workflow goes on when it fails.

    Raises:
        WorkflowError: a time is out of bounds, or only a part of the escalation is given.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        timeout: Duration | None,
        on_timeout: OnTimeout,
        escalate_after: Duration | None,
        escalation_topic: sns.ITopic | None,
        fail_on_rejection: bool,
        after: Sequence[Step | StepGroup],
        when: Condition | None,
        optional: bool,
    ) -> None:
        super().__init__(scope, id, after=after, when=when, optional=optional)
        self._seconds = whole_seconds(
            self.label, "timeout", timeout or Duration.days(3), least=2, most=_LONGEST_SECONDS
        )
        if (escalate_after is None) != (escalation_topic is None):
            raise WorkflowError(
                f"{self.label}: escalate_after says when, and escalation_topic who is asked then. Give both, or none."
            )
        self._escalation = () if escalation_topic is None else (escalation_topic,)
        self._patience = (
            whole_seconds(self.label, "escalate_after", escalate_after, least=1, most=self._seconds - 1)
            if escalate_after
            else self._seconds
        )
        self._rejects_in_time = on_timeout == "reject"
        self._fails_on_rejection = fail_on_rejection

    @property
    def decision(self) -> Expression:
        """What was decided: `approved` or `rejected`."""
        return self.result("decision")

    @property
    def approved(self) -> Condition:
        """Whether it was approved: `when=approval.approved`."""
        return self.decision == "approved"

    @property
    def decided_by(self) -> Expression:
        """Who decided, as far as it is known; else an empty string."""
        return self.result("decided_by")

    @property
    def comment(self) -> Expression:
        """What they said to it, or an empty string."""
        return self.result("comment")

    @property
    def _asked(self) -> str:
        return f"{self.variable}_asked"

    @property
    def _too_late(self) -> str:
        return f"{self.name}: nobody decided"

    def _overdue(self, asked: Sequence[str]) -> str:
        """JSONata of an error that says who was asked, or nothing in a redrive, which asks again."""
        said = json.dumps(
            f"{self.label}: nobody decided within {self._seconds} seconds. Asked: {', '.join(asked)}. "
            "A redrive asks again."
        )
        return f'{REDRIVE_COUNT} = ${self._asked}.redrive ? $error({said}) : ""'

    def _rejection(self, then: str) -> Pass:
        decision = {
            "decision": "rejected",
            "decided_by": "",
            "comment": f"Nobody decided within {self._seconds} seconds.",
        }
        return Pass(assign={self.variable: decision}, next=then)

    @property
    def _end(self) -> str:
        """Where it goes once it is decided."""
        return f"{self.name}: approved?" if self._fails_on_rejection else EXIT

    def _ending(self) -> dict[str, State]:
        """A rejection as a failure, and a final one: a redrive doesn't ask again."""
        if not self._fails_on_rejection:
            return {}
        said = json.dumps(f"{self.label} was rejected by ")
        by = f'(${self.variable}.decided_by != "" ? ${self.variable}.decided_by : "somebody")'
        return {
            f"{self.name}: approved?": Choice(
                (Rule(Jsonata(f'${self.variable}.decision = "approved"'), EXIT),), default=f"{self.name}: rejected"
            ),
            f"{self.name}: rejected": Fail(
                "Zflow.Rejected", Jsonata(f'{said} & {by} & ". " & ${self.variable}.comment')
            ),
        }
